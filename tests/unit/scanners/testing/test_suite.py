"""The suite and its report: exemptions, what is not given, and what a scanner raises."""

import asyncio
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from unit.scanners.testing.shelf import Shelf, ShelfConformance
from waldur_import_agent.records import Scan
from waldur_import_agent.scanners.testing import (
    Block,
    ConformanceError,
    NotGivenError,
    Result,
    ScannerConformance,
    Status,
    run_conformance,
)
from waldur_import_agent.scanners.testing.found import TEXTS
from waldur_import_agent.scanners.testing.report import check_requirement
from waldur_import_agent.scanners.testing.requirements import REQUIREMENTS, Requirement

TIMEOUT = next(requirement for requirement in REQUIREMENTS if requirement.name == "timeout")
UNIQUE = next(requirement for requirement in REQUIREMENTS if requirement.name == "unique ids")


class Small(ScannerConformance):
    """Gives a backend of any size, and nothing else."""

    scanner: ClassVar[type[Any]] = Shelf
    large = 10

    def backend(self, numbers: Sequence[int]) -> Block:
        """An item for each."""
        return {"items": [str(number) for number in numbers]}


def results(suite: ScannerConformance) -> dict[str, Result]:
    """The report's results by the names of the checks."""
    return {result.check: result for result in run_conformance(suite).results}


def test_what_a_suite_does_not_give_is_not_checked() -> None:
    """The report says what is needed; as a test it fails, and names the hook."""
    found = results(Small())
    assert {name for name, result in found.items() if result.status is Status.NOT_CHECKED} == {
        *("texts", "limits", "one-row pages", "denied part", "unreachable backend"),
        *("invalid settings", "cancellation", "timeout", "secrets"),
    }
    assert "a scan ended before it could be cancelled" in found["cancellation"].detail
    assert found["nothing left running"].detail == "after a scan"
    assert found["timeout"].detail == "not checked here: needs a backend that does not answer"
    assert {result.status for result in found.values()} == {Status.PASS, Status.NOT_CHECKED}
    assert not run_conformance(Small()).failed
    with pytest.raises(NotGivenError, match=r"override `hanging`, or name the check in `exemptions` with the reason"):
        Small().test_conformance(TIMEOUT)


def test_an_exemption_shows_with_its_reason() -> None:
    """In the report, and in the name of the test."""

    class Exempted(Small):
        exemptions: ClassVar[Mapping[str, str]] = {"timeout": "shelves are fast", "texts: tab": "shelves are flat"}

    found = results(Exempted())
    assert found["timeout"] == Result("timeout", TIMEOUT.promise, Status.EXEMPT, "shelves are fast")
    assert (found["texts: tab"].status, found["texts: tab"].detail) == (Status.EXEMPT, "shelves are flat")
    names: list[str] = []

    class Metafunc:
        fixturenames = ("requirement",)

        def parametrize(self, name: str, values: Sequence[Requirement], ids: Any) -> None:
            names.extend(ids(value) for value in values)

    Exempted().pytest_generate_tests(Metafunc())
    assert "timeout: exempt, shelves are fast" in names
    assert "stable ids" in names
    Exempted().test_conformance(TIMEOUT)


def test_an_exemption_that_is_not_needed_has_to_go() -> None:
    """Whoever mends a scanner is told."""

    class Exempted(ShelfConformance):
        exemptions: ClassVar[Mapping[str, str]] = {"timeout": "I was in a hurry"}

    with pytest.raises(ConformanceError, match="timeout is met: take it out of `exemptions`"):
        Exempted().test_conformance(TIMEOUT)


def test_an_exempted_kind_of_text_is_not_asked_for() -> None:
    """The hook gets the others."""
    asked: list[str] = []

    class Exempted(Small):
        exemptions: ClassVar[Mapping[str, str]] = {"texts: tab": "shelves are flat"}

        def texts(self, texts: Sequence[str]) -> Block:
            """Each is an item."""
            asked.extend(texts)
            return {"items": list(texts)}

    assert results(Exempted())["texts"].status is Status.PASS
    assert set(TEXTS.values()) - set(asked) == {TEXTS["tab"]}


def test_what_a_scanner_raises_is_a_result() -> None:
    """With its type, and the place where it was raised."""

    class Clumsy(Shelf):
        async def scan(self) -> Scan:
            raise ZeroDivisionError("by nothing")

    class ClumsyConformance(Small):
        scanner = Clumsy

    found = results(ClumsyConformance())["unique ids"]
    assert found.status is Status.FAIL
    assert found.detail.startswith(f"ZeroDivisionError: by nothing ({__file__}:")
    assert run_conformance(ClumsyConformance()).failed


def test_a_scan_without_an_end_is_cancelled_and_not_left_running() -> None:
    """Else its processes would outlive the kit, and disturb the checks that follow."""
    ended: list[str] = []

    class Endless(Shelf):
        async def scan(self) -> Scan:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append("scan")
            return await super().scan()

    class EndlessConformance(Small):
        scanner = Endless
        patience = 0.2

    result = check_requirement(EndlessConformance(), UNIQUE)
    assert result.detail.startswith("the scanner did not end within 0.2 seconds")
    assert ended == ["scan"]


def test_who_interrupts_the_kit_leaves_no_scan_running() -> None:
    """Ctrl-C cancels what runs, as in every other command."""
    ended = threading.Event()

    class Interrupting(Shelf):
        async def scan(self) -> Scan:
            try:
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)  # where the kernel sends it
                await asyncio.sleep(30)
            finally:
                ended.set()
            return await super().scan()

    class InterruptingConformance(Small):
        scanner = Interrupting

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    try:
        with pytest.raises(KeyboardInterrupt):
            check_requirement(InterruptingConformance(), UNIQUE)
    finally:
        signal.signal(signal.SIGINT, before)
    assert ended.is_set()


def test_the_kit_needs_no_pytest() -> None:
    """A scanner can be tested with whatever its authors like."""
    code = "import sys; sys.modules['pytest'] = None; import waldur_import_agent.scanners.testing"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_check_is_documented() -> None:
    """docs/conformance.md lists each with its promise."""
    page = (Path(__file__).parents[4] / "docs" / "conformance.md").read_text()
    for requirement in REQUIREMENTS:
        assert f"| `{requirement.name}` | {requirement.promise} |" in page
    for kind in TEXTS:
        assert f"`{kind}`" in page
