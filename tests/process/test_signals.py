"""Signals and sudden deaths of the real command."""

import random
import signal
import time
from pathlib import Path

import pytest
import yaml

from support.station import Station
from waldur_import_agent.errors import ExitCode
from waldur_import_agent.journal import Journal
from waldur_import_agent.sandbox import Answer, Fault, Request, requests_to

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


# --- what a stop interrupts, and what it does not


async def test_wait_after_a_failed_round_is_cut_short(station: Station) -> None:
    """A daemon that waits for an hour before it asks a failing Waldur again stops at once."""
    station.configure(poll_interval="1h")
    station.sandbox.faults.append(
        Fault(requests_to("GET", "marketplace-provider-offerings"), Answer(403, {"detail": "No"}))
    )
    daemon = await station.start("run")
    await station.hears(daemon, "outage: requests cannot be answered")
    sent = time.monotonic()
    daemon.terminate()
    assert (await station.end(daemon)).code == ExitCode.OK
    assert time.monotonic() - sent < STOP_SECONDS


async def test_wait_between_two_attempts_is_cut_short(station: Station) -> None:
    """Waldur asks for a minute of patience in the middle of a round: the request is left for the next start."""
    busy = Fault(requests_to("POST", "/api/backend-resources/"), Answer(503, "later", {"Retry-After": "60"}))
    station.sandbox.faults.append(busy)
    request = station.ask()
    daemon = await station.start("--log-level", "debug", "run")
    await station.hears(daemon, "Waldur is tried again")
    sent = time.monotonic()
    daemon.terminate()
    assert (await station.end(daemon)).code == ExitCode.OK
    assert time.monotonic() - sent < STOP_SECONDS
    assert request.state == "Processing"
    station.sandbox.faults.clear()
    assert (await station.run("run", "--once")).code == ExitCode.OK
    assert request.state == "Done"


SACCTMGR = """\
#!/bin/sh
# starts a child that holds the output open, and waits for it
sleep 1000 &
echo $$ $! >> "{pids}"
wait
"""


def slow_sacctmgr(station: Station) -> Path:
    """Configure a sacctmgr that never answers; the file in which each writes its process id and that of its child."""
    pids, program = station.directory / "pids", station.directory / "sacctmgr"
    program.write_text(SACCTMGR.format(pids=pids))
    program.chmod(0o755)
    scanner = {"type": "slurm", "cluster": "c1", "sacctmgr": str(program)}
    station.configure(offerings=[{"uuid": station.offering.uuid, "scanner": scanner}])
    return pids


def numbers(pids: Path) -> list[int]:
    """The processes that have been noted so far."""
    return [int(word) for word in pids.read_text().split()] if pids.exists() else []


async def started(station: Station, request: Request, pids: Path) -> list[int]:
    """Wait until the check at the start and the scan have each started the program; their processes and children."""
    await station.until(lambda: request.state == "Processing" and len(numbers(pids)) == 4)
    return numbers(pids)


def running(pid: int) -> bool:
    """Whether a process is there and no zombie that its new parent has yet to see."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


async def test_first_signal_lets_the_scan_go_on_and_the_second_kills_all_of_it(station: Station) -> None:
    """The scan's program and its own child live through the first signal and die with the second; the claim is kept."""
    pids = slow_sacctmgr(station)
    request = station.ask()
    daemon = await station.start("run")
    processes = await started(station, request, pids)
    daemon.terminate()
    await station.hears(daemon, "a running round may end")
    assert all(map(running, processes))
    sent = time.monotonic()
    daemon.terminate()
    assert (await station.end(daemon)).code == ExitCode.LEFT
    assert time.monotonic() - sent < STOP_SECONDS
    await station.until(lambda: not any(map(running, processes)))
    assert request.state == "Processing"
    with Journal.open(station.directory / "state") as journal:
        assert [claim.request for claim in journal.claims(station.offering.uuid)] == [request.uuid]


async def test_command_that_scans_leaves_nothing_running(station: Station) -> None:
    """SIGTERM to `scan` ends it as Ctrl-C does: the scanner's program and its child end with it."""
    pids = slow_sacctmgr(station)
    command = await station.start("scan")
    await station.until(lambda: len(numbers(pids)) == 2)
    command.terminate()
    assert (await station.end(command)).code == ExitCode.LEFT
    await station.until(lambda: not any(map(running, numbers(pids))))


