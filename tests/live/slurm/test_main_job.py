"""The main job on real SLURM daemons: the real command between a real slurmdbd and the sandbox."""

import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from live.slurm.slurm_lab import SlurmLab
from support.station import Station, serving_station
from waldur_import_agent.errors import ExitCode
from waldur_import_agent.records import Marker
from waldur_import_agent.sandbox import Sandbox

ACCOUNTS = 1281
"""slurm-seed makes 25 customers, 256 projects below them, and 1,000 allocations below those."""
ON_ONE_RELEASE = pytest.mark.parametrize("slurm_lab", ["22.05"], indirect=True)
"""Where SLURM's part is one read like any other, which the other release's tests prove."""
CPU_MINUTES = 60
"""Minutes of a core in one unit of the offering's component: core hours."""


@pytest.fixture(scope="module")
def manifest(slurm_lab: SlurmLab) -> dict[str, Any]:
    """What was put into the database; without users, since SLURM keeps the default account of a user from deletion."""
    return slurm_lab.seed(ACCOUNTS, users=0)


@pytest.fixture(scope="module")
def allocations(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The 1,000 accounts that are to be reported, by name; tests that change the cluster change this too."""
    found = {account["name"]: account for account in manifest["regular"] if account["level"] == "allocation"}
    assert len(found) == 1000
    return found


@pytest.fixture
async def station(tmp_path: Path, slurm_lab: SlurmLab, manifest: dict[str, Any]) -> AsyncIterator[Station]:
    """A Waldur with a project for each project account, and an agent with the slurm scanner."""
    sandbox = Sandbox()
    for account in manifest["regular"]:
        if account["level"] == "project":
            slug = account["name"].removeprefix("hpc_")
            sandbox.add_project(f"Project {slug}", slug, customer=account["organization"])
    async with serving_station(tmp_path, sandbox, components=("cpu", "gpu")) as made:
        made.configure(
            offerings=[
                {
                    "uuid": made.offering.uuid,
                    "scanner": {
                        "type": "slurm",
                        "cluster": manifest["cluster"],
                        "sacctmgr": str(slurm_lab.program),
                        "accounts": {"select": "leaf"},
                    },
                    "projects": {"rules": [{"from": "parent", "match": "^hpc_(?P<slug>.+)$", "value": "{slug}"}]},
                    "components": {
                        "cpu": {"from": "GrpTRESMins.cpu", "unit_factor": CPU_MINUTES},
                        "gpu": {"from": "GrpTRESMins.gres/gpu", "unit_factor": CPU_MINUTES},
                    },
                }
            ],
        )
        yield made


def wanted(account: dict[str, Any]) -> tuple[str, dict[str, int]]:
    """The project's slug and the limits that an allocation must have in Waldur."""
    minutes = account["grptresmins"]
    limits = {"cpu": minutes["cpu"] // CPU_MINUTES, "gpu": minutes["gres/gpu"] // CPU_MINUTES}
    return account["parent"].removeprefix("hpc_"), limits


def assert_right(station: Station, allocations: dict[str, dict[str, Any]]) -> None:
    """Waldur has exactly one record for each allocation, in its project, with its limits, and no other."""
    records = station.sandbox.records_of(station.offering)
    assert sorted(record.backend_id for record in records) == sorted(allocations)
    for record in records:
        slug, limits = wanted(allocations[record.backend_id])
        assert (record.project.slug, record.backend_metadata["limits"]) == (slug, limits), record.backend_id
        assert Marker.from_metadata(record.backend_metadata) is not None


async def answered(station: Station, *arguments: str) -> tuple[dict[str, Any], Any]:
    """Ask, let a single run answer, and give its report and the request."""
    request = station.ask()
    ended = await station.run("run", "--once", "--output", "json", *arguments)
    (report,) = ended.json()
    assert ended.code == (ExitCode.OK if request.state == "Done" else ExitCode.FAILED), ended.err
    return report, request


async def test_all_accounts_are_reported_and_a_second_request_writes_nothing(
    station: Station, allocations: dict[str, dict[str, Any]]
) -> None:
    """1,000 accounts: all in their right projects with right limits, nothing else, none twice; then no write."""
    report, request = await answered(station)
    assert request.state == "Done"
    assert report["counts"] == {**dict.fromkeys(report["counts"], 0), "found": 1000, "reported": 1000}
    assert_right(station, allocations)
    before = {record.uuid for record in station.sandbox.records_of(station.offering)}
    station.sandbox.log.clear()
    report, request = await answered(station)
    assert (request.state, report["counts"]["kept"]) == ("Done", 1000)
    assert {record.uuid for record in station.sandbox.records_of(station.offering)} == before
    writes = [entry.path for entry in station.sandbox.log if entry.method != "GET"]
    assert len(writes) == 2, "the claim and the end"


@ON_ONE_RELEASE
async def test_changed_limit_refreshes_that_one_record(
    station: Station, slurm_lab: SlurmLab, allocations: dict[str, dict[str, Any]]
) -> None:
    """A limit changed with sacctmgr replaces that one record."""
    await answered(station)
    before = {record.backend_id: record.uuid for record in station.sandbox.records_of(station.offering)}
    name = sorted(allocations)[17]
    allocations[name]["grptresmins"]["cpu"] = 7_654_321
    slurm_lab.sacctmgr("modify", "account", name, "set", "GrpTRESMins=cpu=7654321")
    report, _ = await answered(station)
    after = {record.backend_id: record.uuid for record in station.sandbox.records_of(station.offering)}
    assert report["counts"]["refreshed"] == 1
    assert [backend_id for backend_id in after if after[backend_id] != before[backend_id]] == [name]
    assert_right(station, allocations)


@ON_ONE_RELEASE
async def test_deleted_account_is_withdrawn(
    station: Station, slurm_lab: SlurmLab, allocations: dict[str, dict[str, Any]]
) -> None:
    """An account deleted in SLURM disappears from what Waldur offers."""
    await answered(station)
    name = sorted(allocations)[33]
    slurm_lab.sacctmgr("delete", "account", name)
    del allocations[name]
    report, request = await answered(station)
    assert (request.state, report["counts"]["withdrawn"]) == ("Done", 1)
    assert_right(station, allocations)


async def test_slurmdbd_down_ends_erred_in_its_own_words(station: Station, slurm_lab: SlurmLab) -> None:
    """Slurmdbd down: Erred with sacctmgr's own words and a traceback, and no secret in either."""
    with slurm_lab.without("slurmdbd"):
        _, request = await answered(station)
    assert request.state == "Erred"
    assert "Connection refused" in request.error_message
    assert "BackendUnavailableError" in request.error_traceback
    for text in (request.error_message, request.error_traceback):
        assert station.sandbox.agent_token not in text
    assert not station.sandbox.records_of(station.offering)


@ON_ONE_RELEASE
async def test_killed_in_mid_round_and_started_again(station: Station, allocations: dict[str, dict[str, Any]]) -> None:
    """SIGKILL at a random place among the creates: started again, the agent finishes the request, nothing twice."""
    request = station.ask()
    kill_after, seen = random.randint(1, 900), 0

    def hold(method: str, path: str) -> bool:
        nonlocal seen
        seen += method == "POST" and path == "/api/backend-resources/"
        return seen > kill_after

    station.gate.holds = hold
    daemon = await station.start("run")
    await station.gate.reached.wait()
    daemon.kill()
    await daemon.communicate()
    assert request.state == "Processing"
    station.gate.holds = lambda method, path: False
    station.gate.opened.set()
    ended = await station.run("run", "--once")
    assert (ended.code, request.state) == (ExitCode.OK, "Done"), f"killed after {kill_after} creates"
    assert_right(station, allocations)


@ON_ONE_RELEASE
async def test_half_of_the_accounts_gone_is_held_back(
    station: Station, slurm_lab: SlurmLab, allocations: dict[str, dict[str, Any]]
) -> None:
    """Half of the accounts deleted: nothing is withdrawn, the request ends Erred; then it is allowed once."""
    await answered(station)
    gone = sorted(allocations)[::2]
    for start in range(0, len(gone), 100):
        slurm_lab.sacctmgr("delete", "account", ",".join(gone[start : start + 100]))
    report, request = await answered(station)
    assert (request.state, report["counts"]["withdrawn"]) == ("Erred", 0)
    assert f"{len(gone)} of {len(allocations)} records would be withdrawn" in request.error_message
    assert len(station.sandbox.records_of(station.offering)) == len(allocations)
    for name in gone:
        del allocations[name]
    report, request = await answered(station, "--allow-withdrawals")
    assert (request.state, report["counts"]["withdrawn"]) == ("Done", len(gone))
    assert_right(station, allocations)
