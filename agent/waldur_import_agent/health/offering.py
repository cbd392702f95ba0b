"""What is known of one offering at any time: its phase, its last poll and round, and until when it must move on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from waldur_import_agent.health.observer import SCANNING, Ended, Observer
from waldur_import_agent.system import now

STARTING = "starting"
LOOKING = "looking for requests"
RESTING = "waiting for the next poll"
SLACK = 60.0
"""Seconds that any phase may take longer than its limit, before it counts as hung: a busy machine is none."""


@dataclass(frozen=True, slots=True)
class Watched:
    """An offering that is watched, and its limits in seconds.

    `scan_limit` is how long a scan may take. `step_limit` is how long any other phase may go on without a sign of life
    (an exchange with Waldur that ended, in whatever way, or a record more): the longest that one call may be tried.
    """

    uuid: str
    number: int
    scanner: str
    scan_limit: float
    step_limit: float


@dataclass(slots=True)
class OfferingHealth(Observer):
    """One offering. `tell` is called on each change but mere progress; `clock` gives seconds."""

    watched: Watched
    tell: Callable[[], None]
    clock: Callable[[], float]
    phase: str = STARTING
    done: int = 0
    total: int = 0
    since: datetime = field(default_factory=now)
    alive_until: float = 0.0
    first_look: bool = False
    sent: int = 0
    last_poll: datetime | None = None
    next_poll: datetime | None = None
    ready: bool | None = None
    ready_since: datetime | None = None
    reason: str = ""
    last_error: Mapping[str, Any] | None = None
    last_round: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        self.sign()

    def sign(self) -> None:
        """A sign of life; a scan has none and is bounded as a whole."""
        if self.phase not in {SCANNING, RESTING}:
            self._allow(self.watched.step_limit)

    def looking(self) -> None:
        """A poll begins."""
        self.last_poll = now()
        self.next_poll = None
        self._enter(LOOKING)
        self.tell()

    def looked(self, sent: int, resumed: int) -> None:
        """Waldur has answered: the first look is over."""
        del resumed
        self.sent = sent
        self.first_look = True
        self._is_ready(True, "")
        self.tell()

    def progress(self, phase: str, done: int, total: int) -> None:
        """So much of a phase is done; a new phase is told at once."""
        self.done, self.total = done, total
        if phase == self.phase:
            self.sign()
            return
        self._enter(phase)
        self.tell()

    def ended(self, ended: Ended) -> None:
        """Remember how the poll ended, and the round if there was one."""
        self.first_look = True
        if ended.ready is not None:
            self._is_ready(ended.ready, ended.reason)
        self.remember(ended)
        self._enter(RESTING)
        self.tell()

    def remember(self, ended: Ended) -> None:
        """Keep what went wrong, and the round: one of before the start is the last one until another ends."""
        if ended.reason or ended.message:
            self.last_error = {"at": ended.finished.isoformat(), "text": ended.reason or ended.message}
        if ended.requests:
            self.last_round = {
                "run": ended.run,
                "started": ended.started.isoformat(),
                "finished": ended.finished.isoformat(),
                "seconds": round(ended.seconds, 3),
                "outcome": ended.outcome,
                "requests": list(ended.requests),
                "counts": dict(ended.counts),
                "message": ended.message,
            }

    def resting(self, seconds: float) -> None:
        """Nothing to do until the next poll; twice that time is too long."""
        self.next_poll = now() + timedelta(seconds=seconds)
        self._enter(RESTING)
        self._allow(2 * seconds)
        self.tell()

    def doing(self) -> str:
        """The phase, and how much of it is done where that is known."""
        return f"{self.phase}: {self.done} of {self.total}" if self.total else self.phase

    def snapshot(self) -> dict[str, Any]:
        """All of it, as it stands in status.json."""
        return {
            "offering": self.watched.uuid,
            "number": self.watched.number,
            "scanner": self.watched.scanner,
            "phase": self.phase,
            "done": self.done,
            "total": self.total,
            "phase_since": self.since.isoformat(),
            "alive_until": self.alive_until,
            "last_poll": _iso(self.last_poll),
            "next_poll": _iso(self.next_poll),
            "sent": self.sent,
            "ready": self.ready,
            "ready_since": _iso(self.ready_since),
            "reason": self.reason,
            "last_error": self.last_error,
            "last_round": self.last_round,
        }

    def _enter(self, phase: str) -> None:
        self.phase = phase
        self.since = now()
        if phase in {LOOKING, RESTING}:
            self.done = self.total = 0
        self._allow(self.watched.scan_limit if phase == SCANNING else self.watched.step_limit)

    def _allow(self, seconds: float) -> None:
        self.alive_until = self.clock() + seconds + SLACK

    def _is_ready(self, ready: bool, reason: str) -> None:
        if ready != self.ready:
            self.ready, self.ready_since = ready, now()
        self.reason = reason


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()
