"""Looking at both sides without changing either: what the backend has, what Waldur has, and the plan that follows."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from waldur_import_agent.fulfilment.mapping import ask_mapping_command
from waldur_import_agent.fulfilment.outcome import first
from waldur_import_agent.fulfilment.projects import ProjectSources
from waldur_import_agent.fulfilment.waldur_side import WaldurSide
from waldur_import_agent.health.observer import SCANNING
from waldur_import_agent.id_pattern import misfits
from waldur_import_agent.log import get_logger
from waldur_import_agent.placement import Overrides, Placer, changed_ids, read_in_time, read_overrides
from waldur_import_agent.plan import Elsewhere, PlanInput, make_plan
from waldur_import_agent.records import Known, KnownResource, Offering, Plan, Project, Scan, id_key
from waldur_import_agent.scanners.base import BackendUnavailableError, Scanner
from waldur_import_agent.settings.models import OfferingSettings

SCAN_WAITS = (5.0, 20.0)
"""Seconds before the second and the third attempt at a scan; a backend that hangs is not asked again at once."""

Sleep = Callable[[float], Awaitable[None]]
Progress = Callable[[str, int, int], None]
"""Told the phase, how much of it is done, and how much there is (0: unknown)."""


def no_progress(phase: str, done: int, total: int) -> None:
    """Tells nobody."""


@asynccontextmanager
async def within_scan_timeout(seconds: float) -> AsyncIterator[None]:
    """The deadline of a scan. Raises BackendUnavailableError where the block takes longer.

    A TimeoutError of the scanner's own, a socket's for example, goes on as it is: it is a bug of the scanner.
    """
    deadline = asyncio.timeout(seconds)
    try:
        async with deadline:
            yield
    except TimeoutError as error:
        if not deadline.expired():
            raise
        raise BackendUnavailableError(f"the scan did not end within {seconds:g} seconds (scan_timeout)") from error


@dataclass(frozen=True, slots=True)
class Survey:
    """Both sides at one time. `notes` tell from where the projects are; `remarks` are warnings to say once.

    `misfits` are the ids that the offering's backend_id_rules would refuse.
    """

    scan: Scan
    offering: Offering
    placer: Placer
    known: Known
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    projects: tuple[Project, ...] = ()
    elsewhere: Elsewhere = field(default_factory=Elsewhere)
    misfits: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Sibling:
    """Another configured offering of the same backend; `first` says that it is configured before this one.

    Comparing with it costs two lists of requests a round: its records and its resources.
    """

    side: WaldurSide
    offering: str
    first: bool

    def has(self, known: Known) -> dict[str, str]:
        """The ids that this offering has, with what is said of them: its resources, and where it is first, records."""
        ids: dict[str, str] = {}
        if self.first:
            why = f"the offering {self.offering}, configured before this one for the same backend, has a record of it"
            ids |= {record.backend_id: why for record in known.records}
        for resource in known.resources:
            if resource.backend_id:
                ids[resource.backend_id] = (
                    f"it is a resource ({resource.state}) of the offering {self.offering}, which is configured for the "
                    "same backend"
                )
        return ids


@dataclass(frozen=True, slots=True)
class Surveyor:
    """Looks at one offering's backend and at Waldur."""

    settings: OfferingSettings
    instance: str
    scanner: Scanner
    side: WaldurSide
    sleep: Sleep
    allow_withdrawals: bool = False
    progress: Progress = no_progress
    scan_waits: Sequence[float] = field(default=SCAN_WAITS)
    siblings: Sequence[Sibling] = ()

    async def look(self) -> Survey:
        """Scan, then read Waldur.

        Raises BackendError, ConfigurationError (the overrides or the directory file), MappingCommandError, WaldurError
        or StoppedError.
        """
        self.progress(SCANNING, 0, 0)
        scan = await self.scan()
        self.progress("reading Waldur", 0, 0)
        overrides = Overrides()
        if self.settings.projects.overrides_file is not None:
            read = partial(read_overrides, ignore_case=self.scanner.ids_ignore_case)
            overrides = await read_in_time(self.settings.projects.overrides_file, "overrides file", read)
        offering = await self.side.offering()
        known = await self.side.known()
        unfit = await misfits(offering.backend_id_pattern, (resource.backend_id for resource in scan.resources))
        elsewhere = await self._elsewhere()
        gathered = await ProjectSources(self.settings.projects, self.side).gather(offering, known)
        mapped = await ask_mapping_command(self.settings.projects.mapping_command, scan.resources)
        placer = Placer(
            gathered.projects,
            self.settings.projects.rules,
            overrides,
            mapped=mapped.projects,
            holding_project=self.settings.projects.holding_project,
        )
        return Survey(
            scan,
            offering,
            placer,
            known,
            warnings=(
                *first(overrides.problems),
                *first(_changed(overrides, scan)),
                *gathered.warnings,
                *mapped.warnings,
            ),
            notes=(gathered.note,),
            remarks=(*gathered.remarks, *filter(None, [unfit.problem])),
            projects=gathered.projects,
            elsewhere=elsewhere,
            misfits=unfit.ids,
        )

    async def _elsewhere(self) -> Elsewhere:
        """What other offerings of the same backend have."""
        ids: dict[str, str] = {}
        resources: list[KnownResource] = []
        for sibling in self.siblings:
            known = await sibling.side.known()
            resources += known.resources
            for backend_id, why in sibling.has(known).items():
                ids.setdefault(id_key(backend_id, ignore_case=self.scanner.ids_ignore_case), why)
        return Elsewhere(ids, tuple(resources))

    async def scan(self) -> Scan:
        """Scan the backend. One that is unavailable is tried again, all within the scan's deadline."""
        async with within_scan_timeout(self.settings.scan_timeout):
            return await self._scan_again_and_again()

    async def _scan_again_and_again(self) -> Scan:
        for wait in self.scan_waits:
            try:
                return await self.scanner.scan()
            except BackendUnavailableError as error:
                get_logger().warning("scan failed, will be tried again", seconds=wait, reason=str(error))
                await self.sleep(wait)
        return await self.scanner.scan()

    def plan(self, survey: Survey, refused: Mapping[str, str] | None = None) -> Plan:
        """What follows from a survey; ids in `refused` are not tried again."""
        return make_plan(
            PlanInput(
                scan=survey.scan,
                place=survey.placer.place,
                known=survey.known,
                offering=survey.offering,
                settings=self.settings,
                instance=self.instance,
                ids_ignore_case=self.scanner.ids_ignore_case,
                refused=refused or {},
                allow_withdrawals=self.allow_withdrawals,
                elsewhere=survey.elsewhere,
                misfits=survey.misfits,
            )
        )


def _changed(overrides: Overrides, scan: Scan) -> tuple[str, ...]:
    """Lines of the overrides file whose ids a spreadsheet seems to have changed; nothing where not all was read."""
    if not scan.complete:
        return ()
    ids = [resource.backend_id for resource in scan.resources]
    return tuple(changed_ids(overrides, [*ids, *scan.excluded, *scan.absent]))
