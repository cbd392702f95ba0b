"""The labs of the tests that need real SLURM daemons. Where one cannot be started they fail: none is skipped."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from live.slurm.slurm_lab import RELEASES, SlurmLab, running_lab
from waldur_import_agent.records import Scan
from waldur_import_agent.scanners.slurm import SlurmScanner
from waldur_import_agent.scanners.slurm.settings import SlurmSettings

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all tests of this folder, so that `-m "not live_slurm"` leaves them out."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.live_slurm)


@pytest.fixture(scope="session", params=list(RELEASES))
def slurm_lab(request: pytest.FixtureRequest) -> Iterator[SlurmLab]:
    """munged, mariadbd, slurmdbd and slurmctld of one release after the other; the database is empty at first."""
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
