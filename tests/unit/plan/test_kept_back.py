"""What is found but not offered now: an order is making it, or another offering of the same backend has it."""

import pytest

from support.builders import content_of, found, plan_for, record
from waldur_import_agent.plan import Elsewhere
from waldur_import_agent.records import KnownResource


def ordered(slug: str = "lab-1", *, backend_id: str = "", state: str = "Creating") -> KnownResource:
    """A resource that an order is making."""
    return KnownResource("f" * 32, backend_id, "The lab's", state, slug=slug)


@pytest.mark.parametrize("backend_id", ["lab-1", "hpc_lab-1", "HPC_LAB-1", "hpc_lab-1_gpu"])
def test_what_an_order_is_creating_is_kept_back(backend_id: str) -> None:
    """Its slug is in the id: reported now, it would be imported a second time. The reason names the resource."""
    plan = plan_for(found(backend_id), resources_known=(ordered(),))
    assert not plan.writes
    (left_out,) = plan.skipped
    assert left_out.why.startswith("an order is creating the resource The lab's right now, whose slug lab-1 is in this")


@pytest.mark.parametrize(
    ("backend_id", "resource"),
    [
        ("hpc_lab-12", ordered()),
        ("hpc_lab", ordered()),
        ("hpc_lab-1", ordered(backend_id="hpc_other")),
        ("hpc_lab-1", ordered(state="OK")),
        ("hpc_lab-1", ordered(state="Erred")),
        ("hpc_lab-1", ordered("")),
    ],
)
def test_what_no_order_is_creating_is_reported(backend_id: str, resource: KnownResource) -> None:
    """Another slug, another state, or an id that the order has made already: nothing to wait for."""
    assert len(plan_for(found(backend_id), resources_known=(resource,)).report) == 1


def test_the_longest_slug_is_named() -> None:
    """Of several orders whose slugs are in the id, the one that fits best."""
    plan = plan_for(found("hpc_lab-1-gpu"), resources_known=(ordered("lab-1"), ordered("lab-1-gpu")))
    assert "slug lab-1-gpu" in plan.skipped[0].why


def test_orders_of_another_offering_of_the_same_backend_count() -> None:
    """Whichever offering it is ordered from, the account appears on the same backend."""
    assert plan_for(found("hpc_lab-1"), elsewhere=Elsewhere(resources=(ordered(),))).skipped


def test_what_another_offering_has_is_kept_back() -> None:
    """Its id alone is kept back, with the reason; where the backend ignores case, in any case."""
    elsewhere = Elsewhere({"one": "the other offering has it"})
    plan = plan_for(found("one"), found("two"), elsewhere=elsewhere)
    assert [(item.resource.backend_id, item.why) for item in plan.skipped] == [("one", "the other offering has it")]
    assert [wanted.backend_id for wanted in plan.report] == ["two"]
    assert plan_for(found("ONE"), elsewhere=elsewhere, ignore_case=True).skipped
    assert plan_for(found("ONE"), elsewhere=elsewhere).report


def test_a_record_of_what_is_kept_back_stays() -> None:
    """Keeping back writes nothing: a record that is there is neither refreshed nor withdrawn, surplus ones go."""
    records = (record("one", content="old"), record("one", uuid="2" * 32, age=1, content=content_of("one")))
    plan = plan_for(found("one"), records=records, elsewhere=Elsewhere({"one": "why"}))
    assert [removal.record.uuid for removal in plan.surplus] == ["2" * 32]
    assert not plan.refresh
    assert not plan.withdraw
