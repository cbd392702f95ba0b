"""The real command as a service: what systemd is told on a real socket, when, and what it is never told."""

import asyncio
import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from support.service_manager import ServiceManager, service_manager
from support.station import Station
from waldur_import_agent.errors import ExitCode
from waldur_import_agent.sandbox import Answer, Fault, requests_to


@pytest.fixture
def manager(tmp_path: Path, station: Station) -> Iterator[ServiceManager]:
    """A service manager; the station's commands are its service."""
    with service_manager(tmp_path) as listening:
        station.environment = listening.environment()
        yield listening


def is_(text: str) -> Callable[[str], bool]:
    """Whether an assignment is this one."""
    return lambda line: line == text


def begins(text: str) -> Callable[[str], bool]:
    """Whether an assignment begins so."""
    return lambda line: line.startswith(text)


async def test_ready_status_stopping(station: Station, manager: ServiceManager) -> None:
    """READY when Waldur and the scanner have answered; STATUS on changes; STOPPING, with more time, at the end."""
    daemon = await station.start("run")
    await manager.hears(is_("READY=1"))
    await manager.hears(is_("STATUS=waiting for requests"))
    station.gate.holds = lambda method, path: path.endswith("/set_done/")
    station.ask()
    await station.gate.reached.wait()
    await manager.hears(begins("STATUS=ending the requests"))
    daemon.terminate()
    await manager.hears(is_("STOPPING=1"))
    await manager.hears(begins("EXTEND_TIMEOUT_USEC="))
    await manager.hears(begins("STATUS=stopping: "))
    station.gate.opened.set()
    assert (await station.end(daemon)).code == ExitCode.OK
    manager.read()
    assert manager.lines.count("READY=1") == manager.lines.count("STOPPING=1") == 1
    assert manager.lines.index("READY=1") < manager.lines.index("STOPPING=1")
    assert "STATUS=reporting: 2 of 2" in manager.lines or "STATUS=reporting: 1 of 2" in manager.lines


async def test_not_ready_before_waldur_has_answered(station: Station, manager: ServiceManager) -> None:
    """While the first look goes on the service is starting, and asks for patience."""
    station.gate.holds = lambda method, path: method == "GET"
    daemon = await station.start("run")
    await station.gate.reached.wait()
    await manager.hears(begins("EXTEND_TIMEOUT_USEC="))
    await manager.hears(is_("STATUS=looking for requests"))
    assert "READY=1" not in manager.lines
    station.gate.opened.set()
    await manager.hears(is_("READY=1"))
    daemon.terminate()
    await station.end(daemon)


@pytest.mark.parametrize(
    ("answer", "words"),
    [(Answer(503), "Waldur could not answer"), (Answer(401, {"detail": "No."}), "does not accept the token")],
)
async def test_trouble_with_waldur_is_ready_with_the_reason(
    station: Station, manager: ServiceManager, answer: Answer, words: str
) -> None:
    """A refused token or an outage at the start is known trouble: READY, the reason in STATUS, and the agent stays."""
    station.configure(
        waldur={"url": station.url, "token_file": "token", "effort": {"read": {"attempts": 1, "within": "5s"}}}
    )
    station.sandbox.faults.append(Fault(requests_to("GET", "/api/"), answer, times=10**6))
    daemon = await station.start("run")
    await manager.hears(is_("READY=1"))
    await manager.hears(lambda line: line.startswith("STATUS=requests cannot be answered") and words in line)
    station.sandbox.faults.clear()
    await manager.hears(is_("STATUS=waiting for requests"))
    daemon.terminate()
    assert (await station.end(daemon)).code == ExitCode.OK


async def test_watchdog_does_not_follow_waldur(station: Station, manager: ServiceManager) -> None:
    """While Waldur holds back every answer the watchdog still hears of a loop that turns, at a third of its time."""
    station.environment = manager.environment(watchdog=0.3)
    station.gate.holds = lambda method, path: True
    daemon = await station.start("run")
    await station.gate.reached.wait()
    manager.read()
    manager.lines.clear()
    async with asyncio.timeout(60):
        while manager.lines.count("WATCHDOG=1") < 5:
            manager.read()
            await asyncio.sleep(0.01)
    daemon.terminate()
    await station.end(daemon)


