"""Short ways to make the data of this product, with defaults that nobody cares about."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

from waldur_import_agent.plan import Elsewhere, PlanInput, make_plan
from waldur_import_agent.plan.wanted import content_hash
from waldur_import_agent.records import (
    Ancestor,
    FoundResource,
    Known,
    KnownRecord,
    KnownResource,
    Marker,
    Offering,
    Placement,
    Plan,
    Project,
    Scan,
)
from waldur_import_agent.settings.models import OfferingSettings

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
OFFERING = "38ba14c70a274580adabe742014bddaa"
ALPHA = Project("a" * 32, "alpha", "Project Alpha", customer="Org A")
BETA = Project("b" * 32, "beta", "Project Beta", backend_id="keystone-beta", customer="Org B")


def found(backend_id: str = "acct1", *, parent: str = "hpc_alpha", **changes: Any) -> FoundResource:
    """A found account under `parent`."""
    values: dict[str, Any] = {"name": backend_id, "kind": "SLURM account", "parents": (Ancestor(parent, parent),)}
    return FoundResource(backend_id, **(values | changes))


def marker(content: str, *, instance: str = "default", run: str = "run") -> Marker:
    """A marker of this agent's instance."""
    return Marker(instance, content, "host", "1", run, EPOCH)


def record(
    backend_id: str = "acct1",
    *,
    uuid: str = "1" * 32,
    age: int = 0,
    content: str | None = "stale",
    instance: str = "default",
    project: Project = ALPHA,
) -> KnownRecord:
    """A record in Waldur, `age` seconds after the epoch; `content` None is one without a marker."""
    mark = None if content is None else marker(content, instance=instance)
    return KnownRecord(uuid, backend_id, backend_id, project.uuid, EPOCH + timedelta(seconds=age), mark)


def resource(backend_id: str, state: str = "OK") -> KnownResource:
    """A marketplace resource in Waldur."""
    return KnownResource("f" * 32, backend_id, backend_id, state)


def content_of(backend_id: str, *, project: Project = ALPHA, limits: dict[str, int] | None = None) -> str:
    """The hash that `found(backend_id)` has when it is placed in `project`."""
    return content_hash(backend_id, project.uuid, "SLURM account", limits or {})


def settings(**changes: Any) -> OfferingSettings:
    """The settings of an offering with an inventory scanner."""
    return OfferingSettings.model_validate({"uuid": OFFERING, "scanner": {"type": "inventory"}} | changes)


def in_alpha(thing: FoundResource) -> Placement:
    """Everything belongs to Alpha."""
    del thing
    return Placement(ALPHA, "everything is Alpha's")


def nowhere(thing: FoundResource) -> Placement:
    """Nothing can be placed."""
    del thing
    return Placement(None, "no rule matches")


def plan_for(
    *resources: FoundResource,
    records: tuple[KnownRecord, ...] = (),
    resources_known: tuple[KnownResource, ...] = (),
    place: Any = in_alpha,
    scan: Scan | None = None,
    offering: Offering | None = None,
    ignore_case: bool = False,
    refused: dict[str, str] | None = None,
    allow_withdrawals: bool = False,
    elsewhere: Elsewhere | None = None,
    misfits: Collection[str] = (),
    **configured: Any,
) -> Plan:
    """The plan for what was found and what is known; other keywords are settings of the offering."""
    return make_plan(
        PlanInput(
            scan=scan or Scan(resources),
            place=place,
            known=Known(records, resources_known),
            offering=offering or Offering(OFFERING, "SLURM cluster", frozenset({"cpu", "gpu"})),
            settings=settings(**configured),
            instance="default",
            ids_ignore_case=ignore_case,
            refused=refused or {},
            allow_withdrawals=allow_withdrawals,
            elsewhere=elsewhere or Elsewhere(),
            misfits=misfits,
        )
    )
