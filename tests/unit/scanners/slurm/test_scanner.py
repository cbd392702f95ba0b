"""What a scan makes of sacctmgr's answers."""

import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from unit.scanners.slurm.answers import CLUSTER, both, record, row, texts
from unit.scanners.slurm.fake_sacctmgr import RECORDED, FakeSacctmgr
from unit.scanners.slurm.scanning import found, scan
from waldur_import_agent.records import Scan
from waldur_import_agent.scanners.base import (
    BackendMisconfiguredError,
    Check,
    CheckStatus,
    ScannerSettings,
)
from waldur_import_agent.scanners.slurm import SlurmScanner
from waldur_import_agent.scanners.slurm.associations import parse_associations
from waldur_import_agent.scanners.slurm.reads import CONFIG, DESCRIPTION, NESTED, ORGANIZATION, RECORD, text_read
from waldur_import_agent.scanners.slurm.settings import SlurmSettings
from waldur_import_agent.scanners.slurm.texts import parse_texts


async def test_an_account_is_found_with_all_that_is_its_own(sacctmgr: FakeSacctmgr) -> None:
    """Name, texts, place, own limits in SLURM's names and fixed units; the member's limits are not among them."""
    resource = (await found(sacctmgr))["hpc_awk-alllimits"]
    assert (resource.name, resource.kind, resource.user_count) == ("hpc_awk-alllimits", "SLURM account", 1)
    assert resource.attributes == {
        "description": "x",
        "organization": "y",
        "cluster": "testcluster",
        "parent": "hpc_awk-prj",
        "depth": 3,
        "fairshare": 33,
    }
    assert resource.limits == {
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
        "GrpWall": 2 * 24 * 60,
        "MaxJobs": 5,
        "MaxJobsAccrue": 4,
        "MaxSubmitJobs": 10,
        "MaxWall": 36 * 60,
    }
    assert not resource.problems


async def test_limits_of_members_and_of_parents_are_not_the_accounts(sacctmgr: FakeSacctmgr) -> None:
    """An account whose members, or whose parent, have limits has none itself."""
    accounts = await found(sacctmgr)
    assert accounts["hpc_awk-parts"].limits == {}
    assert accounts["hpc_awk-nousers"].limits == {}
    assert accounts["hpc_awk-prj"].limits["MaxJobs"] == 40


async def test_zero_blocks_and_unset_is_absent(sacctmgr: FakeSacctmgr) -> None:
    """A limit of zero is reported, one that was taken away is not."""
    accounts = await found(sacctmgr)
    assert accounts["hpc_awk-zero"].limits == {
        "GrpTRESMins.cpu": 0,
        "GrpTRESMins.gres/gpu": 0,
        "GrpTRESMins.mem": 0,
        "MaxJobs": 0,
        "GrpSubmitJobs": 0,
        "GrpWall": 0,
    }
    assert accounts["hpc_awk-unset"].limits == {}


async def test_users_are_counted_once(sacctmgr: FakeSacctmgr) -> None:
    """However many partitions a user is in; the partitions are those of all members."""
    accounts = await found(sacctmgr)
    assert (accounts["hpc_awk-parts"].user_count, accounts["hpc_awk-parts"].attributes["partitions"]) == (2, "cpu,gpu")
    assert (accounts["hpc_awk-mixparts"].user_count, accounts["hpc_awk-mixparts"].attributes["partitions"]) == (
        1,
        "gpu",
    )
    assert accounts["hpc_awk-nousers"].user_count == 0
    assert "partitions" not in accounts["hpc_awk-nousers"].attributes


