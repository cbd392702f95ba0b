"""Carrying out an import, one record after the other, so that whatever interrupts it nothing is imported twice.

Before each import Waldur is asked whether the id is a resource by now; after a lost answer it is asked what became of
the record before anything is sent again; and at the end the list of resources is the receipt.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from waldur_import_agent.errors import AgentError, StoppedError
from waldur_import_agent.importing.import_plan import Import, ImportPlan
from waldur_import_agent.importing.selection import metadata_of
from waldur_import_agent.records import MARKER_KEY
from waldur_import_agent.waldur.client import WaldurClient
from waldur_import_agent.waldur.effort import Effort
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

EQUAL_REFUSALS_MAX = 20
"""As many equal refusals in a row mean that the rest would be refused too."""
SERVER_ERROR = 500
"""Django's own error: it concerns this record, the next one may well be imported."""
ENDS_ALL = (WaldurUnavailableError, WaldurNotAuthenticatedError, WaldurRefusedError, StoppedError)
"""After these no other record is tried: Waldur is away, the token is no good or not staff's, or a person said stop."""


class Outcome(StrEnum):
    """What became of a record."""

    IMPORTED = "imported"
    EXISTS = "exists"
    """A resource has the id already: imported by somebody else, or by this command before its answer was lost."""
    REFUSED = "refused"
    WRONG = "wrong"
    """Imported, but what Waldur now lists is not what was to be."""
    UNKNOWN = "unknown"
    """Sent, and Waldur could not say what became of it."""
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one record; `resource` is the UUID of the resource, where it is known."""

    backend_id: str
    record: str
    outcome: Outcome
    why: str = ""
    resource: str = ""


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
        *,
        with_metadata: bool = False,
    ) -> None:
        self._client = client
        self._effort = effort
        self._stop = stop
        self._progress = progress
        self._with_metadata = with_metadata
        self.ended_by: AgentError | None = None

    async def carry_out(self, plan: ImportPlan) -> list[Result]:
        """Import, and compare with what Waldur lists afterwards. Never raises for what Waldur or a signal does."""
        results: list[Result] = []
        equal = 0
        for item in plan.imports:
            if self._stop.is_set() and self.ended_by is None:
                self.ended_by = StoppedError("the import was interrupted")
            if self.ended_by is not None:
                results.append(_result(item, Outcome.LEFT, "not tried"))
                continue
            self._progress("importing", len(results), len(plan.imports))
            result = await self._one(plan, item)
            results.append(result)
            repeated = result.outcome is Outcome.REFUSED and len(results) > 1 and results[-2].why == result.why
            equal = equal + 1 if repeated else 0
            if equal + 1 >= EQUAL_REFUSALS_MAX:
                self.ended_by = AgentError(f"{equal + 1} equal refusals in a row: the rest was not tried")
        self._progress("comparing with Waldur's list", len(plan.imports), len(plan.imports))
        return await self._with_receipt(plan, results)

    async def _one(self, plan: ImportPlan, item: Import) -> Result:
        sent = False
        try:
            there = await self._resources(plan, item.record.backend_id)
            if there:
                return _result(item, Outcome.EXISTS, "it has become a resource meanwhile", there[0].uuid)
            sent = True
            result = await self._import(plan, item)
        except (WaldurInvalidError, WaldurGoneError, WaldurWrongStateError) as error:
            return await self._after_refusal(plan, item, error)
        except ENDS_ALL as error:
            if isinstance(error, WaldurError) and error.status == SERVER_ERROR:
                return _result(item, Outcome.REFUSED, _in_waldurs_words(error))
            self.ended_by = error
            ambiguous = sent and isinstance(error, WaldurUnavailableError | StoppedError)
            return _result(item, Outcome.UNKNOWN if ambiguous else Outcome.LEFT, str(error))
        if result.outcome is Outcome.IMPORTED and self._with_metadata:
            return await self._keep_metadata(item, result)
        return result

    async def _import(self, plan: ImportPlan, item: Import) -> Result:
        """Send it; a lost answer is looked up before it is sent again. Success is what the record's absence proves."""
        record = item.record.uuid

        async def send() -> bool:
            await self._client.import_resource(record, plan.plan.uuid)
            return True

        async def look_up() -> bool | None:
            return None if await self._is_there(record) else True

        await self._effort.create(send, look_up)
        if await self._effort.read(lambda: self._is_there(record)):
            return _result(item, Outcome.REFUSED, "Waldur said that it was imported, but the record is still there")
        if not self._with_metadata:
            return _result(item, Outcome.IMPORTED)
        there = await self._resources(plan, item.record.backend_id)
        return _result(item, Outcome.IMPORTED, resource=there[0].uuid if there else "")

    async def _after_refusal(self, plan: ImportPlan, item: Import, error: WaldurError) -> Result:
        """A 400 or 404: imported by somebody else meanwhile, gone from the records, or refused."""
        try:
            there = await self._resources(plan, item.record.backend_id)
        except ENDS_ALL as trouble:
            self.ended_by = trouble
            return _result(item, Outcome.UNKNOWN, str(trouble))
        if there:
            return _result(item, Outcome.EXISTS, "it has become a resource meanwhile", there[0].uuid)
        if isinstance(error, WaldurGoneError):
            why = "the record is gone, and no resource has its id: the agent refreshed or withdrew it meanwhile"
            return _result(item, Outcome.REFUSED, why)
        return _result(item, Outcome.REFUSED, _in_waldurs_words(error))

    async def _keep_metadata(self, item: Import, result: Result) -> Result:
        """Give the resource what its record told; the import itself has dropped it."""
        if not result.resource:
            return result  # the receipt says that it is missing
        metadata = kept_metadata(metadata_of(item.record))
        try:
            await self._effort.finish(lambda: self._client.set_backend_metadata(result.resource, metadata))
        except (WaldurError, StoppedError) as error:
            return replace(result, outcome=Outcome.WRONG, why=f"imported, but its metadata were not set: {error}")
        return result

    async def _is_there(self, record: str) -> bool:
        try:
            await self._client.retrieve_record(record)
        except WaldurGoneError:
            return False
        return True

    async def _resources(self, plan: ImportPlan, backend_id: str) -> list[ResourceDetails]:
        """The live resources of the offering with this id."""
        page = await self._effort.read(
            lambda: self._client.list_resource_details(plan.offering.uuid, backend_id=backend_id)
        )
        return page.items

    async def _with_receipt(self, plan: ImportPlan, results: list[Result]) -> list[Result]:
        """The results as Waldur's own list confirms them. Where it cannot be read, they are as they were answered."""
        if not any(result.outcome in {Outcome.IMPORTED, Outcome.UNKNOWN} for result in results):
            return results
        try:
            resources = await read_whole(
                lambda page: self._client.list_resource_details(plan.offering.uuid, page=page),
                self._effort,
                uuid_of=lambda resource: resource.uuid,
            )
        except (WaldurError, StoppedError) as error:
            self.ended_by = self.ended_by or error
            return results
        by_id: dict[str, list[ResourceDetails]] = {}
        for resource in resources:
            by_id.setdefault(resource.backend_id, []).append(resource)
        return [
            _confirmed(item, result, by_id.get(result.backend_id, []))
            for item, result in zip(plan.imports, results, strict=True)
        ]


