"""What a round does, from what was found and what is known."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.builders import (
    ALPHA,
    BETA,
    OFFERING,
    content_of,
    found,
    in_alpha,
    nowhere,
    plan_for,
    record,
    resource,
    settings,
)
from waldur_import_agent.plan import PlanInput, make_plan
from waldur_import_agent.records import FoundResource, Known, Offering, Placement, Scan


def ids(items: object) -> list[str]:
    """The backend ids of wanted records, removals, or what else a plan has."""
    names = []
    for item in items:  # type: ignore[attr-defined]  # any of the plan's tuples
        inner = (
            getattr(item, "record", None) or getattr(item, "wanted", None) or getattr(item, "resource", None) or item
        )
        names.append(inner.backend_id)
    return names


def test_new_resource_is_reported() -> None:
    """What Waldur has neither as record nor as resource is reported in its project."""
    plan = plan_for(found("acct1"))
    assert [(wanted.backend_id, wanted.project) for wanted in plan.report] == [("acct1", ALPHA)]
    assert plan.writes


def test_what_many_records_say_is_kept_once() -> None:
    """Ten thousand new records have few texts for limits and placement, and a clean text is not copied."""
    things = [
        found(f"acct{number}", limits={"GrpTRES.cpu": 4}, attributes={"organization": "University of X"})
        for number in range(2)
    ]
    plan = plan_for(*things)
    one, other = (wanted.metadata for wanted in plan.report)
    assert one["backend_limits"] is other["backend_limits"]
    assert one["placement"] is other["placement"]
    assert [wanted.metadata["organization"] for wanted in plan.report] == ["University of X"] * 2
    for thing, wanted in zip(things, plan.report, strict=True):
        assert wanted.metadata["organization"] is thing.attributes["organization"]


def test_same_content_writes_nothing() -> None:
    """A record whose hash is the wanted one is kept: a second request writes nothing."""
    plan = plan_for(found("acct1"), records=(record("acct1", content=content_of("acct1")),))
    assert [(kept.backend_id, kept.why) for kept in plan.keep] == [("acct1", "unchanged")]
    assert not plan.writes


def test_changed_content_refreshes() -> None:
    """A record of ours with another hash is replaced."""
    plan = plan_for(found("acct1"), records=(record("acct1", content="old", uuid="9" * 32),))
    assert [(refresh.old.uuid, refresh.wanted.backend_id) for refresh in plan.refresh] == [("9" * 32, "acct1")]


@pytest.mark.parametrize(
    ("content", "instance", "said"),
    [(None, "default", "somebody else"), ("other", "elsewhere", "the instance 'elsewhere'")],
)
def test_foreign_record_is_known_but_never_touched(content: str | None, instance: str, said: str) -> None:
    """Records without our marker are not reported again, not refreshed, and not withdrawn; the plan says whose."""
    foreign = record("acct1", content=content, instance=instance)
    present = plan_for(found("acct1"), records=(foreign,))
    gone = plan_for(records=(foreign,))
    for plan in (present, gone):
        assert not plan.writes
        assert said in plan.keep[0].why


def test_take_over_makes_foreign_records_ours() -> None:
    """`take_over` refreshes a record that somebody else wrote, so that it carries our marker."""
    plan = plan_for(found("acct1"), records=(record("acct1", content=None),), take_over=True)
    assert ids(plan.refresh) == ["acct1"]


def test_imported_resource_is_kept_and_its_record_of_ours_removed() -> None:
    """A live resource is not reported again, and a record of ours for it is surplus; a foreign one stays."""
    ours, foreign = record("acct1", uuid="1" * 32), record("acct1", uuid="2" * 32, content=None)
    plan = plan_for(found("acct1"), records=(ours, foreign), resources_known=(resource("acct1", "Erred"),))
    assert [removal.record.uuid for removal in plan.surplus] == ["1" * 32]
    assert plan.keep[0].why == "is a resource already (Erred)"
    assert not plan.report


def test_record_of_imported_resource_is_removed_even_when_not_found() -> None:
    """A record whose id is a live resource is removed although the backend no longer has it: it is not a withdrawal."""
    plan = plan_for(records=(record("acct1"),), resources_known=(resource("acct1"),))
    assert ids(plan.surplus) == ["acct1"]
    assert not plan.withdraw


def test_gone_resource_is_withdrawn() -> None:
    """A record of ours whose resource is gone is withdrawn after a complete scan."""
    plan = plan_for(found("acct2"), records=(record("acct1"),))
    assert ids(plan.withdraw) == ["acct1"]


def test_incomplete_scan_withdraws_nothing() -> None:
    """Where a part of the backend was not seen, what is missing may be there: the record is kept, with the reason."""
    plan = plan_for(scan=Scan((), complete=False), records=(record("acct1"),))
    assert not plan.withdraw
    assert "not complete" in plan.keep[0].why


def test_withdrawals_can_be_switched_off() -> None:
    """`withdraw.enabled: false` keeps what is gone."""
    plan = plan_for(records=(record("acct1"),), withdraw={"enabled": False})
    assert not plan.withdraw
    assert "withdraw.enabled" in plan.keep[0].why


def test_mass_withdrawal_is_held_back_whole() -> None:
    """More than both bounds is held back, all of it, while the rest is done; the plan says how to allow it once."""
    many = tuple(record(f"acct{number}", uuid=f"{number:032x}") for number in range(20))
    plan = plan_for(found("new"), records=many)
    assert len(plan.held) == 20
    assert not plan.withdraw
    assert ids(plan.report) == ["new"]
    assert "20 of 20 records" in plan.held_why
    assert "--allow-withdrawals" in plan.held_why


def test_mass_withdrawal_can_be_allowed_once() -> None:
    """With the permission nothing is held back."""
    many = tuple(record(f"acct{number}", uuid=f"{number:032x}") for number in range(20))
    plan = plan_for(records=many, allow_withdrawals=True)
    assert len(plan.withdraw) == 20
    assert not plan.held_why


@pytest.mark.parametrize(("gone", "held"), [(5, False), (6, True)])
def test_min_count_is_always_allowed(gone: int, held: bool) -> None:
    """Up to `min_count` records are withdrawn whatever share they are; one more than both bounds is held."""
    many = tuple(record(f"acct{number}", uuid=f"{number:032x}") for number in range(gone))
    assert bool(plan_for(records=many).held) is held


@pytest.mark.parametrize(("gone", "held"), [(30, False), (31, True)])
def test_max_percent_counts_our_own_records(gone: int, held: bool) -> None:
    """The share is of this agent's records; foreign ones do not widen the bound."""
    ours = tuple(record(f"acct{number}", uuid=f"{number:032x}") for number in range(100))
    foreign = tuple(record(f"f{number}", uuid=f"{number + 500:032x}", content=None) for number in range(100))
    staying = [found(f"acct{number}") for number in range(gone, 100)]
    assert bool(plan_for(*staying, records=ours + foreign).held) is held


