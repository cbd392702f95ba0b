"""What one offering's polls and rounds tell of themselves while they run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

SCANNING = "scanning the backend"
"""The phase in which the backend is read; all others wait for Waldur or for nobody."""
ENDING = "ending the requests"
"""The last phase of a round; it follows the scan at once where that failed."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a poll, with the round that it began, ended. Texts are redacted.

    `outcome` is one of fulfilment's endings. `ready` tells whether Waldur let the agent do its work; None: nobody
    knows, since it was told to stop. `reason` says why it did not; `message` is what the request's error says.
    """

    outcome: str
    started: datetime
    finished: datetime
    ready: bool | None = True
    reason: str = ""
    run: str = ""
    message: str = ""
    requests: Sequence[str] = ()
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.finished - self.started).total_seconds()


class Observer:
    """Is told what happens in one offering. This one does nothing with it; others take what they need."""

    def looking(self) -> None:
        """A poll begins."""

    def looked(self, sent: int, resumed: int) -> None:
        """Waldur has answered: so many requests are Sent, and so many of the agent's own were taken up again."""

    def progress(self, phase: str, done: int, total: int) -> None:
        """So much of a phase is done, of so much (0: unknown)."""

    def ended(self, ended: Ended) -> None:
        """The poll, and the round that it began, has ended."""

    def resting(self, seconds: float) -> None:
        """The next poll begins in about so many seconds."""


class Observers(Observer):
    """Tells several."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def looking(self) -> None:
        """A poll begins."""
        for observer in self._observers:
            observer.looking()

    def looked(self, sent: int, resumed: int) -> None:
        """Waldur has answered."""
        for observer in self._observers:
            observer.looked(sent, resumed)

    def progress(self, phase: str, done: int, total: int) -> None:
        """So much of a phase is done."""
        for observer in self._observers:
            observer.progress(phase, done, total)

    def ended(self, ended: Ended) -> None:
        """The poll has ended."""
        for observer in self._observers:
            observer.ended(ended)

    def resting(self, seconds: float) -> None:
        """The next poll is due."""
        for observer in self._observers:
            observer.resting(seconds)
