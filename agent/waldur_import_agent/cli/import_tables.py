"""The tables of `records import`: what is to become what, and what became of it."""

from typing import TYPE_CHECKING, TextIO

from waldur_import_agent.cli import output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from waldur_import_agent.importing import ImportPlan, Result

PREVIEW_COLUMNS = ("id", "becomes", "project", "limits", "reported", "to know")
LEFT_COLUMNS = ("id", "why it is left")
METADATA_COLUMNS = ("id", "resource", "metadata that an earlier run has not set")
RESULT_COLUMNS = ("id", "result", "resource", "why")


def print_preview(plan: "ImportPlan", *, stream: TextIO | None = None) -> None:
    """What an import does, on stdout or `stream`."""
    if plan.imports:
        rows = [
            (
                output.short(item.record.backend_id),
                output.short(item.record.name),
                item.record.project_name or item.record.project,
                ", ".join(f"{name}={value}" for name, value in item.limits.items()),
                item.record.created,
                "; ".join(item.notes),
            )
            for item in plan.imports
        ]
        title = f"To become resources of {plan.offering.name} with the plan {plan.plan.name}"
        output.print_table(title, PREVIEW_COLUMNS, rows, stream=stream)
    if plan.left_out:
        left = [(output.short(item.backend_id), item.why) for item in plan.left_out]
        output.print_table("Not imported", LEFT_COLUMNS, left, stream=stream)
    if plan.metadata:
        changes = [
            (output.short(change.backend_id), change.resource, ", ".join(change.metadata)) for change in plan.metadata
        ]
        output.print_table("To get their metadata", METADATA_COLUMNS, changes, stream=stream)
    for note in plan.notes:
        output.say(f"note: {note}")
    existing = len(plan.left_out) - len(plan.refused)
    projects = len({item.record.project for item in plan.imports})
    output.say(
        f"{count(len(plan.imports))} to import into {projects} project{'' if projects == 1 else 's'}, "
        f"{existing} resources already, {len(plan.refused)} refused"
    )


def print_results(results: "Sequence[Result]") -> None:
    """What became of each, and how many of each."""
    from collections import Counter

    rows = [(output.short(result.backend_id), result.outcome, result.resource, result.why) for result in results]
    output.print_table("Import", RESULT_COLUMNS, rows)
    counts = Counter(str(result.outcome) for result in results)
    output.say(", ".join(f"{number} {outcome}" for outcome, number in counts.items()))


def count(number: int) -> str:
    """So many records."""
    return f"{number} record{'' if number == 1 else 's'}"
