"""`status`, `history`, and what is served over HTTP: what a person or a probe sees of the real command."""

import asyncio
import json
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from support.station import Station
from waldur_import_agent.errors import ExitCode
from waldur_import_agent.sandbox import Answer, Fault, requests_to

PROBE_CPU = 4.0
"""How much of Python's own start a probe may cost, its own start included; measured: 2.4 (and 6 for `--version`)."""
STARTS = 5


async def test_status_of_a_running_agent(station: Station) -> None:
    """While it reports: the phase with its progress; afterwards the last round with its counts and the next poll."""
    station.configure(poll_interval="1h")
    station.gate.holds = lambda method, path: path.endswith("/set_done/")
    request = station.ask()
    daemon = await station.start("run")
    await station.gate.reached.wait()
    ended = await station.run("status")
    assert ended.code == ExitCode.OK
    assert "running: ending the requests" in ended.out
    station.gate.opened.set()
    await station.until(lambda: request.state == "Done")
    await station.hears(daemon, "round finished")
    status = (await station.run("status", "--output", "json")).json()
    while status["offerings"][0]["next_poll"] is None:
        status = (await station.run("status", "--output", "json")).json()
    (offering,) = status["offerings"]
    assert (status["healthy"], status["pid"], offering["ready"]) == (True, daemon.pid, True)
    assert offering["last_round"]["requests"] == [request.uuid]
    assert offering["last_round"]["counts"]["reported"] == 2
    table = await station.run("status")
    assert "2 found, 2 reported" in " ".join(table.out.split())
    assert (await station.run("status", "--healthy", "--runtime-dir", str(station.directory / "runtime"))).code == 0
    daemon.terminate()
    await station.end(daemon)
    ended = await station.run("status")
    assert ended.code == ExitCode.FAILED
    assert "stopped: the agent has stopped" in ended.out


async def test_the_last_round_outlives_the_process(station: Station) -> None:
    """A timer starts a new one every five minutes, most of which find nothing: the last round is still told."""
    station.ask()
    assert (await station.run("run", "--once")).code == ExitCode.OK
    station.has("one", parent="nobody")
    request = station.ask()
    assert (await station.run("run", "--once")).code == ExitCode.FAILED
    assert (await station.run("run", "--once")).code == ExitCode.OK
    (offering,) = (await station.run("status", "--output", "json")).json()["offerings"]
    assert (offering["last_round"]["outcome"], offering["last_round"]["requests"]) == ("erred", [request.uuid])
    assert offering["last_round"]["counts"]["unplaced"] == 1
    assert offering["last_error"]["text"] == offering["last_round"]["message"] == request.error_message


async def test_a_last_round_that_cannot_be_understood_stops_nothing(station: Station) -> None:
    """`status` goes without it."""
    station.ask()
    await station.run("run", "--once")
    with closing(sqlite3.connect(station.directory / "state" / "journal.sqlite3")) as connection, connection:
        connection.execute("UPDATE round SET counts = 'no JSON'")
    assert (await station.run("run", "--once")).code == ExitCode.OK
    (offering,) = (await station.run("status", "--output", "json")).json()["offerings"]
    assert offering["last_round"] is None


async def test_status_while_waldur_is_away(station: Station) -> None:
    """Not ready, since when and why; the agent lives all the same, and its probe is content."""
    station.configure(waldur={"url": station.url, "token_file": "token", "effort": {"read": {"attempts": 1}}})
    station.sandbox.faults.append(Fault(requests_to("GET", "/api/"), Answer(503)))
    station.environment = {"WALDUR_IMPORT_AGENT__RUNTIME_DIR": str(station.directory / "elsewhere")}
    daemon = await station.start("run")
    while (ended := await station.run("status")).code or "not ready since" not in " ".join(ended.out.split()):
        assert daemon.returncode is None
    assert "requests cannot be answered: Waldur could not answer" in ended.out
    assert (await station.run("status", "--healthy")).code == ExitCode.OK
    assert (await station.run("--log-level", "error", "status", "--healthy")).code == ExitCode.OK
    daemon.terminate()
    await station.end(daemon)
    assert (await station.run("status", "--healthy")).code == ExitCode.FAILED


async def test_status_without_an_agent(station: Station) -> None:
    """Told with what may be the reason; the probe says the same in one line."""
    ended = await station.run("status")
    assert ended.code == ExitCode.FAILED
    assert "status.json cannot be read" in ended.err
    assert "runtime_dir" in ended.err
    ended = await station.run("status", "--healthy", "--runtime-dir", str(station.directory))
    assert (ended.code, ended.out) == (ExitCode.FAILED, "")
    assert ended.err.startswith("waldur-import-agent: not healthy:")


