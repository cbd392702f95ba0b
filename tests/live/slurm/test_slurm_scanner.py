"""The slurm scanner on real daemons, compared with what was put into their database."""

from pathlib import Path
from typing import Any

import pytest

from live.slurm.conftest import Backend
from live.slurm.slurm_lab import SlurmLab
from waldur_import_agent.scanners.base import BackendMisconfiguredError, CheckStatus

AWKWARD = "hpc_awk"
NOT_OFFERED = {
    AWKWARD,
    f"{AWKWARD}-prj",
    f"{AWKWARD}-deleted",
    f"{AWKWARD}-olddel",
    f"{AWKWARD}-other",
    f"{AWKWARD}-noassoc",
}
"""Awkward cases that are parents, deleted, or not on this cluster."""


@pytest.fixture(scope="module")
def manifest(slurm_lab: SlurmLab) -> dict[str, Any]:
    """1,000 regular accounts, the awkward ones, and a second cluster: what was put in."""
    return slurm_lab.seed(1000, direct=True, awkward=True)


@pytest.fixture
def counted(slurm_lab: SlurmLab, tmp_path: Path) -> Path:
    """A wrapper around sacctmgr that notes each start in the file `starts` beside it."""
    wrapper = tmp_path / "sacctmgr"
    wrapper.write_text(f'#!/bin/sh\necho "$*" >>\'{tmp_path}/starts\'\nexec {slurm_lab.program} "$@"\n')
    wrapper.chmod(0o755)
    return wrapper


def wanted_limits(account: dict[str, Any]) -> dict[str, int]:
    """The limits of an account of the manifest, in the scanner's names."""
    limits = {f"GrpTRES.{key}": value for key, value in account.get("grptres", {}).items()}
    limits |= {f"GrpTRESMins.{key}": value for key, value in account.get("grptresmins", {}).items()}
    return limits | ({"MaxJobs": account["maxjobs"]} if "maxjobs" in account else {})


def small(text: str) -> str:
    """What sacctmgr makes of a name or a text: small letters (ASCII only), and backticks for quotes."""
    return text.translate(str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ\"'", "abcdefghijklmnopqrstuvwxyz``"))


@pytest.mark.parametrize("select", ["leaf", "all"])
async def test_every_regular_account_is_found_as_it_was_put_in(
    backend: Backend, manifest: dict[str, Any], select: str
) -> None:
    """Parents, texts, limits, fairshare and the number of users are the manifest's, for each of 1,000 accounts."""
    resources = await backend.found(accounts={"select": select})
    by_name = {account["name"]: account for account in manifest["regular"]}
    compared = 0
    for account in manifest["regular"]:
        if select == "leaf" and account["level"] != "allocation":
            assert account["name"] not in resources
            continue
        resource = resources[account["name"]]
        parents = []
        above = account["parent"]
        while above != "root":
            parents.append((above, by_name[above]["description"], by_name[above]["organization"]))
            above = by_name[above]["parent"]
        assert [
            (parent.backend_id, parent.attributes["description"], parent.attributes["organization"])
            for parent in resource.parents
        ] == parents
        assert resource.attributes == {
            "description": account["description"],
            "organization": account["organization"],
            "cluster": "testcluster",
            "parent": account["parent"],
            "depth": len(parents) + 1,
            "fairshare": account["fairshare"],
        }
        assert resource.limits == wanted_limits(account)
        assert resource.user_count == len(account.get("users", ()))
        assert not resource.problems
        compared += 1
    assert compared == {"leaf": 780, "all": 1000}[select]


