"""What scans make of recorded answers, of each version of the API."""

from typing import Any

import pytest

from unit.scanners.slurmrestd.conftest import Cluster
from unit.scanners.slurmrestd.scanning import association, found, scan

EACH_VERSION = pytest.mark.parametrize(
    "cluster", ["v0.0.38", "v0.0.40", "v0.0.41", "v0.0.42"], indirect=True, ids=lambda version: version
)
WITH_INHERITED = pytest.mark.parametrize("cluster", ["v0.0.38"], indirect=True)
AS_ABOVE = "the account above has the same, and this slurmrestd shows what is inherited like an account's own"


@EACH_VERSION
async def test_the_same_accounts_in_each_version(cluster: Cluster) -> None:
    """Parents, texts as they were stored, all fourteen kinds of limits, users without and with partitions."""
    resources = await found(**cluster.settings)
    limits = resources["hpc_awk-alllimits"].limits
    assert limits == {
        "GrpTRES.cpu": 64,
        "GrpTRES.gres/gpu": 4,
        "GrpTRES.mem": 512 * 1024,
        "GrpTRES.node": 8,
        "GrpTRESMins.billing": 5000,
        "GrpTRESMins.cpu": 1000,
        "GrpTRESMins.gres/gpu": 200,
        "GrpTRESMins.gres/gpu:a100": 100,
        "GrpTRESMins.license/matlab": 30,
        "GrpTRESMins.mem": 4096 * 1024,
        "GrpTRESRunMins.cpu": 5000,
        "MaxTRES.cpu": 32,
        "MaxTRESMins.cpu": 600,
        "MaxTRESMins.gres/gpu": 60,
        "MaxTRESPerNode.gres/gpu": 2,
        "GrpJobs": 9,
        "GrpJobsAccrue": 8,
        "GrpSubmitJobs": 20,
        "GrpWall": 2880,
        "MaxJobs": 5,
        "MaxJobsAccrue": 4,
        "MaxSubmitJobs": 10,
        "MaxWall": 2160,
    }
    assert resources["hpc_awk-half"].limits == {"GrpTRES.mem": 1536 * 1024}
    assert resources["hpc_awk-zero"].limits["MaxJobs"] == 0
    assert resources["hpc_awk-prj"].limits["MaxJobs"] == 40
    assert "MaxJobs" not in resources["hpc_awk-unicode"].limits
    assert [parent.name for parent in resources["hpc_awk-unicode"].parents] == ["hpc_awk-prj", "hpc_awk"]
    assert resources["hpc_awk-unicode"].attributes["description"] == "täht õäöü 研究 🚀"
    assert resources["hpc_awk-verbatim"].attributes["description"] == 'Say "Hi" | it`s ÕÄÖ'
    assert resources["hpc_awk-fsparent"].attributes["fairshare"] == "parent"
    assert resources["hpc_awk-qos"].attributes["qos"] == "gpu-long,high,normal"
    assert resources["hpc_awk-qos"].attributes["default_qos"] == "high"
    assert resources["hpc_awk-parts"].user_count == 2
    assert resources["hpc_awk-parts"].attributes["partitions"] == "cpu,gpu"
    assert "qos" not in resources["hpc_awk-parts"].attributes


@EACH_VERSION
async def test_accounts_of_other_clusters_are_told_apart(cluster: Cluster) -> None:
    """They are in the list of accounts, and have no association here: their records are withdrawn."""
    result = await scan(**cluster.settings)
    assert result.absent == {"hpc_awk-other": "has no association on the cluster testcluster"}
    assert (result.complete, result.warnings) == (True, ())


@EACH_VERSION
async def test_coordinators_are_counted_and_users_named_where_asked_for(cluster: Cluster) -> None:
    """A version that leaves coordinators out unless asked is asked with its own name for it."""
    resources = await found(**cluster.settings, coordinators=True, user_names=True)
    assert resources["hpc_awk-coord"].attributes["coordinators_count"] == 2
    assert resources["hpc_awk-parts"].attributes["coordinators_count"] == 0
    assert resources["hpc_awk-parts"].attributes["users"] == "awkpart1,awkpart2"
    query = {"v0.0.38": "", "v0.0.40": "?with_coords"}.get(cluster.answers.version, "?WithCoordinators")
    assert cluster.answers.asked[1].endswith(f"/accounts/{query}")


