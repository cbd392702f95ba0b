"""What the agent relies on, one requirement each, in the order in which they are checked."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from waldur_import_agent.scanners.registry import why_unusable
from waldur_import_agent.scanners.testing import failing, found, traces
from waldur_import_agent.scanners.testing.errors import ConformanceError, require

if TYPE_CHECKING:
    from waldur_import_agent.scanners.testing.suite import ScannerConformance

TEXTS_PREFIX = "texts: "
"""How the exemption of one kind of text begins."""
ALWAYS = ("interface", "exemptions")
"""Requirements that nothing exempts from."""

Test: TypeAlias = Callable[["ScannerConformance"], str | None]


@dataclass(frozen=True, slots=True)
class Requirement:
    """A promise, and the test of it.

    `test` raises ConformanceError where the promise is broken, and NotGivenError where the suite does not give the
    situation that it needs. What it returns is a remark for the report.
    """

    name: str
    promise: str
    test: Test


def _interface(suite: "ScannerConformance") -> None:
    scanner = suite.scanner
    wrong = why_unusable(getattr(scanner, "kind", ""), scanner)
    require(not wrong, wrong)
    require(scanner.kind, f"`kind` of {scanner.__name__} is empty")
    require(isinstance(scanner.ids_ignore_case, bool), "`ids_ignore_case` is neither True nor False")


def _exemptions(suite: "ScannerConformance") -> str | None:
    known = {requirement.name for requirement in REQUIREMENTS if requirement.name not in ALWAYS}
    known |= {f"{TEXTS_PREFIX}{kind}" for kind in found.TEXTS}
    for name, reason in suite.exemptions.items():
        require(name in known, f"{name!r} is no check that can be exempted; these can: {', '.join(sorted(known))}")
        require(reason.strip(), f"the exemption of {name!r} needs its reason")
    return None


REQUIREMENTS = (
    Requirement("interface", "the class has all that a scanner needs", _interface),
    Requirement("exemptions", "each exemption names a check and gives its reason", _exemptions),
    Requirement("check", "check() finds nothing wrong with a good backend", found.check),
    Requirement("same scan twice", "an unchanged backend gives equal scans in the same order", found.same_scan_twice),
    Requirement("unique ids", "no id stands for two things", found.unique_ids),
    Requirement("stable ids", "a resource keeps its id when others come and go", found.stable_ids),
    Requirement("record form", "every value is one that Waldur can store", found.record_form),
    Requirement("texts", "texts of all kinds arrive as they were written", found.texts),
    Requirement("limits", "limits have the documented names, units and types", found.limits),
    Requirement("empty backend", "where nothing is, a complete scan finds nothing", found.empty_backend),
    Requirement("large backend", "all resources of a large backend are found", found.large_backend),
    Requirement("one-row pages", "pages of one row give the same scan", found.one_row_pages),
    Requirement(
        "denied part", "what cannot be seen makes the scan incomplete, or fail, with the reason", found.denied_part
    ),
    Requirement("unreachable backend", "is BackendUnavailableError, and check() says so", failing.unreachable),
    Requirement("unknown key", "a setting that does not exist is refused", failing.unknown_key),
    Requirement("invalid settings", "fail when they are read, or with BackendMisconfiguredError", failing.invalid),
    Requirement("cancellation", "a cancelled scan ends, and the next one works", failing.cancellation),
    Requirement("timeout", "the scanner's own time limit is BackendUnavailableError", failing.timeout),
    Requirement("nothing left running", "no process, thread, task or connection outlives a scan", traces.nothing_left),
    Requirement("secrets", "no secret is shown: settings, errors, checks, logs, resources", traces.secrets),
)
"""All checks."""

__all__ = ["ALWAYS", "REQUIREMENTS", "TEXTS_PREFIX", "ConformanceError", "Requirement"]
