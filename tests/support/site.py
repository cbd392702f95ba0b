"""A site for tests: a sandbox Waldur, a backend that says what it is told, and the real agent between them."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import httpx

from support.builders import found
from waldur_import_agent.fulfilment import Answerer, Identity, RoundReport, Surveyor
from waldur_import_agent.fulfilment.claims import Claims
from waldur_import_agent.fulfilment.survey import Sibling
from waldur_import_agent.fulfilment.waldur_side import WaldurSide
from waldur_import_agent.journal import Journal
from waldur_import_agent.records import FoundResource, Scan
from waldur_import_agent.redactor import Redactor
from waldur_import_agent.sandbox import ConnectionLostError, Offering, Project, Record, Request, Sandbox
from waldur_import_agent.scanners.base import Check, ScannerSettings
from waldur_import_agent.settings.models import OfferingSettings, Waldur
from waldur_import_agent.waldur.client import WaldurClient
from waldur_import_agent.waldur.effort import Effort

RULES = [{"from": "parent", "match": "^hpc_(?P<slug>.+)$", "value": "{slug}"}]


class ToldScanner:
    """A scanner that finds what it was told to find, or raises what it was told to raise; `scans` counts."""

    kind: ClassVar[str] = "told"
    settings_model: ClassVar[type[ScannerSettings]] = ScannerSettings
    ids_ignore_case: ClassVar[bool] = True

    def __init__(self, settings: ScannerSettings | None = None) -> None:
        del settings
        self.result = Scan(())
        self.errors: list[BaseException] = []
        self.scans = 0
        self.gate: asyncio.Event | None = None
        self.begun = asyncio.Event()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    async def check(self) -> list[Check]:
        """Nothing to check."""
        return []

    async def scan(self) -> Scan:
        """What was told; waits for `gate` where there is one."""
        self.scans += 1
        self.begun.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.errors:
            raise self.errors.pop(0)
        return self.result


async def _at_once(request: httpx.Request) -> None: ...


class SandboxTransport(httpx.ASGITransport):
    """The sandbox without a socket; a connection that it drops is one for httpx too.

    `before` is awaited before a request reaches the sandbox, `after` before its answer goes back; both may wait or
    raise.
    """

    before: Callable[[httpx.Request], Awaitable[None]] = staticmethod(_at_once)
    after: Callable[[httpx.Request], Awaitable[None]] = staticmethod(_at_once)

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(app=sandbox.app)
        self.in_flight = 0
        self.peak = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One exchange."""
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        try:
            await asyncio.sleep(0)
            await self.before(request)
            response = await super().handle_async_request(request)
            await self.after(request)
            return response  # noqa: TRY300 - what can raise stands together
        except ConnectionLostError as error:
            raise httpx.ReadError("connection lost", request=request) from error
        finally:
            self.in_flight -= 1


@dataclass
class Site:
    """One offering with its backend, its Waldur and its agent."""

    directory: Path
    sandbox: Sandbox = field(default_factory=Sandbox)
    scanner: ToldScanner = field(default_factory=ToldScanner)
    components: tuple[str, ...] = ("cpu", "gpu")
    offering_settings: dict[str, Any] = field(default_factory=dict)
    waldur_settings: dict[str, Any] = field(default_factory=dict)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    waits: list[float] = field(default_factory=list)
    allow_withdrawals: bool = False
    instance: str = "default"
    host: str = "testhost"
    simulated: bool = False
    """Whether the test runs in a SimulatedLoop: waits then take their time."""
    journal: type[Journal] = Journal
    siblings: list[tuple[Offering, bool]] = field(default_factory=list)
    """Other offerings of the same backend, and whether each is configured before this one."""
    redact: Redactor = field(default_factory=Redactor)

    def __post_init__(self) -> None:
        self.offering: Offering = self.sandbox.add_offering("SLURM cluster", components=self.components)
        self.alpha: Project = self.sandbox.add_project("Project Alpha", "alpha")
        self.transport = SandboxTransport(self.sandbox)

    def finds(
        self, *resources: FoundResource | str, complete: bool = True, excluded: dict[str, str] | None = None
    ) -> None:
        """The backend has these from now on."""
        things = tuple(found(thing) if isinstance(thing, str) else thing for thing in resources)
        self.scanner.result = Scan(things, complete=complete, excluded=excluded or {})

    def ask(self) -> Request:
        """Staff create a request."""
        return self.sandbox.add_request(self.offering)

    @asynccontextmanager
    async def agent(self) -> AsyncIterator[Answerer]:
        """The agent, as after a start; the journal is the same each time."""
        waldur = Waldur.model_validate(
            {"url": "https://waldur.test", "token": self.sandbox.agent_token} | self.waldur_settings
        )
        offering = OfferingSettings.model_validate(
            {"uuid": self.offering.uuid, "scanner": {"type": "told"}, "projects": {"rules": RULES}}
            | self.offering_settings
        )
        clock = asyncio.get_running_loop().time if self.simulated else time.monotonic
        effort = Effort(waldur.effort, stop=self.stop, clock=clock, sleep=self._sleep)
        client = WaldurClient.from_settings(waldur, transport=self.transport, on_token=self.redact.add)
        with self.journal.open(self.directory) as journal:
            async with client:
                yield Answerer(
                    surveyor=Surveyor(
                        settings=offering,
                        instance=self.instance,
                        scanner=self.scanner,
                        side=WaldurSide(client, effort, offering.uuid),
                        sleep=self._sleep,
                        allow_withdrawals=self.allow_withdrawals,
                        siblings=[
                            Sibling(WaldurSide(client, effort, other.uuid), other.uuid, first)
                            for other, first in self.siblings
                        ],
                    ),
                    claims=Claims(client, effort, journal, offering.uuid),
                    journal=journal,
                    identity=Identity(self.instance, self.host, "0.0"),
                    redact=self.redact,
                    stop=self.stop,
                    creates_in_flight=waldur.max_in_flight,
                )

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        await asyncio.sleep(seconds if self.simulated else 0)

    async def round(self) -> RoundReport:
        """Start the agent, let it do one round, and stop it."""
        async with self.agent() as answerer:
            return await answerer.answer()

    def records(self) -> list[Record]:
        """What Waldur now has."""
        return list(self.sandbox.records_of(self.offering))

    def ids(self) -> list[str]:
        """The backend ids that Waldur now has, sorted."""
        return sorted(record.backend_id for record in self.records())

    def asked(self, method: str, part: str) -> int:
        """How many requests Waldur has got with this method and this text in the path."""
        return sum(entry.method == method and part in entry.path for entry in self.sandbox.log)

    def journal_claims(self) -> list[str]:
        """The requests that the journal still has."""
        with Journal.open(self.directory) as journal:
            return [claim.request for claim in journal.claims(self.offering.uuid)]