@pytest.mark.parametrize(
    ("name", "description", "organization"),
    [
        ("hpc_awk-unicode", "täht õäöü 研究 🚀", "tartu Ülikool"),
        ("hpc_awk-pipe", "a|b|c", "o|p"),
        ("hpc_awk-newline", "line1\nline2|x", "a\tb"),
        ("hpc_awk-blank", " ", " "),
        ("hpc_awk-longdesc", "d" * 4000, "o" * 300),
        ("hpc_awk|pipe", "x", "y"),
        ("hpc_awk-new\nline", "x", "y"),
        ("hpc_awk space", "x", "y"),
        ("hpc_awk-õäö", "x", "y"),
    ],
)
async def test_awkward_names_and_texts(sacctmgr: FakeSacctmgr, name: str, description: str, organization: str) -> None:
    """SLURM escapes nothing; both come out as they are, without a problem."""
    resource = (await found(sacctmgr))[name]
    assert resource.attributes["description"] == description
    assert resource.attributes["organization"] == organization
    assert not resource.problems


async def test_parents_are_the_nearest_first_without_root(sacctmgr: FakeSacctmgr) -> None:
    """Each has its texts; siblings share them, since thousands may have the same."""
    accounts = await found(sacctmgr)
    parents = accounts["hpc_awk-pipe"].parents
    assert [(parent.backend_id, parent.name) for parent in parents] == [("hpc_awk-prj",) * 2, ("hpc_awk",) * 2]
    assert parents[0].attributes == {"description": "project", "organization": "tests"}
    assert accounts["hpc_awk-zero"].parents is parents
    assert accounts["hpc_awk-prj"].parents[0] is parents[1]
    assert accounts["hpc_awk"].parents == ()
    assert (accounts["hpc_awk"].attributes["parent"], accounts["hpc_awk"].attributes["depth"]) == ("root", 1)


async def test_qos_and_fairshare(sacctmgr: FakeSacctmgr) -> None:
    """What is set on the account is told, what is not is absent; a fairshare may be a word."""
    accounts = await found(sacctmgr)
    assert accounts["hpc_awk-qos"].attributes["qos"] == "gpu-long,high,normal"
    assert accounts["hpc_awk-qos"].attributes["default_qos"] == "high"
    assert not {"qos", "default_qos"} & set(accounts["hpc_awk-pipe"].attributes)
    assert accounts["hpc_awk-fsparent"].attributes["fairshare"] == "parent"


async def test_no_fairshare_is_none(sacctmgr: FakeSacctmgr, small: Callable[..., None]) -> None:
    """An empty cell gives no attribute."""
    small(row("a", 2, 1, Share=""), org={"a": "o"})
    assert "fairshare" not in (await scan(sacctmgr)).resources[0].attributes


async def test_coordinators_are_counted_where_asked(sacctmgr: FakeSacctmgr) -> None:
    """It takes a read of its own, so only then."""
    accounts = await found(sacctmgr, coordinators=True)
    assert accounts["hpc_awk-coord"].attributes["coordinators_count"] == 2
    assert accounts["hpc_awk-pipe"].attributes["coordinators_count"] == 0


async def test_four_starts_and_no_more(sacctmgr: FakeSacctmgr) -> None:
    """Their number does not depend on the accounts; limits are own ones, and only of this cluster."""
    await scan(sacctmgr)
    shown = [start.removeprefix("-i -n -P -r show ") for start in sacctmgr.starts]
    assert shown == [
        " ".join(words)
        for words in (CONFIG, NESTED.words("cluster=testcluster"), text_read(ORGANIZATION), text_read(DESCRIPTION))
    ]


async def test_six_starts_with_all_that_can_be_asked_for(sacctmgr: FakeSacctmgr) -> None:
    """Coordinators and AdminLevel come in one read, and each QOS with all others."""
    sacctmgr.private("users,accounts")
    await scan(sacctmgr, coordinators=True, limits={"source": "qos"})
    assert len(sacctmgr.starts) == 6


async def test_a_thousand_accounts_take_as_many_starts(sacctmgr: FakeSacctmgr, small: Callable[..., None]) -> None:
    """No process per account."""
    names = [f"a{number}" for number in range(1000)]
    small(*(row(name, number + 2, 1) for number, name in enumerate(names)), org=dict.fromkeys(names, "o"))
    assert len((await scan(sacctmgr)).resources) == 1000
    assert len(sacctmgr.starts) == 4


