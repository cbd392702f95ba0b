"""One round: whatever happens in it, each request that it touched ends Done or Erred, or is finished by a later one."""

import asyncio
import logging
import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime

from waldur_import_agent.errors import AgentError, ConfigurationError, StateError, StoppedError
from waldur_import_agent.fulfilment.apply import Applier
from waldur_import_agent.fulfilment.claims import Claims
from waldur_import_agent.fulfilment.other_agents import signs_of_others
from waldur_import_agent.fulfilment.outcome import Ending, Outcome, Problems, RoundReport
from waldur_import_agent.fulfilment.survey import Survey, Surveyor
from waldur_import_agent.fulfilment.waldur_side import RecordsCannotBeListedError
from waldur_import_agent.health.observer import Observer
from waldur_import_agent.journal import Journal, Phase, Round
from waldur_import_agent.log import bind, binding, get_logger
from waldur_import_agent.records import Known, Marker, Plan
from waldur_import_agent.redactor import Redactor
from waldur_import_agent.system import now, unless
from waldur_import_agent.waldur.errors import (
    WaldurGoneError,
    WaldurNotAuthenticatedError,
    WaldurRefusedError,
    WaldurUnavailableError,
)

ATTEMPTS_MAX = 5
"""How often a request is begun before it is given up; counted on disk before each scan."""
PASSES_AFTER_RECEIPT = 2
"""How often a difference between the plan and what Waldur lists afterwards is worked off."""
GIVEN_UP = Outcome(
    Ending.ERRED,
    f"The agent gave up after {ATTEMPTS_MAX} attempts, each of which was cut off before its end (a crash, a kill, "
    "a lack of memory). See the agent's log, then create a new request",
)
UNPLACED_REMEDY = (
    "see projects.rules in the configuration; `waldur-import-agent plan --output csv` writes a worksheet to fill in"
)
WAIT = (WaldurUnavailableError, WaldurNotAuthenticatedError, StoppedError)
"""What makes a round wait: the requests stay in Processing until Waldur is back or the agent is started again."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who writes: part of each record's marker."""

    instance: str
    host: str
    version: str


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
        self.surveyor.side.renew_token()
        report = RoundReport(uuid.uuid4().hex, self.offering, now(), now(), Outcome(Ending.NOTHING))
        bind({"run": report.run})
        requests: list[str] = []
        try:
            await self._check_offering()
            requests, given_up = await self._take_requests()
        except WAIT as error:
            return self._ended(replace(report, outcome=_waiting(error)))
        report = replace(report, requests=tuple(requests), given_up=tuple(given_up))
        if not requests:
            return self._ended(report)
        self.journal.count_attempt(requests)
        try:
            report = await self._work(report)
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
        again, but a round that succeeds for another request ends it.
        """
        requests, given_up = [], []
        for claim in await unless(self.stop, self.claims.recover()):
            if claim.attempts < ATTEMPTS_MAX:
                requests.append(claim.request)
            elif claim.attempts == ATTEMPTS_MAX:
                ended = await self.claims.finish(claim.request, GIVEN_UP)
                if claim.phase is Phase.AMBIGUOUS:
                    self.journal.count_attempt([claim.request])
                if ended or claim.phase is Phase.AMBIGUOUS:
                    given_up.append(claim.request)
        sent = await unless(self.stop, self.claims.sent())
        self.observer.looked(len(sent), len(requests))
        requests += await self.claims.take(sent, self.stop)
        return requests, given_up

    async def _work(self, report: RoundReport) -> RoundReport:
        """Scan, plan, apply, and look at the receipt. Only what must wait is raised; all else becomes the outcome."""
        problems = Problems(self.redact)
        log = get_logger()
        log.info("round started", run=report.run, requests=list(report.requests))
        try:
            survey = await self.surveyor.look()
            plan = self.surveyor.plan(survey)
            others = signs_of_others(survey.known.records, self.identity.instance, self.identity.host, now())
            for warning in (*survey.warnings, *plan.warnings, *others):
                log.warning("survey", note=warning)
            for remark in survey.remarks:
                log.log(logging.INFO if remark in self.remarked else logging.WARNING, "survey", note=remark)
                self.remarked.add(remark)
            applier = Applier(
                self.surveyor.side, self._marker(report.run), self.creates_in_flight, self.surveyor.progress
            )
            await applier.apply(plan)
            difference, listed = await self._receipt(survey, plan, applier)
        except (*WAIT, StateError):
            raise
        except Exception as error:
            # whatever it was, the request must not stay in Processing
            log.exception("round failed", run=report.run)
            return replace(report, outcome=problems.failure(error))
        _note_problems(problems, self.surveyor, survey, plan, applier)
        if difference:
            problems.add(
                "What Waldur lists still differs from the plan; another agent or person may be at work", difference
            )
        return replace(
            report,
            outcome=problems.outcome(),
            found=len(survey.scan.resources),
            plan=plan,
            refused=applier.refused,
            listed=listed,
        )

    async def _receipt(self, survey: Survey, plan: Plan, applier: Applier) -> tuple[list[str], int | None]:
        """What Waldur now lists against the plan; differences are worked off, what then remains is returned.

        A round that wrote nothing lists nothing again.
        """
        if not plan.writes:
            return [], None
        again = plan
        for passes in range(PASSES_AFTER_RECEIPT + 1):
            survey = replace(survey, known=await self._listed_again())
            again = self.surveyor.plan(survey, applier.refused)
            if not again.writes or applier.gave_up or passes == PASSES_AFTER_RECEIPT:
                break
            get_logger().warning("receipt differs from the plan", **again.counts())
            await applier.apply(again)
        difference = [] if applier.gave_up else _differences(again, applier)
        return difference, len(survey.known.records)

    async def _listed_again(self) -> Known:
        """What Waldur lists after the writes. It could list the records before, so that a 500 now is an outage."""
        try:
            return await self.surveyor.side.known()
        except RecordsCannotBeListedError as error:
            raise error.outage from error

    async def _finish(self, report: RoundReport) -> RoundReport:
        self.surveyor.progress("ending the requests", 0, 0)
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

    def _marker(self, run: str) -> "_MarkerMaker":
        return _MarkerMaker(self.identity, run)


@dataclass(frozen=True, slots=True)
class _MarkerMaker:
    identity: Identity
    run: str

    def __call__(self, content: str, written: datetime) -> Marker:
        who = self.identity
        return Marker(who.instance, content, who.host, who.version, self.run, written)


def _waiting(error: BaseException) -> Outcome:
    return Outcome(Ending.WAITING, error=error)


def _differences(plan: Plan, applier: Applier) -> list[str]:
    return [
        *(f"{wanted.backend_id}: not listed" for wanted in plan.report),
        *(f"{refresh.wanted.backend_id}: not refreshed" for refresh in plan.refresh),
        *(
            f"{removal.record.backend_id}: still listed ({removal.why})"
            for removal in (*plan.surplus, *plan.withdraw)
            if removal.record.backend_id not in applier.refused
        ),
    ]


def _note_problems(problems: Problems, surveyor: Surveyor, survey: Survey, plan: Plan, applier: Applier) -> None:
    """What keeps a request from being Done: a refusal, withdrawals held back, or nothing placed at all."""
    if applier.refused:
        items = [f"{backend_id}: {words}" for backend_id, words in applier.refused.items()]
        problems.add(f"Waldur refused {len(items)} record{'s' if len(items) > 1 else ''}", items)
    if applier.gave_up:
        problems.add(applier.gave_up)
    if plan.held_why:
        problems.add(plan.held_why, [removal.record.backend_id for removal in plan.held])
    unplaced = [f"{item.resource.backend_id}: {item.why}" for item in plan.unplaced]
    if not plan.placed and plan.skipped:
        skipped = [f"{item.resource.backend_id}: {item.why}" for item in plan.skipped]
        problems.add(f"{len(skipped)} of {len(survey.scan.resources)} resources cannot be reported", skipped)
    if unplaced and (surveyor.settings.unplaced_is_error or not plan.placed):
        hint = "; ".join((*survey.remarks, *survey.warnings, UNPLACED_REMEDY))
        problems.add(f"{len(unplaced)} of {len(survey.scan.resources)} resources have no project: {hint}", unplaced)