def test_excluded_is_kept() -> None:
    """What a filter leaves out has not gone: its record is kept with the filter's reason."""
    plan = plan_for(scan=Scan((), excluded={"acct1": "has child accounts"}), records=(record("acct1"),))
    assert not plan.writes
    assert plan.keep[0].why == "no longer offered: has child accounts"


def test_what_begins_like_something_excluded_is_kept() -> None:
    """Its parts are not known; what only begins with the same letters is another thing, and gone."""
    scan = Scan((), excluded={"acct": "its parent"}, excluded_prefixes={"Acct,": "a filter"})
    records = tuple(
        record(backend_id, uuid=str(number) * 32)
        for number, backend_id in enumerate(("acct,normal", "acct,", "acct", "acct2,normal"))
    )
    plan = plan_for(scan=scan, records=records, ignore_case=True)
    why = "no longer offered: a filter"
    assert [(kept.backend_id, kept.why) for kept in plan.keep] == [
        ("acct,normal", why),
        ("acct,", why),
        ("acct", "no longer offered: its parent"),
    ]
    assert ids(plan.withdraw) == ["acct2,normal"]


def test_what_is_absent_now_is_withdrawn_with_its_reason() -> None:
    """An account that left this cluster but lives on another has gone from what the offering stands for."""
    plan = plan_for(scan=Scan((), absent={"acct1": "has no association here"}), records=(record("acct1"),))
    assert [removal.why for removal in plan.withdraw] == ["has no association here"]


def test_unplaced_is_left_out_with_its_reason() -> None:
    """What has no project is not reported, and the reason is told."""
    plan = plan_for(found("acct1"), place=nowhere)
    assert [(item.resource.backend_id, item.why) for item in plan.unplaced] == [("acct1", "no rule matches")]
    assert not plan.writes


def test_no_longer_placeable_is_kept() -> None:
    """A record whose resource has lost its project is kept, not withdrawn."""
    plan = plan_for(found("acct1"), place=nowhere, records=(record("acct1"),))
    assert not plan.writes
    assert plan.keep[0].why == "no longer placeable: no rule matches"
    assert not plan.unplaced


