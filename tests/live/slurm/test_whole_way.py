"""From 1,000 SLURM accounts, of which 300 cannot be placed, to 1,000 resources, on real daemons."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from live.slurm.slurm_lab import SlurmLab
from support.station import serving_station
from support.whole_way import WholeWay
from waldur_import_agent.sandbox import Project, Sandbox

ACCOUNTS = 1281
"""slurm-seed makes 25 customers, 256 projects below them, and 1,000 allocations below those."""
UNPLACEABLE = 300
CPU_MINUTES = 60
"""Minutes of a core in one unit of the offering's component: core hours."""
ON_ONE_RELEASE = pytest.mark.parametrize("slurm_lab", ["22.05"], indirect=True)
"""SLURM's part is one read like any other, which the other release's tests prove."""
LIMIT = 600.0
"""Seconds that one command may take: a thousand imports, each with its looks before and after."""


@pytest.fixture(scope="module")
def manifest(slurm_lab: SlurmLab) -> dict[str, Any]:
    """What was put into the database."""
    return slurm_lab.seed(ACCOUNTS, users=0)


def parents_of_exactly(count: int, sizes: Counter[str]) -> frozenset[str]:
    """Project accounts that have `count` allocations together."""
    reached: dict[int, tuple[str, ...]] = {0: ()}
    for parent, size in sizes.items():
        for total, chosen in list(reached.items()):
            if total + size <= count:
                reached.setdefault(total + size, (*chosen, parent))
    return frozenset(reached[count])


@ON_ONE_RELEASE
@pytest.mark.parametrize("with_directory", [False, True], ids=["sees the projects", "sees no project"])
async def test_from_accounts_to_resources(tmp_path: Path, manifest: dict[str, Any], *, with_directory: bool) -> None:
    """Done with reasons, worksheet filled, all placed, import killed and run again, nothing left to report."""
    allocations = [account for account in manifest["regular"] if account["level"] == "allocation"]
    renamed = parents_of_exactly(UNPLACEABLE, Counter(account["parent"] for account in allocations))
    sandbox = Sandbox()
    projects: dict[str, Project] = {}
    for account in manifest["regular"]:
        if account["level"] == "project":
            slug = account["name"].removeprefix("hpc_")
            projects[account["name"]] = sandbox.add_project(
                f"Project {slug}",
                f"renamed-{slug}" if account["name"] in renamed else slug,
                customer=account["organization"],
                visible_to_agent=not with_directory,
            )
    expected = {}
    for account in allocations:
        minutes = account["grptresmins"]
        limits = {"cpu": minutes["cpu"] // CPU_MINUTES, "gpu": minutes["gres/gpu"] // CPU_MINUTES}
        expected[account["name"]] = projects[account["parent"]], limits
    assert len(expected) == 1000
    unplaceable = frozenset(account["name"] for account in allocations if account["parent"] in renamed)
    assert len(unplaceable) == UNPLACEABLE
    offering = {
        "scanner": {"type": "slurm", "cluster": manifest["cluster"], "accounts": {"select": "leaf"}},
        "projects": {"rules": [{"from": "parent", "match": "^hpc_(?P<slug>.+)$", "value": "{slug}"}]},
        "components": {
            "cpu": {"from": "GrpTRESMins.cpu", "unit_factor": CPU_MINUTES},
            "gpu": {"from": "GrpTRESMins.gres/gpu", "unit_factor": CPU_MINUTES},
        },
    }
    async with serving_station(tmp_path, sandbox, components=("cpu", "gpu")) as station:
        station.limit = LIMIT
        await WholeWay(station, offering, expected, unplaceable).go(with_directory=with_directory)
