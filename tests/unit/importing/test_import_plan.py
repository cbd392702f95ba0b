"""What an import would take, with which limits, and what it leaves and why."""

from typing import Any

import pytest

from support.builders import EPOCH
from waldur_import_agent.errors import UsageError
from waldur_import_agent.id_pattern import Misfits
from waldur_import_agent.importing import ImportPlan, choose_plan, make_import_plan
from waldur_import_agent.waldur.models import BackendResource, OfferingPlan, ProviderOffering, ResourceDetails

STANDARD = OfferingPlan(uuid="1" * 32, name="Standard")
ALPHA, BETA = "a" * 32, "b" * 32


def offering(**changes: Any) -> ProviderOffering:
    """An offering with the components cpu and gpu."""
    values: dict[str, Any] = {"uuid": "0" * 32, "name": "SLURM cluster", "plans": [STANDARD.model_dump()]}
    return ProviderOffering.model_validate(values | {"components": [{"type": "cpu"}, {"type": "gpu"}]} | changes)


def record(backend_id: str = "hpc_1", *, uuid: str = "2" * 32, **changes: Any) -> BackendResource:
    """A record of Alpha with both limits."""
    values = {"name": backend_id, "created": EPOCH, "project": ALPHA, "offering": "0" * 32, "backend_id": backend_id}
    values["backend_metadata"] = {"limits": {"cpu": 10, "gpu": 1}}
    return BackendResource.model_validate(values | {"uuid": uuid} | changes)


def plan_of(*records: BackendResource, resources: tuple[str, ...] = (), **changes: Any) -> ImportPlan:
    """The plan of an import; `resources` are the ids of live ones."""
    known = [ResourceDetails(uuid="3" * 32, backend_id=backend_id, state="Creating") for backend_id in resources]
    given = changes.pop("offering", offering())
    return make_import_plan(given, STANDARD, records, known, **changes)


def why(plan: ImportPlan) -> str:
    """Why the only record of a plan is refused."""
    assert not plan.imports
    (left,) = plan.refused
    return left.why


def test_right_record_is_imported_as_it_is() -> None:
    """A record with all limits, and nothing to know about it."""
    plan = plan_of(record())
    (item,) = plan.imports
    assert (item.limits, item.notes, plan.left_out) == ({"cpu": 10, "gpu": 1}, (), ())


def test_what_is_a_resource_already_is_left_and_nothing_is_missing() -> None:
    """In whatever live state it is; ids are compared as the backend compares them."""
    plan = plan_of(record("HPC_1"), resources=("hpc_1",), ignore_case=True)
    assert not plan.imports
    assert not plan.refused
    assert "is a resource already (Creating" in plan.left_out[0].why
    assert plan_of(record("HPC_1"), resources=("hpc_1",)).imports


def test_resources_without_an_id_stand_for_nothing() -> None:
    """A resource whose id is not known yet is no reason to leave a record out."""
    assert plan_of(record(), resources=("",)).imports


def test_rule_of_format_refuses_in_the_providers_words() -> None:
    """What does not match is left out; a pattern that cannot be tried is left to the server, and said beforehand."""
    rules = {"format": {"regex": r"hpc_\d+", "description": "hpc_ and a number"}}
    strict = offering(backend_id_rules=rules)
    misfits = Misfits(frozenset({"hpc_1x"}))
    assert why(plan_of(record("hpc_1x"), offering=strict, misfits=misfits)) == (
        r"the offering's backend_id_rules would refuse the import: hpc_\d+ (hpc_ and a number)"
    )
    assert plan_of(record("hpc_1"), offering=strict, misfits=misfits).imports
    plan = plan_of(record("hpc_1"), offering=strict, misfits=Misfits(problem="it cannot be tried"))
    assert plan.imports
    assert plan.notes == ("it cannot be tried",)


def other(**changes: Any) -> ResourceDetails:
    """A terminated resource of another offering of the same provider and category, with the id hpc_1."""
    values = {"uuid": "7" * 32, "backend_id": "hpc_1", "state": "Terminated", "offering_uuid": "8" * 32}
    values |= {"offering_name": "Old cluster", "provider_uuid": "c" * 32, "category_uuid": "d" * 32}
    return ResourceDetails.model_validate(values | changes)