# --- repair


def test_surplus_records_are_removed_and_the_right_one_survives() -> None:
    """Of several records of one id the one that says what is wanted stays, though it is the youngest."""
    right = record("acct1", uuid="3" * 32, age=9, content=content_of("acct1"))
    others = (record("acct1", uuid="1" * 32, age=1), record("acct1", uuid="2" * 32, age=2))
    plan = plan_for(found("acct1"), records=(*others, right))
    assert sorted(removal.record.uuid for removal in plan.surplus) == ["1" * 32, "2" * 32]
    assert plan.keep[0].why == "unchanged"


def test_among_equals_the_oldest_survives() -> None:
    """Two right records: the smaller (created, uuid) stays, so that every agent picks the same one."""
    content = content_of("acct1")
    records = tuple(
        record("acct1", uuid=name * 32, age=age, content=content) for name, age in (("3", 5), ("2", 5), ("1", 6))
    )
    plan = plan_for(found("acct1"), records=records)
    assert sorted(removal.record.uuid[0] for removal in plan.surplus) == ["1", "3"]


def test_only_own_surplus_is_removed() -> None:
    """A second record that another instance wrote stays, even when ours is the survivor."""
    ours = record("acct1", uuid="1" * 32, content=content_of("acct1"))
    theirs = record("acct1", uuid="2" * 32, content="x", instance="elsewhere")
    plan = plan_for(found("acct1"), records=(ours, theirs))
    assert not plan.surplus


def test_surplus_in_another_project_is_found_too() -> None:
    """Two records of one id in different projects are one too many."""
    right = record("acct1", uuid="1" * 32, content=content_of("acct1"))
    moved = record("acct1", uuid="2" * 32, content=content_of("acct1", project=BETA), project=BETA)
    plan = plan_for(found("acct1"), records=(right, moved))
    assert [removal.record.uuid for removal in plan.surplus] == ["2" * 32]


@given(
    st.lists(st.tuples(st.sampled_from(["one", "two", None]), st.integers(0, 3), st.booleans()), min_size=1, max_size=6)
)
def test_two_agents_never_empty_an_offering(rows: list[tuple[str | None, int, bool]]) -> None:
    """Whatever two instances have written, their plans together leave at least one record of the id."""
    content = content_of("acct1")
    records = tuple(
        record(
            "acct1",
            uuid=f"{number:032x}",
            age=age,
            content=(content if right else "stale") if instance else None,
            instance=instance or "default",
        )
        for number, (instance, age, right) in enumerate(rows)
    )
    given_input = PlanInput(
        scan=Scan((found("acct1"),)),
        place=in_alpha,
        known=Known(records),
        offering=Offering(OFFERING, "x", frozenset()),
        settings=settings(),
        instance="one",
        ids_ignore_case=False,
    )
    removed = {
        removal.record.uuid
        for instance in ("one", "two")
        for removal in make_plan(replace(given_input, instance=instance)).surplus
    }
    assert len(removed) < len(records)


# --- ids


@pytest.mark.parametrize(
    ("backend_id", "said"),
    [
        ("", "empty"),
        (" acct", "blanks at its ends"),
        ("acct\n", "blanks at its ends"),
        ("a\0b", "NUL"),
        ("a" * 256, "256 characters"),
        ("Bad-Id", "backend_id_rules"),
    ],
)
def test_ids_that_waldur_cannot_keep_are_skipped(backend_id: str, said: str) -> None:
    """An id that Waldur would change, refuse or not import is skipped: it would be doubled each round."""
    plan = plan_for(found(backend_id), misfits={"Bad-Id"})
    assert said in plan.skipped[0].why
    assert not plan.report


def test_why_an_id_does_not_fit_is_told() -> None:
    """The rule, and the provider's own words about it; the others are reported."""
    offering = Offering(OFFERING, "x", frozenset(), backend_id_pattern="acct", backend_id_hint="acct only")
    plan = plan_for(found("acct"), found("acct1"), offering=offering, misfits={"acct1"})
    assert ids(plan.report) == ["acct"]
    assert plan.skipped[0].why == "the offering's backend_id_rules would refuse the import: acct (acct only)"


def test_255_characters_are_taken() -> None:
    """The bound itself is allowed."""
    assert len(plan_for(found("a" * 255)).report) == 1


def test_case_is_ignored_where_the_backend_does() -> None:
    """Where the backend takes two spellings for one id, a record in another spelling is the same resource's."""
    known = (record("ACCT1", content=content_of("acct1")),)
    assert plan_for(found("acct1"), records=known, ignore_case=True).keep[0].why == "unchanged"
    assert ids(plan_for(found("acct1"), records=known, ignore_case=False).report) == ["acct1"]


