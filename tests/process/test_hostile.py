"""The real command with a backend and a Waldur that mean it ill, and what people then see."""

import asyncio
import os
import pty
import re
from pathlib import Path
from typing import Any

import pytest

from support.station import COMMAND, Station
from waldur_import_agent.errors import ExitCode
from waldur_import_agent.sandbox import Answer, Fault, requests_to

MIB = 1024 * 1024
PEAK_MIB = 250
"""Memory that the agent may take: three times an output limit, beside what it takes anyway."""
NAME = "hpc_\x1b]0;owned\x07\x9b31m\u202e\x7fname"
"""Sets a terminal's title, its colour, and turns the writing."""


def sacctmgr(station: Station, script: str, **settings: Any) -> None:
    """Configure a sacctmgr that does this."""
    program = station.directory / "sacctmgr"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    scanner = {"type": "slurm", "cluster": "c1", "sacctmgr": str(program), **settings}
    station.configure(offerings=[{"uuid": station.offering.uuid, "scanner": scanner}])


def peak_mib(process: asyncio.subprocess.Process) -> float:
    """The most memory that a running process has had."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    (kib,) = re.findall(r"VmHWM:\s+(\d+) kB", status)
    return int(kib) / 1024


@pytest.mark.parametrize("script", ["yes 'c1|root|||||||'", "yes 'error: no' >&2", "tr '\\0' x < /dev/zero"])
async def test_sacctmgr_that_prints_without_end(station: Station, script: str) -> None:
    """It is killed at the limit; the request ends Erred and says so; the agent's memory stays bounded."""
    sacctmgr(station, script)
    request = station.ask()
    daemon = await station.start("run")
    await station.until(lambda: request.state == "Erred")
    assert "bytes and was killed" in request.error_message
    assert peak_mib(daemon) < PEAK_MIB
    daemon.terminate()
    assert (await station.end(daemon)).code == ExitCode.OK


async def test_inventory_of_a_terabyte(station: Station) -> None:
    """A file that cannot be a list of resources is not read."""
    (station.directory / "inventory.jsonl").unlink()
    with (station.directory / "inventory.jsonl").open("wb") as file:
        file.truncate(1024**4)
    request = station.ask()
    ended = await station.run("run", "--once")
    assert (ended.code, request.state) == (ExitCode.FAILED, "Erred")
    assert "it cannot be a list of resources" in request.error_message


@pytest.mark.parametrize("kind", ["device", "large"])
async def test_overrides_that_are_no_file(station: Station, kind: str) -> None:
    """A device would be read without end: the request ends Erred instead."""
    path = station.directory / "overrides.csv"
    if kind == "device":
        path.symlink_to("/dev/zero")
    else:
        with path.open("wb") as file:
            file.truncate(1024**4)
    scanner = {"type": "inventory", "path": "inventory.jsonl"}
    projects = {"overrides_file": str(path)}
    station.configure(offerings=[{"uuid": station.offering.uuid, "scanner": scanner, "projects": projects}])
    request = station.ask()
    ended = await station.run("run", "--once")
    assert (ended.code, request.state) == (ExitCode.FAILED, "Erred"), ended.err
    assert {"large": "it has more than", "device": "it is no regular file"}[kind] in request.error_message


async def test_pipe_in_the_place_of_overrides(station: Station) -> None:
    """Opening a pipe waits for its writer: it is refused where it stands, and where it comes later, by the round."""
    path = station.directory / "overrides.csv"
    path.write_text("backend_id,project\n")
    scanner = {"type": "inventory", "path": "inventory.jsonl"}
    projects = {"overrides_file": str(path)}
    station.configure(
        poll_interval="100ms",
        offerings=[{"uuid": station.offering.uuid, "scanner": scanner, "projects": projects}],
    )
    daemon = await station.start("run")
    await station.until(lambda: bool(station.sandbox.log))
    path.unlink()
    os.mkfifo(path)
    request = station.ask()
    await station.until(lambda: request.state == "Erred")
    assert "it is no regular file" in request.error_message
    daemon.terminate()
    assert (await station.end(daemon)).code == ExitCode.OK
    ended = await station.run("run", "--once")
    assert ended.code == ExitCode.CONFIGURATION
    assert "this is a pipe" in ended.err