async def test_leaf_accounts_are_offered_by_default(sacctmgr: FakeSacctmgr) -> None:
    """The others are there, with the reason; root is not offered, nor what is on another cluster only."""
    result = await scan(sacctmgr)
    offered = [resource.backend_id for resource in result.resources]
    assert offered == sorted(offered)
    assert "hpc_genomics-00000-a000000" in offered
    assert "root" not in offered
    assert result.excluded == {
        "hpc_awk": "has child accounts, and accounts.select is leaf",
        "hpc_awk-prj": "has child accounts, and accounts.select is leaf",
        "hpc_climate-00001": "has child accounts, and accounts.select is leaf",
        "hpc_genomics-00000": "has child accounts, and accounts.select is leaf",
        "hpc_ut-0000": "has child accounts, and accounts.select is leaf",
    }
    assert result.absent == {
        "hpc_awk-noassoc": "has no association on the cluster testcluster",
        "hpc_awk-other": "has no association on the cluster testcluster",
    }
    assert result.complete
    assert not result.warnings


async def test_all_accounts_but_root_are_offered_where_asked(sacctmgr: FakeSacctmgr) -> None:
    """Those with children too."""
    accounts = await found(sacctmgr)
    assert {"hpc_awk", "hpc_awk-prj", "hpc_ut-0000"} <= set(accounts)
    assert "root" not in accounts


@pytest.mark.parametrize(
    ("accounts", "offered"),
    [
        ({"include": [{"name": "^b"}]}, ["b1", "b2"]),
        ({"include": [{"parent": "^a$"}]}, ["a1", "a2"]),
        ({"include": [{"parent": "^root$"}]}, ["c"]),
        ({"include": [{"organization": "red"}]}, ["a1", "b1", "c"]),
        ({"include": [{"max_depth": 1}]}, ["c"]),
        ({"include": [{"min_depth": 2}]}, ["a1", "a2", "b1", "b2"]),
        ({"include": [{"name": "^a", "organization": "red"}]}, ["a1"]),
        ({"include": [{"name": "1$"}, {"name": "^c"}]}, ["a1", "b1", "c"]),
        ({"exclude": [{"name": "1$"}]}, ["a2", "b2", "c"]),
        ({"include": [{"name": "^a"}], "exclude": [{"organization": "blue"}]}, ["a1"]),
        ({"select": "all", "exclude": [{"min_depth": 2}]}, ["a", "b", "c"]),
    ],
)
async def test_conditions_select(
    sacctmgr: FakeSacctmgr, small: Callable[..., None], accounts: dict[str, Any], offered: list[str]
) -> None:
    """All that a condition gives must hold; one include must match, and no exclude."""
    small(
        row("a", 2, 1), row("b", 3, 1), row("c", 4, 1),
        row("a1", 5, 2), row("a2", 6, 2), row("b1", 7, 3), row("b2", 8, 3),
        org={"a": "o", "a1": "red", "a2": "blue", "b": "o", "b1": "red", "b2": "blue", "c": "red"},
    )  # fmt: skip
    result = await scan(sacctmgr, accounts=accounts)
    assert [resource.backend_id for resource in result.resources] == offered
    assert set(offered) | set(result.excluded) == {"a", "b", "c", "a1", "a2", "b1", "b2"}


async def test_the_reason_names_the_condition(sacctmgr: FakeSacctmgr) -> None:
    """`explain` can say which line of the configuration left an account out."""
    result = await scan(
        sacctmgr, accounts={"include": [{"name": "^hpc_awk-"}], "exclude": [{"name": "x"}, {"name": "^hpc_awk-zero$"}]}
    )
    assert result.excluded["hpc_awk-zero"] == "excluded by accounts.exclude[1]"
    assert result.excluded["awksame"] == "matches nothing in accounts.include"


