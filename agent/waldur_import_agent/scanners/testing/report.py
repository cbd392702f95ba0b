"""The outcome of all checks of one scanner."""

import traceback
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from waldur_import_agent.scanners.base import BackendError
from waldur_import_agent.scanners.testing.errors import ConformanceError, NotGivenError
from waldur_import_agent.scanners.testing.requirements import REQUIREMENTS, TEXTS_PREFIX, Requirement

if TYPE_CHECKING:
    from waldur_import_agent.scanners.testing.suite import ScannerConformance


class Status(StrEnum):
    """How a check ended."""

    PASS = "PASS"  # noqa: S105 - not a password
    FAIL = "FAIL"
    EXEMPT = "EXEMPT"
    NOT_CHECKED = "NOT CHECKED"


@dataclass(frozen=True, slots=True)
class Result:
    """One check: its name, what it promises, how it ended, and a remark or what was wrong."""

    check: str
    promise: str
    status: Status
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """All results, in the order in which they were checked."""

    scanner: str
    results: tuple[Result, ...]

    @property
    def failed(self) -> bool:
        """Whether any promise is broken."""
        return any(result.status is Status.FAIL for result in self.results)


def run_conformance(suite: "ScannerConformance") -> Report:
    """Check everything that the suite makes possible. Nothing that a scanner does is raised."""
    results = [check_requirement(suite, requirement) for requirement in REQUIREMENTS]
    for kind, reason in suite.exempted_texts().items():
        results.append(Result(f"{TEXTS_PREFIX}{kind}", "this kind of text arrives as written", Status.EXEMPT, reason))
    return Report(suite.scanner.kind, tuple(results))


def check_requirement(suite: "ScannerConformance", requirement: Requirement) -> Result:
    """Check one promise. Nothing that a scanner does is raised."""
    reason = suite.exemption(requirement)
    if reason is not None:
        return Result(requirement.name, requirement.promise, Status.EXEMPT, reason)
    try:
        status, detail = Status.PASS, requirement.test(suite) or ""
    except NotGivenError as error:
        status, detail = Status.NOT_CHECKED, f"not checked here: needs {error.needs}"
    except ConformanceError as error:
        status, detail = Status.FAIL, str(error)
    except BackendError as error:
        status, detail = Status.FAIL, f"the scan failed: {error}"
    except Exception as error:  # noqa: BLE001 - a scanner under test may fail in any way
        place = traceback.extract_tb(error.__traceback__)[-1]
        status, detail = Status.FAIL, f"{type(error).__name__}: {error} ({place.filename}:{place.lineno})"
    return Result(requirement.name, requirement.promise, status, detail)
