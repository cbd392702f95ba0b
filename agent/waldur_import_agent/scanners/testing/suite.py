"""The class to subclass: which scanner, and how to put its backend into the situations that the checks need."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

from waldur_import_agent.records import Limit
from waldur_import_agent.scanners.base import Scanner
from waldur_import_agent.scanners.testing.errors import ConformanceError, NotGivenError
from waldur_import_agent.scanners.testing.requirements import REQUIREMENTS, TEXTS_PREFIX, Requirement

Block: TypeAlias = Mapping[str, Any]
"""A scanner's settings as they stand in the configuration, without `type`."""


class ScannerConformance:
    """The conformance of one scanner. pytest collects a subclass whose name begins with Test.

    Each hook puts the backend into a situation, and returns the settings with which the scanner sees it. Hooks are
    called from the main thread, outside of any event loop, and may be called more than once: the last call counts.
    A fixture can hand over what they need (an autouse fixture that sets attributes of `self`).
    """

    scanner: ClassVar[type[Scanner]]
    """The class to test."""
    exemptions: ClassVar[Mapping[str, str]] = {}
    """Names of checks that this scanner cannot meet, or that cannot be tried, each with the reason. A kind of text is
    exempted by `texts: KIND`."""
    secrets: Sequence[str] = ()
    """What of the settings, or of files that they name, must never be shown. Values of SecretStr need not be here."""
    large: ClassVar[int] = 2000
    """How many resources a large backend has."""
    settle: ClassVar[float] = 0.3
    """Seconds after which a scan of a hanging backend certainly waits for it."""
    patience: ClassVar[float] = 60.0
    """Seconds after which whatever has not ended will never end."""

    grace: ClassVar[float] = 10.0
    """Seconds that what is about to end after a scan has to do so."""

    def backend(self, numbers: Sequence[int]) -> Block:  # noqa: ARG002 - a hook's argument is for those who override it
        """A backend with exactly one resource for each number; a number stands for the same resource in each call.

        No number at all is the empty backend.
        """
        raise NotGivenError("backend", "a backend with known resources")

    def some(self) -> Block:
        """Any backend that can be scanned."""
        return self.backend([0, 1, 2])

    def one_row_pages(self, numbers: Sequence[int]) -> Block:  # noqa: ARG002 - as above
        """The same as `backend`, but the scanner gets one row at a time: a page size of 1."""
        raise NotGivenError("one_row_pages", "a backend that hands out one row a page")

    def texts(self, texts: Sequence[str]) -> Block:  # noqa: ARG002 - as above
        """A backend with a resource for each text, which stands where people write: in a name, or a description."""
        raise NotGivenError("texts", "a backend with given texts")

    def limits(self) -> tuple[Block, Mapping[str, Mapping[str, Limit]]]:
        """A backend with each kind of limit, and by backend id the limits in the units that the scanner documents."""
        raise NotGivenError("limits", "a backend with known limits")

    def denied_part(self) -> Block:
        """A backend of which the scanner may see a part only."""
        raise NotGivenError("denied_part", "a backend that denies a part")

    def unreachable(self) -> Block:
        """A backend that cannot be reached: nothing listens there, or the server is stopped."""
        raise NotGivenError("unreachable", "a backend that cannot be reached")

    def hanging(self, timeout: float) -> Block:  # noqa: ARG002 - as above
        """A backend that takes the question and never answers; the scanner itself gives up after `timeout` seconds."""
        raise NotGivenError("hanging", "a backend that does not answer")

    def invalid(self) -> Mapping[str, Block]:
        """Settings that must fail, each under a name that says what is wrong: a bad value, an unknown cluster."""
        raise NotGivenError("invalid", "settings that must fail")

    def still_running(self) -> Sequence[str]:
        """What the backend itself still does for the scanner: a query, a session. Nothing where this is not known."""
        return ()

    def exemption(self, requirement: Requirement) -> str | None:
        """The reason why a check is left out, or None."""
        return self.exemptions.get(requirement.name)

    def exempted_texts(self) -> Mapping[str, str]:
        """The kinds of text that are left out, with the reasons."""
        return {
            name.removeprefix(TEXTS_PREFIX): reason
            for name, reason in self.exemptions.items()
            if name.startswith(TEXTS_PREFIX)
        }

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """One test for each check; pytest calls this. The name of an exempted one has its reason."""
        if "requirement" in metafunc.fixturenames:
            metafunc.parametrize("requirement", REQUIREMENTS, ids=self._test_name)

    def _test_name(self, requirement: Requirement) -> str:
        reason = self.exemption(requirement)
        return requirement.name if reason is None else f"{requirement.name}: exempt, {reason}"

    def test_conformance(self, requirement: Requirement) -> None:
        """The scanner keeps the promise; an exempted one it cannot keep, else the exemption has to go."""
        if self.exemption(requirement) is None:
            requirement.test(self)
            return
        try:
            requirement.test(self)
        except AssertionError:
            return
        raise ConformanceError(f"{requirement.name} is met: take it out of `exemptions`")
