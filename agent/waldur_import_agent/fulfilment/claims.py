"""Whose a request is: taking it, finding one's own again after a crash, and ending it.

Waldur's start_processing is no atomic claim and set_erred is taken from any state, so a careless call destroys
another agent's result. The rule: Processing with an entry in our journal is ours; without one it is not.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus

from waldur_import_agent.errors import StoppedError
from waldur_import_agent.fulfilment.outcome import Ending, Outcome
from waldur_import_agent.journal import Claim, Journal, Phase
from waldur_import_agent.log import binding, get_logger
from waldur_import_agent.system import now
from waldur_import_agent.waldur.client import WaldurClient
from waldur_import_agent.waldur.effort import Effort
from waldur_import_agent.waldur.errors import (
    REFUSALS,
    WaldurError,
    WaldurInvalidError,
    WaldurNotAuthenticatedError,
    WaldurUnavailableError,
    WaldurWrongStateError,
)
from waldur_import_agent.waldur.listing import read_whole
from waldur_import_agent.waldur.models import BackendResourceRequest, RequestState

SHORT_MESSAGE = 500
"""Characters of an error message that get through where the whole of it does not."""
ENDED = frozenset({RequestState.DONE, RequestState.ERRED})
GONE = "gone"
"""Stands for the state of a request that Waldur does not show."""
KEPT_FOR = timedelta(days=7)
"""How long a request is remembered that cannot be seen or ended now: a role that was lost may come back."""


class Claims:
    """The requests of one offering that are this agent's."""

    def __init__(self, client: WaldurClient, effort: Effort, journal: Journal, offering: str) -> None:
        self._client = client
        self._effort = effort
        self._journal = journal
        self._offering = offering
        self._log = get_logger()
        self._left: set[str] = set()

    async def recover(self) -> list[Claim]:
        """The claims of the journal that are in Processing; those that have ended are forgotten.

        One that is still Sent stays in the journal: the claim may yet arrive. One that Waldur does not show now stays
        for a week: it is Processing, and ours, when a role that was lost comes back. Raises WaldurUnavailableError or
        WaldurNotAuthenticatedError with the journal unchanged.
        """
        ours = []
        for claim in self._journal.claims(self._offering):
            state = await self._state(claim.request)
            if state == RequestState.PROCESSING:
                level = logging.DEBUG if claim.request in self._left else logging.INFO
                self._log.log(level, "claim resumed", request=claim.request, phase=claim.phase, attempts=claim.attempts)
                certain = claim.phase in {Phase.CLAIMED, Phase.FINISHING}
                resumed = replace(claim, phase=Phase.CLAIMED if certain else Phase.AMBIGUOUS)
                self._journal.set_phase([claim.request], resumed.phase)
                ours.append(resumed)
            elif state == GONE:
                self._leave(claim, "Waldur does not show it")
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
            with binding(request=request.uuid), contextlib.suppress(StoppedError):
                if await self._take(request.uuid):
                    taken.append(request.uuid)
        return taken

    async def _take(self, request: str) -> bool:
        tried_before = self._journal.claim(request) is not None
        self._journal.intend(request, self._offering)
        try:
            await self._effort.once(lambda: self._client.start_processing(request))
        except (WaldurNotAuthenticatedError, StoppedError):  # Waldur has not carried it out, or it was not sent
            if not tried_before:
                self._journal.forget(request)
            raise
        except WaldurUnavailableError as error:
            # Django's own 500 was rolled back, and may mean that another agent was faster
            lost = error.status != HTTPStatus.INTERNAL_SERVER_ERROR
            return await self._arrived(request, error, perhaps=lost or tried_before)
        except REFUSALS as error:
            # an earlier claim of ours, whose answer was lost, may have arrived since
            return await self._arrived(request, error, perhaps=tried_before)
        self._journal.set_phase([request], Phase.CLAIMED)
        self._log.info("request claimed", request=request)
        return True

    async def _arrived(self, request: str, error: WaldurError, *, perhaps: bool) -> bool:
        """Ask what became of a request whose claim failed; whether it is Processing, `perhaps` by a claim of ours.

        Where it is still Sent, or cannot be seen, the intent stays: the claim may arrive late, and a later look will
        tell. What cannot be ours is forgotten before anything else can fail.
        """
        if not perhaps:
            self._journal.forget(request)
        state = await self._state(request)
        if state == RequestState.PROCESSING and perhaps:
            self._journal.set_phase([request], Phase.AMBIGUOUS)
            self._log.warning("request claimed, perhaps", request=request, reason=str(error))
            return True
        self._log.warning("request not claimed", request=request, state=state, reason=str(error))
        if state in ENDED:
            self._journal.forget(request)
        return False

    async def _state(self, request: str) -> str:
        try:
            return (await self._effort.read(lambda: self._client.retrieve_request(request))).state
        except REFUSALS:
            return GONE

    async def finish(self, request: str, outcome: Outcome) -> bool:
        """End one of our requests; whether it is ended. A lost answer is looked up; another's end is left as it is.

        One that may be another's is never ended Erred: it stays, and a round that succeeds ends it Done. One whose end
        Waldur refuses stays too: a role that was lost may come back. Raises WaldurUnavailableError,
        WaldurNotAuthenticatedError or StoppedError with the claim still in the journal.
        """
        claim = self._journal.claim(request)
        if claim is None:
            return True  # not in the journal is not ours
        if claim.phase is not Phase.AMBIGUOUS:
            self._journal.set_phase([request], Phase.FINISHING)
        elif outcome.ending is not Ending.DONE:
            self._leave(claim, f"it may be another agent's ({outcome.message})")
            return False
        tell = self._tell_done if outcome.ending is Ending.DONE else self._tell_erred
        try:
            await self._effort.finish(lambda: tell(request, outcome))
        except (*REFUSALS, WaldurUnavailableError) as error:
            # a 500 that outlasts all attempts while Waldur answers reads is about this request
            if isinstance(error, WaldurUnavailableError) and error.status != HTTPStatus.INTERNAL_SERVER_ERROR:
                raise
            if await self._state(request) not in ENDED:
                self._leave(claim, str(error))
                return False
        self._journal.forget(request)
        return True

    def _leave(self, claim: Claim, reason: str) -> None:
        """Keep a claim that cannot be ended now, and say so once; after a week of this it is left to a person."""
        self._journal.note_refused(claim.request, now())
        if claim.refused is None or now() - claim.refused < KEPT_FOR:
            log = self._log.debug if claim.request in self._left else self._log.error
            log("request not ended, it is tried again", request=claim.request, reason=reason)
            self._left.add(claim.request)
            return
        self._log.error("request given up: end it by hand if it is in Processing", request=claim.request, reason=reason)
        self._journal.forget(claim.request)

    async def _tell_done(self, request: str, outcome: Outcome) -> None:
        del outcome
        try:
            await self._client.set_done(request)
        except WaldurWrongStateError:
            state = (await self._client.retrieve_request(request)).state
            if state not in ENDED:
                raise
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
