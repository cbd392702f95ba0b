"""Whose a request is: taking it, finding one's own again after a crash, and ending it.

Waldur's start_processing is no atomic claim and set_erred is taken from any state, so a careless call destroys
another agent's result. The rule: Processing with an entry in our journal is ours; without one it is not.
"""

import asyncio
from collections.abc import Iterable
from http import HTTPStatus

from waldur_import_agent.fulfilment.outcome import Ending, Outcome
from waldur_import_agent.journal import Claim, Journal, Phase
from waldur_import_agent.log import binding, get_logger
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
from waldur_import_agent.waldur.models import BackendResourceRequest, RequestState

SHORT_MESSAGE = 500
"""Characters of an error message that get through where the whole of it does not."""
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
        """The claims of the journal that are in Processing; those that have ended, or are gone, are forgotten.

        One that is still Sent stays in the journal: the claim may yet arrive. Raises WaldurUnavailableError or
        WaldurNotAuthenticatedError with the journal unchanged.
        """
        ours = []
        for claim in self._journal.claims(self._offering):
            state = await self._state(claim.request)
            if state == RequestState.PROCESSING:
                self._log.info("claim resumed", request=claim.request, phase=claim.phase, attempts=claim.attempts)
                certain = claim.phase in {Phase.CLAIMED, Phase.FINISHING}
                self._journal.set_phase([claim.request], Phase.CLAIMED if certain else Phase.AMBIGUOUS)
                ours.append(claim)
            elif state != RequestState.SENT:
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
            with binding(request=request.uuid):
                if await self._take(request.uuid):
                    taken.append(request.uuid)
        return taken

    async def _take(self, request: str) -> bool:
        tried_before = self._journal.claim(request) is not None
        self._journal.intend(request, self._offering)
        try:
            await self._effort.once(lambda: self._client.start_processing(request))
        except WaldurUnavailableError as error:
            return await self._arrived(request, error, rolled_back=error.status == HTTPStatus.INTERNAL_SERVER_ERROR)
        except WaldurNotAuthenticatedError:
            if not tried_before:
                self._journal.forget(request)
            raise
        except (*NOT_OURS, WaldurInvalidError) as error:
            # an earlier claim of ours, whose answer was lost, may have arrived since
            if tried_before and isinstance(error, WaldurWrongStateError):
                return await self._arrived(request, error, rolled_back=False)
            self._log.warning("request left alone", request=request, reason=str(error))
            self._journal.forget(request)
            return False
        self._journal.set_phase([request], Phase.CLAIMED)
        self._log.info("request claimed", request=request)
        return True

    async def _arrived(self, request: str, error: WaldurError, *, rolled_back: bool) -> bool:
        """Whether the request is Processing after a claim whose answer was lost: then, perhaps, by our claim.

        `rolled_back` is a certain no: Django's own 500. Where it is still Sent the intent stays, since the claim may
        arrive late; a later look, or a 409, will tell.
        """
        state = await self._state(request)
        if state == RequestState.PROCESSING and not rolled_back:
            self._journal.set_phase([request], Phase.AMBIGUOUS)
            self._log.warning("request claimed, perhaps", request=request, reason=str(error))
            return True
        self._log.warning("request not claimed", request=request, state=state, reason=str(error))
        if state != RequestState.SENT or rolled_back:
            self._journal.forget(request)
        return False

    async def _state(self, request: str) -> str:
        try:
            return (await self._effort.read(lambda: self._client.retrieve_request(request))).state
        except (WaldurGoneError, WaldurRefusedError):
            return "gone"

    async def finish(self, request: str, outcome: Outcome) -> bool:
        """End one of our requests; whether it is ended. A lost answer is looked up; another's end is left as it is.

        One that may be another's is never ended Erred: it stays, and a round that succeeds ends it Done. Raises
        WaldurUnavailableError, WaldurNotAuthenticatedError or StoppedError with the claim still in the journal.
        """
        claim = self._journal.claim(request)
        if outcome.ending is not Ending.DONE and (claim is None or claim.phase is Phase.AMBIGUOUS):
            self._log.error("request not ended: it may be another agent's", request=request, reason=outcome.message)
            return False
        if claim is not None and claim.phase is not Phase.AMBIGUOUS:
            self._journal.set_phase([request], Phase.FINISHING)
        tell = self._tell_done if outcome.ending is Ending.DONE else self._tell_erred
        try:
            await self._effort.finish(lambda: tell(request, outcome))
        except NOT_OURS as error:
            self._log.warning("request was not ours to end", request=request, reason=str(error))
        except WaldurInvalidError as error:
            self._log.error("request cannot be ended: end it by hand", request=request, reason=str(error))
        self._journal.forget(request)
        return True

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
        if state != RequestState.PROCESSING:
            if state != RequestState.ERRED:
                self._log.warning("request was ended by somebody else", request=request, state=state)
            return
        try:
            await self._client.set_erred(request, outcome.message, outcome.traceback)
        except WaldurInvalidError:
            # a proxy that does not let that much text through
            await self._client.set_erred(request, outcome.message[:SHORT_MESSAGE], "")