async def test_an_account_whose_text_was_not_listed_has_a_problem(
    sacctmgr: FakeSacctmgr, small: Callable[..., None]
) -> None:
    """The reads are no snapshot: one that was made between them is found without its texts, and the scan is whole."""
    small(row("a", 2, 1), row("new", 3, 1), org={"a": "o"})
    result = await scan(sacctmgr)
    new = result.resources[1]
    assert new.backend_id == "new"
    assert not {"organization", "description"} & set(new.attributes)
    assert [problem.partition(":")[0] for problem in new.problems] == ["organization missing", "description missing"]
    assert result.complete


async def test_an_account_removed_meanwhile_is_not_on_the_cluster(
    sacctmgr: FakeSacctmgr, small: Callable[..., None]
) -> None:
    """Listed, but without an association: not offered, and its record is withdrawn."""
    small(row("a", 2, 1), org={"a": "o", "gone": "o"})
    assert (await scan(sacctmgr)).absent == {"gone": "has no association on the cluster testcluster"}


async def test_a_doubtful_text_is_left_out_with_a_problem(sacctmgr: FakeSacctmgr, small: Callable[..., None]) -> None:
    """Somebody's description with a line like another account's record decides over nobody's text."""
    small(row("a", 2, 1), row("b", 3, 1), org={"a": "o", "b": "o"}, descr=texts(a="first\n" + record("b", "x"), b="y"))
    a, b = (await scan(sacctmgr)).resources
    for resource in (a, b):
        assert "description" not in resource.attributes
        assert resource.attributes["organization"] == "o"
        assert resource.problems[0].startswith("description unreadable: ")


async def test_a_name_that_looks_like_a_row_makes_the_scan_incomplete(
    sacctmgr: FakeSacctmgr, small: Callable[..., None]
) -> None:
    """What `show account` does not list is not offered where that list has a name that begins with it."""
    forged = row("forged", 77, 1, GrpTRESMins="cpu=7").rstrip("\n")
    small(row("a", 2, 1), row(f"x\n{forged}", 3, 1), org={"a": "o", f"x\n{forged}": "o"})
    result = await scan(sacctmgr)
    assert [resource.backend_id for resource in result.resources] == ["a"]
    assert not result.complete
    assert "`show account` does not list ('forged', 'x'), and it lists others" in result.warnings[0]
    assert "('x\\n77|1|testcluster" in result.warnings[0]


async def test_a_line_that_is_no_row_does_not_end_the_scan(sacctmgr: FakeSacctmgr, small: Callable[..., None]) -> None:
    """The account before it is left out, the others are offered, and nothing is withdrawn."""
    small(row("a", 2, 1), row("b", 3, 1), "slurm: some notice\n", row("c", 4, 1), org=dict.fromkeys("abc", "o"))
    result = await scan(sacctmgr)
    assert [resource.backend_id for resource in result.resources] == ["a", "c"]
    assert not result.complete
    assert "('b\\nslurm: some notice'), and it lists others without an association ('b')" in result.warnings[0]


async def test_lists_that_do_not_match_make_the_scan_incomplete(
    sacctmgr: FakeSacctmgr, small: Callable[..., None]
) -> None:
    """An account without its line, and a line without its account: both are named, and nothing is withdrawn."""
    small(row("a", 2, 1), row("new", 3, 1), org={"a": "o", "old": "o"})
    result = await scan(sacctmgr)
    assert [resource.backend_id for resource in result.resources] == ["a", "new"]
    assert not result.complete
    assert "('new'), and it lists others without an association ('old')" in result.warnings[0]


async def test_a_row_that_reads_in_two_ways_makes_the_scan_incomplete(
    sacctmgr: FakeSacctmgr, small: Callable[..., None]
) -> None:
    """Its account is left out with a warning that says what to do; it is not taken for one that is elsewhere."""
    small(row("a", 2, 1), row("b", 3, 1), row("b", 4, 3, User="u|"), org={"a": "o", "b": "o"})
    result = await scan(sacctmgr)
    assert [resource.backend_id for resource in result.resources] == ["a"]
    assert not result.complete
    assert not result.absent
    assert result.warnings[0].startswith("row 4 of the associations, of account 'b', cannot be read in exactly one way")
    assert "until the names in SLURM are changed" in result.warnings[0]


