"""The plan of a round."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from waldur_import_agent.id_pattern import refusal
from waldur_import_agent.plan.kept_back import Elsewhere, kept_back
from waldur_import_agent.plan.wanted import make_record
from waldur_import_agent.plan.withdrawals import guard_withdrawals
from waldur_import_agent.records import (
    Component,
    FoundResource,
    Kept,
    Known,
    KnownRecord,
    KnownResource,
    LeftOut,
    Offering,
    Placement,
    Plan,
    Refresh,
    Removal,
    Scan,
    WantedRecord,
    id_key,
)
from waldur_import_agent.settings.models import HOLDING_WARNING, OfferingSettings

BACKEND_ID_MAX = 255
"""Characters of a record's backend_id (Waldur's limit)."""


@dataclass(frozen=True, slots=True)
class PlanInput:
    """All that the plan is made of.

    `refused` maps ids that Waldur refused in this round to its words: they are not tried again.
    `misfits` are the ids that the offering's backend_id_rules would refuse. `allow_withdrawals` lifts the guard, once.
    """

    scan: Scan
    place: Callable[[FoundResource], Placement]
    known: Known
    offering: Offering
    settings: OfferingSettings
    instance: str
    ids_ignore_case: bool
    refused: Mapping[str, str] = field(default_factory=dict)
    misfits: Collection[str] = frozenset()
    allow_withdrawals: bool = False
    elsewhere: Elsewhere = field(default_factory=Elsewhere)


def make_plan(given: PlanInput) -> Plan:
    """Work out what to do with the records of one offering. The same input gives the same plan."""
    return _Planner(given).plan()


class _Planner:
    def __init__(self, given: PlanInput) -> None:
        self._given = given
        self._components, self._warnings = _offered_components(given)
        self._records: dict[str, list[KnownRecord]] = {}
        for record in given.known.records:
            self._records.setdefault(self._key(record.backend_id), []).append(record)
        self._resources: dict[str, KnownResource] = {
            self._key(resource.backend_id): resource for resource in given.known.resources if resource.backend_id
        }
        self._excluded = self._by_key(given.scan.excluded)
        self._excluded_prefixes = self._by_key(given.scan.excluded_prefixes)
        self._absent = self._by_key(given.scan.absent)
        self._same: dict[str, str] = {}
        self._report: list[WantedRecord] = []
        self._refresh: list[Refresh] = []
        self._surplus: list[Removal] = []
        self._gone: list[Removal] = []
        self._keep: list[Kept] = []
        self._unplaced: list[LeftOut] = []
        self._skipped: list[LeftOut] = []
        self._holding: list[LeftOut] = []
        self._kept_back = kept_back(given.known.resources, given.elsewhere)

    def plan(self) -> Plan:
        by_key: dict[str, list[FoundResource]] = {}
        for resource in self._given.scan.resources:
            by_key.setdefault(self._key(resource.backend_id), []).append(resource)
        for key, found in by_key.items():
            if len(found) > 1:
                self._skip_all(key, found)
            else:
                self._one(key, found[0])
        for key, records in self._records.items():
            if key not in by_key:
                self._not_offered(key, records, self._why_excluded(key))
        held_why, kept_why = guard_withdrawals(
            self._given.settings.withdraw,
            gone=len(self._gone),
            ours=self._ours_count(),
            complete=self._given.scan.complete,
            allowed_once=self._given.allow_withdrawals,
        )
        if kept_why:
            self._keep += [Kept(gone.record.backend_id, gone.record.name, kept_why) for gone in self._gone]
        gone = () if kept_why else tuple(self._gone)
        return Plan(
            report=tuple(self._report),
            refresh=tuple(self._refresh),
            surplus=tuple(self._surplus),
            withdraw=() if held_why else gone,
            held=gone if held_why else (),
            held_why=held_why,
            keep=tuple(self._keep),
            unplaced=tuple(self._unplaced),
            skipped=tuple(self._skipped),
            holding=tuple(self._holding),
            excluded=self._given.scan.excluded,
            warnings=(*self._given.scan.warnings, *self._warnings, *self._holding_warnings()),
        )

    def _holding_warnings(self) -> Iterator[str]:
        if self._holding:
            name = self._given.settings.projects.holding_project
            yield f"{len(self._holding)} resources are held by the holding project {name}. {HOLDING_WARNING}"

    # --- one id at a time

    def _one(self, key: str, resource: FoundResource) -> None:
        records = self._records.get(key, [])
        imported = self._resources.get(key)
        if imported is not None:
            self._imported(records, imported)
            return
        problem = _id_problem(resource.backend_id) or self._misfit(resource.backend_id) or self._kept_back(key)
        if problem or resource.backend_id in self._given.refused:
            why = problem or f"Waldur refused it: {self._given.refused[resource.backend_id]}"
            self._skipped.append(LeftOut(resource, why))
            self._keep_record(records, why)
            return
        placement = self._given.place(resource)
        if placement.project is None:
            self._without_project(resource, records, placement.why)
            return
        patterns = self._given.settings.record
        wanted = make_record(resource, placement, placement.project, self._components, patterns, same=self._same)
        survivor = self._survivor(records, wanted.content)
        if placement.holding:
            self._holding.append(LeftOut(resource, placement.why))
            if survivor and self._is_ours(survivor) and survivor.project_uuid != placement.project.uuid:
                # it had a project of its own: one that is out of sight for a while must not cost it that
                self._keep.append(Kept(survivor.backend_id, survivor.name, f"no longer placeable: {placement.why}"))
                return
        if survivor is None:
            self._report.append(wanted)
        elif not self._is_ours(survivor):
            self._keep.append(Kept(survivor.backend_id, survivor.name, self._foreign(survivor), placed=True))
        elif survivor.marker is None or survivor.marker.content != wanted.content:
            self._refresh.append(Refresh(survivor, wanted))
        else:
            self._keep.append(Kept(survivor.backend_id, survivor.name, "unchanged", placed=True))

    def _without_project(self, resource: FoundResource, records: Sequence[KnownRecord], why: str) -> None:
        if not records:
            self._unplaced.append(LeftOut(resource, why))
        self._keep_record(records, f"no longer placeable: {why}")

    def _keep_record(self, records: Sequence[KnownRecord], why: str) -> None:
        """Keep the record of what is there but is not reported now."""
        survivor = self._survivor(records, None)
        if survivor is not None:
            self._keep.append(Kept(survivor.backend_id, survivor.name, why))

    def _skip_all(self, key: str, found: Sequence[FoundResource]) -> None:
        names = ", ".join(repr(resource.backend_id) for resource in found)
        why = f"several ids are the same to the backend: {names}"
        self._skipped += [LeftOut(resource, why) for resource in found]
        self._keep_record(self._records.get(key, []), why)

    def _imported(self, records: Iterable[KnownRecord], resource: KnownResource) -> None:
        self._keep.append(Kept(resource.backend_id, resource.name, f"is a resource already ({resource.state})"))
        why = f"it is a resource already ({resource.state})"
        self._surplus += [Removal(record, why) for record in records if self._is_ours(record)]

    def _not_offered(self, key: str, records: Sequence[KnownRecord], excluded: str | None) -> None:
        imported = self._resources.get(key)
        if imported is not None:
            self._imported(records, imported)
        elif excluded is not None:
            self._keep_record(records, f"no longer offered: {excluded}")
        else:
            for record in records:
                if self._is_ours(record):
                    self._gone.append(Removal(record, self._absent.get(key, "gone from the backend")))
                else:
                    why = f"not found on the backend, but {self._foreign(record)}"
                    self._keep.append(Kept(record.backend_id, record.name, why))

    def _survivor(self, records: Iterable[KnownRecord], content: str | None) -> KnownRecord | None:
        """The one record of an id that stays; of the others ours become surplus.

        Every agent picks the same one, so that two of them can never empty the offering: the one that says what is
        wanted, and among equals the oldest.
        """

        def order(record: KnownRecord) -> tuple[bool, object, str]:
            right = content is not None and record.marker is not None and record.marker.content == content
            return (not right, record.created, record.uuid)

        ordered = sorted(records, key=order)
        self._surplus += [
            Removal(record, f"a second record of {record.backend_id}; {ordered[0].uuid} stays")
            for record in ordered[1:]
            if self._is_ours(record)
        ]
        return ordered[0] if ordered else None

    # --- small questions

    def _misfit(self, backend_id: str) -> str:
        offering = self._given.offering
        if backend_id not in self._given.misfits:
            return ""
        return refusal(offering.backend_id_pattern, offering.backend_id_hint)

    def _key(self, backend_id: str) -> str:
        return id_key(backend_id, ignore_case=self._given.ids_ignore_case)

    def _by_key(self, reasons: Mapping[str, str]) -> dict[str, str]:
        return {self._key(backend_id): why for backend_id, why in reasons.items()}

    def _why_excluded(self, key: str) -> str | None:
        """Why what has this id is there and not offered, None where it is not there."""
        if key in self._excluded:
            return self._excluded[key]
        beginnings = (key[:end] for end in range(len(key), 0, -1))  # there may be as many prefixes as records
        return next((self._excluded_prefixes[start] for start in beginnings if start in self._excluded_prefixes), None)

    def _is_ours(self, record: KnownRecord) -> bool:
        if self._given.settings.take_over:
            return True
        return record.marker is not None and record.marker.instance == self._given.instance

    def _ours_count(self) -> int:
        return sum(self._is_ours(record) for record in self._given.known.records)

    def _foreign(self, record: KnownRecord) -> str:
        if record.marker is None:
            return "written by somebody else: never refreshed or withdrawn"
        return f"written by the instance {record.marker.instance!r}: never refreshed or withdrawn"


def _offered_components(given: PlanInput) -> tuple[dict[str, Component], tuple[str, ...]]:
    """The configured components that the offering has; Waldur computes wrong costs from others."""
    configured = given.settings.components
    missing = sorted(set(configured) - given.offering.components)
    warnings = []
    if missing:
        has = ", ".join(sorted(given.offering.components)) or "none"
        warnings.append(
            f"the offering {given.offering.name} has no component {', '.join(missing)} (it has {has}): "
            "left out of all limits"
        )
    components = {
        name: Component(mapping.source, mapping.unit_factor)
        for name, mapping in configured.items()
        if name not in missing
    }
    return components, tuple(warnings)


def _id_problem(backend_id: str) -> str:
    """Why Waldur could not keep an id, or nothing."""
    if not backend_id or backend_id != backend_id.strip():
        return "the id is empty or has blanks at its ends, which Waldur cuts off"
    if "\0" in backend_id:
        return "the id holds a NUL character, which Waldur refuses"
    if len(backend_id) > BACKEND_ID_MAX:
        return f"the id has {len(backend_id)} characters, Waldur takes {BACKEND_ID_MAX}"
    return ""
