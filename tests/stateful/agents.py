"""The agents in a world: the real one, which can be killed, and a naive one."""

import asyncio
import shutil
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from stateful.naive_agent import NaiveAgent
from support.builders import found
from support.network import Network, NetworkTransport
from support.site import RULES, ToldScanner
from waldur_import_agent.errors import AgentError
from waldur_import_agent.fulfilment import Answerer, Identity, Surveyor
from waldur_import_agent.fulfilment.claims import Claims
from waldur_import_agent.fulfilment.waldur_side import WaldurSide
from waldur_import_agent.journal import Journal
from waldur_import_agent.records import Scan
from waldur_import_agent.redactor import Redactor
from waldur_import_agent.sandbox import Offering
from waldur_import_agent.scanners.base import BackendMisconfiguredError
from waldur_import_agent.settings.models import OfferingSettings, Waldur
from waldur_import_agent.waldur.client import WaldurClient
from waldur_import_agent.waldur.effort import Effort

COMPONENTS = {"cpu": {"from": "GrpTRESMins.cpu"}}


class Backend:
    """Accounts with their limits; `broken` says that it answers nobody."""

    def __init__(self) -> None:
        self.limits: dict[str, int] = {}
        self.broken = False

    def scan(self) -> Scan:
        """What is there now."""
        if self.broken:
            raise BackendMisconfiguredError("the backend is broken")
        return Scan(tuple(found(name, limits={"GrpTRESMins.cpu": cpu}) for name, cpu in self.limits.items()))


class BackendScanner(ToldScanner):
    """Reads the backend of the world."""

    def __init__(self, backend: Backend) -> None:
        super().__init__()
        self._backend = backend

    async def scan(self) -> Scan:
        """One look."""
        return self._backend.scan()


class Runner:
    """Runs the rounds of an agent as tasks of the loop; one that fails unexpectedly fails the test."""

    def __init__(self, network: Network, name: str, instance: str) -> None:
        self.name = name
        self.instance = instance
        self.network = network
        self.transport = NetworkTransport(network, name)
        self._task: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether it is in a round."""
        if self._task is not None and self._task.done():
            task, self._task = self._task, None
            task.result()
        return self._task is not None

    def run(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Begin a round, unless one is running."""
        if not self.busy:
            self._task = self.network.loop.create_task(work())
            self.network.loop.run_until_idle()

    def end(self) -> None:
        """Cancel what runs, and let nothing out any more."""
        self.transport.dead = True
        if self._task is not None:
            self._task.cancel()
            self.network.loop.run_until_idle()
            assert self._task.done(), "what is cancelled ends"
            self._task = None
        self.transport = NetworkTransport(self.network, self.name)


class RealProcess(Runner):
    """The product: a new answerer after each kill, with what was on disk at that moment."""

    def __init__(
        self, network: Network, offering: Offering, backend: Backend, *, name: str, instance: str, directory: Path
    ) -> None:
        super().__init__(network, name, instance)
        self._offering = offering
        self._backend = backend
        self._directory = directory / f"{name}-0"
        self._kills = 0
        self._answerer: Answerer | None = None

    def poll(self) -> None:
        """Begin a round, unless one is running."""
        if self._answerer is None:
            self._answerer = self._start()
        self.run(self._round)

    def kill(self) -> None:
        """What is on disk now is all that the next process has."""
        if self._answerer is None:
            return
        self._kills += 1
        left = self._directory.with_name(f"{self.name}-{self._kills}")
        shutil.copytree(self._directory, left)
        self.end()
        self._answerer.journal.close()
        self._directory, self._answerer = left, None

    async def _round(self) -> None:
        assert self._answerer is not None
        try:
            await self._answerer.answer()
        except AgentError:
            return  # the daemon logs it, and polls again

    def _start(self) -> Answerer:
        waldur = Waldur.model_validate({"url": "https://waldur.test", "token": self.network.sandbox.agent_token})
        offering = OfferingSettings.model_validate(
            {
                "uuid": self._offering.uuid,
                "scanner": {"type": "told"},
                "projects": {"rules": RULES, "sources": ["visible"]},
                "components": COMPONENTS,
            }
        )
        stop = asyncio.Event()
        effort = Effort(waldur.effort, stop=stop, clock=self.network.loop.time)
        client = WaldurClient.from_settings(waldur, transport=self.transport)
        journal = Journal.open(self._directory)
        return Answerer(
            surveyor=Surveyor(
                settings=offering,
                instance=self.instance,
                scanner=BackendScanner(self._backend),
                side=WaldurSide(client, effort, offering.uuid),
                sleep=asyncio.sleep,
            ),
            claims=Claims(client, effort, journal, offering.uuid),
            journal=journal,
            identity=Identity(self.instance, self.name, "0.0"),
            redact=Redactor(),
            stop=stop,
            creates_in_flight=waldur.max_in_flight,
        )


class NaiveProcess(Runner):
    """What is not the product."""

    def __init__(
        self, network: Network, offering: Offering, backend: Backend, *, name: str, instance: str, directory: Path
    ) -> None:
        del directory
        super().__init__(network, name, instance)
        self._make: Callable[[], NaiveAgent] = lambda: NaiveAgent(
            network.sandbox, offering, BackendScanner(backend), self.transport
        )

    def poll(self) -> None:
        """Begin a round, unless one is running."""
        self.run(self._make().answer)

    def kill(self) -> None:
        """Nothing is left of it."""
        self.end()


MakeProcess = type[RealProcess] | type[NaiveProcess]
