"""What became of each record of an import, and how the list of resources confirms it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from waldur_import_agent.importing.import_plan import Import
from waldur_import_agent.waldur.models import OfferingPlan, ResourceDetails


class ImportOutcome(StrEnum):
    """What became of a record."""

    IMPORTED = "imported"
    EXISTS = "exists"
    """A resource has the id already: imported by somebody else, or by this command before its answer was lost."""
    METADATA_SET = "metadata set"
    """It was a resource already, without the metadata that an earlier run was to set."""
    REFUSED = "refused"
    WRONG = "wrong"
    """Imported, but what Waldur now lists is not what was to be."""
    UNKNOWN = "unknown"
    """Sent, and Waldur could not say what became of it."""
    LEFT = "left"


FINE = frozenset({ImportOutcome.IMPORTED, ImportOutcome.EXISTS, ImportOutcome.METADATA_SET})
"""After these nothing is left to do."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one record; `resource` is the UUID of the resource, where it is known."""

    backend_id: str
    record: str
    outcome: ImportOutcome
    why: str = ""
    resource: str = ""


def result_of(item: Import, outcome: ImportOutcome, why: str = "", resource: str = "") -> Result:
    """The result of one record of a plan."""
    return Result(item.record.backend_id, item.record.uuid, outcome, why, resource)


def confirmed(item: Import, plan: OfferingPlan, result: Result, listed: Sequence[ResourceDetails]) -> Result:
    """A result compared with the live resources of its id: one, with the project, plan and limits that were to be."""
    if result.outcome is ImportOutcome.UNKNOWN and listed:
        result = replace(result, outcome=ImportOutcome.IMPORTED, why="")
    if result.outcome is not ImportOutcome.IMPORTED:
        return result
    if not listed:
        why = "the record is gone, but Waldur lists no resource with its id"
        return replace(result, outcome=ImportOutcome.WRONG, why=why)
    first = listed[0]
    wrong = []
    if len(listed) > 1:
        uuids = ", ".join(resource.uuid for resource in listed)
        wrong.append(f"{len(listed)} live resources have this id ({uuids}): terminate all but one")
    if first.project_uuid != item.record.project:
        wrong.append(f"it is in the project {first.project_name or first.project_uuid}, not in the record's")
    if first.plan_uuid != plan.uuid:
        wrong.append(f"it has the plan {first.plan_name or first.plan_uuid}, not {plan.name}")
    if first.limits != item.limits:
        wrong.append(f"it has the limits {first.limits}, the record had {dict(item.limits)}")
    outcome = ImportOutcome.WRONG if wrong else ImportOutcome.IMPORTED
    return replace(result, outcome=outcome, why="; ".join(wrong), resource=first.uuid)
