"""Pure: which records an import would take, with which limits, and why others are left."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from waldur_import_agent.errors import UsageError
from waldur_import_agent.id_pattern import NO_MISFITS, Misfits
from waldur_import_agent.importing.rules import BackendIdRules
from waldur_import_agent.importing.selection import metadata_of
from waldur_import_agent.records import id_key
from waldur_import_agent.waldur.models import BackendResource, OfferingPlan, ProviderOffering, ResourceDetails


@dataclass(frozen=True, slots=True)
class Import:
    """A record that is to become a resource; `notes` are what to know before saying yes."""

    record: BackendResource
    limits: Mapping[str, float]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NotImported:
    """What is left, and why. `exists`: a live resource has this id already, so nothing is missing."""

    backend_id: str
    why: str
    exists: bool = False


@dataclass(frozen=True, slots=True)
class MetadataChange:
    """Metadata that a run is to set at a resource: `metadata` is what it then has. `needed`: it has not yet."""

    backend_id: str
    resource: str
    metadata: Mapping[str, Any]
    needed: bool = True


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What an import into `offering` does: `imports` in their order, all with `plan`; then the metadata.

    `notes` are what to know about all of it.
    """

    offering: ProviderOffering
    plan: OfferingPlan
    imports: tuple[Import, ...] = ()
    left_out: tuple[NotImported, ...] = ()
    metadata: tuple[MetadataChange, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def refused(self) -> tuple[NotImported, ...]:
        """What is left out although no resource has it."""
        return tuple(item for item in self.left_out if not item.exists)


def choose_plan(offering: ProviderOffering, wanted: str) -> OfferingPlan:
    """The plan with this UUID or name. Raises UsageError, naming the plans, where it is not exactly one."""
    uuid = wanted.replace("-", "").lower()
    found = [plan for plan in offering.plans if plan.uuid == uuid] or [
        plan for plan in offering.plans if plan.name == wanted
    ]
    if len(found) == 1:
        return found[0]
    has = ", ".join(f"{plan.name!r} ({plan.uuid})" for plan in offering.plans) or "none: create one first"
    what = f"{len(found)} plans named {wanted!r}" if found else f"no plan {wanted!r}"
    raise UsageError(f"the offering {offering.name} has {what}", remedy=f"Its plans: {has}")


def make_import_plan(
    offering: ProviderOffering,
    plan: OfferingPlan,
    records: Sequence[BackendResource],
    resources: Iterable[ResourceDetails],
    *,
    same_scope: Iterable[ResourceDetails] = (),
    misfits: Misfits = NO_MISFITS,
    ids: Sequence[str] | None = None,
    ignore_case: bool = False,
) -> ImportPlan:
    """What to import of `records`, the oldest first; with `ids` only those, in that order.

    `resources` are the live ones of the offering: what is there already is never imported again, in whatever state it
    is, although Waldur itself looks at those in state OK only. `same_scope` are those, terminated ones too, that the
    offering's rule of uniqueness may be about; `misfits` are the ids that its pattern does not match. Ids are compared
    as the backend does (`ignore_case`).
    """
    rules = BackendIdRules(offering, same_scope, misfits.ids)

    def key(backend_id: str) -> str:
        return id_key(backend_id, ignore_case=ignore_case)

    existing = {key(resource.backend_id): resource for resource in resources if resource.backend_id}
    by_key: dict[str, list[BackendResource]] = {}
    for record in records:
        by_key.setdefault(key(record.backend_id), []).append(record)
    wanted = by_key if ids is None else dict.fromkeys(key(backend_id) for backend_id in ids)
    texts = {key(backend_id): backend_id for backend_id in ids or ()}
    imports: list[Import] = []
    left_out: list[NotImported] = []
    for each in wanted:
        same = by_key.get(each, [])
        backend_id = same[0].backend_id if same else texts[each]
        resource = existing.get(each)
        if resource is not None:
            why = f"is a resource already ({resource.state}, in {resource.project_name or resource.project_uuid})"
            left_out.append(NotImported(backend_id, why, exists=True))
        elif why := _refusal(rules, same):
            left_out.append(NotImported(backend_id, why))
        else:
            imports.append(_import(offering, same))
    return ImportPlan(
        offering, plan, tuple(imports), tuple(left_out), notes=tuple(filter(None, [rules.unseen, misfits.problem]))
    )


def metadata_changes(
    noted: Mapping[str, Mapping[str, Any]], resources: Iterable[ResourceDetails]
) -> tuple[MetadataChange, ...]:
    """For each of the live `resources` whose metadata are `noted` by backend id: what it is to have.

    What else it has is kept; `MetadataChange.needed` tells whether something is missing.
    """
    changes = []
    for resource in resources:
        if (wanted := noted.get(resource.backend_id)) is None:
            continue
        has = resource.backend_metadata if isinstance(resource.backend_metadata, dict) else {}
        metadata = {**has, **wanted}
        changes.append(MetadataChange(resource.backend_id, resource.uuid, metadata, needed=metadata != has))
    return tuple(changes)


def _refusal(rules: BackendIdRules, same: Sequence[BackendResource]) -> str:
    """Why the records of one id must not be imported, or nothing."""
    if not same:
        return "no record has this id: it was not reported, or withdrawn"
    record = same[0]
    if not record.backend_id:
        return "it has no backend id, by which a second import could be told from the first"
    if not isinstance(record.backend_metadata, dict):
        return "its metadata are no JSON object: Waldur would answer 500"
    if wrong := _wrong_limits(record):
        return wrong
    if len({_content(each) for each in same}) > 1:
        return (
            f"{len(same)} records of this id differ in name, project or limits "
            f"({', '.join(each.uuid for each in same)}): a new request lets the agent repair that"
        )
    return rules.refusal(record.backend_id)


def _wrong_limits(record: BackendResource) -> str:
    limits = metadata_of(record).get("limits", {})
    if not isinstance(limits, dict):
        return "its limits are no JSON object"
    wrong = [f"{name}={value!r}" for name, value in limits.items() if not _is_number(value)]
    return f"limits that are no number: {', '.join(wrong)}" if wrong else ""


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _content(record: BackendResource) -> tuple[str, str, str]:
    return record.name, record.project, repr(metadata_of(record).get("limits"))


def _import(offering: ProviderOffering, same: Sequence[BackendResource]) -> Import:
    record = same[0]
    limits = metadata_of(record).get("limits", {})
    components = {component.type for component in offering.components}
    notes = []
    if unknown := sorted(set(limits) - components):
        notes.append(f"no component of the offering: {', '.join(unknown)} (Waldur takes them over as they are)")
    if missing := sorted(components - set(limits)):
        notes.append(f"no limit for {', '.join(missing)}")
    if len(same) > 1:
        notes.append(f"{len(same)} equal records; the oldest is imported, the agent removes the rest")
    return Import(record, limits, tuple(notes))
