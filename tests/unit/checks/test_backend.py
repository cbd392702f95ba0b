"""A backend as `doctor` sees it, when its scanner is a plug-in with a mistake."""

import pytest

from support.builders import settings
from support.site import ToldScanner
from waldur_import_agent.cli.checks.backend import check_scanner
from waldur_import_agent.cli.checks.finding import Status
from waldur_import_agent.errors import ExitCode
from waldur_import_agent.scanners.base import Check


class _Broken(ToldScanner):
    """Its check raises what a scanner's must not."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    async def check(self) -> list[Check]:
        raise self.error


@pytest.mark.parametrize("error", [ValueError("no number"), TimeoutError("a socket's")])
async def test_a_scanner_that_fails_is_one_finding(error: Exception) -> None:
    """It is told with its own words and the code of a bug: what else was looked at is still shown."""
    (finding,) = await check_scanner(settings(), _Broken(error))
    assert (finding.status, finding.code) == (Status.FAIL, ExitCode.BUG)
    assert f"{type(error).__name__}: {error}" in finding.detail
    assert finding.offering == settings().uuid