@pytest.mark.parametrize(
    ("scope", "resource", "refused"),
    [
        ("offering", other(), False),
        ("offering", other(offering_uuid="0" * 32), True),
        ("offering", other(offering_uuid="0" * 32, backend_id="hpc_2"), False),
        ("service_provider", other(), True),
        ("service_provider", other(provider_uuid="e" * 32), False),
        ("service_provider_category", other(), True),
        ("service_provider_category", other(category_uuid="e" * 32), False),
    ],
)
def test_rule_of_uniqueness_refuses(scope: str, resource: ResourceDetails, *, refused: bool) -> None:
    """Within the rule's scope no resource may have the id; those terminated count unless the rule says otherwise."""
    rules: dict[str, Any] = {"uniqueness": {"scope": scope}}
    strict = {"customer_uuid": "c" * 32, "category_uuid": "d" * 32, "backend_id_rules": rules}
    plan = plan_of(record(), offering=offering(**strict), same_scope=[resource])
    assert bool(plan.refused) is refused
    if refused:
        assert "must be unique in " in why(plan)
        assert "Terminated, of Old cluster" in why(plan)
    rules["uniqueness"]["include_terminated"] = False
    assert plan_of(record(), offering=offering(**strict), same_scope=[resource]).imports


def test_scope_that_cannot_be_seen_is_said() -> None:
    """What an offering group is, no list tells: it is left to Waldur, and said beforehand."""
    grouped = offering(backend_id_rules={"uniqueness": {"scope": "offering_group"}})
    plan = plan_of(record(), offering=grouped, same_scope=[other()])
    assert plan.imports
    assert plan.notes == (
        "backend_id_rules want ids that are unique in the offering_group, which only Waldur itself can compare",
    )
    assert plan_of(record()).notes == ()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"backend_id": ""}, "no backend id"),
        ({"backend_metadata": ["limits"]}, "no JSON object: Waldur would answer 500"),
        ({"backend_metadata": {"limits": [1]}}, "limits are no JSON object"),
        ({"backend_metadata": {"limits": {"cpu": "10", "gpu": True, "ram": 1}}}, "no number: cpu='10', gpu=True"),
    ],
)
def test_records_that_would_make_bad_resources_are_refused(changes: dict[str, Any], reason: str) -> None:
    """What Waldur would crash on, or take over as nonsense."""
    assert reason in why(plan_of(record(**changes)))


def test_limits_of_no_component_and_missing_ones_are_noted() -> None:
    """A key that the offering does not have is taken over by Waldur as it is: that must be seen before."""
    (item,) = plan_of(record(backend_metadata={"limits": {"cpu": 1, "ram": 5}})).imports
    assert item.limits == {"cpu": 1, "ram": 5}
    assert item.notes == (
        "no component of the offering: ram (Waldur takes them over as they are)",
        "no limit for gpu",
    )


def test_record_without_limits() -> None:
    """Metadata without limits make a resource without limits."""
    (item,) = plan_of(record(backend_metadata={})).imports
    assert item.limits == {}


def test_equal_records_of_one_id_are_imported_once() -> None:
    """The oldest is; of records that differ none is, since nobody knows which is right."""
    first, second = record(), record(uuid="4" * 32)
    (item,) = plan_of(first, second).imports
    assert item.record == first
    assert "2 equal records" in item.notes[0]
    for changes in ({"project": BETA}, {"name": "other"}, {"backend_metadata": {"limits": {"cpu": 1}}}):
        reason = why(plan_of(first, record(uuid="4" * 32, **changes)))
        assert "2 records of this id differ" in reason
        assert "4" * 32 in reason


def test_chosen_ids_in_their_order() -> None:
    """Ids from a file are taken in its order; one that has no record is named, one that is a resource is fine."""
    plan = plan_of(
        record("hpc_1"),
        record("hpc_2"),
        record("hpc_3"),
        resources=("hpc_9",),
        ids=["HPC_2", "hpc_8", "hpc_9", "hpc_1", "hpc_2"],
        ignore_case=True,
    )
    assert [item.record.backend_id for item in plan.imports] == ["hpc_2", "hpc_1"]
    assert [(item.backend_id, item.exists) for item in plan.left_out] == [("hpc_8", False), ("hpc_9", True)]
    assert "no record has this id" in plan.refused[0].why


def test_plan_is_chosen_by_uuid_or_name() -> None:
    """A UUID with or without dashes, or the exact name; anything else names the plans that there are."""
    other = OfferingPlan(uuid="5" * 32, name="Standard")
    premium = OfferingPlan(uuid="6" * 32, name="Premium")
    given = offering(plans=[plan.model_dump() for plan in (STANDARD, other, premium)])
    assert choose_plan(given, "Premium") == premium
    assert choose_plan(given, "55555555-5555-5555-5555-555555555555") == other
    with pytest.raises(UsageError, match=r"2 plans named 'Standard'.*'Standard' \(1{32}\)"):
        choose_plan(given, "Standard")
    with pytest.raises(UsageError, match=r"no plan 'premium'.*'Premium'"):
        choose_plan(given, "premium")
    with pytest.raises(UsageError, match="none: create one first"):
        choose_plan(offering(plans=[]), "x")
