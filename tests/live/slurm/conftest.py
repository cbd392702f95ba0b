"""The labs of the tests that need real SLURM daemons. Where one cannot be started they fail: none is skipped."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from live.slurm.slurm_lab import RELEASES, SlurmLab, running_lab
from waldur_import_agent.records import Scan
from waldur_import_agent.scanners.slurm import SlurmScanner
from waldur_import_agent.scanners.slurm.settings import SlurmSettings
from waldur_import_agent.scanners.slurmrestd import SlurmrestdScanner
from waldur_import_agent.scanners.slurmrestd.settings import SlurmrestdSettings

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all tests of this folder, so that `-m "not live_slurm"` leaves them out."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.live_slurm)


@pytest.fixture(scope="session", params=list(RELEASES))
def slurm_lab(request: pytest.FixtureRequest) -> Iterator[SlurmLab]:
    """The daemons of one release after the other; the database is empty at first."""
    with running_lab(request.param) as lab:
        yield lab


class Backend:
    """The lab's cluster, as the scanner sees it."""

    def __init__(self, lab: SlurmLab) -> None:
        self._lab = lab

    def scanner(self, **settings: Any) -> SlurmScanner:
        """A scanner for it; keywords are settings."""
        defaults = {"cluster": "testcluster", "sacctmgr": self._lab.program}
        return SlurmScanner(SlurmSettings.model_validate({**defaults, **settings}))

    async def scan(self, **settings: Any) -> Scan:
        """One scan."""
        async with self.scanner(**settings) as scanner:
            return await scanner.scan()

    async def found(self, **settings: Any) -> dict[str, Any]:
        """What a scan offers, by name."""
        return {resource.backend_id: resource for resource in (await self.scan(**settings)).resources}


@pytest.fixture
def backend(slurm_lab: SlurmLab) -> Backend:
    """The lab's cluster, as the scanner sees it."""
    return Backend(slurm_lab)


class RestBackend:
    """The lab's cluster, as the scanner of slurmrestd sees it."""

    def __init__(self, lab: SlurmLab, token_file: Path) -> None:
        self._lab = lab
        self._token_file = token_file

    def let_in(self, token: str) -> None:
        """Use this token, a line as scontrol prints it."""
        self._token_file.write_text(token)

    def scanner(self, **settings: Any) -> SlurmrestdScanner:
        """A scanner for it; keywords are settings."""
        defaults = {"cluster": "testcluster", "url": self._lab.rest, "token_file": self._token_file}
        return SlurmrestdScanner(SlurmrestdSettings.model_validate({**defaults, **settings}))

    async def scan(self, **settings: Any) -> Scan:
        """One scan."""
        async with self.scanner(**settings) as scanner:
            return await scanner.scan()


@pytest.fixture
def rest_backend(slurm_lab: SlurmLab, tmp_path: Path) -> RestBackend:
    """The lab's cluster, as root sees it through slurmrestd."""
    backend = RestBackend(slurm_lab, tmp_path / "token")
    backend.let_in(slurm_lab.token())
    return backend