async def test_a_condition_on_an_unreadable_organization_offers_nothing(
    sacctmgr: FakeSacctmgr, small: Callable[..., None]
) -> None:
    """An account that may be one of those excluded is not offered, and kept."""
    small(row("a", 2, 1), org={}, descr={"a": "d"})
    for condition in ({"exclude": [{"organization": "x"}]}, {"include": [{"organization": "x"}]}):
        result = await scan(sacctmgr, accounts=condition)
        assert "its organization could not be read" in result.excluded["a"]
    assert len((await scan(sacctmgr, accounts={"exclude": [{"name": "x"}]})).resources) == 1


async def test_an_unreadable_limit_is_a_problem_of_its_account(
    sacctmgr: FakeSacctmgr, small: Callable[..., None]
) -> None:
    """The account is reported without it, with the others."""
    small(row("a", 2, 1, GrpTRES="cpu=x,mem=1M", MaxJobs="5"), org={"a": "o"})
    (a,) = (await scan(sacctmgr)).resources
    assert a.limits == {"GrpTRES.mem": 1, "MaxJobs": 5}
    assert a.problems == ("limit GrpTRES.cpu unreadable: 'x'",)


async def test_a_name_that_is_not_utf8_is_left_out_with_a_warning(
    sacctmgr: FakeSacctmgr, small: Callable[..., None]
) -> None:
    """Waldur could not be sent such a name. Its children are offered, and name it as well as can be."""
    small(org={})
    rows = row("root", 1, 0) + row("a\udcff", 2, 1) + row("b", 3, 2)
    org, descr = texts(**{"a\udcff": "o", "b": "o"}), texts(**{"a\udcff": "o", "b": "bad \udcfe text"})
    for kind, answer in (("assoc", rows), ("account-org", org), ("account-descr", descr)):
        sacctmgr.answer(kind, answer.encode("utf-8", "surrogateescape"))
    result = await scan(sacctmgr)
    (b,) = result.resources
    assert b.parents[0].backend_id == b.attributes["parent"] == "a\\xff"
    assert b.attributes["description"] == "bad \\xfe text"
    assert b.problems[0].startswith("description is not valid UTF-8")
    assert result.excluded == {"a\\xff": "its name is not valid UTF-8"}
    assert result.warnings == ("account a\\xff is left out: its name is not valid UTF-8",)
    assert result.complete


async def test_without_the_root_row_nothing_is_believed(sacctmgr: FakeSacctmgr) -> None:
    """PrivateData makes an empty or partial list of the associations, with exit code 0."""
    lines = sacctmgr.recorded("assoc").splitlines(keepends=True)
    without = "".join(line for line in lines if not line.endswith("|root\n"))
    for answer in (without, "", row("root", 2, 1, 2, read=NESTED, User="root")):
        sacctmgr.answer("assoc", answer)
        with pytest.raises(BackendMisconfiguredError, match="account root of the cluster testcluster") as caught:
            await scan(sacctmgr)
        assert "adminlevel=operator" in caught.value.remedy
    assert len(sacctmgr.starts) < 6 * 3


@pytest.mark.parametrize("user", ["", "agent|None\n"])
async def test_who_is_no_operator_is_not_believed_to_see_all(
    sacctmgr: FakeSacctmgr, monkeypatch: pytest.MonkeyPatch, user: str
) -> None:
    """With PrivateData=users his list of associations holds root's row and his own account: nothing shows in it."""
    monkeypatch.setattr("waldur_import_agent.scanners.slurm.reading.local_user", lambda: "agent")
    for kind, file in (("config", "config-users"), ("assoc", "assoc-plain")):
        sacctmgr.answer(kind, (RECORDED / f"private/{file}.out").read_text())
    sacctmgr.answer("user", user)
    with pytest.raises(
        BackendMisconfiguredError, match="only a part of the accounts: PrivateData is users, and"
    ) as caught:
        await scan(sacctmgr)
    assert "adminlevel=operator" in caught.value.remedy
    sacctmgr.answer("user", "agent|Operator\n")
    sacctmgr.answer("assoc", (RECORDED / "assoc.out").read_text())
    assert (await scan(sacctmgr)).complete