async def test_waldur_whose_lists_never_end(station: Station) -> None:
    """A count that lies: the agent waits, says why, and claims nothing."""
    rows = [{"uuid": f"{number:032x}", "name": "x", "slug": "x"} for number in range(300)]
    lie = Answer(200, rows, {"X-Result-Count": "999999999999"})
    station.sandbox.faults.append(Fault(requests_to("GET", "/api/projects/"), lie))
    request = station.ask()
    ended = await station.run("run", "--once")
    assert (ended.code, request.state) == (ExitCode.UNAVAILABLE, "Processing")
    assert "X-Result-Count is 999999999999" in ended.err


async def test_names_that_steer_terminals(station: Station) -> None:
    """On a terminal no command passes on a control character, in tables, JSON, CSV or logs; JSON keeps the value."""
    station.has(NAME, "hpc_plain")
    with (station.directory / "inventory.jsonl").open("a") as file:
        file.write('{"backend_id": "lost", "parents": ["\\u009b31m\\u202e"]}\n')
    station.sandbox.add_record(station.offering, *station.sandbox.projects.values(), "by hand", name=NAME)
    request = station.ask()
    request.error_message = NAME
    commands = [
        ("scan",),
        ("plan", "-o", "json"),
        ("plan", "-o", "csv"),
        ("explain", NAME),
        ("explain", "lost"),
        ("records", "list"),
        ("records", "list", "-o", "csv"),
        ("records", "list", "-o", "json"),
        ("requests", "list"),
        ("requests", "show", request.uuid),
        ("projects", "export", "--token-file", str(station.staff_token)),
        ("--log-level", "debug", "run", "--once"),
        ("records", "import", "--plan", "Standard", "--token-file", str(station.staff_token), "--dry-run"),
    ]
    for arguments in commands:
        shown = await on_a_terminal(station, *arguments)
        assert "Next" in shown or "name" in shown, (arguments, shown)
        assert [there for there in shown if there not in "\r\n" and not there.isprintable()] == [], arguments
    assert (await station.run("records", "list", "-o", "json")).json()[0]["name"] == NAME


async def on_a_terminal(station: Station, *arguments: str) -> str:
    """What a command writes to a terminal, without what it does to the terminal itself: colours, the moving bar."""
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *arguments,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "WALDUR_IMPORT_AGENT_CONFIG": str(station.config), "TERM": "xterm", "COLUMNS": "200"},
        cwd=station.directory,
    )
    os.close(theirs)
    reading = asyncio.create_task(asyncio.to_thread(read_all, ours))
    async with asyncio.timeout(station.limit):
        await process.wait()
        written = await reading
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-ln-z]|\x1b\[[0-9;]*m", "", written)


def read_all(descriptor: int) -> str:
    """All that is written to a terminal until its last writer has gone."""
    written = b""
    try:
        while part := os.read(descriptor, 65536):
            written += part
    except OSError:
        pass  # how Linux tells the end of a terminal
    finally:
        os.close(descriptor)
    return written.decode()


async def test_no_token_in_arguments_or_in_the_environment_of_children(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`ps` shows every user the arguments of a process: neither the agent's nor sacctmgr's hold a token."""
    pids = station.directory / "pids"
    sacctmgr(station, f"echo $$ > {pids}.new; mv {pids}.new {pids}; sleep 1000")
    (station.directory / "token").unlink()
    settings = station.config.read_text().replace("  token_file: token\n", "")
    station.config.write_text(settings)
    token = station.sandbox.agent.token = "a-token-for-the-environment"
    monkeypatch.setenv("WALDUR_IMPORT_AGENT__WALDUR__TOKEN", token)
    monkeypatch.setenv("SLURM_JWT", token)
    station.ask()
    daemon = await station.start("run")
    await station.until(pids.exists)
    child = Path("/proc") / pids.read_text().strip()
    for file in (Path(f"/proc/{daemon.pid}/cmdline"), child / "cmdline", child / "environ"):
        assert token.encode() not in file.read_bytes()
    daemon.terminate()
    await station.hears(daemon, "a running round may end")
    daemon.terminate()
    assert (await station.end(daemon)).code == ExitCode.LEFT
