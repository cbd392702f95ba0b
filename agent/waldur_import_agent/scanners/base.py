"""What a scanner is, and the errors it may raise.

`__all__` is what scanners of others use too (docs/reference/public-api.md).
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import ClassVar, Protocol, Self, runtime_checkable

from pydantic import BaseModel, ConfigDict

from waldur_import_agent.errors import AgentError, ExitCode
from waldur_import_agent.records import Scan

__all__ = [
    "BackendError",
    "BackendMisconfiguredError",
    "BackendUnavailableError",
    "Check",
    "CheckStatus",
    "ReadsSecrets",
    "ReadsWantedLimits",
    "Scanner",
    "ScannerSettings",
]


class ScannerSettings(BaseModel):
    """The base of a scanner's settings: unknown keys are errors, values never stand in error texts."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class BackendError(AgentError):
    """The backend could not be read. The round ends Erred with this text, so it speaks to the operator."""


class BackendUnavailableError(BackendError):
    """The backend does not answer now; it may later. The round tries again within its deadline."""

    exit_code = ExitCode.UNAVAILABLE


class BackendMisconfiguredError(BackendError):
    """Trying again cannot help: a missing program, an unknown cluster, a permission."""

    exit_code = ExitCode.CONFIGURATION


class CheckStatus(StrEnum):
    """How a check ended."""

    PASS = "PASS"  # noqa: S105 - not a password
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a scanner needs, whether it is there, and what to do where it is not."""

    name: str
    status: CheckStatus
    detail: str
    remedy: str = ""


class Scanner(Protocol):
    """Reads one backend. Made from its own settings, entered before use, left after it.

    A scan is complete, or says that it is not, or raises: never a part that looks like the whole. It is ordered and
    the same when nothing changed. It knows nothing of Waldur. Cancelling it leaves nothing running.
    """

    kind: ClassVar[str]
    """The name under which the configuration asks for it: `slurm`."""
    settings_model: ClassVar[type[ScannerSettings]]
    """Its block in the configuration, without `type`."""
    ids_ignore_case: ClassVar[bool]
    """Whether the backend takes ids that differ only in case for the same."""

    def __init__(self, settings: ScannerSettings) -> None: ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    async def check(self) -> Sequence[Check]:
        """Look whether the backend can be read, and say what is missing. Raises nothing for what it finds."""
        ...

    async def scan(self) -> Scan:
        """Read everything once. Raises BackendUnavailableError or BackendMisconfiguredError."""
        ...


@runtime_checkable
class ReadsWantedLimits(Protocol):
    """A scanner for which some limits cost requests of their own, and which need not read what nobody uses."""

    def want_limits(self, names: Collection[str]) -> None:
        """Told before the first scan which limits the offering's components are fed from."""
        ...


@runtime_checkable
class ReadsSecrets(Protocol):
    """A scanner that reads secrets which are not in its settings: from a file, a program, a login."""

    def tell_secrets(self, tell: Callable[[str], None]) -> None:
        """Told before the first scan whom to tell each secret once it is read, from any thread: no log will show it."""
        ...