async def test_a_coordinators_list_of_accounts_is_a_part(sacctmgr: FakeSacctmgr) -> None:
    """With PrivateData=accounts it has exit code 0, and only what he coordinates."""
    sacctmgr.private("accounts")
    sacctmgr.answer("account-org", record("hpc_awk-coord", "y"))
    with pytest.raises(BackendMisconfiguredError, match="lists only 1 accounts for the agent") as caught:
        await scan(sacctmgr)
    assert "`accounts` out of PrivateData" in caught.value.remedy


async def test_a_cluster_without_accounts_is_an_answer(sacctmgr: FakeSacctmgr, small: Callable[..., None]) -> None:
    """Root alone: nothing is there, and that is certain."""
    small(org={})
    assert await scan(sacctmgr) == Scan(())


async def test_a_fast_read_that_gives_no_tree_is_made_again_the_slow_way(sacctmgr: FakeSacctmgr) -> None:
    """The result is the same, with a warning."""
    wanted = await scan(sacctmgr)
    sacctmgr.answer("assoc", sacctmgr.recorded("assoc").replace("1|1|186|", "1|1|18|"))
    result = await scan(sacctmgr)
    assert result.resources == wanted.resources
    assert result.complete
    (warning,) = result.warnings
    assert "ID,LFT,RGT) gives no tree: " in warning
    assert len(sacctmgr.starts) == 4 + 5


async def test_a_fast_read_that_gives_no_tree_is_made_again_within_six_starts(
    sacctmgr: FakeSacctmgr, tmp_path: Path
) -> None:
    """Where everything is asked for and everything hidden, both texts come in one read: the result is the same."""
    sacctmgr.private("users,accounts")
    settings = {"coordinators": True, "limits": {"source": "qos"}}
    wanted = await scan(sacctmgr, **settings)
    rows = sacctmgr.recorded("assoc").splitlines(keepends=True)
    empty = [re.sub(r"^(\d+)\|\d+\|\d+\|", r"\1|||", line) for line in rows]  # as an older sacctmgr prints them
    sacctmgr.answer("assoc", "".join(empty))
    names = {row.account: row.account for row in parse_associations("".join(rows).encode(), NESTED)[CLUSTER].rows}
    org, descr = (parse_texts(sacctmgr.recorded(f"account-{kind}").encode(), names) for kind in ("org", "descr"))
    sacctmgr.answer(
        "account-texts", "".join(record(name, both(org.known[name], descr.known[name])) for name in org.known)
    )
    before = len(sacctmgr.starts)
    async with SlurmScanner(
        SlurmSettings.model_validate({"cluster": CLUSTER, "sacctmgr": sacctmgr.program, **settings})
    ) as scanner:
        scanner.save_answers(tmp_path / "saved")
        result = await scanner.scan()
    assert (result.resources, result.absent, result.complete) == (wanted.resources, wanted.absent, True)
    assert len(sacctmgr.starts) == before + 6
    assert "gives no tree" in result.warnings[0]
    assert await scan(sacctmgr, from_files=tmp_path / "saved", **settings) == result


@pytest.mark.parametrize(
    ("version", "kind"), [("23.11.4", "assoc-wopl"), ("24.05.1", "assoc-wopl"), ("24.11.5", "assoc")]
)
async def test_other_releases_find_the_same(sacctmgr: FakeSacctmgr, version: str, kind: str) -> None:
    """The slow read and the fast one of 24.11 have parents' ids, and so the same rows."""
    wanted = await scan(sacctmgr)
    sacctmgr.release(version)
    sacctmgr.answer(kind, sacctmgr.recorded("assoc-wopl"))
    assert await scan(sacctmgr) == wanted


