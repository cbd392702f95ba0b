"""Answers that are not what they look like: each is told apart, and none passes for the whole."""

import json
from typing import Any

import pytest

from unit.scanners.slurmrestd.conftest import Cluster
from unit.scanners.slurmrestd.scanning import accounts, association, associations, found, scan
from waldur_import_agent.scanners.base import BackendMisconfiguredError, BackendUnavailableError

BOTH = pytest.mark.parametrize("cluster", ["v0.0.38", "v0.0.42"], indirect=True, ids=["22.05", "24.11"])


@BOTH
async def test_a_slurmdbd_that_is_down_is_unavailable(cluster: Cluster) -> None:
    """With what to start."""
    cluster.answers.fail("accounts/", "slurmdbd-down")
    with pytest.raises(BackendUnavailableError, match="Unable to connect to database") as raised:
        await scan(**cluster.settings)
    assert raised.value.remedy.startswith("Start slurmdbd")


@BOTH
async def test_a_denied_list_of_accounts_names_the_right_that_is_missing(cluster: Cluster) -> None:
    """PrivateData=accounts: 500, and nothing else is asked."""
    cluster.answers.fail("accounts/", "denied")
    with pytest.raises(BackendMisconfiguredError, match="permission denied") as raised:
        await scan(**cluster.settings)
    assert "`accounts` out of PrivateData" in raised.value.remedy
    assert len(cluster.answers.asked) == 2


@BOTH
async def test_an_empty_answer_names_the_clusters(cluster: Cluster) -> None:
    """A wrong name is 500 with 9003 on 22.05, and 200 with a warning on 24.11."""
    cluster.answers.fail("associations/", "nothing-found")
    with pytest.raises(BackendMisconfiguredError, match="no cluster puhti; it has: othercluster, testcluster"):
        await scan(**{**cluster.settings, "cluster": "puhti"})


@BOTH
async def test_an_empty_answer_for_the_right_cluster_is_a_part(cluster: Cluster) -> None:
    """PrivateData=users and a user without association: nothing is shown, not even root."""
    cluster.answers.fail("associations/", "nothing-found")
    with pytest.raises(BackendMisconfiguredError, match="does not show the agent the account root") as raised:
        await scan(**cluster.settings)
    assert "`users` out of PrivateData" in raised.value.remedy


async def test_a_name_in_another_case_is_asked_for_as_the_database_has_it(cluster: Cluster) -> None:
    """24.11 finds nothing for it."""
    cluster.answers.fail("associations/", "nothing-found")
    with pytest.raises(BackendMisconfiguredError, match="does not show the agent the account root"):
        await scan(**{**cluster.settings, "cluster": "TestCluster"})
    asked = [path.partition("?")[2].partition("&")[0] for path in cluster.answers.asked if "associations" in path]
    assert [query for query in asked if query] == ["cluster=TestCluster", "cluster=testcluster"]


async def test_several_clusters_need_a_choice(cluster: Cluster) -> None:
    """Without one nothing filters, and the rows themselves tell which there are."""
    cluster.holds(association("a"), {**association("a"), "cluster": "other"})
    with pytest.raises(BackendMisconfiguredError, match="2 clusters, and none is chosen: other, testcluster"):
        await scan(**{**cluster.settings, "cluster": None})
    assert "cluster=" not in cluster.answers.asked[-1]


async def test_a_query_that_is_ignored_is_no_answer(cluster: Cluster) -> None:
    """200 with the full list and a warning: the limits would be inherited ones."""
    words = 'Ignoring unknown field "Exclude limits from parents" of type string in DATA_PARSER_ASSOC_CONDITION'
    document = {**associations(association("a")), "warnings": [{"description": words, "source": "#/"}]}
    cluster.answers.record("associations/", document)
    with pytest.raises(BackendMisconfiguredError, match="Ignoring unknown field"):
        await scan(**cluster.settings)


async def test_an_unknown_query_is_no_answer_either(cluster: Cluster) -> None:
    """22.05 says it in `errors`, with 200 and the full list."""
    errors = [{"error_number": 9000, "error": "Unknown query field", "source": "x"}]
    cluster.answers.record("accounts/", {**accounts("a"), "errors": errors})
    with pytest.raises(BackendMisconfiguredError, match="failed with status 200: Unknown query field"):
        await scan(**cluster.settings)


async def test_errors_in_an_answer_with_status_200_are_errors(cluster: Cluster) -> None:
    """Whatever they are: the rows that came are not believed."""
    errors = [{"error_number": 9999, "error": "Something new"}]
    cluster.answers.record("associations/", {**associations(association("a")), "errors": errors})
    with pytest.raises(BackendUnavailableError, match="failed with status 200: Something new"):
        await scan(**cluster.settings)