async def test_a_status_of_another_release(station: Station) -> None:
    """An upgrade with the old agent still there: `status` and doctor say so, and neither calls it a bug."""
    (station.directory / "runtime").mkdir(exist_ok=True)
    old = {"state": "running", "beat": 0, "beat_limit": 10**9, "offerings": []}
    (station.directory / "runtime" / "status.json").write_text(json.dumps(old))
    ended = await station.run("status")
    assert ended.code == ExitCode.FAILED
    assert "status.json was written by another release" in ended.err
    checks = (await station.run("doctor", "--output", "json")).json()
    (agent,) = (check for check in checks if check["check"] == "agent")
    assert (agent["status"], "is not of this release" in agent["found"]) == ("WARN", True)


async def test_status_that_cannot_be_written(station: Station) -> None:
    """By hand nobody makes its directory: the request is answered all the same, and one line says what to do."""
    (station.directory / "file").write_text("")
    station.configure(runtime_dir=str(station.directory / "file" / "run"))
    request = station.ask()
    ended = await station.run("--log-format", "logfmt", "run", "--once")
    assert (ended.code, request.state) == (ExitCode.OK, "Done")
    warnings = [line for line in ended.err.splitlines() if "status.json cannot be written" in line]
    assert len(warnings) == 1
    assert f"install -d -o USER {station.directory / 'file' / 'run'}" in warnings[0]


def cpu_seconds(command: list[str], directory: Path) -> float:
    """The time on a processor that some starts of a command take together; the least of three tries."""
    tries = []
    for _ in range(3):
        before = os.times()
        for _ in range(STARTS):
            subprocess.run(command, check=False, capture_output=True, cwd=directory)
        after = os.times()
        tries.append(after.children_user + after.children_system - before.children_user - before.children_system)
    return min(tries)


def test_a_probe_costs_little_more_than_python_itself(tmp_path: Path) -> None:
    """Whatever the machine: `status --healthy` is measured against an empty Python."""
    probe = cpu_seconds([sys.executable, "-m", "waldur_import_agent", "status", "--healthy"], tmp_path)
    nothing = cpu_seconds([sys.executable, "-c", "pass"], tmp_path)
    assert probe < PROBE_CPU * nothing


# --- history


async def test_history(station: Station) -> None:
    """Past rounds, the newest first: when, which requests, the counts, duration and outcome; and why in one of them."""
    station.has("hpc_one", "hpc_two")
    first = station.ask()
    await station.run("run", "--once")
    station.has("hpc_one", "hpc_three", parent="other")
    second = station.ask()
    await station.run("run", "--once")
    newest, oldest = (await station.run("history", "--output", "json")).json()
    assert (oldest["requests"], oldest["outcome"], oldest["counts"]["reported"]) == ([first.uuid], "done", 2)
    assert (newest["requests"], newest["outcome"], newest["counts"]["unplaced"]) == ([second.uuid], "erred", 1)
    assert newest["seconds"] >= 0
    table = await station.run("history")
    words = " ".join(table.out.split())
    assert newest["run"][:8] in words
    assert "erred" in words
    assert "history show ID" in table.err
    assert len((await station.run("history", "--limit", "1", "-o", "json")).json()) == 1
    shown = (await station.run("history", "show", newest["run"][:8], "--output", "json")).json()
    assert [(reason["backend_id"], reason["action"]) for reason in shown["reasons"]] == [("hpc_three", "unplaced")]
    assert "no rule matches" in shown["reasons"][0]["why"]
    table = await station.run("history", "--output", "table", "show", newest["run"])
    assert "hpc_three" in table.out
    assert "Every resource that was found was reported" in (await station.run("history", "show", oldest["run"])).err


async def test_history_options_hold_before_and_after_show(station: Station) -> None:
    """Argparse would forget what stands before `show`."""
    station.ask()
    await station.run("run", "--once")
    ((run, config),) = [(past["run"], station.config) for past in (await station.run("history", "-o", "json")).json()]
    station.environment = {"WALDUR_IMPORT_AGENT_CONFIG": "/nowhere"}
    for arguments in (["-c", str(config), "-o", "json", "show", run], ["show", run, "-c", str(config), "-o", "json"]):
        assert (await station.run("history", *arguments)).json()["run"] == run


async def test_history_of_nothing(station: Station) -> None:
    """No journal yet, no round yet, no such round: each is told."""
    ended = await station.run("history")
    assert ended.code == ExitCode.CONFIGURATION
    assert "there is no journal" in ended.err
    await station.run("run", "--once")
    ended = await station.run("history")
    assert (ended.code, ended.out) == (ExitCode.OK, "")
    assert "No round has ended yet" in ended.err
    ended = await station.run("history", "show", "x")
    assert ended.code == ExitCode.USAGE
    assert "0 rounds have an id that begins with x" in ended.err


async def test_an_outage_does_not_fill_the_history(station: Station) -> None:
    """A round that only waited for Waldur has nothing to tell, and would push others out."""
    station.configure(waldur={"url": station.url, "token_file": "token", "effort": {"read": {"attempts": 1}}})
    station.sandbox.faults.append(Fault(requests_to("GET", "/api/projects/"), Answer(503)))
    station.ask()
    assert (await station.run("run", "--once")).code == ExitCode.UNAVAILABLE
    assert (await station.run("history")).out == ""


# --- over HTTP


