"""What the fake Waldur keeps: the requests that were asked, and what each offering has."""

import time
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Asked:
    """A request for backend resources: its row, and when what happened to it (seconds of the fake's own clock)."""

    values: dict[str, str]
    created: float
    shown: float | None = None
    before: int = 0
    """Requests that had been counted before the list that first showed it."""
    started: float | None = None
    ended: float | None = None
    counted: int = 0
    """Requests from the list that first showed it to its end, both included."""
    kinds: dict[str, int] = field(default_factory=dict)
    looked_again: bool = False
    """Whether requests were listed after its end: the agent's round is then over."""
    message: str = ""

    def told(self) -> dict[str, Any]:
        """What the measuring process is told."""
        names = ("created", "shown", "started", "ended", "counted", "kinds", "looked_again", "message")
        return {"state": self.values["state"], **{name: getattr(self, name) for name in names}}


@dataclass(slots=True)
class Offered:
    """What one offering has, by UUID, in the order of creation; and the records' UUIDs by backend id."""

    records: dict[str, bytes] = field(default_factory=dict)
    values: dict[str, dict[str, str]] = field(default_factory=dict)
    by_backend_id: dict[str, list[str]] = field(default_factory=dict)
    resources: dict[str, dict[str, str]] = field(default_factory=dict)
    requests: dict[str, Asked] = field(default_factory=dict)
    polled: float = field(default_factory=time.monotonic)
    """When the requests were last listed, or when counting began."""
    longest_gap: float = 0.0
    """Seconds between two lists of the requests, at the most."""

    def listed(self, now: float) -> None:
        """The requests are listed."""
        self.longest_gap = self.gap(now)
        self.polled = now

    def gap(self, now: float) -> float:
        """The longest time without a list of the requests so far, that since the last one too."""
        return max(self.longest_gap, now - self.polled)

    def count_anew(self, now: float) -> None:
        """Forget what was before."""
        self.polled, self.longest_gap = now, 0.0