async def test_deadline_kills_the_scan(station: Station) -> None:
    """One signal and a scan that never ends: after the grace time all of it is gone."""
    pids = slow_sacctmgr(station)
    settings = station.config.read_text()
    station.config.write_text(f"grace: 300ms\n{settings}")
    request = station.ask()
    daemon = await station.start("run")
    processes = await started(station, request, pids)
    daemon.terminate()
    assert (await station.end(daemon)).code == ExitCode.LEFT
    await station.until(lambda: not any(map(running, processes)))


async def test_thread_that_hangs_does_not_hold_up_the_end(station: Station) -> None:
    """A file server that hangs cannot be cancelled; the process ends all the same."""
    dump = station.directory / "dump"
    dump.touch()
    (station.directory / "sitecustomize.py").write_text(
        "import os, time\n"
        "from waldur_import_agent.system import files\n"
        "class Hanging:\n"
        "    def __getattr__(self, name): return getattr(os, name)\n"
        "    def open(self, path, flags):\n"
        f"        return time.sleep(1000) if str(path) == {str(dump)!r} else os.open(path, flags)\n"
        "files.os = Hanging()\n"
    )
    station.environment = {"PYTHONPATH": str(station.directory)}
    scanner = {"type": "slurm", "cluster": "c1", "from_dump": str(dump)}
    station.configure(grace="300ms", offerings=[{"uuid": station.offering.uuid, "scanner": scanner}])
    request = station.ask()
    daemon = await station.start("run")
    await station.hears(daemon, "round started")
    sent = time.monotonic()
    daemon.terminate()
    assert (await station.end(daemon)).code == ExitCode.LEFT
    assert time.monotonic() - sent < STOP_SECONDS
    assert request.state == "Processing"


async def test_name_server_that_hangs_does_not_hold_up_the_end(station: Station) -> None:
    """A name is looked up in a thread, which nobody can cancel: an idle daemon ends all the same, with exit code 0."""
    (station.directory / "sitecustomize.py").write_text(
        "import socket, sys, time\n"
        "def hanging(*arguments, **options):\n"
        "    print('a name is looked up', file=sys.stderr, flush=True)\n"
        "    time.sleep(1000)\n"
        "socket.getaddrinfo = hanging\n"
    )
    station.environment = {"PYTHONPATH": str(station.directory)}
    station.configure(waldur={"url": "http://waldur.test", "token_file": "token"})
    daemon = await station.start("run")
    await station.hears(daemon, "a name is looked up")
    sent = time.monotonic()
    daemon.terminate()
    assert (await station.end(daemon)).code == ExitCode.OK
    assert time.monotonic() - sent < STOP_SECONDS


async def test_loop_that_is_held_up_does_not_hold_up_the_end(station: Station) -> None:
    """A regular expression of the site's own that never ends holds Python's one lock: the kernel ends the process.

    With the rule mended, the next start finishes.
    """
    settings = yaml.safe_load(station.config.read_text())
    rules = [{"from": "name", "match": "^(a+)+$", "value": "alpha"}]
    settings["offerings"][0]["projects"]["rules"] = rules
    station.has("a" * 100 + "!")
    station.configure(grace="300ms", offerings=settings["offerings"])
    request = station.ask()
    daemon = await station.start("run")
    await station.hears(daemon, "round started")
    sent = time.monotonic()
    daemon.terminate()
    assert (await station.end(daemon)).code == -signal.SIGALRM
    assert time.monotonic() - sent < STOP_SECONDS
    assert request.state == "Processing"
    rules[0]["match"] = "^a+!$"
    station.configure(offerings=settings["offerings"])
    assert (await station.run("run", "--once")).code == ExitCode.OK
    assert request.state == "Done"


@pytest.mark.parametrize("seed", range(4))
async def test_killed_at_random_moments(station: Station, seed: int) -> None:
    """SIGKILL again and again, wherever the agent then is: at the end the request is Done and each account there once.

    Four kills: after the fifth attempt a request is given up.
    """
    dice = random.Random(seed)
    accounts = [f"hpc_{number:03}" for number in range(40)]
    station.has(*accounts)
    request = station.ask()
    for _ in range(4):
        enough = len(station.sandbox.log) + dice.randrange(30)
        daemon = await station.start("run")
        await station.until(lambda enough=enough: len(station.sandbox.log) >= enough or request.state == "Done")
        daemon.kill()
        await daemon.communicate()
    ended = await station.run("run", "--once")
    assert (ended.code, request.state) == (ExitCode.OK, "Done"), ended.err
    assert sorted(record.backend_id for record in station.sandbox.records_of(station.offering)) == accounts
