"""State that cannot be used: the real command says so at the start, and no request is half claimed."""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from support.station import Ended, Station, serving_station
from waldur_import_agent.errors import ExitCode
from waldur_import_agent.journal import SCHEMA_VERSION, Journal
from waldur_import_agent.sandbox import Sandbox

NOBODY = 65534
ROOT = os.geteuid() == 0
AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups") if ROOT else ()
"""Root passes every permission; who is not root already is somebody else."""


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory that every user may enter: those of pytest are their owner's alone."""
    directory = Path(tempfile.mkdtemp(prefix="state-test-"))
    directory.chmod(0o777)
    yield directory
    for inside in directory.rglob("*"):
        if inside.is_dir() and not inside.is_symlink():
            inside.chmod(0o700)
    shutil.rmtree(directory)


@pytest.fixture
async def open_station(open_directory: Path) -> AsyncIterator[Station]:
    """A station that every user may run the command in."""
    sandbox = Sandbox()
    sandbox.add_project("Project Alpha", "alpha")
    async with serving_station(open_directory, sandbox, components=("cpu",)) as made:
        made.configure()
        made.has("hpc_one", "hpc_two")
        yield made


def state(station: Station) -> Path:
    """The station's state directory."""
    return station.directory / "state"


def belongs_to_nobody(path: Path) -> None:
    """Give a directory with what is in it to the user that the command runs as."""
    if ROOT:
        for inside in (path, *path.rglob("*")):
            os.chown(inside, NOBODY, NOBODY)


async def refused(
    station: Station, *, through: tuple[str, ...] = AS_NOBODY, code: ExitCode = ExitCode.CONFIGURATION
) -> Ended:
    """Run the command with a request that waits: it ends with this exit code, and nothing was claimed."""
    request = station.ask()
    ended = await station.run("run", through=through)
    assert ended.code == code, ended.err
    assert request.state == "Sent"
    assert not [entry for entry in station.sandbox.log if entry.method == "POST"]
    assert "Traceback" not in ended.err
    return ended


async def test_directory_of_another_user(open_station: Station) -> None:
    """The directory is named, and as whom the agent runs."""
    there = state(open_station)
    if ROOT:
        Journal.open(there).close()
    else:
        open_station.configure(state_dir="/journal-of-root")
        there = Path("/journal-of-root")
    ended = await refused(open_station)
    assert f"{there} cannot be used: " in ended.err or f"{there}/journal.sqlite3" in ended.err
    assert f"(uid {NOBODY if ROOT else os.geteuid()})" in ended.err


@pytest.mark.parametrize("name", ["token", "config.yaml"])
async def test_file_that_the_agents_user_may_not_read(open_station: Station, name: str) -> None:
    """Root wrote it for itself: as whom the agent runs is told, and the line that gives that user the right."""
    (open_station.directory / name).chmod(0)
    ended = await refused(open_station)
    assert "cannot be read: Permission denied for the user " in ended.err
    assert "chgrp GROUP FILE && chmod 640 FILE" in ended.err


async def test_read_only_directory_with_a_good_journal(open_station: Station) -> None:
    """A journal that can only be read is found out before anything is claimed with it."""
    Journal.open(state(open_station)).close()
    belongs_to_nobody(state(open_station))
    state(open_station).chmod(0o500)
    ended = await refused(open_station)
    assert "Look for a full disk, a read-only file system or the permissions of the state directory" in ended.err


async def test_read_only_journal_in_a_good_directory(open_station: Station) -> None:
    """A file that may not be written, left by another user or a restore, is found out too."""
    Journal.open(state(open_station)).close()
    belongs_to_nobody(state(open_station))
    (state(open_station) / "journal.sqlite3").chmod(0o400)
    ended = await refused(open_station)
    assert "permissions of the state directory" in ended.err


async def test_user_of_the_directory_can_work(open_station: Station) -> None:
    """What the refusals above rest on: the same user with a good directory answers the request."""
    state(open_station).mkdir(mode=0o700)
    belongs_to_nobody(state(open_station))
    request = open_station.ask()
    ended = await open_station.run("run", "--once", through=AS_NOBODY)
    assert (ended.code, request.state) == (ExitCode.OK, "Done"), ended.err


async def test_full_disk(open_station: Station) -> None:
    """No file may grow, as on a full disk: the agent says so at the start, and is started again: it may have room."""
    Journal.open(state(open_station)).close()
    ended = await refused(open_station, through=("prlimit", "--fsize=0"), code=ExitCode.LEFT)
    assert "Look for a full disk" in ended.err


async def test_corrupt_journal(open_station: Station) -> None:
    """A journal whose pages are damaged: the remedy says what becomes of the claims in it."""
    with Journal.open(state(open_station)) as journal:
        journal.intend("request1", open_station.offering.uuid)
    with (state(open_station) / "journal.sqlite3").open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096)
    ended = await refused(open_station, through=())
    assert "Move it away; requests that this agent left in Processing must then be ended by hand" in ended.err


async def test_journal_of_a_newer_release(open_station: Station) -> None:
    """Downgraded by mistake: the older release leaves the journal alone and names both versions."""
    Journal.open(state(open_station)).close()
    with closing(sqlite3.connect(state(open_station) / "journal.sqlite3")) as other:
        other.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    ended = await refused(open_station, through=())
    assert f"has schema version {SCHEMA_VERSION + 1}, this release knows {SCHEMA_VERSION}" in ended.err


async def test_disk_that_fills_while_the_agent_runs(open_station: Station) -> None:
    """The intent cannot be written: the request stays Sent, the daemon stays up, and goes on when there is room."""
    open_station.configure(poll_interval="100ms")
    daemon = await open_station.start("run")
    await open_station.until(lambda: bool(open_station.sandbox.log))
    blocker = sqlite3.connect(state(open_station) / "journal.sqlite3", isolation_level=None)
    blocker.execute("CREATE TRIGGER full BEFORE INSERT ON claim BEGIN SELECT RAISE(ROLLBACK, 'disk is full'); END")
    request = open_station.ask()
    await open_station.hears(daemon, "disk is full")
    assert request.state == "Sent"
    blocker.execute("DROP TRIGGER full")
    blocker.close()
    await open_station.until(lambda: request.state == "Done")
    daemon.terminate()
    assert (await open_station.end(daemon)).code == ExitCode.OK
