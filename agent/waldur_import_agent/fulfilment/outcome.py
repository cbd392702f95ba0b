"""How a round ended, and the texts that Waldur gets when it ended badly."""

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from waldur_import_agent.errors import AgentError, StoppedError
from waldur_import_agent.health.observer import Ended
from waldur_import_agent.journal import Reason
from waldur_import_agent.records import Plan
from waldur_import_agent.redactor import Redactor

ITEMS_SHOWN = 10
"""Items that stand in an error message; all of them stand in the traceback."""
MESSAGE_MAX = 8 * 1024
"""Bytes of an error message; Waldur itself has no limit."""
TRACEBACK_MAX = 64 * 1024
"""Bytes of an error traceback."""
CUT = "\n[cut short]"


class Ending(StrEnum):
    """What became of the requests of a round."""

    NOTHING = "nothing to do"
    DONE = "done"
    ERRED = "erred"
    WAITING = "waiting"
    """Waldur could not be reached or the agent was stopped: the requests stay in Processing and are finished later."""
    IMPOSSIBLE = "not possible"
    """Nothing was claimed: a wrong token, offering or journal."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the requests of a round end. `message` and `traceback` are safe to send: redacted, bounded, without NUL."""

    ending: Ending
    message: str = ""
    traceback: str = ""
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class RoundReport:
    """All that there is to tell about a round."""

    run: str
    offering: str
    started: datetime
    finished: datetime
    outcome: Outcome
    requests: tuple[str, ...] = ()
    given_up: tuple[str, ...] = ()
    found: int = 0
    plan: Plan | None = None
    refused: Mapping[str, str] = field(default_factory=dict)
    listed: int | None = None

    @property
    def counts(self) -> dict[str, int]:
        """What was found and done, in the order in which it is told."""
        if self.plan is None:
            return {}
        return {"found": self.found, **self.plan.counts(), "refused": len(self.refused)}

    def ended(self, redact: Redactor) -> Ended:
        """The same for those who watch the agent."""
        outcome = self.outcome
        ready: bool | None = outcome.ending not in {Ending.WAITING, Ending.IMPOSSIBLE}
        if isinstance(outcome.error, StoppedError):
            ready = None
        return Ended(
            outcome=outcome.ending.value,
            started=self.started,
            finished=self.finished,
            ready=ready,
            reason=redact(str(outcome.error)) if ready is False else "",
            run=self.run,
            message=outcome.message,
            requests=(*self.requests, *self.given_up),
            counts=self.counts,
        )

    def reasons(self) -> list[Reason]:
        """Why found resources were not reported, each."""
        if self.plan is None:
            return []
        left_out = {"unplaced": self.plan.unplaced, "skipped": self.plan.skipped}
        reasons = [
            Reason(item.resource.backend_id, action, item.why) for action, items in left_out.items() for item in items
        ]
        reasons += [Reason(backend_id, "refused", why) for backend_id, why in self.refused.items()]
        reasons += [Reason(removal.record.backend_id, "held back", removal.why) for removal in self.plan.held]
        return reasons


class Problems:
    """Collects what went wrong in a round and makes the outcome of it."""

    def __init__(self, redact: Redactor) -> None:
        self._redact = redact
        self._parts: list[tuple[str, tuple[str, ...]]] = []

    def add(self, summary: str, items: Sequence[str] = ()) -> None:
        """Note a problem, with the items that it concerns."""
        self._parts.append((summary, tuple(items)))

    def outcome(self) -> Outcome:
        """Done where nothing was noted, else Erred with all that was noted."""
        if not self._parts:
            return Outcome(Ending.DONE)
        message = "\n".join("\n".join([summary, *_shown(items)]) for summary, items in self._parts)
        full = "\n".join("\n".join([summary, *(f"  {item}" for item in items)]) for summary, items in self._parts)
        return Outcome(Ending.ERRED, self._safe(message, MESSAGE_MAX), self._safe(full, TRACEBACK_MAX))

    def failure(self, error: BaseException) -> Outcome:
        """Erred because of `error`: its own words where it is meant for people, and its traceback."""
        if isinstance(error, AgentError):
            message = str(error)
        else:
            message = f"The agent itself failed: {type(error).__name__}: {error}. Please report this with the traceback"
        text = "".join(traceback.format_exception(error))
        # what went wrong stands at a traceback's end
        last = TRACEBACK_MAX // 2
        return Outcome(Ending.ERRED, self._safe(message, MESSAGE_MAX), self._safe(text, TRACEBACK_MAX, last), error)

    def _safe(self, text: str, limit: int, last: int = 0) -> str:
        """The text without secrets, in at most `limit` bytes; where it is longer, the `last` bytes are kept."""
        encoded = self._redact(text).replace("\0", "�").encode("utf-8", "replace")
        if len(encoded) <= limit:
            return encoded.decode()
        end = encoded[len(encoded) - last :].decode(errors="ignore")
        return encoded[: limit - last - len(CUT)].decode(errors="ignore") + CUT + end


def first(items: Sequence[str]) -> list[str]:
    """The first ten, and how many more there are: a file may have thousands of bad lines."""
    shown = list(items[:ITEMS_SHOWN])
    if len(items) > ITEMS_SHOWN:
        shown.append(f"and {len(items) - ITEMS_SHOWN} more")
    return shown


def _shown(items: Sequence[str]) -> list[str]:
    return [f"  {item}" for item in first(items)]
