"""Carrying out a plan: surplus records first, then new and refreshed ones side by side, withdrawals last."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from http import HTTPStatus
from typing import TypeVar

from waldur_import_agent.fulfilment.survey import Progress
from waldur_import_agent.fulfilment.waldur_side import WaldurSide
from waldur_import_agent.log import get_logger
from waldur_import_agent.records import Marker, Plan, Refresh, Removal, WantedRecord
from waldur_import_agent.system import for_each
from waldur_import_agent.waldur.effort import EQUAL_REFUSALS_MAX
from waldur_import_agent.waldur.errors import REFUSALS, WaldurError, WaldurUnavailableError

T = TypeVar("T")


class Applier:
    """Carries out the plans of one round and remembers what Waldur refused.

    `refused` maps backend ids to Waldur's words. What makes Waldur unavailable is raised: the round is then taken up
    again later, and finds what was written.
    """

    def __init__(
        self, side: WaldurSide, marker: Callable[[str, datetime], Marker], in_flight: int, progress: Progress
    ) -> None:
        self._side = side
        self._marker = marker
        self._in_flight = in_flight
        self._progress = progress
        self._log = get_logger()
        self.refused: dict[str, str] = {}
        self.gave_up = ""
        self._last_refusal: object = None
        self._equal_refusals = 0

    async def apply(self, plan: Plan) -> None:
        """Carry out `plan`; after 20 equal refusals in a row the rest is left and `gave_up` says so."""
        await self._each("removing surplus records", plan.surplus, self._remove)
        await self._each("reporting", plan.report, self._report)
        await self._each("refreshing", plan.refresh, self._refresh)
        await self._each("withdrawing", plan.withdraw, self._remove)

    async def _each(self, phase: str, items: Sequence[T], work: Callable[[T], Awaitable[None]]) -> None:
        done = 0

        async def one(item: T) -> None:
            nonlocal done
            if not self.gave_up:
                await work(item)
            done += 1
            self._progress(phase, done, len(items))

        await for_each(items, one, in_flight=self._in_flight)

    async def _report(self, wanted: WantedRecord) -> None:
        async with self._refusals(wanted.backend_id):
            await self._side.create(wanted, self._marker)

    async def _refresh(self, refresh: Refresh) -> None:
        """Create the new one, then delete the old one: at no time is the resource without a record."""
        old, wanted = refresh.old, refresh.wanted
        async with self._refusals(wanted.backend_id):
            if not await self._side.exists(old.uuid):
                return
            new = await self._side.create(wanted, self._marker)
            if not await self._side.delete(old.uuid) and await self._side.is_resource(wanted.backend_id):
                self._log.info("record was imported while it was refreshed", backend_id=wanted.backend_id)
                await self._side.delete(new)

    async def _remove(self, removal: Removal) -> None:
        if removal.record.backend_id not in self.refused:
            async with self._refusals(removal.record.backend_id):
                await self._side.delete(removal.record.uuid)

    @asynccontextmanager
    async def _refusals(self, backend_id: str) -> AsyncIterator[None]:
        """Note what Waldur refuses instead of raising it.

        A 500 that outlasts all attempts while Waldur answers reads is about this record, and counts as its refusal:
        waiting for it would hold up all others for ever.
        """
        try:
            yield
        except REFUSALS as error:
            self._note_refusal(backend_id, error)
        except WaldurUnavailableError as error:
            if error.status != HTTPStatus.INTERNAL_SERVER_ERROR:
                raise
            await self._side.offering()
            self._note_refusal(backend_id, error)
        else:
            self._equal_refusals = 0

    def _note_refusal(self, backend_id: str, error: WaldurError) -> None:
        self._log.warning("refused by Waldur", backend_id=backend_id, reason=str(error))
        self.refused[backend_id] = str(error)
        kind = (type(error), error.status, error.detail)
        self._equal_refusals = self._equal_refusals + 1 if kind == self._last_refusal else 1
        self._last_refusal = kind
        if self._equal_refusals >= EQUAL_REFUSALS_MAX:
            self.gave_up = f"{self._equal_refusals} equal refusals in a row: the rest was not tried"
