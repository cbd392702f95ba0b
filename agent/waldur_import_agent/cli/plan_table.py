"""A plan as a table, for `plan` and `demo`."""

from collections.abc import Iterator

from waldur_import_agent.cli import output
from waldur_import_agent.records import Plan, WantedRecord

COLUMNS = ("action", "id", "name", "project", "limits", "why and what to know")


def print_plan(title: str, plan: Plan) -> None:
    """The plan, one line per resource, and a line that counts."""
    output.print_table(title, COLUMNS, list(_rows(plan)))
    for warning in plan.warnings:
        output.say(f"warning: {warning}")
    if plan.held_why:
        output.say(f"held back: {plan.held_why}.")
    output.say(summary(plan))


def summary(plan: Plan) -> str:
    """How many of each."""
    counts = ", ".join(f"{count} {what}" for what, count in plan.counts().items() if count) or "nothing found"
    return f"{counts}; {len(plan.excluded)} on the backend are not offered" if plan.excluded else counts


def _rows(plan: Plan) -> Iterator[tuple[object, ...]]:
    for wanted in plan.report:
        yield "report", *_wanted(wanted)
    for refresh in plan.refresh:
        yield "refresh", *_wanted(refresh.wanted)
    for removal in plan.surplus:
        yield "remove", output.short(removal.record.backend_id), "", None, None, removal.why
    for removal in plan.withdraw:
        yield "withdraw", output.short(removal.record.backend_id), "", None, None, removal.why
    for removal in plan.held:
        yield "hold back", output.short(removal.record.backend_id), "", None, None, removal.why
    for kept in plan.keep:
        yield "keep", output.short(kept.backend_id), "", None, None, kept.why
    for left_out in plan.unplaced:
        yield "unplaced", output.short(left_out.resource.backend_id), "", None, None, left_out.why
    for left_out in plan.skipped:
        yield "skip", output.short(left_out.resource.backend_id), "", None, None, left_out.why


def _wanted(wanted: WantedRecord) -> tuple[object, ...]:
    name = "" if wanted.name == wanted.backend_id else output.short(wanted.name)
    return output.short(wanted.backend_id), name, wanted.project.name, _limits(wanted), _why(wanted)


def _limits(wanted: WantedRecord) -> str:
    return ", ".join(f"{name}={value}" for name, value in wanted.metadata["limits"].items())


def _why(wanted: WantedRecord) -> str:
    return "; ".join([str(wanted.metadata.get("placement", "")), *wanted.notes])
