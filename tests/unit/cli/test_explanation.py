"""What `explain` says of one id, for each way in which an id can be on either side."""

from typing import Any

import pytest

from support.builders import ALPHA, BETA, found, record, resource, settings
from waldur_import_agent.cli.explanation import Explanation, explain
from waldur_import_agent.fulfilment import Survey
from waldur_import_agent.placement import Placer
from waldur_import_agent.plan import PlanInput, make_plan
from waldur_import_agent.records import FoundResource, Known, KnownRecord, KnownResource, LeftOut, Offering, Plan, Scan
from waldur_import_agent.settings.models import Rule

RULES = (Rule.model_validate({"from": "parent", "match": "^hpc_(?P<slug>.+)$", "value": "{slug}"}),)


def explained(
    backend_id: str,
    *resources: FoundResource,
    records: tuple[KnownRecord, ...] = (),
    known: tuple[KnownResource, ...] = (),
    excluded: dict[str, str] | None = None,
    complete: bool = True,
    ignore_case: bool = True,
    **configured: Any,
) -> Explanation:
    """The explanation of an id where these are found and known."""
    scan = Scan(resources, excluded=excluded or {}, complete=complete)
    offering = Offering("0" * 32, "SLURM cluster", frozenset({"cpu"}))
    survey = Survey(
        scan,
        offering,
        Placer([ALPHA, BETA], RULES),
        Known(records, known),
        warnings=("a warning",),
        projects=(ALPHA, BETA),
    )
    plan = make_plan(
        PlanInput(scan, survey.placer.place, survey.known, offering, settings(**configured), "default", ignore_case)
    )
    return explain(survey, plan, backend_id, instance="default", ignore_case=ignore_case)


def actions(explanation: Explanation) -> list[str]:
    """What the next round would do."""
    return [action.action for action in explanation.actions]


def test_found_and_new() -> None:
    """A new account: its project, the rule that said so, and the record that would be written."""
    explanation = explained("ACCT1", found("acct1"), found("acct2"))
    assert [resource.backend_id for resource in explanation.found] == ["acct1"]
    assert explanation.placement is not None
    assert explanation.placement.project == ALPHA
    assert "rule 1" in explanation.placement.why
    assert actions(explanation) == ["report"]
    assert explanation.actions[0].wanted is not None
    assert explanation.actions[0].wanted.project == ALPHA
    assert explanation.warnings == ("a warning",)
    assert explanation.known


def test_case_counts_where_the_backend_says_so() -> None:
    """Ids are compared as the backend compares them."""
    assert not explained("ACCT1", found("acct1"), ignore_case=False).known


def test_no_project() -> None:
    """An account that no rule places: the reason is the placement's."""
    explanation = explained("acct1", found("acct1", parent="other"))
    assert explanation.placement is not None
    assert explanation.placement.project is None
    assert actions(explanation) == ["unplaced"]
    assert "no rule matches" in explanation.actions[0].why


def test_skipped() -> None:
    """An id that Waldur could not keep."""
    explanation = explained(" acct1", found(" acct1"))
    assert actions(explanation) == ["skip"]
    assert "blanks" in explanation.actions[0].why


@pytest.mark.parametrize(
    ("known", "whose"),
    [
        (record(), "ours, written by host on 2026-01-01 00:00:00"),
        (record(instance="blue"), "of the instance 'blue', written by host on 2026-01-01 00:00:00"),
        (record(content=None), "written by somebody else"),
    ],
)
def test_whose_the_record_is(known: KnownRecord, whose: str) -> None:
    """Ours, another instance's, or nobody's; with its project's name."""
    (said,) = explained("acct1", found("acct1"), records=(known,)).in_waldur
    assert (said.what, said.uuid, said.project, said.detail) == ("record", known.uuid, "Project Alpha", whose)


def test_record_out_of_date() -> None:
    """A record that says something else is refreshed."""
    explanation = explained("acct1", found("acct1"), records=(record(),))
    assert actions(explanation) == ["refresh"]
    assert "1" * 32 in explanation.actions[0].why
    assert explanation.actions[0].wanted is not None


def test_imported_with_a_record_left() -> None:
    """A resource and a record of it: the record goes, the resource stays."""
    explanation = explained("acct1", found("acct1"), records=(record(),), known=(resource("acct1", "Erred"),))
    assert [said.what for said in explanation.in_waldur] == ["record", "resource"]
    assert explanation.in_waldur[1].detail == "Erred"
    assert actions(explanation) == ["remove", "keep"]


def test_gone_from_the_backend() -> None:
    """A record of what has gone is withdrawn, or held back where too many have gone."""
    assert actions(explained("acct1", records=(record(),))) == ["withdraw"]
    explanation = explained("acct1", found("acct2"), records=(record(),), withdraw={"max_percent": 0, "min_count": 0})
    assert actions(explanation) == ["hold back"]


def test_left_out_by_a_filter() -> None:
    """The scanner's reason is told, and a record of it stays."""
    explanation = explained("acct1", records=(record(),), excluded={"Acct1": "has child accounts"})
    assert (explanation.found, explanation.excluded) == ((), "has child accounts")
    assert actions(explanation) == ["keep"]
    assert explained("acct1", excluded={"acct1": "has child accounts"}).known


def test_nowhere() -> None:
    """An id that is on neither side: ids like it are named, those of what is left out too."""
    explanation = explained("acct_12", found("acct_1"), found("other"), excluded={"acct_2": "x"}, complete=False)
    assert not explanation.known
    assert set(explanation.similar) == {"acct_1", "acct_2"}
    assert not explanation.actions
    assert not explanation.scan_complete
    assert explanation.placement is None


def test_in_the_holding_project() -> None:
    """What only the holding project places is said beside what is done with it."""
    survey = Survey(Scan((found("acct1"),)), Offering("0" * 32, "x", frozenset()), Placer([], ()), Known())
    plan = Plan(holding=(LeftOut(found("acct1"), "no rule matches"),))
    explanation = explain(survey, plan, "acct1", instance="default", ignore_case=True)
    assert [(action.action, action.why) for action in explanation.actions] == [("holding", "no rule matches")]
