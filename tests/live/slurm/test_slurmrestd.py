"""The scanner of slurmrestd on real daemons: for each version of its API it finds what the slurm scanner finds."""

import json
import urllib.request
from dataclasses import replace
from typing import Any

import pytest

from live.slurm.conftest import Backend, RestBackend
from live.slurm.one_version import one_version
from live.slurm.slurm_lab import SlurmLab
from waldur_import_agent.records import FoundResource, Scan
from waldur_import_agent.scanners.base import BackendMisconfiguredError, BackendUnavailableError, CheckStatus

VERSIONS = {"22.05": ("v0.0.38",), "24.11": ("v0.0.40", "v0.0.41", "v0.0.42")}
SHOWS_INHERITED = {"v0.0.38"}
"""Versions that show what an account inherits like what is set on it."""
TELLS_LESS_OF_QOS = {"v0.0.38", "v0.0.40", "v0.0.41"}
ROUNDED = "hpc_awk-half"
"""sacctmgr shows the memory of this account rounded, and slurmrestd the number itself."""
INHERITED = "limits MaxJobs left out: the account above has the same"
UNTOLD = "limits GrpTRESMins and GrpSubmitJobs unknown"
SAME = (
    {"cluster": "TestCluster", "accounts": {"select": "all"}, "coordinators": True, "user_names": True},
    {"cluster": "othercluster", "identity": "account-partition"},
)
QOS = (
    {"limits": {"source": "qos"}},
    {"identity": "account-qos", "limits": {"source": "qos"}},
)


@pytest.fixture(scope="module")
def manifest(slurm_lab: SlurmLab) -> dict[str, Any]:
    """1,000 regular accounts, the awkward ones, and a second cluster: what was put in."""
    return slurm_lab.seed(1000, direct=True, awkward=True)


def without_differences(resource: FoundResource, *, shows_inherited: bool) -> FoundResource:
    """A resource without what cannot be the same: the rounded memory, and what a version says it cannot tell."""
    if resource.name.split(",")[0] == ROUNDED:
        resource = replace(resource, limits={}, problems=())
    if not shows_inherited:
        return resource
    assert all("MaxJobs" not in resource.limits for problem in resource.problems if problem.startswith(INHERITED))
    return replace(resource, problems=tuple(one for one in resource.problems if not one.startswith(INHERITED)))


def compared(rest: Scan, slurm: Scan, *, shows_inherited: bool = False) -> None:
    """Fail with the first account that is not the same in both."""
    assert [resource.backend_id for resource in rest.resources] == [resource.backend_id for resource in slurm.resources]
    for one, other in zip(rest.resources, slurm.resources, strict=True):
        wanted = without_differences(other, shows_inherited=False)
        assert without_differences(one, shows_inherited=shows_inherited) == wanted
    assert replace(rest, resources=()) == replace(slurm, resources=())


@pytest.mark.parametrize("settings", SAME, ids=["everything", "other-cluster"])
async def test_every_seeded_account_is_found_as_the_slurm_scanner_finds_it(
    backend: Backend,
    rest_backend: RestBackend,
    slurm_lab: SlurmLab,
    manifest: dict[str, Any],
    settings: dict[str, Any],
) -> None:
    """Ids, parents, texts, limits, users, reasons: the same but for what a version of the API itself cannot tell."""
    slurm = await backend.scan(**settings)
    for version in VERSIONS[slurm_lab.release]:
        with one_version(slurm_lab.rest, version) as server:
            rest = await rest_backend.scan(url=server.url, **settings)
        compared(rest, slurm, shows_inherited=version in SHOWS_INHERITED)
        if "coordinators" in settings:
            assert len(rest.resources) > len(manifest["regular"])
            by_id = {resource.backend_id: resource for resource in rest.resources}
            assert by_id[ROUNDED].limits == {"GrpTRES.mem": 1536 * 1024}


@pytest.mark.parametrize("settings", QOS, ids=["source", "identity"])
async def test_the_limits_of_qos_are_the_same_as_far_as_a_version_tells_them(
    backend: Backend,
    rest_backend: RestBackend,
    slurm_lab: SlurmLab,
    manifest: dict[str, Any],
    settings: dict[str, Any],
) -> None:
    """Older versions have no field for two of a QOS's limits: each resource says so, and has none of them."""
    slurm = await backend.scan(**settings)
    versions = VERSIONS[slurm_lab.release]
    for version in versions if "identity" in settings else versions[-1:]:
        with one_version(slurm_lab.rest, version) as server:
            rest = await rest_backend.scan(url=server.url, **settings)
        wanted = slurm
        if version in TELLS_LESS_OF_QOS:
            told = [
                replace(
                    resource,
                    limits={name: limit for name, limit in resource.limits.items() if "GrpTRESMins" not in name},
                )
                for resource in slurm.resources
            ]
            wanted = replace(slurm, resources=tuple(told))
            with_qos = [resource for resource in rest.resources if "no DefaultQOS" not in str(resource.problems)]
            assert with_qos
            assert all(resource.problems[-1].startswith(UNTOLD) for resource in with_qos)
            said = [
                replace(resource, problems=tuple(one for one in resource.problems if not one.startswith(UNTOLD)))
                for resource in rest.resources
            ]
            rest = replace(rest, resources=tuple(said))
        compared(rest, wanted)