def kept_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What of a record's metadata is worth showing at the resource, which has the limits itself: not the marker."""
    return {key: value for key, value in metadata.items() if key not in {"limits", MARKER_KEY}}


def _result(item: Import, outcome: Outcome, why: str = "", resource: str = "") -> Result:
    return Result(item.record.backend_id, item.record.uuid, outcome, why, resource)


def _in_waldurs_words(error: WaldurError) -> str:
    """Without the record's address, so that equal refusals look equal."""
    return f"Waldur refused it ({error.status}): {error.detail}"


def _confirmed(item: Import, result: Result, listed: list[ResourceDetails]) -> Result:
    """A result compared with the live resources of its id."""
    if result.outcome is Outcome.UNKNOWN and listed:
        result = replace(result, outcome=Outcome.IMPORTED, why="")
    if result.outcome is not Outcome.IMPORTED:
        return result
    if not listed:
        return replace(
            result, outcome=Outcome.WRONG, why="the record is gone, but Waldur lists no resource with its id"
        )
    first = listed[0]
    wrong = []
    if len(listed) > 1:
        uuids = ", ".join(resource.uuid for resource in listed)
        wrong.append(f"{len(listed)} live resources have this id ({uuids}): terminate all but one")
    if first.project_uuid != item.record.project:
        wrong.append(f"it is in the project {first.project_name or first.project_uuid}, not in the record's")
    if first.limits != item.limits:
        wrong.append(f"it has the limits {first.limits}, the record had {dict(item.limits)}")
    outcome = Outcome.WRONG if wrong else Outcome.IMPORTED
    return replace(result, outcome=outcome, why="; ".join(wrong), resource=first.uuid)