def test_two_found_that_are_one_id_are_skipped() -> None:
    """Two found resources that Waldur could not tell apart are both skipped, and their record stays."""
    plan = plan_for(found("acct1"), found("ACCT1"), records=(record("acct1"),), ignore_case=True)
    assert len(plan.skipped) == 2
    assert "'acct1', 'ACCT1'" in plan.skipped[0].why
    assert not plan.writes


def test_record_of_a_skipped_resource_is_kept() -> None:
    """A resource whose id the rules refuse now keeps the record that it has."""
    plan = plan_for(found("acct1"), records=(record("acct1"),), misfits={"acct1"})
    assert not plan.writes
    assert "backend_id_rules" in plan.keep[0].why


def test_only_lower_case_is_folded() -> None:
    """`straße` and `strasse` are two accounts."""
    assert len(plan_for(found("straße"), found("strasse"), ignore_case=True).report) == 2


def test_refused_is_not_tried_again() -> None:
    """What Waldur refused in this round is not reported again by the same round."""
    plan = plan_for(found("acct1"), refused={"acct1": "no such project"})
    assert not plan.report
    assert "no such project" in plan.skipped[0].why


# --- components


def test_component_that_the_offering_lacks_is_left_out_with_a_warning() -> None:
    """Limits of a component that the offering does not have would make Waldur compute wrong costs."""
    plan = plan_for(
        found("acct1", limits={"GrpTRES.cpu": 4, "GrpTRES.disk": 5}),
        components={"cpu": {"from": "GrpTRES.cpu"}, "disk": {"from": "GrpTRES.disk"}},
    )
    assert plan.report[0].metadata["limits"] == {"cpu": 4}
    assert "no component disk (it has cpu, gpu)" in plan.warnings[0]


def test_counts_tell_every_kind() -> None:
    """The counts name each kind of action once, in the order in which they are told."""
    plan = plan_for(found("acct1"), found("acct2"), records=(record("acct2"), record("gone", uuid="7" * 32)))
    assert plan.counts() == {
        "reported": 1,
        "refreshed": 1,
        "withdrawn": 1,
        "removed as surplus": 0,
        "kept": 0,
        "unplaced": 0,
        "skipped": 0,
        "held back": 0,
    }


def test_same_input_same_plan() -> None:
    """The plan is a function of its input."""
    things = [found(f"acct{number}") for number in range(5)]
    assert plan_for(*things, records=(record("acct3"),)) == plan_for(*things, records=(record("acct3"),))


# --- the holding project


def held(thing: FoundResource) -> Placement:
    """Nothing but the holding project, which is Beta, takes it."""
    del thing
    return Placement(BETA, "held by the holding project, since no rule matches", holding=True)


HELD = {"projects": {"holding_project": "beta"}}


def test_held_resources_are_reported_and_named() -> None:
    """They are reported into the holding project, listed apart for a person, and the warning says what may happen."""
    plan = plan_for(found("a"), found("b"), place=held, **HELD)
    assert [wanted.project for wanted in plan.report] == [BETA, BETA]
    assert [(item.resource.backend_id, item.why[:4]) for item in plan.holding] == [("a", "held"), ("b", "held")]
    (warning,) = plan.warnings
    assert warning.startswith("2 resources are held by the holding project beta. waldur-site-agent takes users off")
    assert "move_resource" in warning


def test_no_record_moves_from_its_project_to_the_holding_project() -> None:
    """A project that is out of sight for a while does not cost its resources their place."""
    plan = plan_for(found("a"), records=(record("a", project=ALPHA),), place=held, **HELD)
    assert not plan.writes
    assert [(kept.backend_id, kept.why[:20]) for kept in plan.keep] == [("a", "no longer placeable:")]
    assert [item.resource.backend_id for item in plan.holding] == ["a"]


def test_held_records_are_refreshed_and_leave_when_placed() -> None:
    """In the holding project a record is refreshed like any other, and a rule that places it later moves it."""
    assert len(plan_for(found("a"), records=(record("a", project=BETA),), place=held, **HELD).refresh) == 1
    fresh = record("a", project=BETA, content=content_of("a", project=BETA))
    plan = plan_for(found("a"), records=(fresh,), place=held, **HELD)
    assert [kept.why for kept in plan.keep] == ["unchanged"]
    (refresh,) = plan_for(found("a"), records=(fresh,)).refresh
    assert refresh.wanted.project == ALPHA
