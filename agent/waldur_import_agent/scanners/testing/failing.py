"""Tests of what happens where a scan cannot, or may not, come to its end."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import ValidationError

from waldur_import_agent.scanners.base import (
    BackendMisconfiguredError,
    BackendUnavailableError,
    Check,
    CheckStatus,
)
from waldur_import_agent.scanners.testing import running
from waldur_import_agent.scanners.testing.errors import ConformanceError, NotGivenError, require

if TYPE_CHECKING:
    from waldur_import_agent.scanners.testing.suite import ScannerConformance

UNKNOWN = "a_key_that_no_scanner_has"
TIMEOUT = 0.5
"""Seconds that the scanner gets as its own time limit."""
FRACTIONS = (0.0, 0.25, 0.5, 0.75)
"""Where within its usual time a scan is cancelled whose backend answers."""


def unreachable(suite: "ScannerConformance") -> str:
    """The scan says that the backend is unavailable, and so does check(), without raising."""
    block = suite.unreachable()
    error = running.failed_scan(suite, block, "an unreachable backend")
    require(
        isinstance(error, BackendUnavailableError),
        f"an unreachable backend is {type(error).__name__} ({error}); with BackendUnavailableError the agent would "
        "try again",
    )

    async def work() -> Sequence[Check]:
        async with running.make(suite, block) as scanner:
            return await scanner.check()

    try:
        checks = running.run(suite, work)
    except Exception as raised:
        raise ConformanceError(
            f"check() of an unreachable backend raised {type(raised).__name__} ({raised}); a failed Check is needed"
        ) from raised
    require(
        any(check.status is CheckStatus.FAIL for check in checks),
        "check() finds nothing wrong with an unreachable backend",
    )
    return str(error)


def unknown_key(suite: "ScannerConformance") -> None:
    """A misspelt key must not be passed over."""
    block = {**suite.some(), UNKNOWN: 1}
    try:
        running.make(suite, block)
    except ValidationError:
        return
    raise ConformanceError("the settings take a key that they do not know: a misspelt one would have no effect")


def invalid(suite: "ScannerConformance") -> str:
    """Each fails when the configuration is read, or tells the first scan that trying again cannot help."""
    blocks = suite.invalid()
    require(blocks, "invalid() gives no settings at all")
    for name, block in blocks.items():
        try:
            running.make(suite, block)
        except ValidationError:
            continue
        error = running.failed_scan(suite, block, name)
        require(
            isinstance(error, BackendMisconfiguredError),
            f"{name}: the scan raised {type(error).__name__} ({error}); what a person has to mend is "
            "BackendMisconfiguredError",
        )
    return ", ".join(blocks)


def cancellation(suite: "ScannerConformance") -> str:
    """At once, and while the backend is waited for; without a hanging backend, at parts of a scan's usual time."""
    some = suite.some()
    try:
        block = suite.hanging(suite.patience * 2)
    except NotGivenError:
        usual = running.duration(suite, some)
        running_then = [running.cancelled_scan(suite, some, part * usual) for part in FRACTIONS]
        if not any(running_then):
            raise NotGivenError(
                "hanging", "a backend that does not answer: a scan ended before it could be cancelled"
            ) from None
        remark = f"cancelled {sum(running_then)} times within a scan of {usual:.2g} seconds"
    else:
        running.cancelled_scan(suite, block, 0.0)
        waited = running.cancelled_scan(suite, block, suite.settle)
        require(waited, f"hanging() does not hang: a scan ended within {suite.settle:g} seconds")
        remark = "cancelled at once and while it waited"
    running.scan(suite, suite.some())
    return remark


def timeout(suite: "ScannerConformance") -> str:
    """The scanner gives up by itself, and says that the backend is unavailable."""
    error = running.failed_scan(suite, suite.hanging(TIMEOUT), "a backend that does not answer")
    require(
        isinstance(error, BackendUnavailableError),
        f"a backend that does not answer is {type(error).__name__} ({error}); with BackendUnavailableError the agent "
        "tries again",
    )
    return str(error)
