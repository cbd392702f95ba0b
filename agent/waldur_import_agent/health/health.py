"""All that watches an agent, put together: the monitor, the log's outages, and metrics where they are asked for."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from waldur_import_agent.health.listener import Page, Reply, listening, plain
from waldur_import_agent.health.monitor import Monitor
from waldur_import_agent.health.observer import Observer, Observers
from waldur_import_agent.health.offering import OfferingHealth, Watched
from waldur_import_agent.health.outages import Outages
from waldur_import_agent.health.systemd import Notifier
from waldur_import_agent.settings.models import OfferingSettings, Settings

if TYPE_CHECKING:
    from waldur_import_agent.health.metrics import Metrics


class Health:
    """The health of an agent with these settings. `port` is where it listens while it runs, if it does."""

    def __init__(self, settings: Settings, notifier: Notifier, *, once: bool = False) -> None:
        self._settings = settings
        self._outages = Outages()
        self._metrics: Metrics | None = None
        self.port: int | None = None
        self.monitor = Monitor(
            [_watched(settings, position) for position in range(len(settings.offerings))],
            url=settings.waldur.url,
            directory=settings.runtime_dir,
            notifier=notifier,
            once=once,
        )
        if settings.metrics.listen is not None:
            from waldur_import_agent.health import metrics  # noqa: PLC0415 - not needed without a listener

            self._metrics = metrics.Metrics()

        self.observers = [self._observer(health) for health in self.monitor.offerings]
        """Who is told of each offering, in the configuration's order."""

    def _observer(self, health: OfferingHealth) -> Observer:
        observers = [health, self._outages.of(health.watched.uuid)]
        if self._metrics is not None:
            observers.append(self._metrics.of(health.watched.number, health.watched.scanner, time.monotonic))
        return Observers(*observers)

    def exchanged(self, method: str, path: str, status: int | None, seconds: float) -> None:
        """An exchange with Waldur has ended; `status` is None where no answer came."""
        self.monitor.exchanged()
        if self._metrics is not None:
            self._metrics.exchanged(method, path, status, seconds)

    def load(self, limit: int, waiting: int, pause: float | None) -> None:
        """The limit of requests in flight, how many wait for their turn, and the pause where it was just halved."""
        if self._metrics is not None:
            self._metrics.load(limit, waiting, pause)

    def scanners_looked_at(self) -> None:
        """Each scanner has been asked whether it can work."""
        self.monitor.scanners_looked_at()

    @asynccontextmanager
    async def running(self, stop: asyncio.Event) -> AsyncIterator[None]:
        """Watch, and listen where that is configured, while the block runs; `stop` is set when the agent is to stop."""

        async def announce_stop() -> None:
            await stop.wait()
            self.monitor.stopping(self._settings.grace)

        async with self.monitor.watching(), self._listening():
            announcing = asyncio.create_task(announce_stop())
            try:
                yield
            finally:
                announcing.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await announcing

    # --- over HTTP

    @asynccontextmanager
    async def _listening(self) -> AsyncIterator[None]:
        if self._metrics is None:
            yield
            return
        address = urlsplit(f"//{self._settings.metrics.listen}")
        metrics = self._metrics

        def numbers() -> Reply:
            return (HTTPStatus.OK, *metrics.text())

        pages: dict[str, Page] = {"/metrics": numbers, "/healthz": self._healthz, "/readyz": self._readyz}
        async with listening(address.hostname or "", address.port or 0, pages) as self.port:
            yield

    def _healthz(self) -> Reply:
        hung = self.monitor.hung()
        return plain(HTTPStatus.SERVICE_UNAVAILABLE, hung) if hung else plain(HTTPStatus.OK, "ok")

    def _readyz(self) -> Reply:
        reasons = self.monitor.unready()
        return plain(HTTPStatus.SERVICE_UNAVAILABLE, "\n".join(reasons)) if reasons else plain(HTTPStatus.OK, "ready")


def _watched(settings: Settings, position: int) -> Watched:
    offering: OfferingSettings = settings.offerings[position]
    effort = settings.waldur.effort
    longest_call = max(effort.read.within, effort.claim.within, effort.create.within, effort.finish.within)
    return Watched(
        uuid=offering.uuid,
        number=position + 1,
        scanner=str(offering.scanner["type"]),
        scan_limit=offering.scan_timeout,
        step_limit=max(longest_call, offering.projects.mapping_command.timeout),
    )