async def test_an_account_without_its_parent_makes_the_scan_incomplete(
    sacctmgr: FakeSacctmgr, small: Callable[..., None]
) -> None:
    """Rows are missing, so nothing may be concluded from what is; it and those below it are named."""
    small(
        row("a", 2, 1), row("b", 4, 3), row("c", 5, 4),
        org={"a": "o", "b": "o", "c": "o"},
    )  # fmt: skip
    result = await scan(sacctmgr)
    assert [resource.backend_id for resource in result.resources] == ["a"]
    assert not result.complete
    assert "the associations are no whole tree: the account above b is not in SLURM's answer" in result.warnings
    assert "2 accounts are not below root in SLURM's answer: b, c" in result.warnings


async def test_many_accounts_without_their_parent_are_one_warning(
    sacctmgr: FakeSacctmgr, small: Callable[..., None]
) -> None:
    """With the first few names: a log is no place for ten thousand."""
    names = [f"a{number}" for number in range(7)]
    small(*(row(name, number + 4, 3) for number, name in enumerate(names)), org=dict.fromkeys(names, "o"))
    warnings = [warning for warning in (await scan(sacctmgr)).warnings if "below root" in warning]
    assert warnings == ["7 accounts are not below root in SLURM's answer: a0, a1, a2, a3, a4 and 2 more"]


async def test_the_only_cluster_needs_no_name(sacctmgr: FakeSacctmgr) -> None:
    """And no condition on it either."""
    rows = sacctmgr.recorded("assoc-all-clusters").splitlines(keepends=True)
    sacctmgr.answer("assoc-all-clusters", "".join(line for line in rows if "|othercluster|" not in line))
    result = await scan(sacctmgr, cluster=None)
    assert {resource.attributes["cluster"] for resource in result.resources} == {"testcluster"}
    assert "hpc_awk-other" in result.absent
    assert not any("cluster=" in start for start in sacctmgr.starts)


async def test_one_of_two_clusters_must_be_named(sacctmgr: FakeSacctmgr) -> None:
    """One account name on two clusters is two accounts; the error names the clusters."""
    with pytest.raises(BackendMisconfiguredError, match="2 clusters, and none is chosen: othercluster, testcluster"):
        await scan(sacctmgr, cluster=None)


async def test_an_unknown_cluster_is_refused(sacctmgr: FakeSacctmgr) -> None:
    """Sacctmgr answers with an empty list; the error names the clusters there are."""
    sacctmgr.answer("assoc", "")
    with pytest.raises(BackendMisconfiguredError, match="no cluster puhti; it has: othercluster, testcluster"):
        await scan(sacctmgr, cluster="puhti")


async def test_a_clusters_name_is_compared_without_case(sacctmgr: FakeSacctmgr) -> None:
    """As SLURM itself does."""
    assert (await scan(sacctmgr, cluster="TestCluster")).resources


@pytest.mark.parametrize("seed", range(3))
async def test_equal_answers_give_equal_scans(sacctmgr: FakeSacctmgr, seed: int) -> None:
    """Nothing is written to Waldur only because a list came in another order."""
    settings: dict[str, Any] = {
        "accounts": {"select": "all"},
        "coordinators": True,
        "user_names": True,
        "limits": {"source": "qos"},
    }
    before = await scan(sacctmgr, **settings)
    order = random.Random(seed)
    text = re.escape(RECORD.decode())
    begins = {"assoc": r"\d+\|\d+\|\d+\|", "account-org": text, "account-descr": text, "user-coord": "", "qos": ""}
    for kind, beginning in begins.items():
        records = re.split(f"^(?={beginning}.)", sacctmgr.recorded(kind), flags=re.MULTILINE)[1:]
        order.shuffle(records)
        assert len(records) > 3
        sacctmgr.answer(kind, "".join(records))
    after = await scan(sacctmgr, **settings)
    assert after == before
    assert [list(resource.attributes.items()) for resource in after.resources] == [
        list(resource.attributes.items()) for resource in before.resources
    ]