async def test_a_hung_event_loop_is_silent_and_an_abort_tells_where(station: Station, manager: ServiceManager) -> None:
    """A loop that does not turn sends no WATCHDOG; systemd's SIGABRT then leaves a traceback, without values."""
    (station.directory / "sitecustomize.py").write_text(
        "import time\n"
        "from waldur_import_agent.fulfilment import Surveyor\n"
        "async def look(self): hang_here()\n"
        "def hang_here(): time.sleep(1000)\n"
        "Surveyor.look = look\n"
    )
    station.environment = {**manager.environment(watchdog=0.3), "PYTHONPATH": str(station.directory)}
    daemon = await station.start("run")
    await manager.hears(is_("READY=1"))
    await manager.hears(is_("WATCHDOG=1"))
    station.ask()
    await station.until(lambda: any(request.state == "Processing" for request in station.sandbox.requests.values()))
    async with asyncio.timeout(station.limit):
        while True:  # from its hanging on
            manager.lines.clear()
            await asyncio.sleep(1)
            manager.read()
            if "WATCHDOG=1" not in manager.lines:
                break
    daemon.send_signal(signal.SIGABRT)
    ended = await station.end(daemon)
    assert ended.code == -signal.SIGABRT
    assert "in hang_here" in ended.err


async def test_children_do_not_speak_to_systemd(station: Station, manager: ServiceManager) -> None:
    """What the agent starts has neither the socket nor the watchdog in its environment."""
    seen = station.directory / "seen"
    station.environment = manager.environment(watchdog=60)
    settings = yaml.safe_load(station.config.read_text())
    command = ["/bin/sh", "-c", f"cat >/dev/null; env >{seen}"]
    settings["offerings"][0]["projects"]["mapping_command"] = {"command": command}
    station.configure(offerings=settings["offerings"])
    station.ask()
    daemon = await station.start("run")
    await station.until(seen.exists)
    daemon.terminate()
    await station.end(daemon)
    assert "NOTIFY_SOCKET" not in seen.read_text()
    assert "WATCHDOG" not in seen.read_text()


async def test_the_log_of_an_outage_is_two_lines(station: Station) -> None:
    """One when it begins, one with its length when it is over, however many polls fail in between; none per poll."""
    station.configure(
        poll_interval="100ms",
        waldur={"url": station.url, "token_file": "token", "effort": {"read": {"attempts": 1, "within": "5s"}}},
    )
    daemon = await station.start("--log-format", "json", "run")
    await station.until(lambda: bool(station.sandbox.log))
    away = Fault(requests_to("GET", "/api/"), Answer(503), times=10**6)
    station.sandbox.faults.append(away)
    await station.until(lambda: 10**6 - away.times >= 3)
    station.sandbox.faults.clear()
    request = station.ask()
    await station.until(lambda: request.state == "Done")
    daemon.terminate()
    ended = await station.end(daemon)
    lines = [json.loads(line) for line in ended.err.splitlines()]
    told = [line["event"] for line in lines]
    assert told.count("outage: requests cannot be answered") == 1
    (over,) = (line for line in lines if line["event"] == "outage is over: requests are answered again")
    assert over["seconds"] > 0
    assert told.index("outage: requests cannot be answered") < told.index(over["event"])
    assert [told.count(event) for event in ("round started", "round finished")] == [1, 1]
    (finished,) = (line for line in lines if line["event"] == "round finished")
    assert (finished["reported"], finished["outcome"], finished["offering"]) == (2, "done", station.offering.uuid)
    assert finished["seconds"] >= 0
    (claimed,) = (line for line in lines if line["event"] == "request claimed")
    assert (claimed["request"], claimed["run"]) == (request.uuid, finished["run"])
    fewer = told.count("Waldur has too much to do: fewer requests")  # which a 503 means, too
    assert fewer <= 3
    assert len(lines) - fewer < 12
