"""What the journal tells: claims, and how rounds ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self


class Phase(StrEnum):
    """How far a claim has come; after a crash every phase means: ask Waldur, then scan again."""

    INTENDED = "intended"
    """start_processing was sent, or is about to be, and nobody knows yet whether it arrived."""
    AMBIGUOUS = "ambiguous"
    """Processing, by our claim or by another's: it may be set Done by a successful round, and never Erred."""
    CLAIMED = "claimed"
    """Waldur said yes."""
    FINISHING = "finishing"
    """The outcome is known and is being told to Waldur."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A request that this agent has claimed, or was about to; `intended` is when that was first noted.

    `refused` is when it could first not be seen or ended, or None.
    """

    request: str
    offering: str
    phase: Phase
    attempts: int
    intended: datetime
    refused: datetime | None = None

    @classmethod
    def of_row(cls, row: tuple[str, str, str, int, str, str | None]) -> Self:
        """The claim in a row of CLAIM_COLUMNS. Raises ValueError or TypeError where it is none."""
        request, offering, phase, attempts, intended, refused = row
        since = None if refused is None else datetime.fromisoformat(refused)
        return cls(request, offering, Phase(phase), int(attempts), datetime.fromisoformat(intended), since)


CLAIM_COLUMNS = "request, offering, phase, attempts, intended, refused"
"""The columns of the table `claim`, in the order of the fields."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a found resource was not reported."""

    backend_id: str
    action: str
    why: str


@dataclass(frozen=True, slots=True)
class Round:
    """How a round that answered requests ended."""

    run: str
    offering: str
    started: datetime
    finished: datetime
    outcome: str
    message: str
    requests: Sequence[str]
    counts: Mapping[str, int]