@pytest.mark.parametrize(
    ("cluster", "query"),
    [
        ("v0.0.38", ""),
        ("v0.0.40", "&without_parent_limits"),
        ("v0.0.41", "&without_parent_limits"),
        ("v0.0.42", "&Exclude%20limits%20from%20parents"),
    ],
    indirect=["cluster"],
)
async def test_own_limits_are_asked_for_under_the_versions_name(cluster: Cluster, query: str) -> None:
    """Another version's name would be ignored, with status 200. Coordinators are not asked for."""
    await scan(**cluster.settings)
    base = f"/slurmdb/{cluster.answers.version}"
    assert cluster.answers.asked == [
        "/openapi/v3",
        f"{base}/accounts/",
        f"{base}/associations/?cluster=testcluster{query}",
    ]


@WITH_INHERITED
async def test_inherited_limits_are_a_problem_where_they_cannot_be_left_out(cluster: Cluster) -> None:
    """What is the same as on the account above may be either: it is not passed for own. What differs is own."""
    resources = await found(**cluster.settings)
    problem = f"limits MaxJobs left out: {AS_ABOVE}"
    assert resources["hpc_awk-unicode"].problems == (problem,)
    assert resources["hpc_awk-alllimits"].problems == ()
    assert resources["hpc_awk-prj"].problems == ()


@WITH_INHERITED
async def test_only_what_is_inherited_is_in_doubt(cluster: Cluster) -> None:
    """Grp limits hold for an account and all below: never inherited. The same QOS list holds either way."""
    tres = [{"type": "cpu", "name": None, "id": 1, "count": 5}]
    limits = {"max": {"tres": {"total": tres, "per": {"job": tres}}}, "qos": ["normal"], "default": {"qos": "normal"}}
    cluster.holds(association("a", **limits), association("b", "a", **limits))
    resources = await found(**cluster.settings)
    assert resources["a"].limits == {"GrpTRES.cpu": 5, "MaxTRES.cpu": 5}
    assert (resources["a"].attributes["qos"], resources["a"].attributes["default_qos"]) == ("normal", "normal")
    assert resources["b"].limits == {"GrpTRES.cpu": 5}
    assert not {"qos", "default_qos"} & set(resources["b"].attributes)
    assert set(resources["b"].problems) == {
        f"limits MaxTRES.cpu left out: {AS_ABOVE}",
        f"DefaultQOS left out: {AS_ABOVE}",
    }


@pytest.mark.parametrize("cluster", ["v0.0.42"], indirect=True)
async def test_qos_as_identity_asks_for_those_that_hold(cluster: Cluster) -> None:
    """An own list does not tell a change like `+low` from a list: inherited values are asked for."""
    await scan(**cluster.settings, identity="account-qos")
    assert cluster.answers.asked[-1].endswith("/associations/?cluster=testcluster")


@pytest.mark.parametrize("cluster", ["v0.0.38", "v0.0.40", "v0.0.41", "v0.0.42"], indirect=True)
async def test_limits_of_a_default_qos(cluster: Cluster) -> None:
    """Those that a version has no field for are a problem of each resource with a QOS."""
    resource = (await found(**cluster.settings, limits={"source": "qos"}))["hpc_awk-qos"]
    told: dict[str, Any] = {"GrpTRES.mem": 3 * 1024 * 1024, "MaxTRES.cpu": 16, "GrpJobs": 0, "MaxWall": 1440}
    if cluster.answers.version == "v0.0.42":
        assert resource.limits == {**told, "GrpTRESMins.cpu": 70_000, "GrpTRESMins.gres/gpu": 700}
        assert resource.problems == ()
    else:
        assert resource.limits == told
        assert resource.problems == (
            "limits GrpTRESMins and GrpSubmitJobs unknown: slurmrestd of this release does not tell those of a QOS",
        )
