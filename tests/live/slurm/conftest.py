"""The lab of the tests that need real SLURM daemons. Where it cannot be started they fail: none is skipped."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from live.slurm.slurm_lab import SlurmLab, running_lab

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all tests of this folder, so that `-m "not live_slurm"` leaves them out."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.live_slurm)


@pytest.fixture(scope="session")
def slurm_lab() -> Iterator[SlurmLab]:
    """munged, mariadbd, slurmdbd and slurmctld, with SLURM_CONF set for them; its database is empty at first."""
    with running_lab() as lab:
        yield lab
