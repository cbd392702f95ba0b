"""What a check found, and the exit code of many."""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from waldur_import_agent.errors import AgentError, ExitCode


class Status(StrEnum):
    """How a check ended; SKIP says that what it needs was not there."""

    PASS = "PASS"  # noqa: S105 - not a password
    WARN = "WARN"
    FAIL = "FAIL"
    SKIP = "SKIP"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found and what to do about it; `code` is the exit code where it failed."""

    name: str
    status: Status
    detail: str
    remedy: str = ""
    offering: str = ""
    code: ExitCode = ExitCode.OK


def passed(name: str, detail: str) -> Finding:
    """All is well."""
    return Finding(name, Status.PASS, detail)


def warned(name: str, detail: str, remedy: str = "") -> Finding:
    """It works, and somebody should look at it."""
    return Finding(name, Status.WARN, detail, remedy)


def failed(name: str, detail: str, remedy: str = "", code: ExitCode = ExitCode.FAILED) -> Finding:
    """It does not work."""
    return Finding(name, Status.FAIL, detail, remedy, code=code)


def failed_with(name: str, error: AgentError, remedy: str = "") -> Finding:
    """It does not work, for this reason."""
    return failed(name, str(error.args[0]), remedy or error.remedy, error.exit_code)


def skipped(name: str, why: str) -> Finding:
    """It was not looked at."""
    return Finding(name, Status.SKIP, why)


def of_offering(offering: str, findings: Iterable[Finding]) -> list[Finding]:
    """The findings as those of one offering."""
    return [dataclasses.replace(finding, offering=offering) for finding in findings]


def exit_code(findings: Iterable[Finding]) -> ExitCode:
    """The greatest code of what failed; 0 where nothing did: a warning stops nobody."""
    return max((finding.code for finding in findings if finding.status is Status.FAIL), default=ExitCode.OK)
