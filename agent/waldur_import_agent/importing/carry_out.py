"""Carrying out an import, one record after the other, so that whatever interrupts it nothing is imported twice.

Before every hundred imports Waldur's resources are read again, so that what has become one meanwhile is left; after
each the record must be gone; after a lost answer it is looked for before anything is sent again; and at the end the
list of resources is the receipt. In requests to Waldur: two for each record, and a list for each hundred of them.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from waldur_import_agent.errors import AgentError, StoppedError
from waldur_import_agent.importing.import_plan import Import, ImportPlan, MetadataChange
from waldur_import_agent.importing.notes import ImportNotes
from waldur_import_agent.importing.results import ImportOutcome, Result, confirmed, result_of
from waldur_import_agent.importing.selection import metadata_of
from waldur_import_agent.records import MARKER_KEY
from waldur_import_agent.waldur.client import WaldurClient
from waldur_import_agent.waldur.effort import EQUAL_REFUSALS_MAX, Effort
from waldur_import_agent.waldur.errors import (
    WaldurError,
    WaldurGoneError,
    WaldurInvalidError,
    WaldurNotAuthenticatedError,
    WaldurRefusedError,
    WaldurUnavailableError,
    WaldurWrongStateError,
)
from waldur_import_agent.waldur.listing import read_whole
from waldur_import_agent.waldur.models import ResourceDetails

LOOK_EVERY = 100
"""So many records are imported between two readings of all resources."""
ENDS_ALL = (WaldurUnavailableError, WaldurNotAuthenticatedError, WaldurRefusedError, StoppedError)
"""After these no other record is tried: Waldur is away, the token is no good or not staff's, or a person said stop."""