async def test_a_warning_that_is_not_known_forbids_withdrawals(cluster: Cluster) -> None:
    """It is shown, without addresses of slurmrestd's memory, which are others each time."""
    cluster.holds(association("a"))
    document = {**associations(association("a")), "warnings": [{"description": "odd(0x7fa77c006130) thing"}]}
    cluster.answers.record("associations/", document)
    result = await scan(**cluster.settings)
    assert not result.complete
    assert result.warnings[0].endswith("warns: odd() thing")


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (403, "<html>no</html>", BackendMisconfiguredError, "status 403: <html>no</html>"),
        (302, "", BackendMisconfiguredError, "status 302: no reason"),
        (404, "Unable find requested URL.", BackendMisconfiguredError, "status 404: Unable find requested URL."),
        (429, "", BackendUnavailableError, "status 429"),
        (503, "<html>later</html>", BackendUnavailableError, "status 503: <html>later</html>"),
        (500, "x" * 100_000, BackendUnavailableError, "status 500: xxx"),
        (200, "<html>log in</html>", BackendUnavailableError, "begins with '<html>log in</html>'"),
        (200, "[]", BackendUnavailableError, "it is no JSON object"),
        (200, "{} {}", BackendUnavailableError, "cannot be read"),
        (200, '{"accounts": [{"na', BackendUnavailableError, "cannot be read"),
    ],
)
async def test_answers_that_are_not_slurmrestds(
    cluster: Cluster, status: int, body: str, kind: type[Exception], words: str
) -> None:
    """A proxy's, a page to log in, one that broke off: what a person has to mend, or what may pass."""
    cluster.answers.record("accounts/", body, status)
    with pytest.raises(kind, match=words):
        await scan(**cluster.settings)


async def test_an_answer_has_a_size_limit(cluster: Cluster) -> None:
    """Whatever is sent, memory is bounded; the remedy names the setting."""
    with pytest.raises(BackendMisconfiguredError, match="has more than 1000 bytes") as raised:
        await scan(**cluster.settings, answer_limit=1000)
    assert "scanner.answer_limit" in raised.value.remedy


async def test_deleted_rows_are_left_out(cluster: Cluster) -> None:
    """Flags say so, and some versions give them unasked."""
    cluster.holds(
        association("a"), association("gone", flags=["DELETED"]), association("a", user="u", flags=["DELETED"])
    )
    document = accounts("a", "gone")
    document["accounts"][2]["flags"] = ["DELETED"]
    cluster.answers.record("accounts/", document)
    result = await scan(**cluster.settings)
    assert [(resource.name, resource.user_count) for resource in result.resources] == [("a", 0)]
    assert result.absent == {}


async def test_a_list_of_accounts_without_root_is_a_part(cluster: Cluster) -> None:
    """What PrivateData=accounts leaves of it for a coordinator, with status 200."""
    document = accounts("a")
    del document["accounts"][0]
    cluster.answers.record("accounts/", document)
    with pytest.raises(BackendMisconfiguredError, match="lists only 1 accounts for the agent, and root is not among"):
        await scan(**cluster.settings)


@pytest.mark.parametrize(
    ("level", "whole"),
    [("Administrator", True), (["Operator"], True), ("None", False), (["None"], False), (None, False)],
)
async def test_without_the_user_root_the_level_of_the_tokens_user_decides(
    cluster: Cluster, level: Any, whole: bool
) -> None:
    """PrivateData=users hides root from others; where he was removed, who sees all is told by his AdminLevel."""
    cluster.holds(association("a"))
    document = associations(association("a"))
    del document["associations"][1]
    cluster.answers.record("associations/", document)
    users = [] if level is None else [{"name": "agent", "administrator_level": level}]
    cluster.answers.record("user/agent", {"users": users, "errors": [], "warnings": []})
    if whole:
        assert (await scan(**cluster.settings)).complete
    else:
        with pytest.raises(BackendMisconfiguredError, match="may show the agent only a part of the accounts"):
            await scan(**cluster.settings)


async def test_root_himself_sees_all(cluster: Cluster) -> None:
    """Also where somebody has removed him from the members of the account root."""
    document = associations()
    del document["associations"][1]
    cluster.answers.record("associations/", document)
    assert (await scan(**cluster.settings, user="root")).complete


async def test_a_parent_that_is_missing_forbids_withdrawals(cluster: Cluster) -> None:
    """The account and those below it are not offered."""
    cluster.holds(association("a"), association("b", "nobody"))
    result = await scan(**cluster.settings)
    assert [resource.name for resource in result.resources] == ["a"]
    assert not result.complete
    assert "the account above b is not in SLURM's answer" in result.warnings[0]


async def test_an_account_with_two_rows_forbids_withdrawals(cluster: Cluster) -> None:
    """SLURM has one; the first is taken."""
    cluster.holds(association("a", shares_raw=1), association("a", shares_raw=2))
    result = await scan(**cluster.settings)
    assert [resource.attributes["fairshare"] for resource in result.resources] == [1]
    assert not result.complete
    assert "account a has two rows of its own" in result.warnings[0]


