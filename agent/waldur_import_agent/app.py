"""Composition root: a configuration becomes a client, scanners, a journal, and an answerer for each offering."""

import asyncio
import contextlib
import shlex
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies

from pydantic import BaseModel, SecretStr

from waldur_import_agent import __version__
from waldur_import_agent.errors import StateError, StoppedError
from waldur_import_agent.fulfilment import Answerer, Identity, Surveyor
from waldur_import_agent.fulfilment.claims import Claims
from waldur_import_agent.fulfilment.survey import SCAN_WAITS, Progress, Sibling, Sleep, no_progress
from waldur_import_agent.fulfilment.waldur_side import WaldurSide
from waldur_import_agent.health.health import Health
from waldur_import_agent.health.observer import Ended, Observer
from waldur_import_agent.journal import Journal
from waldur_import_agent.lock import offering_lock
from waldur_import_agent.log import bind, get_logger
from waldur_import_agent.redactor import Redactor
from waldur_import_agent.scanners.base import CheckStatus, ReadsSecrets, ReadsWantedLimits, Scanner, ScannerSettings
from waldur_import_agent.scanners.registry import scanner_class
from waldur_import_agent.settings.load import Configuration, load_configuration
from waldur_import_agent.settings.models import Waldur
from waldur_import_agent.system import owner_other_than_root, wait_for_event
from waldur_import_agent.waldur.client import WaldurClient
from waldur_import_agent.waldur.effort import Effort
from waldur_import_agent.waldur.in_flight import InFlight
from waldur_import_agent.waldur.transport import OnExchange

FILTERS = {"accounts", "kinds", "quotas", "select"}
"""The settings of a scanner that say what of its backend is offered, not which backend it is."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a command brings along: where stop signals arrive, who is told of progress, and what may be done."""

    stop: asyncio.Event
    redact: Redactor
    progress: Progress = no_progress
    scan_waits: Sequence[float] = SCAN_WAITS
    allow_withdrawals: bool = False
    health: Health | None = None

    def observer(self, position: int) -> Observer:
        """Who is told of the offering at this position of the configuration."""
        return Observer() if self.health is None else self.health.observers[position]

    def load(self, limit: int, waiting: int, pause: float | None) -> None:
        """What the requests in flight to Waldur tell of themselves."""
        if self.health is not None:
            self.health.load(limit, waiting, pause)


def load(path: Path) -> Configuration:
    """The configuration at `path`, the scanners' blocks checked too. Raises ConfigurationError with all problems."""
    return load_configuration(path, lambda name: scanner_class(name).settings_model)


def register_secrets(configuration: Configuration, redact: Redactor) -> None:
    """Let `redact` know the secrets of the configuration: the token in it, those of scanners, passwords of proxies.

    The token of a file is registered when it is read, and so is what a scanner reads (ReadsSecrets).
    """
    waldur = configuration.settings.waldur
    for model in (waldur, *configuration.scanners):
        for secret in _secrets(model):
            redact.add(secret.get_secret_value())
    for proxy in filter(None, (waldur.proxy, *getproxies().values())):
        with contextlib.suppress(ValueError):  # no URL: the client says so
            redact.add(unquote(urlsplit(proxy).password or ""))


def _secrets(model: BaseModel) -> Iterator[SecretStr]:
    """Those of a model, and of the models in it."""
    for _, value in model:
        if isinstance(value, SecretStr):
            yield value
        elif isinstance(value, BaseModel):
            yield from _secrets(value)


def make_scanners(configuration: Configuration, redact: Redactor) -> list[Scanner]:
    """The scanners of the configured offerings, in their order, not yet entered; `redact` learns what they read."""
    scanners: list[Scanner] = []
    for offering, settings in zip(configuration.settings.offerings, configuration.scanners, strict=True):
        # validated with the scanner's own model, which the settings do not know
        scanner = scanner_class(offering.scanner["type"])(cast("ScannerSettings", settings))
        if offering.components and isinstance(scanner, ReadsWantedLimits):
            scanner.want_limits({component.source for component in offering.components.values()})
        if isinstance(scanner, ReadsSecrets):
            scanner.tell_secrets(partial(redact.add, passing=True))
        scanners.append(scanner)
    return scanners


def make_client(
    settings: Waldur, redact: Redactor, *, read_only: bool, on_exchange: OnExchange | None = None
) -> WaldurClient:
    """A client for Waldur, not yet entered; one that is `read_only` cannot write, whoever calls it."""
    return WaldurClient.from_settings(settings, read_only=read_only, on_token=redact.add, on_exchange=on_exchange)


def make_effort(settings: Waldur, around: Surroundings) -> Effort:
    """How hard to try, for all offerings together: they share the requests in flight."""
    in_flight = InFlight(settings.max_in_flight, around.load)
    return Effort(settings.effort, stop=around.stop, in_flight=in_flight)