async def metrics_address(station: Station, daemon: asyncio.subprocess.Process) -> str:
    """Where the agent serves, by its own log."""
    assert daemon.stderr is not None
    async with asyncio.timeout(60):
        while True:
            line = (await daemon.stderr.readline()).decode()
            if "metrics are served" in line:
                return f"http://127.0.0.1:{json.loads(line)['port']}"


async def answers(client: httpx.AsyncClient, status: int) -> str:
    """What /readyz says when it has come to this status."""
    async with asyncio.timeout(60):
        while (ready := await client.get("/readyz")).status_code != status:  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.05)
    return ready.text


async def test_metrics_and_health_over_http(station: Station) -> None:
    """A scrape sees the round; /healthz and /readyz answer; while Waldur is away only readiness is gone."""
    station.configure(
        metrics={"listen": "127.0.0.1:0"},
        poll_interval="100ms",
        waldur={"url": station.url, "token_file": "token", "effort": {"read": {"attempts": 1}}},
    )
    daemon = await station.start("run")
    url = await metrics_address(station, daemon)
    request = station.ask()
    await station.until(lambda: request.state == "Done")
    async with httpx.AsyncClient(base_url=url) as client:
        await answers(client, httpx.codes.OK)
        text = (await client.get("/metrics")).text
        assert re.search(r'^waldur_import_agent_records_total{action="reported",.*} 2\.0$', text, re.MULTILINE)
        assert re.search(
            r'^waldur_import_agent_scan_duration_seconds_count{.*scanner="inventory"} 1\.0$', text, re.MULTILINE
        )
        assert 'waldur_request_duration_seconds_count{status="200",verb="set_done"} 1.0' in text
        assert request.uuid not in text
        assert station.offering.uuid not in text
        station.sandbox.faults.append(Fault(requests_to("GET", "/api/"), Answer(503)))
        assert "offering 1: Waldur could not answer" in await answers(client, httpx.codes.SERVICE_UNAVAILABLE)
        assert (await client.get("/healthz")).text == "ok\n"
    daemon.terminate()
    await station.end(daemon)


async def test_the_requests_in_flight_are_those_of_the_settings_and_of_the_metrics(station: Station) -> None:
    """Three may be under way; one 503 makes that one, with the pause that it asked for, and the others wait."""
    station.configure(
        metrics={"listen": "127.0.0.1:0"},
        poll_interval="100ms",
        waldur={"url": station.url, "token_file": "token", "max_in_flight": 3},
    )
    station.has("hpc_one", "hpc_two", "hpc_three", "hpc_four")
    station.gate.holds = lambda method, path: method == "POST" and path.endswith("/backend-resources/")
    busy = Answer(503, headers={"Retry-After": "1"})
    station.sandbox.faults.append(Fault(requests_to("GET", "/backend-resource-requests/"), busy, times=1))
    request = station.ask()
    daemon = await station.start("run")
    url = await metrics_address(station, daemon)
    async with httpx.AsyncClient(base_url=url) as client, asyncio.timeout(60):
        await station.gate.reached.wait()
        while "requests_waiting 2.0" not in (text := (await client.get("/metrics")).text):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.05)
        assert {
            line for line in text.splitlines() if re.match(r"waldur_import_agent_waldur_(re.*_limit|.*_total) ", line)
        } == {
            "waldur_import_agent_waldur_requests_in_flight_limit 1.0",
            "waldur_import_agent_waldur_overloads_total 1.0",
            "waldur_import_agent_waldur_pause_seconds_total 1.0",
        }
    station.gate.opened.set()
    await station.until(lambda: request.state == "Done")
    daemon.terminate()
    await station.end(daemon)


async def test_without_a_listener_nothing_of_prometheus_is_loaded(station: Station) -> None:
    """It costs start and memory only those who want it."""
    (station.directory / "sitecustomize.py").write_text(
        "import atexit, sys\n"
        "atexit.register(lambda: print('loaded:', 'prometheus_client' in sys.modules, file=sys.stderr))\n"
    )
    station.environment = {"PYTHONPATH": str(station.directory)}
    assert "loaded: False" in (await station.run("run", "--once")).err


# --- the token's file


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, False), (0o644, True)])
async def test_a_token_that_everybody_can_read_is_warned_of(station: Station, mode: int, warned: bool) -> None:
    """Where systemd is too old for LoadCredential the file is read directly, and its mode is looked at."""
    (station.directory / "token").chmod(mode)
    ended = await station.run("run", "--once")
    assert ended.code == ExitCode.OK
    assert ("every user of this host can read the token" in ended.err) is warned


async def test_a_token_that_systemd_hands_over(station: Station) -> None:
    """LoadCredential: the configuration's own token_file need not be readable, or there."""
    credentials = station.directory / "credentials"
    credentials.mkdir()
    (station.directory / "token").rename(credentials / "waldur-token")
    station.environment = {"CREDENTIALS_DIRECTORY": str(credentials)}
    request = station.ask()
    assert (await station.run("run", "--once")).code == ExitCode.OK
    assert request.state == "Done"
