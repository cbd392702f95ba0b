"""The work of one round: look at both sides, plan, write, and compare what Waldur then lists with the plan."""

import logging
from dataclasses import dataclass, replace
from datetime import datetime

from waldur_import_agent.errors import StateError, StoppedError
from waldur_import_agent.fulfilment.apply import Applier
from waldur_import_agent.fulfilment.other_agents import signs_of_others
from waldur_import_agent.fulfilment.outcome import Problems, RoundReport, first
from waldur_import_agent.fulfilment.survey import Survey, Surveyor
from waldur_import_agent.fulfilment.waldur_side import RecordsCannotBeListedError
from waldur_import_agent.log import get_logger
from waldur_import_agent.records import Known, Marker, Plan
from waldur_import_agent.redactor import Redactor
from waldur_import_agent.system import now
from waldur_import_agent.waldur.errors import WaldurNotAuthenticatedError, WaldurUnavailableError

PASSES_AFTER_RECEIPT = 2
"""How often a difference between the plan and what Waldur lists afterwards is worked off."""
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
class Work:
    """Does the work of an offering's rounds; `remarked` is what was warned of once, and is told at level info again."""

    surveyor: Surveyor
    identity: Identity
    redact: Redactor
    creates_in_flight: int
    remarked: set[str]

    async def do(self, report: RoundReport) -> RoundReport:
        """Scan, plan, apply, and look at the receipt. Only what must wait is raised; all else becomes the outcome."""
        problems = Problems(self.redact)
        log = get_logger()
        log.info("round started", run=report.run, requests=list(report.requests))
        try:
            survey = await self.surveyor.look()
            plan = self.surveyor.plan(survey)
            others = list(signs_of_others(survey.known.records, self.identity.instance, self.identity.host, now()))
            for warning in (*survey.warnings, *first(plan.warnings), *first(others)):
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

    def _marker(self, run: str) -> "_MarkerMaker":
        return _MarkerMaker(self.identity, run)


@dataclass(frozen=True, slots=True)
class _MarkerMaker:
    identity: Identity
    run: str

    def __call__(self, content: str, written: datetime) -> Marker:
        who = self.identity
        return Marker(who.instance, content, who.host, who.version, self.run, written)


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