@asynccontextmanager
async def open_surveyors(
    configuration: Configuration, client: WaldurClient, around: Surroundings, effort: Effort | None = None
) -> AsyncIterator[list[Surveyor]]:
    """A surveyor for each offering, its scanner entered."""
    settings = configuration.settings
    effort = effort or make_effort(settings.waldur, around)
    async with AsyncExitStack() as stack:
        yield [
            Surveyor(
                settings=offering,
                instance=settings.instance,
                scanner=await stack.enter_async_context(scanner),
                side=WaldurSide(client, effort, offering.uuid),
                sleep=_stoppable_sleep(around.stop),
                allow_withdrawals=around.allow_withdrawals,
                progress=_both(around.progress, around.observer(position).progress),
                scan_waits=around.scan_waits,
                siblings=[
                    Sibling(
                        WaldurSide(client, effort, settings.offerings[other].uuid),
                        settings.offerings[other].uuid,
                        first=other < position,
                    )
                    for other in same_backend(configuration, position)
                ],
            )
            for position, (offering, scanner) in enumerate(
                zip(settings.offerings, make_scanners(configuration, around.redact), strict=True)
            )
        ]


def same_backend(configuration: Configuration, position: int) -> list[int]:
    """The positions of the other offerings whose scanner looks at the same backend: its settings are the same.

    What only chooses among what it has found (FILTERS) may differ.
    """
    backends = [
        (offering.scanner["type"], scanner.model_dump(exclude=FILTERS))
        for offering, scanner in zip(configuration.settings.offerings, configuration.scanners, strict=True)
    ]
    return [other for other, backend in enumerate(backends) if other != position and backend == backends[position]]


@asynccontextmanager
async def open_answerers(configuration: Configuration, around: Surroundings) -> AsyncIterator[list[Answerer]]:
    """An answerer for each offering: locks held, journal open.

    Raises LockedError, StateError or ConfigurationError before anything is asked of Waldur.
    """
    settings = configuration.settings
    refuse_root(settings.state_dir)
    async with AsyncExitStack() as stack:
        for offering in settings.offerings:
            stack.enter_context(offering_lock(settings.lock_dir, settings.waldur.url, offering.uuid))
        journal = stack.enter_context(Journal.open(settings.state_dir))
        if around.health is not None:
            _remember_last_rounds(around.health, journal)
        told = None if around.health is None else around.health.exchanged
        client = make_client(settings.waldur, around.redact, read_only=False, on_exchange=told)
        await stack.enter_async_context(client)
        effort = make_effort(settings.waldur, around)
        surveyors = await stack.enter_async_context(open_surveyors(configuration, client, around, effort))
        identity = Identity(settings.instance, socket.gethostname(), __version__)
        yield [
            Answerer(
                surveyor=surveyor,
                claims=Claims(client, effort, journal, surveyor.settings.uuid),
                journal=journal,
                identity=identity,
                redact=around.redact,
                stop=around.stop,
                creates_in_flight=settings.waldur.max_in_flight,
                observer=around.observer(position),
            )
            for position, surveyor in enumerate(surveyors)
        ]


def _remember_last_rounds(health: Health, journal: Journal) -> None:
    """Let `status` tell of the last round also after a restart, and where each run is a process of its own."""
    for offering in health.monitor.offerings:
        for last in journal.rounds(offering.watched.uuid)[:1]:
            offering.remember(
                Ended(
                    outcome=last.outcome,
                    started=last.started,
                    finished=last.finished,
                    run=last.run,
                    message=last.message,
                    requests=last.requests,
                    counts=last.counts,
                )
            )


def _both(one: Progress, other: Progress) -> Progress:
    def progress(phase: str, done: int, total: int) -> None:
        one(phase, done, total)
        other(phase, done, total)

    return progress


async def check_scanners(answerers: Sequence[Answerer], health: Health) -> None:
    """Ask each scanner, side by side, whether it can work. What it lacks is logged: a later scan may do better."""

    async def check(surveyor: Surveyor) -> None:
        bind({"offering": surveyor.settings.uuid})
        log = get_logger()
        deadline = asyncio.timeout(surveyor.settings.scan_timeout)
        try:
            async with deadline:
                checks = await surveyor.scanner.check()
        except Exception:
            if deadline.expired():
                log.warning("the scanner's check did not end in time", seconds=surveyor.settings.scan_timeout)
                return
            log.exception("the scanner's check failed: please report this")
        else:
            for found in checks:
                if found.status is not CheckStatus.PASS:
                    log.warning(
                        "scanner check", check=found.name, status=found.status, found=found.detail, remedy=found.remedy
                    )

    async with asyncio.TaskGroup() as group:
        for answerer in answerers:
            group.create_task(check(answerer.surveyor))
    health.scanners_looked_at()


def refuse_root(state_dir: Path) -> None:
    """Refuse to work as root in another user's state directory: what root writes there, that user cannot replace.

    Raises StateError with the line to use instead.
    """
    owner = owner_other_than_root(state_dir)
    if owner is not None:
        started, *words = sys.argv
        module = Path(started).name == "__main__.py"  # which cannot be started by its name
        command = [sys.executable, "-m", "waldur_import_agent"] if module else [started]
        raise StateError(
            f"the state directory {state_dir} is {owner}'s, and this was started as root",
            remedy=f"Start it as that user: sudo -u {shlex.join([owner, *command, *words])}",
        )


def _stoppable_sleep(stop: asyncio.Event) -> Sleep:
    async def sleep(seconds: float) -> None:
        if await wait_for_event(stop, seconds):
            raise StoppedError("the agent was told to stop while it waited for the backend")

    return sleep
