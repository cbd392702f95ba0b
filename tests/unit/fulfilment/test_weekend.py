"""A weekend without Waldur, by the clock: the daemon in simulated time."""

import asyncio
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import apscheduler.schedulers.base
import apscheduler.triggers.interval
import httpx
import pytest

from support.builders import EPOCH
from support.simulated import simulate
from support.site import Site
from waldur_import_agent.loop import Loop
from waldur_import_agent.sandbox import Answer, Fault

WEEKEND = timedelta(hours=60).total_seconds()
LONGEST_LOOK = 600.0
"""Seconds that one look at a Waldur that is away may take: five minutes of backoff, and the attempts."""


class SimulatedDatetime(datetime):
    """The clock by which the metronome knows what is due."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]  # no subclass is needed
        """The loop's time, as a date."""
        return (EPOCH + timedelta(seconds=asyncio.get_running_loop().time())).astimezone(tz or UTC)


@pytest.fixture(autouse=True)
def simulated_metronome(monkeypatch: pytest.MonkeyPatch) -> None:
    """APScheduler goes by the simulated time too."""
    for module in (apscheduler.schedulers.base, apscheduler.triggers.interval):
        monkeypatch.setattr(module, "datetime", SimulatedDatetime)


@pytest.mark.parametrize("begins_at", ["start_processing", "/projects/", "/backend-resources/", "set_done"])
def test_outage_that_lasts_a_weekend(tmp_path: Path, begins_at: str) -> None:
    """Whenever in a round Waldur goes away: 60 hours later the request is answered within ten minutes, and Done.

    Nothing was given up, nobody was told that something failed, and Waldur was not flooded meanwhile.
    """

    async def test() -> None:
        site = Site(tmp_path, simulated=True)
        site.finds("hpc_one", "hpc_two")
        request = site.ask()
        down, tries = False, 0

        async def away(http: httpx.Request) -> None:
            nonlocal down, tries
            down = down or (begins_at in http.url.path and (http.method == "POST" or begins_at == "/projects/"))
            tries += down
            if down:
                raise httpx.ConnectError("no route to host", request=http)

        site.transport.before = away
        async with site.agent() as answerer:
            daemon = asyncio.create_task(Loop([answerer], 30.0, site.stop).run())
            await asyncio.sleep(WEEKEND)
            assert 100 < tries < WEEKEND / 30
            del site.transport.before
            await asyncio.sleep(LONGEST_LOOK)
            assert (request.state, request.error_message) == ("Done", "")
            site.stop.set()
            await daemon
        assert site.ids() == ["hpc_one", "hpc_two"]
        assert site.journal_claims() == []

    simulate(test())


def test_projects_that_are_forbidden_for_ever_end_the_request_at_once(tmp_path: Path) -> None:
    """A permanent 403 on the projects is no outage: the request ends Erred in the first round, with the remedy."""

    async def test() -> None:
        site = Site(tmp_path, simulated=True)
        site.finds("hpc_one")
        request = site.ask()
        site.sandbox.faults.append(
            Fault(lambda method, path: "/projects/" in path, Answer(403, {"detail": "Not for you."}))
        )
        async with site.agent() as answerer:
            daemon = asyncio.create_task(Loop([answerer], 30.0, site.stop).run())
            await asyncio.sleep(29)
            site.stop.set()
            await daemon
        assert request.state == "Erred"
        assert "Not for you" in request.error_message
        assert "Give the service account a role in the projects" in request.error_message

    simulate(test())
