"""Whose a request is: taking it, finding one's own again after a crash, and ending it.

Waldur's start_processing is no atomic claim and set_erred is taken from any state, so a careless call destroys
another agent's result. The rule: Processing with an entry in our journal is ours; without one it is not.
"""

import asyncio
from collections.abc import Iterable

from waldur_import_agent.fulfilment.outcome import Ending, Outcome
from waldur_import_agent.journal import Claim, Journal, Phase
from waldur_import_agent.log import get_logger
from waldur_import_agent.waldur.client import WaldurClient
from waldur_import_agent.waldur.effort import Effort
from waldur_import_agent.waldur.errors import (
    WaldurGoneError,
    WaldurInvalidError,
    WaldurNotAuthenticatedError,
    WaldurRefusedError,
    WaldurUnavailableError,
    WaldurWrongStateError,
)
from waldur_import_agent.waldur.listing import read_whole
from waldur_import_agent.waldur.models import BackendResourceRequest, RequestState

SERVER_ERROR = 500
"""Django's own error: the transaction was rolled back, so a start_processing answered so has claimed nothing."""
NOT_OURS = (WaldurGoneError, WaldurRefusedError, WaldurWrongStateError)
"""The request is gone, or another's."""


class Claims:
    """The requests of one offering that are this agent's."""

    def __init__(self, client: WaldurClient, effort: Effort, journal: Journal, offering: str) -> None:
        self._client = client
        self._effort = effort
        self._journal = journal
        self._offering = offering
        self._log = get_logger()

    async def recover(self) -> list[Claim]:
        """The claims of the journal that are still in Processing, and so ours; all others are forgotten.

        Raises WaldurUnavailableError or WaldurNotAuthenticatedError with the journal unchanged.
        """
        ours = []
        for claim in self._journal.claims(self._offering):
            state = await self._state(claim.request)
            if state == RequestState.PROCESSING:
                self._log.info("claim resumed", request=claim.request, phase=claim.phase, attempts=claim.attempts)
                self._journal.set_phase([claim.request], Phase.CLAIMED)
                ours.append(claim)
            else:
                self._log.info("claim forgotten", request=claim.request, state=state)
                self._journal.forget(claim.request)
        return ours

    async def sent(self) -> list[BackendResourceRequest]:
        """The requests in state Sent, the oldest first."""
        requests = await read_whole(
            lambda page: self._client.list_requests(offering_uuid=self._offering, state=[RequestState.SENT], page=page),
            self._effort,
            uuid_of=lambda request: request.uuid,
        )
        # a token with a role in the whole organization sees requests of sibling offerings
        return [request for request in requests if request.offering == self._offering]

    async def take(self, requests: Iterable[BackendResourceRequest], stop: asyncio.Event) -> list[str]:
        """Claim these requests, each once, until `stop` is set; those that became ours."""
        taken = []
        for request in requests:
            if stop.is_set():
                break
            if await self._take(request.uuid):
                taken.append(request.uuid)
        return taken

    async def _take(self, request: str) -> bool:
        self._journal.intend(request, self._offering)
        try:
            await self._effort.once(lambda: self._client.start_processing(request))
        except WaldurUnavailableError as error:
            if not await self._was_taken(request, error):
                return False
        except WaldurNotAuthenticatedError:
            self._journal.forget(request)
            raise
        except (*NOT_OURS, WaldurInvalidError) as error:
            self._log.warning("request left alone", request=request, reason=str(error))
            self._journal.forget(request)
            return False
        self._journal.set_phase([request], Phase.CLAIMED)
        self._log.info("request claimed", request=request)
        return True

    async def _was_taken(self, request: str, error: WaldurUnavailableError) -> bool:
        """Whether a claim whose answer was lost has reached Waldur. Where Waldur cannot tell, the intent stays."""
        state = await self._state(request)
        if state == RequestState.PROCESSING and error.status != SERVER_ERROR:
            return True
        self._log.warning("request not claimed", request=request, state=state, reason=str(error))
        self._journal.forget(request)
        return False

    async def _state(self, request: str) -> str:
        try:
            return (await self._effort.read(lambda: self._client.retrieve_request(request))).state
        except (WaldurGoneError, WaldurRefusedError):
            return "gone"

    async def finish(self, request: str, outcome: Outcome) -> None:
        """End one of our requests. A lost answer is looked up; what another has ended meanwhile is left so.

        Raises WaldurUnavailableError, WaldurNotAuthenticatedError or StoppedError with the claim still in the journal.
        """
        self._journal.set_phase([request], Phase.FINISHING)
        tell = self._tell_done if outcome.ending is Ending.DONE else self._tell_erred
        try:
            await self._effort.finish(lambda: tell(request, outcome))
        except NOT_OURS as error:
            self._log.warning("request was not ours to end", request=request, reason=str(error))
        self._journal.forget(request)

    async def _tell_done(self, request: str, outcome: Outcome) -> None:
        del outcome
        try:
            await self._client.set_done(request)
        except WaldurWrongStateError:
            state = (await self._client.retrieve_request(request)).state
            if state != RequestState.DONE:
                self._log.warning("request was ended by somebody else", request=request, state=state)

    async def _tell_erred(self, request: str, outcome: Outcome) -> None:
        # set_erred is taken from any state: it would flip a request that another agent or person has ended
        state = (await self._client.retrieve_request(request)).state
        if state == RequestState.PROCESSING:
            await self._client.set_erred(request, outcome.message, outcome.traceback)
        elif state != RequestState.ERRED:
            self._log.warning("request was ended by somebody else", request=request, state=state)
