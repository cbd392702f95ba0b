"""A crash at every point of a round: at each await, and before and after each write of the journal.

A kill leaves what is on disk at that moment and nothing else; Waldur stays as it is then. Whoever starts afterwards has
two polls to bring all in order.
"""

import asyncio
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Self

import httpx
import pytest

from support.simulated import SimulatedLoop, simulate
from support.site import SandboxTransport
from support.trouble import BROKEN, Life, poll
from waldur_import_agent.journal import Journal, Phase
from waldur_import_agent.journal.database import Database

PARTS = 6
"""The points are shared among so many tests, to run side by side."""
LIMIT = 1000
"""More turns of the loop than a round has."""


class KilledError(BaseException):
    """The process is gone."""


async def a_round(life: Life) -> None:
    """An agent starts, and does one round."""
    life.site.stop = asyncio.Event()  # an event belongs to one loop
    async with life.site.agent() as answerer:
        await answerer.answer()


async def two_polls(life: Life) -> None:
    """An agent starts, and polls twice."""
    life.site.stop = asyncio.Event()
    async with life.site.agent() as answerer:
        await poll(answerer)
        await poll(answerer)


def begin(directory: Path, *, broken: bool = False, journal: type[Journal] = Journal) -> tuple[Life, SimulatedLoop]:
    """A life in which each call to Waldur can be cut off before and after it has had its effect, and a loop."""
    directory.mkdir()
    life = Life(directory, broken=broken, journal=journal)
    simulate(life.begin())

    async def a_moment(request: httpx.Request) -> None:
        await asyncio.sleep(0)

    life.site.transport.before = life.site.transport.after = a_moment
    return life, SimulatedLoop()


def copy_journal(life: Life) -> Path:
    """What is on disk at this moment."""
    left = life.directory.with_suffix(".left")
    shutil.copytree(life.directory, left)
    return left


def bury(life: Life, loop: SimulatedLoop, left: Path) -> None:
    """Nothing that the dead process still does reaches Waldur or the disk of the next one."""

    async def dead(request: httpx.Request) -> None:
        raise httpx.ConnectError("dead", request=request)

    life.site.transport.before = dead
    loop.kill()
    life.site.transport = SandboxTransport(life.site.sandbox)
    life.site.directory = left
    life.site.journal = Journal


def assert_all_is_well(life: Life) -> None:
    """Both requests are Done, and the records are what they should be."""
    assert [life.claimed.state, life.sent.state] == ["Done", "Done"]
    assert not life.claimed.error_message
    life.assert_in_order()


@pytest.mark.parametrize("part", range(PARTS))
def test_killed_at_each_await(tmp_path: Path, part: int) -> None:
    """Whenever the agent is killed: the next one finishes both requests, with no record twice and none missing."""
    for step in range(1 + part, LIMIT, PARTS):
        life, loop = begin(tmp_path / f"{step}")
        if loop.run_steps(loop.create_task(a_round(life)), step):
            loop.kill()
            assert step > 50, "a round has many awaits"
            return
        bury(life, loop, copy_journal(life))
        simulate(two_polls(life))
        assert_all_is_well(life)
    pytest.fail("the round never ended")


@pytest.mark.parametrize("part", range(PARTS))
def test_cut_off_at_each_await(tmp_path: Path, part: int) -> None:
    """A second signal cancels the round wherever it is: that is no attempt, and the next start goes on."""
    for step in range(1 + part, LIMIT, PARTS):
        life, loop = begin(tmp_path / f"{step}")
        task = loop.create_task(a_round(life))
        if loop.run_steps(task, step):
            loop.kill()
            assert step > 50, "a round has many awaits"
            return
        loop.kill()
        with Journal.open(life.directory) as journal:
            finishing = [claim for claim in journal.claims(life.site.offering.uuid) if claim.phase is Phase.FINISHING]
            assert all(claim.attempts == 0 for claim in journal.claims(life.site.offering.uuid)) or finishing
        simulate(two_polls(life))
        assert_all_is_well(life)
    pytest.fail("the round never ended")


@pytest.mark.parametrize("part", range(PARTS))
def test_killed_at_each_await_of_a_round_that_fails(tmp_path: Path, part: int) -> None:
    """With a broken backend both requests end Erred in its words.

    One whose claim was cut off may be another agent's: that one waits, on disk, and ends Done when the backend is back.
    """
    for step in range(1 + part, LIMIT, PARTS):
        life, loop = begin(tmp_path / f"{step}", broken=True)
        scans = life.site.scanner.scans
        if loop.run_steps(loop.create_task(a_round(life)), step):
            loop.kill()
            return
        claimed = life.site.scanner.scans > scans
        bury(life, loop, copy_journal(life))
        simulate(two_polls(life))
        assert life.claimed.state == "Erred"
        assert BROKEN in life.claimed.error_message
        if life.sent.state == "Erred":
            assert BROKEN in life.sent.error_message
            continue
        assert not claimed, "that Waldur said yes was on disk before the scan"
        assert life.site.journal_claims() == [life.sent.uuid]
        life.site.scanner.errors.clear()
        simulate(two_polls(life))
        assert life.sent.state == "Done"
    pytest.fail("the round never ended")


class CountedDatabase(Database):
    """A journal's file with which the process dies at a given write, before it or after it."""

    writes: ClassVar[int]
    dies_at: ClassVar[tuple[int, str]]
    life: ClassVar[Life]
    left: ClassVar[Path | None]

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction that is counted."""
        cls = type(self)
        cls.writes += 1
        self._die("before")
        with super().write() as connection:
            yield connection
        self._die("after")

    def _die(self, moment: str) -> None:
        cls = type(self)
        if cls.left is None and cls.dies_at == (cls.writes, moment):
            cls.left = copy_journal(cls.life)
            raise KilledError


class CountedJournal(Journal):
    """A journal on such a file."""

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Open it."""
        return cls(CountedDatabase.open(directory))


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_at_each_write_of_the_journal(tmp_path: Path, moment: str) -> None:
    """The intent and each phase are written at the right time: a kill around any write loses and doubles nothing."""
    for write in range(1, LIMIT):
        life, loop = begin(tmp_path / f"{write}", journal=CountedJournal)
        CountedDatabase.writes, CountedDatabase.dies_at, CountedDatabase.left = 0, (write, moment), None
        CountedDatabase.life = life
        task = loop.create_task(a_round(life))
        loop.run_steps(task, LIMIT)
        if CountedDatabase.left is None:
            loop.kill()
            assert write > 8, "a round writes many times"
            return
        assert isinstance(task.exception(), KilledError)
        bury(life, loop, CountedDatabase.left)
        simulate(two_polls(life))
        assert_all_is_well(life)
    pytest.fail("the round never ended")