async def test_the_awkward_accounts_are_found_and_nothing_else(backend: Backend, manifest: dict[str, Any]) -> None:
    """No account of another cluster, none that was deleted, none that was never there; texts come out exactly."""
    resources = await backend.found()
    regular = {account["name"] for account in manifest["regular"]}
    cases = {small(case["name"]): case for case in manifest["awkward"] if case["name"] not in NOT_OFFERED}
    assert set(resources) - regular == set(cases) | {f"{AWKWARD}-nousers2"}
    assert not [step for case in manifest["awkward"] for step in case["steps"] if step["exit"]]
    for name, case in cases.items():
        texts: dict[str, str] = {}
        for step in case["steps"]:
            if step["command"][:2] == ["add", "account"]:
                texts |= dict(word.split("=", 1) for word in step["command"][3:] if "=" in word)
        if name == f"{AWKWARD}-verbatim":  # was put in past sacctmgr, as slurmrestd would
            assert resources[name].attributes["description"] == 'Say "Hi" | it`s ÕÄÖ'
        elif "description" in texts:
            assert resources[name].attributes["description"] == small(texts["description"])
            assert resources[name].attributes["organization"] == small(texts["organization"])
        assert bool(resources[name].problems) == (name == f"{AWKWARD}-half")  # its memory is rounded


async def test_limits_of_the_awkward_accounts(backend: Backend, manifest: dict[str, Any]) -> None:
    """All kinds of limits, zero, taken away again, a member's, an inherited one, another cluster's."""
    resources = await backend.found()
    assert len(resources[f"{AWKWARD}-alllimits"].limits) == 23
    assert resources[f"{AWKWARD}-alllimits"].limits["GrpTRESMins.mem"] == 4096 * 1024
    assert resources[f"{AWKWARD}-zero"].limits["GrpTRESMins.cpu"] == 0
    assert resources[f"{AWKWARD}-exa"].limits == {"GrpTRES.mem": 2**44}
    assert resources[f"{AWKWARD}-half"].limits == {}
    assert "SLURM shows it rounded: '1.50T'" in resources[f"{AWKWARD}-half"].problems[0]
    assert resources[f"{AWKWARD}-huge"].limits == {"GrpTRESMins.cpu": 2**63 - 1, "GrpTRESMins.mem": 123456789}
    assert resources[f"{AWKWARD}-both"].limits == {"GrpTRESMins.cpu": 1}
    for name in ("-unset", "-parts", "-nousers", "-oldreadd"):
        assert resources[AWKWARD + name].limits == {}


async def test_users_are_counted_once_each(backend: Backend, manifest: dict[str, Any]) -> None:
    """In several partitions, with and without one, deleted, of a deleted account; names only where asked for."""
    resources = await backend.found()
    counted = {name: resources[AWKWARD + name].user_count for name in ("-parts", "-mixparts", "-olduser", "-oldreadd")}
    assert counted == {"-parts": 2, "-mixparts": 1, "-olduser": 1, "-oldreadd": 0}
    assert all("users" not in resource.attributes for resource in resources.values())
    resources = await backend.found(user_names=True)
    assert resources[f"{AWKWARD}-parts"].attributes["users"] == "awkpart1,awkpart2"


async def test_limits_of_a_default_qos(backend: Backend, manifest: dict[str, Any]) -> None:
    """Where they live in QOS: the one of the account's own row, zero included, and none from elsewhere."""
    resources = await backend.found(limits={"source": "qos"})
    assert resources[f"{AWKWARD}-qos"].limits == {
        "GrpTRESMins.cpu": 70_000,
        "GrpTRESMins.gres/gpu": 700,
        "GrpTRES.mem": 3 * 1024 * 1024,
        "MaxTRES.cpu": 16,
        "GrpJobs": 0,
        "MaxWall": 1440,
    }
    assert not resources[f"{AWKWARD}-qos"].problems
    assert resources[f"{AWKWARD}-alllimits"].limits == {}
    assert "sets no DefaultQOS" in resources[f"{AWKWARD}-alllimits"].problems[0]


