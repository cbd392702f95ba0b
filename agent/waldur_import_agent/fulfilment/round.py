"""One round: whatever happens in it, each request that it touched ends Done or Erred, or is finished by a later one."""

import asyncio
import uuid
from dataclasses import dataclass, field, replace

from waldur_import_agent.errors import AgentError, ConfigurationError, StoppedError
from waldur_import_agent.fulfilment.claims import Claims
from waldur_import_agent.fulfilment.outcome import Ending, Outcome, RoundReport
from waldur_import_agent.fulfilment.survey import Surveyor
from waldur_import_agent.fulfilment.work import WAIT, Identity, Work
from waldur_import_agent.health.observer import ENDING, Observer
from waldur_import_agent.journal import Journal, Phase, Round
from waldur_import_agent.log import bind, binding, get_logger
from waldur_import_agent.redactor import Redactor
from waldur_import_agent.system import now, unless
from waldur_import_agent.waldur.errors import WaldurGoneError, WaldurRefusedError

ATTEMPTS_MAX = 5
"""How often a request is begun before it is given up; counted on disk before each scan."""
GIVEN_UP = Outcome(
    Ending.ERRED,
    f"The agent gave up after {ATTEMPTS_MAX} attempts, each of which was cut off before its end (a crash, a kill, "
    "a lack of memory). See the agent's log, then create a new request",
)


@dataclass(frozen=True, slots=True)
class Answerer:
    """Answers the requests of one offering."""

    surveyor: Surveyor
    claims: Claims
    journal: Journal
    identity: Identity
    redact: Redactor
    stop: asyncio.Event
    creates_in_flight: int
    checked: asyncio.Event = field(default_factory=asyncio.Event)
    observer: Observer = field(default_factory=Observer)
    remarked: set[str] = field(default_factory=set)
    """What was warned of once, and is said at level info from then on."""

    @property
    def offering(self) -> str:
        """The offering's UUID."""
        return self.surveyor.settings.uuid

    async def answer(self) -> RoundReport:
        """One round: take up what is ours, claim what is Sent, and answer all of it with one scan.

        Raises StateError when the journal cannot be written, ConfigurationError when there is no token, and what nobody
        expected outside the work itself.
        """
        report = RoundReport(uuid.uuid4().hex, self.offering, now(), now(), Outcome(Ending.NOTHING))
        bind({"run": report.run})
        requests: list[str] = []
        try:
            await unless(self.stop, self.surveyor.side.renew_token())
            await self._check_offering()
            requests, given_up = await self._take_requests()
        except WAIT as error:
            return self._ended(replace(report, outcome=_waiting(error)))
        report = replace(report, requests=tuple(requests), given_up=tuple(given_up))
        if not requests:
            return self._ended(report)
        self.journal.count_attempt(requests)
        work = Work(self.surveyor, self.identity, self.redact, self.creates_in_flight, self.remarked)
        try:
            report = await work.do(report)
        except (*WAIT, asyncio.CancelledError) as error:
            # neither an outage nor a stop is the request's fault
            self.journal.count_attempt(requests, -1)
            if isinstance(error, asyncio.CancelledError):
                raise
            return self._ended(replace(report, outcome=_waiting(error)))
        return self._ended(await self._finish(report))

    def impossible(self, error: Exception) -> RoundReport:
        """The report of a round that could not even begin, or in which the agent itself failed."""
        return RoundReport(
            uuid.uuid4().hex,
            self.offering,
            now(),
            now(),
            Outcome(Ending.IMPOSSIBLE, self.redact(str(error)), error=error),
        )

    async def _check_offering(self) -> None:
        """Look once whether the token sees the offering: where it does not, a list of its requests is only empty."""
        if self.checked.is_set():
            return
        try:
            await unless(self.stop, self.surveyor.side.offering())
        except (WaldurGoneError, WaldurRefusedError) as error:
            raise ConfigurationError(
                f"the token cannot see the offering {self.offering}: {error.detail}",
                remedy="Check offerings[].uuid, and that the token's user has a role on it (OFFERING.MANAGER)",
            ) from error
        self.checked.set()

    async def _take_requests(self) -> tuple[list[str], list[str]]:
        """The requests to answer now, and those that were given up.

        One that was given up and may be another agent's has an attempt more than the most: no scan is begun for it
        again, but a round that succeeds for another request ends it, within a week.
        """
        requests, given_up = [], []
        for claim in await unless(self.stop, self.claims.recover()):
            if claim.attempts < ATTEMPTS_MAX:
                requests.append(claim.request)
            elif claim.attempts == ATTEMPTS_MAX:
                ended = await self._give_up(claim.request)
                if claim.phase is Phase.AMBIGUOUS:
                    self.journal.count_attempt([claim.request])
                if ended or claim.phase is Phase.AMBIGUOUS:
                    given_up.append(claim.request)
            else:
                await self._give_up(claim.request)  # after a week it is left to a person
        sent = await unless(self.stop, self.claims.sent())
        self.observer.looked(len(sent), len(requests))
        requests += await self.claims.take(sent, self.stop)
        return requests, given_up

    async def _give_up(self, request: str) -> bool:
        """End a request of which too many attempts were cut off; whether it is ended. No other waits for it."""
        return await self._end(request, GIVEN_UP) is None

    async def _finish(self, report: RoundReport) -> RoundReport:
        self.surveyor.progress(ENDING, 0, 0)
        outcome = report.outcome
        if outcome.ending is Ending.DONE:
            for claim in self.journal.claims(self.offering):
                if claim.attempts > ATTEMPTS_MAX:
                    await self._end(claim.request, outcome)
        for request in report.requests:
            error = await self._end(request, outcome)
            if error is not None:
                # a round that came to its end is no attempt that was cut off
                self.journal.count_attempt([request], -1)
                report = replace(report, outcome=replace(report.outcome, ending=Ending.WAITING, error=error))
        return report

    async def _end(self, request: str, outcome: Outcome) -> AgentError | None:
        """End one request, or say why it stays in Processing."""
        try:
            with binding(request=request):
                ended = await self.claims.finish(request, outcome)
            if not ended:
                return StoppedError(f"request {request} cannot be ended now, see the log: it is tried again")
        except WAIT as error:
            return error
        return None

    def _ended(self, report: RoundReport) -> RoundReport:
        report = replace(report, finished=now())
        outcome = report.outcome
        log = get_logger()
        if isinstance(outcome.error, StoppedError):
            log.info("round left for later", reason=self.redact(str(outcome.error)))
        if not report.requests and not report.given_up:
            return report
        log.info(
            "round finished",
            run=report.run,
            outcome=outcome.ending,
            seconds=round((report.finished - report.started).total_seconds(), 3),
            **report.counts,
        )
        if outcome.ending is Ending.WAITING and report.plan is None:
            return report  # it has nothing to tell, and an outage's many rounds would push others out of the history
        self.journal.record_round(
            Round(
                run=report.run,
                offering=report.offering,
                started=report.started,
                finished=report.finished,
                outcome=outcome.ending,
                message=outcome.message,
                requests=(*report.requests, *report.given_up),
                counts=report.counts,
            ),
            [replace(reason, why=self.redact(reason.why)) for reason in report.reasons()],
        )
        return report


def _waiting(error: BaseException) -> Outcome:
    return Outcome(Ending.WAITING, error=error)
