"""All that there is to say about one backend id, out of one survey. No I/O."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from waldur_import_agent.fulfilment import Survey
from waldur_import_agent.records import FoundResource, KnownRecord, LeftOut, Placement, Plan, WantedRecord, id_key

SIMILAR_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Said:
    """A record or resource of the id in Waldur: what it is, its UUID, where it is, and whose."""

    what: str
    uuid: str
    name: str
    project: str
    detail: str


@dataclass(frozen=True, slots=True)
class Action:
    """What the next round would do with the id, and why; `wanted` is the record that it would write."""

    action: str
    why: str
    wanted: WantedRecord | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """One backend id on both sides.

    `found` is None where the scan did not find it; `excluded` then says which filter left it out, if one did.
    `similar` are ids like it, where it is nowhere.
    """

    backend_id: str
    found: tuple[FoundResource, ...]
    excluded: str
    placement: Placement | None
    in_waldur: tuple[Said, ...]
    actions: tuple[Action, ...]
    similar: tuple[str, ...]
    scan_complete: bool
    warnings: tuple[str, ...]

    @property
    def known(self) -> bool:
        """Whether it is anywhere at all."""
        return bool(self.found or self.excluded or self.in_waldur)


def explain(survey: Survey, plan: Plan, backend_id: str, *, instance: str, ignore_case: bool) -> Explanation:
    """What `survey` and the `plan` that follows from it say about `backend_id`, compared as the backend does."""

    def key(text: str) -> str:
        return id_key(text, ignore_case=ignore_case)

    wanted = key(backend_id)
    found = tuple(resource for resource in survey.scan.resources if key(resource.backend_id) == wanted)
    excluded = {key(name): why for name, why in survey.scan.excluded.items()}.get(wanted, "")
    names = {project.uuid: project.name for project in survey.projects}
    in_waldur = (
        *(_record(record, names, instance) for record in survey.known.records if key(record.backend_id) == wanted),
        *(
            Said(
                "resource",
                resource.uuid,
                resource.name,
                resource.project.name or resource.project.uuid if resource.project else "",
                resource.state,
            )
            for resource in survey.known.resources
            if key(resource.backend_id) == wanted
        ),
    )
    similar: tuple[str, ...] = ()
    if not (found or excluded or in_waldur):
        everything = {resource.backend_id for resource in survey.scan.resources} | set(survey.scan.excluded)
        folded = {name.casefold(): name for name in sorted(everything)}
        similar = tuple(folded[near] for near in get_close_matches(backend_id.casefold(), folded, SIMILAR_SHOWN))
    return Explanation(
        backend_id=backend_id,
        found=found,
        excluded=excluded,
        placement=survey.placer.place(found[0]) if found else None,
        in_waldur=in_waldur,
        actions=tuple(action for name, action in _actions(plan) if key(name) == wanted),
        similar=similar,
        scan_complete=survey.scan.complete,
        warnings=(*survey.remarks, *survey.warnings, *plan.warnings),
    )


def _record(record: KnownRecord, names: Mapping[str, str], instance: str) -> Said:
    marker = record.marker
    if marker is None:
        whose = "written by somebody else"
    else:
        owner = "ours" if marker.instance == instance else f"of the instance {marker.instance!r}"
        whose = f"{owner}, written by {marker.host} on {marker.written:%Y-%m-%d %H:%M:%S}"
    return Said("record", record.uuid, record.name, names.get(record.project_uuid, record.project_uuid), whose)


def _actions(plan: Plan) -> Iterator[tuple[str, Action]]:
    """What is done with each id, in the order of the plan."""
    for wanted in plan.report:
        yield wanted.backend_id, Action("report", _why(wanted), wanted)
    for refresh in plan.refresh:
        yield refresh.wanted.backend_id, Action("refresh", f"record {refresh.old.uuid} is out of date", refresh.wanted)
    removals = {"remove": plan.surplus, "withdraw": plan.withdraw}
    for name, items in removals.items():
        for removal in items:
            yield removal.record.backend_id, Action(name, f"record {removal.record.uuid}: {removal.why}")
    for removal in plan.held:
        yield removal.record.backend_id, Action("hold back", f"{removal.why}; {plan.held_why}")
    for kept in plan.keep:
        yield kept.backend_id, Action("keep", kept.why)
    left: dict[str, tuple[LeftOut, ...]] = {
        "unplaced": plan.unplaced,
        "skip": plan.skipped,
        "holding": plan.holding,
    }
    for name, left_out in left.items():
        for item in left_out:
            yield item.resource.backend_id, Action(name, item.why)


def _why(wanted: WantedRecord) -> str:
    return "; ".join(["Waldur has neither a record nor a resource of it", *wanted.notes])