class Importer:
    """Imports the records of a plan. `stop` lets the record in hand end and leaves the others.

    `ended_by` is why not all were tried, or None.
    """

    def __init__(
        self,
        client: WaldurClient,
        effort: Effort,
        stop: asyncio.Event,
        progress: Callable[[str, int, int], None],
        notes: ImportNotes,
        *,
        with_metadata: bool = False,
    ) -> None:
        self._client = client
        self._effort = effort
        self._stop = stop
        self._progress = progress
        self._notes = notes
        self._with_metadata = with_metadata
        self._under_way: Mapping[str, float] = {}
        self._began = time.monotonic()
        self._there: Mapping[str, list[ResourceDetails]] = {}
        self.ended_by: AgentError | None = None

    async def carry_out(self, plan: ImportPlan) -> list[Result]:
        """Import, compare with what Waldur lists afterwards, and set metadata where they are wanted.

        Never raises for what Waldur or a signal does; StateError where the metadata cannot be noted beforehand.
        """
        self._under_way = self._notes.under_way()
        # what a killed run had sent comes last: its time may be over by then
        in_order = sorted(plan.imports, key=lambda item: item.record.uuid in self._under_way)
        plan = replace(plan, imports=tuple(in_order))
        if self._with_metadata:
            kept = {item.record.backend_id: kept_metadata(metadata_of(item.record)) for item in plan.imports}
            self._notes.add_metadata({backend_id: metadata for backend_id, metadata in kept.items() if metadata})
        results = await self._import_all(plan)
        self._progress("comparing with Waldur's list", len(plan.imports), len(plan.imports))
        results = await self._with_receipt(plan, results)
        if all(result.outcome is not ImportOutcome.UNKNOWN for result in results):
            self._notes.forget_sent()
        return await self._with_metadata_set(plan, results) if self._with_metadata else results

    async def _import_all(self, plan: ImportPlan) -> list[Result]:
        results: list[Result] = []
        equal = 0
        for item in plan.imports:
            if self._stop.is_set() and self.ended_by is None:
                self.ended_by = StoppedError("the import was interrupted")
            if len(results) % LOOK_EVERY == 0 and self.ended_by is None:
                await self._look(plan)
            if self.ended_by is not None:
                results.append(result_of(item, ImportOutcome.LEFT, "not tried"))
                continue
            self._progress("importing", len(results), len(plan.imports))
            result = await self._one(plan, item)
            results.append(result)
            repeated = result.outcome is ImportOutcome.REFUSED and len(results) > 1 and results[-2].why == result.why
            equal = equal + 1 if repeated else 0
            if equal + 1 >= EQUAL_REFUSALS_MAX:
                self.ended_by = AgentError(f"{equal + 1} equal refusals in a row: the rest was not tried")
        return results

    async def _look(self, plan: ImportPlan) -> None:
        """Read the live resources; an outage ends the import."""
        try:
            self._there = await self._list_resources(plan)
        except ENDS_ALL as error:
            self.ended_by = error

    async def _one(self, plan: ImportPlan, item: Import) -> Result:
        if there := self._there.get(item.record.backend_id):
            return result_of(item, ImportOutcome.EXISTS, "it has become a resource meanwhile", there[0].uuid)
        sent = False
        try:
            if await self._has_taken_effect(item.record.uuid):
                return result_of(item, ImportOutcome.IMPORTED)
            sent = True
            return await self._import(plan, item)
        except (WaldurInvalidError, WaldurGoneError, WaldurWrongStateError) as error:
            return await self._after_refusal(plan, item, error)
        except ENDS_ALL as error:
            if isinstance(error, WaldurError) and error.status == HTTPStatus.INTERNAL_SERVER_ERROR:
                # Django's own error: it concerns this record, the next one may well be imported
                return result_of(item, ImportOutcome.REFUSED, _in_waldurs_words(error))
            self.ended_by = error
            ambiguous = sent and isinstance(error, WaldurUnavailableError | StoppedError)
            return result_of(item, ImportOutcome.UNKNOWN if ambiguous else ImportOutcome.LEFT, str(error))

    async def _has_taken_effect(self, record: str) -> bool:
        """Whether an import of the record that a killed run had sent takes effect; only that one is waited for."""
        if record not in self._under_way:
            return False
        left = self._effort.settles_within - self._under_way[record] - (time.monotonic() - self._began)
        self._progress("an earlier run was cut off at this record: waiting for what becomes of it", 0, 0)
        gone = await self._effort.look_for(lambda: self._gone(record), left) is not None
        self._notes.settled(record)
        return gone

    async def _import(self, plan: ImportPlan, item: Import) -> Result:
        """Send it; a lost answer is looked up before it is sent again. Success is what the record's absence proves."""
        record = item.record.uuid

        async def send() -> bool:
            await self._client.import_resource(record, plan.plan.uuid)
            return True

        self._notes.note_sent(record)
        await self._effort.create_slowly(send, lambda: self._gone(record))
        if await self._effort.read(lambda: self._gone(record)) is None:
            why = "Waldur said that it was imported, but the record is still there"
            return result_of(item, ImportOutcome.REFUSED, why)
        return result_of(item, ImportOutcome.IMPORTED)

    async def _after_refusal(self, plan: ImportPlan, item: Import, error: WaldurError) -> Result:
        """A 400 or 404: imported by somebody else meanwhile, gone from the records, or refused."""
        try:
            page = await self._effort.read(
                lambda: self._client.list_resource_details(plan.offering.uuid, backend_id=item.record.backend_id)
            )
        except ENDS_ALL as trouble:
            self.ended_by = trouble
            return result_of(item, ImportOutcome.UNKNOWN, str(trouble))
        if page.items:
            return result_of(item, ImportOutcome.EXISTS, "it has become a resource meanwhile", page.items[0].uuid)
        if isinstance(error, WaldurGoneError):
            why = "the record is gone, and no resource has its id: the agent refreshed or withdrew it meanwhile"
            return result_of(item, ImportOutcome.REFUSED, why)
        return result_of(item, ImportOutcome.REFUSED, _in_waldurs_words(error))

    async def _gone(self, record: str) -> bool | None:
        """True where the record is gone, as after an import; None where it is there."""
        try:
            await self._client.retrieve_record(record)
        except WaldurGoneError:
            return True
        return None

    async def _list_resources(self, plan: ImportPlan) -> dict[str, list[ResourceDetails]]:
        """The live resources of the offering by their ids."""
        by_id: dict[str, list[ResourceDetails]] = {}
        for resource in await read_whole(
            lambda page: self._client.list_resource_details(plan.offering.uuid, page=page),
            self._effort,
            uuid_of=lambda resource: resource.uuid,
        ):
            by_id.setdefault(resource.backend_id, []).append(resource)
        return by_id

    async def _with_receipt(self, plan: ImportPlan, results: list[Result]) -> list[Result]:
        """The results as Waldur's own list confirms them. Where it cannot be read, they are as they were answered."""
        if not any(result.outcome in {ImportOutcome.IMPORTED, ImportOutcome.UNKNOWN} for result in results):
            return results
        try:
            by_id = await self._list_resources(plan)
        except (WaldurError, StoppedError) as error:
            self.ended_by = self.ended_by or error
            return results
        return [
            confirmed(item, plan.plan, result, by_id.get(result.backend_id, []))
            for item, result in zip(plan.imports, results, strict=True)
        ]

    async def _with_metadata_set(self, plan: ImportPlan, results: list[Result]) -> list[Result]:
        """Give the new resources what their records told, and earlier ones what an earlier run has not set."""
        metadata = {item.record.backend_id: kept_metadata(metadata_of(item.record)) for item in plan.imports}
        changes = [
            (result, MetadataChange(result.backend_id, result.resource, metadata[result.backend_id]))
            for result in results
            if result.outcome is ImportOutcome.IMPORTED and result.resource and metadata[result.backend_id]
        ]
        changes += [
            (Result(change.backend_id, "", ImportOutcome.METADATA_SET, resource=change.resource), change)
            for change in plan.metadata
        ]
        done: dict[str, Result] = {}
        for number, (result, change) in enumerate(changes):
            self._progress("setting metadata", number, len(changes))
            done[change.backend_id] = await self._set_metadata(result, change)
        in_order = [*results, *(result for result, change in changes if change in plan.metadata)]
        ended = [done.get(result.backend_id, result) for result in in_order]
        self._notes.forget_metadata(
            result.backend_id for result in ended if result.backend_id in done and not result.why
        )
        return ended

    async def _set_metadata(self, result: Result, change: MetadataChange) -> Result:
        """The result once the metadata are set, or with the reason why they are not."""
        began = "it is a resource" if result.outcome is ImportOutcome.METADATA_SET else "imported"
        why = "run the same again"
        if self.ended_by is None and not self._stop.is_set():
            try:
                await self._effort.finish(lambda: self._client.set_backend_metadata(change.resource, change.metadata))
            except (WaldurError, StoppedError) as error:
                if isinstance(error, ENDS_ALL) and not isinstance(error, WaldurRefusedError):
                    self.ended_by = error
                why = str(error)
            else:
                return result
        elif self.ended_by is None:
            self.ended_by = StoppedError("the import was interrupted")
        return replace(result, outcome=ImportOutcome.WRONG, why=f"{began}, but its metadata were not set: {why}")


def kept_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What of a record's metadata is worth showing at the resource, which has the limits itself: not the marker."""
    return {key: value for key, value in metadata.items() if key not in {"limits", MARKER_KEY}}


def _in_waldurs_words(error: WaldurError) -> str:
    """Without the record's address, so that equal refusals look equal."""
    return f"Waldur refused it ({error.status}): {error.detail}"