@pytest.mark.parametrize("end", ["0-/", "0-//"])
async def test_an_account_made_through_slurmrestd_is_below_its_parent(cluster: Cluster, end: str) -> None:
    """It has no parent's name, and its lineage is its parent's with an end; names may hold slashes."""
    cluster.holds(
        association("a/b", lineage="/a/b/"), association("made", "", lineage=f"/a/b/{end}"), association("lost", "")
    )
    result = await scan(**cluster.settings)
    by_name = {resource.name: resource for resource in result.resources}
    assert [parent.name for parent in by_name["made"].parents] == ["a/b"]
    assert "lost" not in by_name


async def test_an_account_that_was_taken_over_forbids_withdrawals(cluster: Cluster) -> None:
    """24.11 compares 42 characters of a name: the list of accounts and the associations then name different ones."""
    old, new = "x" * 42 + "-old", "x" * 42 + "-new"
    cluster.holds(association(new), association("made"), **{old: "text"})
    result = await scan(**cluster.settings)
    assert not result.complete
    assert f"{new!r} seems to have taken over the association of {old!r}" in result.warnings[0]
    problems = {resource.name: resource.problems for resource in result.resources}
    assert problems["made"][0].startswith("organization missing: SLURM's list of accounts did not have the account")


async def test_an_account_made_meanwhile_is_no_doubt(cluster: Cluster) -> None:
    """It lacks its texts, and the scan is complete."""
    cluster.holds(association("made"), other="text")
    result = await scan(**cluster.settings)
    assert (result.complete, result.warnings) == (True, ())


@pytest.mark.parametrize("count", [-1, 2**64 - 2, 1.5, "7", True, None])
async def test_a_limit_that_is_no_number_of_slurm_is_a_problem(cluster: Cluster, count: Any) -> None:
    """The resource comes without it."""
    cluster.holds(association("a", max={"tres": {"total": [{"type": "cpu", "name": "", "count": count}]}}))
    resource = (await found(**cluster.settings))["a"]
    assert resource.limits == {}
    assert resource.problems == (f"limit GrpTRES.cpu unreadable: {str(count)!r}",)


async def test_a_list_that_holds_something_else_is_a_problem(cluster: Cluster) -> None:
    """Neither passed over nor an error of the agent."""
    cluster.holds(association("a", max={"tres": {"total": ["cpu=5"]}}))
    assert (await found(**cluster.settings))["a"].problems == ("limit GrpTRES unreadable: 'cpu=5'",)


@pytest.mark.parametrize(
    ("wrapped", "limits"),
    [
        ({"set": False, "infinite": True, "number": 0}, {}),
        ({"set": True, "infinite": True, "number": 0}, {}),
        ({"set": False, "infinite": False, "number": 0}, {}),
        ({"set": True, "infinite": False, "number": 0}, {"MaxJobs": 0}),
        ({"set": True, "infinite": False, "number": 2**63 - 1}, {"MaxJobs": 2**63 - 1}),
    ],
)
async def test_unset_and_infinite_numbers_are_no_limits(
    cluster: Cluster, wrapped: dict[str, Any], limits: dict[str, int]
) -> None:
    """Zero is one: it blocks."""
    cluster.holds(association("a", max={"jobs": {"active": wrapped}}))
    resource = (await found(**cluster.settings))["a"]
    assert (resource.limits, resource.problems) == (limits, ())


async def test_texts_that_are_not_valid_utf8_are_shown_and_said(cluster: Cluster) -> None:
    """They pass the parser; the same problem as with the slurm scanner, and the other accounts are as they are."""
    cluster.holds(association("a"), association("b"))
    document = json.dumps(accounts("a", "b", texts=("BAD", "\uf7ff ü")), ensure_ascii=False).encode()
    cluster.answers.record("accounts/", document.replace(b"BAD", b"x\xffy"))
    resources = await found(**cluster.settings)
    assert resources["a"].attributes["description"] == "x\\xffy"
    assert "description is not valid UTF-8" in resources["a"].problems[0]


async def test_every_place_at_which_an_answer_can_be_cut_into_parts(cluster: Cluster) -> None:
    """A row, a character, the end: rows come out whole, whatever arrives with one read from the network."""
    from waldur_import_agent.scanners.slurmrestd.document import Document  # noqa: PLC0415 - the one test of it alone

    whole = json.dumps(
        {"errors": [], "rows": [{"n": "ü€🚀", "l": [{"x": 1}]}, {"n": "b"}], "end": {"a": 1}}, ensure_ascii=False
    )
    encoded = whole.encode()
    for cut in range(len(encoded) + 1):
        taken: list[Any] = []
        document = Document("rows", taken.extend)
        document.feed(encoded[:cut])
        document.feed(encoded[cut:])
        assert document.end() == {"errors": [], "rows": [], "end": {"a": 1}}
        assert taken == [{"n": "ü€🚀", "l": [{"x": 1}]}, {"n": "b"}]
