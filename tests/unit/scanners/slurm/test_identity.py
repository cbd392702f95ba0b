"""What one resource is, where its limits are, and which accounts of a hierarchy are offered."""

from collections.abc import Callable
from typing import Any

import pytest

from support.builders import plan_for, record
from unit.scanners.slurm.answers import row
from unit.scanners.slurm.fake_sacctmgr import FakeSacctmgr
from unit.scanners.slurm.scanning import found, scan

GPU_LONG = {
    "GrpTRES.gres/gpu": 8,
    "GrpTRES.mem": 1,
    "GrpTRESMins.cpu": 0,
    "MaxTRES.gres/gpu": 4,
    "MaxTRESPA.cpu": 64,
    "GrpJobs": 7,
    "MaxJobsPA": 9,
    "MaxSubmitJobsPA": 20,
    "GrpWall": 1440,
    "MaxWall": 10080,
}
"""What was set on the QOS gpu-long before the recording."""


async def test_limits_of_the_accounts_own_default_qos(sacctmgr: FakeSacctmgr) -> None:
    """In the same names and units as an account's; those on the account's row are not mixed in."""
    sacctmgr.answer("assoc", sacctmgr.recorded("assoc").replace("|gpu-long,high,normal||||high|", "|high||||gpu-long|"))
    accounts = await found(sacctmgr, limits={"source": "qos"})
    assert accounts["hpc_awk-qos"].limits == GPU_LONG
    assert not accounts["hpc_awk-qos"].problems


async def test_without_a_default_qos_of_its_own_there_are_no_limits(sacctmgr: FakeSacctmgr) -> None:
    """And it is said: an inherited one may be anybody's."""
    accounts = await found(sacctmgr, limits={"source": "qos"})
    assert accounts["hpc_awk-alllimits"].limits == {}
    assert accounts["hpc_awk-alllimits"].problems == (
        "no limits: limits.source is qos, and the account's own row sets no DefaultQOS",
    )
    assert accounts["hpc_awk-qos"].limits == {}  # `high` has none
    assert not accounts["hpc_awk-qos"].problems


async def test_a_qos_that_is_not_listed_is_a_problem(sacctmgr: FakeSacctmgr) -> None:
    """The reads are no snapshot."""
    sacctmgr.answer("qos", "|" * 13 + "normal\n")
    (problem,) = (await found(sacctmgr, limits={"source": "qos"}))["hpc_awk-qos"].problems
    assert problem == "no limits: SLURM lists no QOS high"


async def test_the_qos_are_read_once_and_only_where_they_are_needed(sacctmgr: FakeSacctmgr) -> None:
    """However many accounts have one."""
    await scan(sacctmgr)
    assert not any("show qos" in start for start in sacctmgr.starts)
    await scan(sacctmgr, limits={"source": "qos"})
    assert sum("show qos" in start for start in sacctmgr.starts) == 1


async def test_an_account_and_a_qos(sacctmgr: FakeSacctmgr) -> None:
    """One resource for each QOS that holds, with that QOS's limits, below its account."""
    accounts = await found(sacctmgr, identity="account-qos", limits={"source": "qos"})
    ids = [name for name in accounts if name.startswith("hpc_awk-qos,")]
    assert ids == ["hpc_awk-qos,gpu-long", "hpc_awk-qos,high", "hpc_awk-qos,normal"]
    resource = accounts["hpc_awk-qos,gpu-long"]
    assert (resource.name, resource.kind) == ("hpc_awk-qos,gpu-long", "SLURM account and QOS")
    assert (resource.attributes["account"], resource.attributes["qos"]) == ("hpc_awk-qos", "gpu-long")
    assert [parent.name for parent in resource.parents] == ["hpc_awk-qos", "hpc_awk-prj", "hpc_awk"]
    assert resource.limits == GPU_LONG
    assert accounts["hpc_awk-qos,high"].limits == {}
    assert "hpc_awk-pipe,normal" in accounts  # inherited from root
    assert "hpc_awk-pipe" not in accounts


async def test_an_account_and_a_qos_can_have_the_accounts_limits(sacctmgr: FakeSacctmgr) -> None:
    """The source of limits is another question than the identity."""
    accounts = await found(sacctmgr, identity="account-qos")
    assert accounts["hpc_awk-both,normal"].limits == {"GrpTRESMins.cpu": 1}


@pytest.mark.parametrize(
    ("above", "own", "expected"),
    [
        ("a,b", "", ["x,a", "x,b"]),
        ("a,b", "c", ["x,c"]),
        ("a,b", "+c", ["x,a", "x,b", "x,c"]),
        ("a,b", "-a,+c", ["x,b", "x,c"]),
        ("a", "-a", []),
        ("", "", []),
    ],
)
async def test_which_qos_hold(
    sacctmgr: FakeSacctmgr, small: Callable[..., None], above: str, own: str, expected: list[str]
) -> None:
    """The account's own list, else what it inherits, else both with the changes; with none it is not offered."""
    small(row("p", 2, 1, QOS=above), row("x", 3, 2, QOS=own), org={"p": "o", "x": "o"})
    result = await scan(sacctmgr, identity="account-qos")
    assert [resource.backend_id for resource in result.resources] == expected
    reason = "no QOS holds for it, and identity is account-qos"
    assert result.excluded.get("x") == (None if expected else reason)