async def test_few_requests_with_the_newest_version_and_a_token_from_the_command(
    backend: Backend, rest_backend: RestBackend, slurm_lab: SlurmLab, manifest: dict[str, Any]
) -> None:
    """The list of versions once, then accounts and associations, each once a scan, whatever their number."""
    newest = VERSIONS[slurm_lab.release][-1]
    command = [str(slurm_lab.scontrol), "token", "lifespan=600"]
    settings = {"token_file": None, "token_command": command, "identity": "account-partition"}
    with one_version(slurm_lab.rest, newest) as server:
        async with rest_backend.scanner(url=server.url, **settings) as scanner:
            rest = await scanner.scan()
            first, server.asked[:] = list(server.asked), []
            assert await scanner.scan() == rest
    compared(rest, await backend.scan(identity="account-partition"), shows_inherited=newest in SHOWS_INHERITED)
    assert [path.partition("?")[0] for path in server.asked] == [
        f"/slurmdb/{newest}/accounts/",
        f"/slurmdb/{newest}/associations/",
    ]
    assert first == ["/openapi/v3", *server.asked]


async def test_check_passes_over_the_socket(
    rest_backend: RestBackend, slurm_lab: SlurmLab, manifest: dict[str, Any]
) -> None:
    """All that a scan needs is there, and the newest version that both know is asked for."""
    checks = await rest_backend.scanner(url=None, socket=slurm_lab.rest_socket).check()
    assert [check.name for check in checks] == ["token", "slurmrestd", "cluster", "rights"]
    assert [check for check in checks if check.status is not CheckStatus.PASS] == []
    assert checks[1].detail.endswith(f"is asked in {VERSIONS[slurm_lab.release][-1]}")


async def test_a_refused_token_and_a_database_that_is_down_are_told_apart(
    rest_backend: RestBackend, slurm_lab: SlurmLab, manifest: dict[str, Any]
) -> None:
    """24.11 answers both with 502 and 7000: one needs a person, the other may pass. What is mended works again."""
    token = slurm_lab.token()
    head, _, signature = token.strip().rpartition(".")
    rest_backend.let_in(f"{head}.{signature[::-1]}")
    with pytest.raises(BackendMisconfiguredError, match="SLURM does not accept the token of the user root") as refused:
        await rest_backend.scan()
    assert signature[::-1] not in f"{refused.value!r} {refused.value}"
    assert (await rest_backend.scanner().check())[-1].status is CheckStatus.FAIL
    rest_backend.let_in(token)
    with slurm_lab.without("slurmdbd"), pytest.raises(BackendUnavailableError, match="Unable to connect to database"):
        await rest_backend.scan()
    with slurm_lab.without("slurmrestd"), pytest.raises(BackendUnavailableError, match=r"slurmrestd at .* failed: "):
        await rest_backend.scan()
    assert (await rest_backend.scanner().check())[-1].status is CheckStatus.PASS


async def test_clusters_are_named_where_none_or_a_wrong_one_is_chosen(
    rest_backend: RestBackend, manifest: dict[str, Any]
) -> None:
    """As the slurm scanner does."""
    for cluster, words in ((None, "2 clusters, and none is chosen"), ("puhti", "no cluster puhti; it has")):
        failed = (await rest_backend.scanner(cluster=cluster).check())[-1]
        assert (failed.name, failed.status) == ("cluster", CheckStatus.FAIL)
        assert failed.detail == f"the accounting database has {words}: othercluster, testcluster"


async def test_what_was_changed_by_other_means(
    backend: Backend, rest_backend: RestBackend, slurm_lab: SlurmLab, manifest: dict[str, Any]
) -> None:
    """A change to inherited QOS, which no version shows as one; and an account made through slurmrestd without a user.

    What holds for the first is the same all the same. For the second 24.11 gives no name of its parent.
    """
    slurm_lab.sacctmgr("modify", "account", "hpc_awk-nousers", "set", "QOS=+low")
    if slurm_lab.release == "24.11":  # this way to write came after 22.05
        made = {"account": "hpc_made", "cluster": "testcluster", "parent_account": "hpc_awk-prj", "user": ""}
        _post(slurm_lab, "accounts", {"name": "hpc_made", "description": "By REST", "organization": "O'b"})
        _post(slurm_lab, "associations", made)
    settings = {"identity": "account-qos", "limits": {"source": "qos"}}
    slurm = {one.backend_id: one for one in (await backend.scan(**settings)).resources}
    rest = {one.backend_id: one for one in (await rest_backend.scan(**settings)).resources}
    assert {"hpc_awk-nousers,low", "hpc_awk-nousers,normal"} <= set(rest)
    assert set(rest) == set(slurm)
    shown = {one.backend_id: one for one in (await rest_backend.scan()).resources}
    assert shown["hpc_awk-nousers"].attributes["qos"] == {"22.05": "low,normal", "24.11": "low"}[slurm_lab.release]
    if slurm_lab.release == "24.11":
        assert shown["hpc_made"].parents == slurm["hpc_made,normal"].parents[1:]
        assert shown["hpc_made"].attributes["description"] == "By REST"


def _post(lab: SlurmLab, kind: str, one: dict[str, Any]) -> None:
    """Write through slurmrestd, as a site's own tools would."""
    headers = {"X-SLURM-USER-TOKEN": lab.token().strip().partition("=")[2], "Content-Type": "application/json"}
    url, body = f"{lab.rest}/slurmdb/v0.0.42/{kind}/", json.dumps({kind: [one]}).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data=body, headers=headers)) as answer:
        assert json.load(answer)["errors"] == []