async def test_an_account_and_a_qos_or_a_partition_as_identity(backend: Backend, manifest: dict[str, Any]) -> None:
    """For sites that tell allocations apart by these: one resource for each, with the account above it."""
    resources = await backend.found(identity="account-qos", limits={"source": "qos"})
    assert {name for name in resources if name.startswith(f"{AWKWARD}-qos,")} == {
        f"{AWKWARD}-qos,{qos}" for qos in ("gpu-long", "high", "normal")
    }
    assert resources[f"{AWKWARD}-qos,high"].limits["GrpTRESMins.cpu"] == 70_000
    assert resources[f"{AWKWARD}-qos,normal"].limits == {}
    assert resources[f"{AWKWARD}-qos,high"].parents[0].name == f"{AWKWARD}-qos"
    resources = await backend.found(identity="account-partition")
    users = {name: resource.user_count for name, resource in resources.items()}
    assert users == {f"{AWKWARD}-parts,cpu": 2, f"{AWKWARD}-parts,gpu": 2, f"{AWKWARD}-mixparts,gpu": 1}


async def test_the_hierarchy_of_the_site_agent(backend: Backend, manifest: dict[str, Any]) -> None:
    """Of customers, projects and allocations only the allocations, each with its project as the parent."""
    resources = await backend.found(accounts={"select": "site-agent"})
    regular = [account for account in manifest["regular"] if account["level"] == "allocation"]
    assert {name for name in resources if not name.startswith("hpc_awk") and name != "awksame"} == {
        account["name"] for account in regular
    }
    for account in regular:
        assert resources[account["name"]].parents[0].name == account["parent"]


async def test_what_is_not_offered_is_named_with_the_reason(backend: Backend, manifest: dict[str, Any]) -> None:
    """What is on another cluster only is told apart, for its record is withdrawn; what was deleted is not there."""
    result = await backend.scan()
    excluded = {**result.excluded, **result.absent}
    parents = {account["name"] for account in manifest["regular"] if account["level"] != "allocation"}
    assert set(excluded) == parents | NOT_OFFERED - {f"{AWKWARD}-deleted", f"{AWKWARD}-olddel"}
    assert result.absent[f"{AWKWARD}-other"] == "has no association on the cluster testcluster"
    assert excluded[f"{AWKWARD}-prj"].startswith("has child accounts")
    assert result.complete
    assert not result.warnings


@pytest.mark.parametrize(
    "settings", [{}, {"coordinators": True, "limits": {"source": "qos"}}], ids=["default", "everything"]
)
async def test_six_starts_whatever_the_number_of_accounts(
    backend: Backend, manifest: dict[str, Any], counted: Path, settings: dict[str, Any]
) -> None:
    """The number of processes is bounded, with everything that can be asked for too."""
    resources = await backend.found(sacctmgr=counted, **settings)
    if settings:
        assert resources[f"{AWKWARD}-coord"].attributes["coordinators_count"] == 2
    assert len((counted.parent / "starts").read_text().splitlines()) <= 6


async def test_the_clusters_are_named_where_none_or_a_wrong_one_is_chosen(
    backend: Backend, manifest: dict[str, Any]
) -> None:
    """SLURM itself answers a wrong name with an empty list and exit code 0."""
    with pytest.raises(BackendMisconfiguredError, match="2 clusters, and none is chosen: othercluster, testcluster"):
        await backend.scan(cluster=None)
    with pytest.raises(BackendMisconfiguredError, match="no cluster puhti; it has: othercluster, testcluster"):
        await backend.scan(cluster="puhti")


async def test_the_other_cluster_is_another_backend(backend: Backend, manifest: dict[str, Any]) -> None:
    """Its accounts have limits and parents of their own, those of one name too."""
    resources = await backend.found(cluster="OtherCluster")
    assert set(resources) == {f"{AWKWARD}-both"}
    both = resources[f"{AWKWARD}-both"]
    assert both.limits == {"GrpTRESMins.cpu": 2}
    assert [parent.name for parent in both.parents] == [f"{AWKWARD}-other"]


async def test_check_passes(backend: Backend, manifest: dict[str, Any], slurm_lab: SlurmLab) -> None:
    """All that a scan needs is there, and the release is the one that is to be run."""
    checks = await backend.scanner().check()
    assert [check for check in checks if check.status is not CheckStatus.PASS] == []
    assert f" is of SLURM {slurm_lab.release}." in checks[0].detail
