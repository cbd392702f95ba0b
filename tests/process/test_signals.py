"""Signals and sudden deaths of the real command."""

import signal
import time

import pytest

from support.station import Station
from waldur_import_agent.errors import ExitCode

STOP_SECONDS = 20.0
"""A stop must take less; the machine may be busy."""


def creating(method: str, path: str) -> bool:
    """Whether a record is about to be created."""
    return method == "POST" and path == "/api/backend-resources/"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_idle_daemon_stops_at_once(station: Station, number: signal.Signals) -> None:
    """A daemon without work ends at the first signal with exit code 0."""
    daemon = await station.start("run")
    await station.until(lambda: bool(station.sandbox.log))
    sent = time.monotonic()
    daemon.send_signal(number)
    assert (await station.end(daemon)).code == ExitCode.OK
    assert time.monotonic() - sent < STOP_SECONDS


async def test_open_poll_is_cancelled(station: Station) -> None:
    """A poll that Waldur does not answer does not hold up the stop."""
    station.gate.holds = lambda method, path: method == "GET"
    daemon = await station.start("run")
    await station.gate.reached.wait()
    sent = time.monotonic()
    daemon.terminate()
    assert (await station.end(daemon)).code == ExitCode.OK
    assert time.monotonic() - sent < STOP_SECONDS


async def test_first_signal_lets_the_round_end(station: Station) -> None:
    """The running round is finished: its request ends Done, nothing is left over."""
    station.gate.holds = creating
    request, later = station.ask(), None
    daemon = await station.start("run")
    await station.gate.reached.wait()
    later = station.ask()
    daemon.terminate()
    station.gate.opened.set()
    ended = await station.end(daemon)
    assert (ended.code, request.state, later.state) == (ExitCode.OK, "Done", "Sent")


async def test_second_signal_cuts_the_round_off_and_the_next_start_finishes_it(station: Station) -> None:
    """Two signals: the command ends with `left`, the request stays Processing, and the next run finishes it."""
    station.gate.holds = creating
    request = station.ask()
    daemon = await station.start("run")
    await station.gate.reached.wait()
    daemon.terminate()
    await station.hears(daemon, "a running round may end")
    daemon.terminate()
    ended = await station.end(daemon)
    assert (ended.code, request.state) == (ExitCode.LEFT, "Processing")
    station.gate.opened.set()
    assert (await station.run("run", "--once")).code == ExitCode.OK
    assert request.state == "Done"
    assert len(station.sandbox.records_of(station.offering)) == 2


async def test_grace_time_ends_a_round_that_hangs(station: Station) -> None:
    """A round that does not end within `grace` is cut off without a second signal."""
    station.configure(grace="500ms")
    station.gate.holds = creating
    station.ask()
    daemon = await station.start("run")
    await station.gate.reached.wait()
    daemon.terminate()
    assert (await station.end(daemon)).code == ExitCode.LEFT


async def test_killed_in_mid_round_and_started_again(station: Station) -> None:
    """SIGKILL in the middle of the creates: started again, it finishes, and no record is doubled."""
    station.has(*(f"hpc_{number:03}" for number in range(60)))
    request = station.ask()
    created = 0

    def hold_after_thirty(method: str, path: str) -> bool:
        nonlocal created
        created += creating(method, path)
        return creating(method, path) and created > 30

    station.gate.holds = hold_after_thirty
    daemon = await station.start("run")
    await station.gate.reached.wait()
    daemon.kill()
    await daemon.communicate()
    assert request.state == "Processing"
    station.gate.opened.set()
    ended = await station.run("run", "--once")
    assert (ended.code, request.state) == (ExitCode.OK, "Done")
    ids = [record.backend_id for record in station.sandbox.records_of(station.offering)]
    assert sorted(ids) == [f"hpc_{number:03}" for number in range(60)]


async def test_killed_before_the_end_was_told(station: Station) -> None:
    """SIGKILL after all was reported and before set_done arrived: started again, the request ends Done."""
    station.gate.holds = lambda method, path: path.endswith("/set_done/")
    request = station.ask()
    daemon = await station.start("run")
    await station.gate.reached.wait()
    daemon.kill()
    await daemon.communicate()
    station.gate.holds = lambda method, path: False
    assert request.state == "Processing"
    assert (await station.run("run", "--once")).code == ExitCode.OK
    assert request.state == "Done"
    assert len(station.sandbox.records_of(station.offering)) == 2
