"""How long a request waits until it is claimed: one poll interval at the most. The clock is simulated."""

import asyncio
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, tzinfo
from pathlib import Path

import pytest
from apscheduler.schedulers import base
from apscheduler.triggers import interval

from support.simulated import simulate
from support.site import Site
from waldur_import_agent.loop import JITTER_PART, Loop
from waldur_import_agent.sandbox import Request  # noqa: TC001 - beside the others

INTERVAL = 30.0
EARLIEST, LATEST = (lambda low, _high: low), (lambda _low, high: high)


class SimulatedDatetime(datetime):
    """The scheduler's time of day, which is that of the simulated loop."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:
        """The present time."""
        return datetime.fromtimestamp(asyncio.get_running_loop().time(), tz=tz or UTC)


@pytest.fixture(autouse=True)
def _simulated_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (base, interval):
        monkeypatch.setattr(module, "datetime", SimulatedDatetime)


def now() -> float:
    """The simulated time."""
    return asyncio.get_running_loop().time()


async def waits(site: Site, arrivals: Sequence[float]) -> list[float]:
    """Seconds from the arrival of each request to its claim, by a daemon that starts at 0."""
    claimed: dict[str, float] = {}

    async def note_claim(request: object) -> None:
        path = str(getattr(request, "url", ""))
        if "start_processing" in path:
            claimed[path.split("/")[-3]] = now()

    site.transport.before = note_claim
    asked: list[tuple[Request, float]] = []
    async with site.agent() as answerer:
        daemon = asyncio.create_task(Loop([answerer], INTERVAL, site.stop).run())
        for arrival in arrivals:
            await asyncio.sleep(arrival - now())
            asked.append((site.ask(), now()))
        await asyncio.sleep(2 * INTERVAL)
        site.stop.set()
        await daemon
    return [claimed[request.uuid] - arrived for request, arrived in asked]


@pytest.mark.parametrize("jitter", [EARLIEST, LATEST])
def test_no_request_waits_longer_than_one_interval(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jitter: Callable[[float, float], float]
) -> None:
    """Whenever it arrives, right after a poll too, and however far polls are spread."""
    monkeypatch.setattr(random, "uniform", jitter)
    arrivals = [0.001, *(60.0 + number * 37.77 for number in range(20)), 1000.0, 1029.9, 1030.1]
    found = simulate(waits(Site(tmp_path, simulated=True), arrivals))
    assert max(found) <= INTERVAL
    assert max(found) > INTERVAL * (1 - 2 * JITTER_PART)  # it does not poll more often than it was told


def test_the_second_request_of_a_burst_is_claimed_at_once(tmp_path: Path) -> None:
    """One that arrives while another is answered does not wait for the next poll, and those that wait are one round."""
    site = Site(tmp_path, simulated=True)
    during: list[Request] = []

    async def burst() -> list[float]:
        site.scanner.gate = asyncio.Event()
        asking = asyncio.create_task(waits(site, [10.0, 10.0, 10.0]))
        await site.scanner.begun.wait()
        await asyncio.sleep(1)
        during.append(site.ask())
        arrived = now()
        site.scanner.gate.set()
        while during[0].state != "Done":  # noqa: ASYNC110 - the sandbox has no events
            await asyncio.sleep(0.01)
        assert now() - arrived < 1
        return await asking

    assert len(set(simulate(burst()))) == 1
    assert site.scanner.scans == 2