async def check(fake: FakeSacctmgr, **settings: Any) -> list[Check]:
    """What the scanner's own check finds."""
    block = {"cluster": "testcluster", "sacctmgr": fake.program, **settings}
    return list(await SlurmScanner(SlurmSettings.model_validate(block)).check())


async def test_check_passes_where_a_scan_would(sacctmgr: FakeSacctmgr) -> None:
    """It says which SLURM, which cluster, what the agent may see and why, and that the root account can be seen."""
    checks = await check(sacctmgr)
    assert [(item.name, item.status) for item in checks] == [
        ("sacctmgr", CheckStatus.PASS),
        ("cluster", CheckStatus.PASS),
        ("rights", CheckStatus.PASS),
        ("root account", CheckStatus.PASS),
    ]
    assert "22.05.8" in checks[0].detail
    assert "PrivateData is not set; the user" in checks[2].detail


async def test_check_says_what_the_agents_user_is(sacctmgr: FakeSacctmgr, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what he lacks."""
    monkeypatch.setattr("waldur_import_agent.scanners.slurm.reading.local_user", lambda: "agent")
    sacctmgr.private("users")
    sacctmgr.answer("user", "agent|None\n")
    rights = (await check(sacctmgr))[-1]
    assert (rights.name, rights.status) == ("rights", CheckStatus.FAIL)
    assert "PrivateData is users, and the user agent has AdminLevel None" in rights.detail
    assert "adminlevel=operator" in rights.remedy
    sacctmgr.answer("user", "")
    assert "the user agent is not known to it" in (await check(sacctmgr))[-1].detail


@pytest.mark.parametrize(("printed", "status"), [("root\n", CheckStatus.PASS), ("", CheckStatus.FAIL)])
async def test_check_looks_whether_accounts_are_hidden(
    sacctmgr: FakeSacctmgr, printed: str, status: CheckStatus
) -> None:
    """PrivateData=accounts gives a coordinator his own accounts only, and all associations: root tells."""
    sacctmgr.private("accounts")
    sacctmgr.answer("root-account", printed)
    assert {item.name: item.status for item in await check(sacctmgr)}["rights"] is status


async def test_a_user_without_a_name_has_his_number(sacctmgr: FakeSacctmgr, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that runs as some number."""
    monkeypatch.setattr("os.geteuid", lambda: 4294967294)
    sacctmgr.private("users")
    sacctmgr.answer("user", "")
    assert "the user 4294967294 is not known to it" in (await check(sacctmgr))[-1].detail


async def test_check_ends_with_what_fails(sacctmgr: FakeSacctmgr) -> None:
    """With the reason and the remedy, not an exception; what needs it is not looked at."""
    (missing,) = await check(sacctmgr, sacctmgr="/nonexistent/sacctmgr")
    assert (missing.name, missing.status) == ("sacctmgr", CheckStatus.FAIL)
    assert "No such file" in missing.detail
    assert "scanner.sacctmgr" in missing.remedy
    cluster = (await check(sacctmgr, cluster="puhti"))[-1]
    assert (cluster.name, cluster.status) == ("cluster", CheckStatus.FAIL)
    assert "puhti" in cluster.detail
    sacctmgr.answer("assoc-root", "")
    root = (await check(sacctmgr))[-1]
    assert (root.name, root.status) == ("root account", CheckStatus.FAIL)
    assert "PrivateData" in root.remedy


def test_what_the_scanner_says_of_itself() -> None:
    """The registry finds it by these, and ids that differ in case only are one account."""
    assert (SlurmScanner.kind, SlurmScanner.settings_model, SlurmScanner.ids_ignore_case) == (
        "slurm",
        SlurmSettings,
        True,
    )


def test_another_scanners_settings_are_refused() -> None:
    """A mistake in the agent shows at once."""
    with pytest.raises(TypeError, match="needs SlurmSettings"):
        SlurmScanner(ScannerSettings())
