"""The daemon: one task per offering, woken by APScheduler, stopped by signals.

APScheduler is a metronome here: its job only wakes the task, since its shutdown cancels running jobs.
"""

import asyncio
import contextlib
import random
import signal
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC
from types import FrameType

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from waldur_import_agent.errors import AgentError
from waldur_import_agent.fulfilment import Answerer, Ending, RoundReport
from waldur_import_agent.log import bind, get_logger
from waldur_import_agent.system import wait_for_event

BACKOFF_MAX = 300.0
"""Seconds between two looks at a Waldur that does not answer, at the most."""
JITTER_PART = 0.1
"""Part of the poll interval by which a poll may come early, so that agents do not march in step; none comes late."""
LAST_RESORT = 10.0
"""Seconds after the end of the grace time, or after the second signal: whatever still runs then is ended from outside.

More than a round has to clean up after it was cut off (LAST_SECONDS of `run`).
"""


class Loop:
    """Answers requests until it is told to stop."""

    def __init__(self, answerers: Sequence[Answerer], poll_interval: float, stop: asyncio.Event) -> None:
        self._answerers = answerers
        self._interval = poll_interval
        self._stop = stop

    async def run(self) -> None:
        """Poll for each offering in a task of its own, until `stop` is set and the running rounds have ended."""
        scheduler = AsyncIOScheduler(timezone=UTC)
        scheduler.start()
        try:
            async with asyncio.TaskGroup() as group:
                for answerer in self._answerers:
                    group.create_task(self._serve(answerer, scheduler))
        finally:
            scheduler.shutdown(wait=False)

    async def _serve(self, answerer: Answerer, scheduler: AsyncIOScheduler) -> None:
        bind({"offering": answerer.offering})
        wake = asyncio.Event()
        wake.set()

        async def tick() -> None:
            # a coroutine, since APScheduler runs plain functions in a thread, where set() is unsafe
            wake.set()

        scheduler.add_job(
            tick,
            "interval",
            # APScheduler's jitter goes both ways
            seconds=self._interval * (1 - JITTER_PART / 2),
            jitter=self._interval * JITTER_PART / 2,
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,
        )
        failures = 0
        while await self._woken(wake):
            report = await _round(answerer)
            if report is not None and report.outcome.ending is not Ending.WAITING:
                failures = 0
                if report.requests:
                    wake.set()  # a burst of requests does not wait for another interval
                answerer.observer.resting(self._interval)
                continue
            failures += 1
            seconds = backoff(self._interval, failures)
            answerer.observer.resting(max(seconds, self._interval))
            await wait_for_event(self._stop, seconds)

    async def _woken(self, wake: asyncio.Event) -> bool:
        """Wait for the next poll; false when it is time to stop."""
        stop = asyncio.ensure_future(self._stop.wait())
        woken = asyncio.ensure_future(wake.wait())
        try:
            await asyncio.wait({stop, woken}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stop.cancel()
            woken.cancel()
        wake.clear()
        return not self._stop.is_set()


def backoff(interval: float, failures: int) -> float:
    """Seconds to wait after so many failures in a row: doubled each time up to five minutes, spread by a half."""
    longest = min(max(BACKOFF_MAX, interval), interval * 2.0 ** min(failures - 1, 16))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads agents, guards nothing


async def _round(answerer: Answerer) -> RoundReport | None:
    """One round; None where it failed in a way that only the log can tell."""
    try:
        return await _observed(answerer)
    except AgentError:
        pass  # the observer was told, and its log line says it once
    except Exception:  # noqa: BLE001 - one offering's trouble must not end the others
        get_logger().exception("round failed: please report this")
    return None


async def _observed(answerer: Answerer) -> RoundReport:
    """One round, of which the offering's observer is told however it ends."""
    answerer.observer.looking()
    try:
        report = await answerer.answer()
    except Exception as error:
        answerer.observer.ended(answerer.impossible(error).ended(answerer.redact))
        raise
    answerer.observer.ended(report.ended(answerer.redact))
    get_logger().debug("polled", requests=len(report.requests), outcome=report.outcome.ending)
    return report


async def answer_once(answerer: Answerer, stop: asyncio.Event) -> list[RoundReport]:
    """Answer all that is Sent for one offering, then return; the reports of the rounds, the last one the empty look.

    What makes a round impossible becomes its report.
    """
    bind({"offering": answerer.offering})
    reports = []
    while not stop.is_set():
        try:
            reports.append(await _observed(answerer))
        except AgentError as error:
            reports.append(answerer.impossible(error))
        if not reports[-1].requests or reports[-1].outcome.ending is Ending.WAITING:
            break
    return reports


async def answer_all_once(answerers: Sequence[Answerer], stop: asyncio.Event) -> list[RoundReport]:
    """Answer all that is Sent for each offering, side by side.

    A bug in one of them is raised when the others have ended: it must not cut their rounds off.
    """
    ended = await asyncio.gather(*(answer_once(answerer, stop) for answerer in answerers), return_exceptions=True)
    for result in ended:
        if isinstance(result, BaseException):
            raise result
    return [report for reports in ended if not isinstance(reports, BaseException) for report in reports]


@contextlib.contextmanager
def stop_on_signals(stop: asyncio.Event, grace: float, abandon: Callable[[], object]) -> Iterator[None]:
    """SIGTERM or SIGINT sets `stop`; a second one, or `grace` seconds, calls `abandon` to cancel what still runs.

    Where the event loop itself is held up, by a regular expression for example, the kernel ends the process
    LAST_RESORT seconds later.
    """
    loop = asyncio.get_running_loop()
    timers: list[asyncio.TimerHandle] = []

    def on_signal(number: signal.Signals) -> None:
        if stop.is_set():
            get_logger().warning("stopping at once", signal=number.name)
            abandon()
            return
        get_logger().info("stopping; a running round may end", signal=number.name, seconds=grace)
        stop.set()
        timers.append(loop.call_later(grace, abandon))

    def at_once(number: int, _: FrameType | None) -> None:
        # add_signal_handler's would wait for its turn in the loop; an alarm needs neither the loop nor Python's lock
        seconds = LAST_RESORT if signal.getitimer(signal.ITIMER_REAL)[0] else grace + LAST_RESORT
        signal.setitimer(signal.ITIMER_REAL, seconds)
        loop.call_soon_threadsafe(on_signal, signal.Signals(number))

    before = {number: signal.signal(number, at_once) for number in (signal.SIGTERM, signal.SIGINT)}
    before[signal.SIGALRM] = signal.signal(signal.SIGALRM, signal.SIG_DFL)  # which ends the process
    try:
        yield
    finally:
        for timer in timers:
            timer.cancel()
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