async def test_an_account_and_a_partition(sacctmgr: FakeSacctmgr) -> None:
    """One resource for each partition that a member is tied to, with the number of these members."""
    result = await scan(sacctmgr, identity="account-partition", user_names=True)
    resources = {resource.backend_id: resource for resource in result.resources}
    assert list(resources) == ["hpc_awk-mixparts,gpu", "hpc_awk-parts,cpu", "hpc_awk-parts,gpu"]
    resource = resources["hpc_awk-parts,cpu"]
    assert (resource.kind, resource.attributes["partition"]) == ("SLURM account and partition", "cpu")
    assert (resource.user_count, resource.attributes["users"]) == (2, "awkpart1,awkpart2")
    assert resource.parents[0].name == "hpc_awk-parts"
    assert result.excluded["hpc_awk-pipe"] == (
        "no member of it is tied to a partition, and identity is account-partition"
    )


@pytest.mark.parametrize("parts", [("account-qos", "normal"), ("account-partition", "cpu")])
@pytest.mark.parametrize(
    ("accounts", "why"),
    [
        ({"exclude": [{"name": "^b$"}]}, "excluded by accounts.exclude[0]"),
        (
            {"exclude": [{"organization": "x"}]},
            "its organization could not be read, and the settings of accounts ask for it",
        ),
        ({"exclude": [{"name": "^c$"}]}, "has child accounts, and accounts.select is leaf"),
    ],
)
async def test_records_of_an_account_that_is_not_offered_are_kept(
    sacctmgr: FakeSacctmgr,
    small: Callable[..., None],
    parts: tuple[str, str],
    accounts: dict[str, Any],
    why: str,
) -> None:
    """All of its parts, also former ones: a filter withdraws nothing. What has gone is withdrawn."""
    identity, part = parts
    rows = [row(name, number, 1, QOS="normal") for number, name in ((2, "a"), (3, "b"))]
    members = [row(name, number, 1, User="u", Partition="cpu") for number, name in ((5, "a"), (6, "b"))]
    below = [row("below", 4, 3)] if "leaf" in why else []
    names = ("a",) if "organization" in why else ("a", "b", "below")
    small(*rows, *below, *members, org=dict.fromkeys(names, "o"), descr=dict.fromkeys(("a", "b", "below"), "d"))
    result = await scan(sacctmgr, identity=identity, accounts=accounts)
    records = tuple(
        record(backend_id, uuid=str(number) * 32)
        for number, backend_id in enumerate((f"b,{part}", "b,former", "a,former", "gone,normal"))
    )
    plan = plan_for(scan=result, records=records, ignore_case=True)
    kept = {kept.backend_id: kept.why for kept in plan.keep}
    assert kept == {f"b,{part}": f"no longer offered: {why}", "b,former": f"no longer offered: {why}"}
    assert [removal.record.backend_id for removal in plan.withdraw] == ["a,former", "gone,normal"]


async def test_records_of_accounts_need_no_prefix(sacctmgr: FakeSacctmgr) -> None:
    """Where a resource is an account, its id says it all."""
    result = await scan(sacctmgr, accounts={"exclude": [{"name": "."}]})
    assert result.excluded
    assert not result.excluded_prefixes


async def test_an_id_of_two_names_is_never_two_things(sacctmgr: FakeSacctmgr, small: Callable[..., None]) -> None:
    """Sacctmgr refuses a comma in a name; where one is there all the same, the account is left out and named."""
    small(row("a,b", 2, 1, QOS="c"), org={"a,b": "o"})
    result = await scan(sacctmgr, identity="account-qos")
    assert not result.resources
    assert result.warnings == ("account a,b is left out: its name holds a comma, and identity is account-qos",)
    assert len((await scan(sacctmgr)).resources) == 1


async def test_only_allocations_of_the_site_agents_hierarchy_are_offered(sacctmgr: FakeSacctmgr) -> None:
    """Customer, project, allocation: the third level, whether or not somebody made accounts below it."""
    result = await scan(sacctmgr, accounts={"select": "site-agent"})
    offered = {resource.backend_id: resource for resource in result.resources}
    assert offered["hpc_genomics-00000-a000000"].parents[0].name == "hpc_genomics-00000"
    assert {len(resource.parents) for resource in result.resources} == {2}
    for name in ("hpc_ut-0000", "hpc_genomics-00000", "hpc_awk-nousers2"):
        assert result.excluded[name] == (
            "is no allocation below a project and a customer, and accounts.select is site-agent"
        )


async def test_an_allocation_with_children_is_one_all_the_same(
    sacctmgr: FakeSacctmgr, small: Callable[..., None]
) -> None:
    """What is below it is none."""
    names = ("customer", "project", "allocation", "below")
    small(*(row(name, number + 2, number + 1) for number, name in enumerate(names)), org=dict.fromkeys(names, "o"))
    result = await scan(sacctmgr, accounts={"select": "site-agent"})
    assert [resource.backend_id for resource in result.resources] == ["allocation"]
    assert "below" in result.excluded


@pytest.mark.parametrize(("settings", "users"), [({}, None), ({"user_names": True}, "awkpart1,awkpart2")])
async def test_names_of_users_only_where_asked(
    sacctmgr: FakeSacctmgr, settings: dict[str, Any], users: str | None
) -> None:
    """They are personal data; the count is always there."""
    resource = (await found(sacctmgr, **settings))["hpc_awk-parts"]
    assert resource.attributes.get("users") == users
    assert resource.user_count == 2


async def test_coordinators_are_counted_and_never_named(sacctmgr: FakeSacctmgr) -> None:
    """Even where users are named."""
    accounts = await found(sacctmgr, coordinators=True)
    assert accounts["hpc_awk-coord"].attributes["coordinators_count"] == 2
    assert not any("awkcoord" in str(resource) for resource in accounts.values())
