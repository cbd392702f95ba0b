"""The agent as a whole: writes status.json, speaks to systemd, and says whether it lives and whether it is ready."""

import asyncio
import contextlib
import json
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from waldur_import_agent import __version__
from waldur_import_agent.health.offering import RESTING, STARTING, OfferingHealth, Watched
from waldur_import_agent.health.probe import NAME, unhealthy
from waldur_import_agent.health.systemd import Notifier
from waldur_import_agent.log import bound, get_logger
from waldur_import_agent.system import now

BEAT_SECONDS = 5.0
"""How often the event loop shows that it turns."""
BEAT_LIMIT = 60.0
"""Seconds without a beat after which the event loop counts as hung."""
EXTENSION = 60.0
"""Seconds of further patience that systemd is asked for with each beat while the agent starts or stops."""


class Monitor:
    """Watches the offerings. `directory` is where status.json stands; `once`: a run that ends by itself.

    `clock` gives seconds.
    """

    def __init__(
        self,
        offerings: Sequence[Watched],
        *,
        url: str,
        directory: Path,
        notifier: Notifier,
        once: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.offerings = [OfferingHealth(watched, self.changed, clock) for watched in offerings]
        self._url = url
        self._directory = directory
        self._notifier = notifier
        self._once = once
        self._clock = clock
        self._state = "starting"
        self._started = now()
        self._scanners_looked_at = False
        self._beat = clock()
        self._stopped_by = 0.0
        self._writable = True
        self._hung = ""

    # --- what is told

    def exchanged(self) -> None:
        """An exchange with Waldur has ended: a sign of life of the offering whose task it is."""
        uuid = bound("offering")
        for offering in self.offerings:
            if offering.watched.uuid == uuid:
                offering.sign()

    def scanners_looked_at(self) -> None:
        """Each scanner has been asked whether it can work; what it lacks is in the log."""
        self._scanners_looked_at = True
        self.changed()

    def stopping(self, grace: float) -> None:
        """A stop was asked for; a round may still end, `grace` seconds at the most."""
        self._state = "stopping"
        self._stopped_by = self._clock() + grace + EXTENSION
        self._notifier.tell("STOPPING=1", self._patience())
        self.changed()

    def changed(self) -> None:
        """Something is news: told to systemd and written."""
        if self._state == "starting" and self._scanners_looked_at and all(each.first_look for each in self.offerings):
            self._state = "running"
            self._notifier.tell("READY=1")
        self._notifier.status(self.words())
        self.write()

    def beat(self) -> None:
        """The event loop turns. The watchdog hears of it unless a phase takes longer than its own limit."""
        self._beat = self._clock()
        hung = self.hung()
        if hung:
            if not self._hung:
                get_logger().error("the agent hangs: please report this", reason=hung)
        else:
            self._notifier.tell("WATCHDOG=1")
        self._hung = hung
        if (self._state == "starting" and not hung) or self._beat < self._stopped_by:
            self._notifier.tell(self._patience())
        self.changed()

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Beats while the block runs; afterwards the status says that the agent has stopped."""
        beats = asyncio.create_task(self._beats())
        try:
            yield
        finally:
            beats.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await beats
            self._state = "stopped"
            self.write()

    # --- what can be asked

    def hung(self) -> str:
        """What hangs, or nothing. An outage of Waldur is none."""
        return unhealthy(self.snapshot(), self._clock())

    def unready(self) -> list[str]:
        """Why requests are not answered now: a line for each offering; none where all is well."""
        if self._state != "running":
            return [f"the agent is {self._state}"]
        return [f"offering {each.watched.number}: {each.reason}" for each in self.offerings if not each.ready]

    def words(self) -> str:
        """What the agent is doing, in a line for `systemctl status`."""
        reasons = sorted({each.reason for each in self.offerings if each.ready is False})
        beginning = "stopping: " if self._state == "stopping" else ""
        if reasons:
            return f"{beginning}requests cannot be answered: {' '.join('; '.join(reasons).split())}"
        busy = [each.doing() for each in self.offerings if each.phase not in {STARTING, RESTING}]
        return beginning + ("; ".join(dict.fromkeys(busy)) or "waiting for requests")

    def snapshot(self) -> dict[str, Any]:
        """What stands in status.json."""
        return {
            "version": __version__,
            "pid": os.getpid(),
            "url": self._url,
            "state": self._state,
            "once": self._once,
            "doing": self.words(),
            "started": self._started.isoformat(),
            "written": now().isoformat(),
            "beat": self._beat,
            "beat_limit": BEAT_LIMIT,
            "offerings": [offering.snapshot() for offering in self.offerings],
        }

    def write(self) -> None:
        """Write status.json: a reader meets the old one or the new one. Where that fails, one line says so."""
        fresh = self._directory / f".{NAME}.{os.getpid()}"
        try:
            self._directory.mkdir(mode=0o755, parents=True, exist_ok=True)
            fresh.write_text(json.dumps(self.snapshot(), indent=1), encoding="utf-8")
            fresh.replace(self._directory / NAME)
        except OSError as error:
            if self._writable:
                get_logger().warning(
                    "status.json cannot be written: requests are answered all the same, but `status` cannot tell of it",
                    directory=str(self._directory),
                    reason=error.strerror,
                    remedy="systemd makes this directory for the service; for an agent started by hand: "
                    f"install -d -o USER {self._directory}, or another runtime_dir",
                )
            self._writable = False
        else:
            self._writable = True

    # --- inside

    def _patience(self) -> str:
        return f"EXTEND_TIMEOUT_USEC={int(EXTENSION * 1_000_000)}"

    async def _beats(self) -> None:
        watchdog = self._notifier.watchdog
        seconds = BEAT_SECONDS if watchdog is None else min(BEAT_SECONDS, watchdog / 3)
        while True:
            self.beat()
            await asyncio.sleep(seconds)
