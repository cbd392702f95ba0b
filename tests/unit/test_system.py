"""Waiting, bounded concurrency, and child processes that leave nothing behind."""

import asyncio
import contextvars
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from waldur_import_agent import system
from waldur_import_agent.errors import StoppedError
from waldur_import_agent.system import (
    Completed,
    ProcessError,
    ProcessNotStartedError,
    ProcessOutputError,
    ProcessTimedOutError,
    for_each,
    in_daemon_thread,
    processes,
    read_in_thread,
    run_process,
    unless,
    wait_for_event,
)

SHELL = shutil.which("sh") or "sh"
LONG = 60.0
"""Seconds; no test waits for them to pass."""


async def shell(
    script: str,
    *,
    timeout: float = LONG,  # noqa: ASYNC109 - it is what is tested
    output_limit: int = 100_000,
) -> Completed:
    """Run a shell script, with the tools that are on the path."""
    environment = {"PATH": os.environ["PATH"]}
    return await run_process([SHELL, "-c", script], timeout=timeout, output_limit=output_limit, environment=environment)


def runs(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except (FileNotFoundError, ProcessLookupError):
        return False


async def until(condition: Callable[[], bool]) -> None:
    """Look until `condition` holds; the test fails by the bound where it never does."""
    async with asyncio.timeout(LONG):
        while not condition():  # noqa: ASYNC110 - other processes set no event
            await asyncio.sleep(0.005)


class Grandchild:
    """A script that leaves a process of its own, which tells its id in a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.script = f"sleep 1000 & echo $! > {path}.new && mv {path}.new {path};"

    @property
    def started(self) -> bool:
        """Whether it has told its id."""
        return self.path.exists()

    @property
    def pid(self) -> int:
        """Its id."""
        return int(self.path.read_text())

    async def is_gone(self) -> None:
        """It was there, and soon it is no more: a signal takes a moment to arrive."""
        pid = self.pid
        await until(lambda: not runs(pid))


@pytest.fixture
def grandchild(tmp_path: Path) -> Grandchild:
    """A grandchild that would live on."""
    return Grandchild(tmp_path / "pid")


class Leader:
    """A script that tells its own id and never ends."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.script = f"echo $$ > {path}.new && mv {path}.new {path}; exec sleep 1000"

    @property
    def started(self) -> bool:
        """Whether it has told its id."""
        return self.path.exists()

    @property
    def is_there(self) -> bool:
        """Whether the kernel still knows it, as a zombie perhaps."""
        return Path(f"/proc/{int(self.path.read_text())}").exists()


@pytest.fixture
def leader(tmp_path: Path) -> Leader:
    """A program that must be killed and waited for."""
    return Leader(tmp_path / "leader")


def test_now_is_in_utc() -> None:
    """Times are aware and in UTC, whatever the host's time zone."""
    before, read, after = datetime.now(tz=UTC), system.now(), datetime.now(tz=UTC)
    assert before <= read <= after
    assert read.tzinfo is UTC


# --- waiting


async def test_wait_ends_when_the_event_is_set() -> None:
    """The event ends the wait, long before its time."""
    event = asyncio.Event()
    asyncio.get_running_loop().call_soon(event.set)
    assert await wait_for_event(event, LONG) is True


async def test_wait_ends_by_itself() -> None:
    """Where nothing happens the wait ends at its time and says so."""
    assert await wait_for_event(asyncio.Event(), 0) is False


async def test_event_that_is_set_already() -> None:
    """A stop that came before the wait is seen, also where there is no time to wait."""
    event = asyncio.Event()
    event.set()
    assert await wait_for_event(event, 0) is True


async def test_event_at_the_last_moment_counts() -> None:
    """Where event and timeout fall together the event is not lost."""
    event = asyncio.Event()
    asyncio.get_running_loop().call_soon(event.set)
    assert await wait_for_event(event, 0) is True


# --- unless


async def test_work_that_ends_gives_its_result() -> None:
    """Nothing is left running behind a result."""

    async def work() -> int:
        await asyncio.sleep(0)
        return 7

    assert await unless(asyncio.Event(), work()) == 7
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_work_that_fails_raises_its_own_error() -> None:
    """The error of the work comes out as it is."""

    async def work() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await unless(asyncio.Event(), work())
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("when", ["before", "during"])
async def test_stop_cancels_the_work(when: str) -> None:
    """A stop ends the work, which has cleaned up before StoppedError is raised."""
    event = asyncio.Event()
    happened = []

    async def work() -> None:
        try:
            asyncio.get_running_loop().call_soon(event.set)
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            happened.append("cleaned up")

    if when == "before":
        event.set()
    with pytest.raises(StoppedError, match="told to stop"):
        await unless(event, work())
    assert happened == ["cleaned up"]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_result_is_not_lost_to_a_stop() -> None:
    """Work that ends together with the stop has done something: its result counts."""
    event = asyncio.Event()

    async def work() -> str:
        event.set()
        return "done"

    assert await unless(event, work()) == "done"


async def test_cancellation_reaches_the_work() -> None:
    """Who cancels the whole cancels the work too, and it is over before that is known."""
    started, happened = asyncio.Event(), []

    async def work() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            happened.append("cancelled")

    task = asyncio.create_task(unless(asyncio.Event(), work()))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert happened == ["cancelled"]
    assert asyncio.all_tasks() == {asyncio.current_task()}


# --- for_each


@pytest.mark.parametrize(("items", "in_flight", "most"), [(10, 3, 3), (10, 1, 1), (2, 8, 2), (0, 4, 0)])
async def test_each_item_is_done_once_with_bounded_concurrency(items: int, in_flight: int, most: int) -> None:
    """Every item is done once, as many at the same time as allowed and no more."""
    done: list[int] = []
    active = seen = 0

    async def work(item: int) -> None:
        nonlocal active, seen
        active += 1
        seen = max(seen, active)
        for _ in range(3):
            await asyncio.sleep(0)
        active -= 1
        done.append(item)

    await for_each(range(items), work, in_flight=in_flight)
    assert sorted(done) == list(range(items))
    assert seen == most


async def test_first_error_cancels_the_rest() -> None:
    """The first error comes out itself, not in a group; what runs is cancelled and nothing new begins."""
    error = ValueError("item 1")
    begun: list[int] = []
    cancelled: list[int] = []

    async def work(item: int) -> None:
        begun.append(item)
        if item == 1:
            raise error
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(item)
            raise

    with pytest.raises(ValueError, match="item 1") as raised:
        await for_each(range(10), work, in_flight=3)
    assert raised.value is error
    assert error.__suppress_context__
    assert sorted(cancelled) == [0, 2]
    assert begun == [0, 1, 2]


# --- in_daemon_thread


async def test_work_is_done_in_another_thread() -> None:
    """The loop goes on meanwhile; what the work gives or raises arrives, and its log lines keep their ids."""
    go = threading.Event()
    name = contextvars.ContextVar("name", default="")
    name.set("round 7")

    def work() -> tuple[bool, bool, str]:
        arrived = go.wait(LONG)
        return arrived, threading.current_thread() is threading.main_thread(), name.get()

    task = asyncio.ensure_future(in_daemon_thread(work))
    await asyncio.sleep(0)
    go.set()
    assert await task == (True, False, "round 7")

    def fail() -> None:
        raise LookupError("of the thread")

    with pytest.raises(LookupError, match="of the thread"):
        await in_daemon_thread(fail)


async def test_a_cancellation_does_not_wait_for_the_thread() -> None:
    """What the thread gives later goes nowhere, and harms nothing."""
    go, ended = threading.Event(), threading.Event()

    def work() -> None:
        go.wait(LONG)
        ended.set()

    task = asyncio.ensure_future(in_daemon_thread(work))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go.set()
    assert await asyncio.to_thread(ended.wait, LONG)
    await in_daemon_thread(int)  # the loop has taken the late result by now


async def test_the_interpreter_does_not_wait_for_the_thread() -> None:
    """Its exit comes at once, although the thread waits for a server that never answers, and says nothing then."""
    script = (
        "import asyncio, threading\n"
        "from waldur_import_agent.system import in_daemon_thread\n"
        "async def main():\n"
        "    task = asyncio.ensure_future(in_daemon_thread(threading.Event().wait))\n"
        "    await asyncio.sleep(0)\n"
        "    task.cancel()\n"
        "    await asyncio.wait({task})\n"
        "asyncio.run(main())\n"
    )
    done = await run_process(
        [sys.executable, "-c", script], timeout=LONG, output_limit=10_000, environment=dict(os.environ)
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


# --- run_process


async def test_process_that_succeeds() -> None:
    """Both outputs are read apart, as bytes, with the exit code and what was run."""
    done = await shell("printf out; printf err >&2")
    assert done == Completed([SHELL, "-c", "printf out; printf err >&2"], 0, b"out", b"err")


@pytest.mark.parametrize(("script", "code"), [("exit 3", 3), ("kill -TERM $$", -signal.SIGTERM)])
async def test_exit_codes_are_handed_on(script: str, code: int) -> None:
    """A failure is no exception: what a code means is the caller's to say."""
    assert (await shell(f"printf said >&2; {script}")) == Completed(
        [SHELL, "-c", f"printf said >&2; {script}"], code, b"", b"said"
    )


async def test_environment_is_exactly_what_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the agent's environment, a token for example, reaches the program."""
    monkeypatch.setenv("WALDUR_TOKEN", "private")
    done = await run_process(
        [shutil.which("env") or "env"], timeout=LONG, output_limit=1000, environment={"LC_ALL": "C.UTF-8", "TZ": "UTC"}
    )
    assert sorted(done.stdout.splitlines()) == [b"LC_ALL=C.UTF-8", b"TZ=UTC"]


async def test_standard_input_is_empty() -> None:
    """A program that asks a question gets no answer, rather than what somebody types into the agent's terminal."""
    read, write = os.pipe()
    saved = os.dup(0)
    try:
        os.write(write, b"typed")
        os.close(write)
        os.dup2(read, 0)
        done = await shell("cat")
    finally:
        os.dup2(saved, 0)
        os.close(saved)
        os.close(read)
    assert done.stdout == b""


async def test_process_leads_a_session_of_its_own() -> None:
    """A Ctrl-C at the agent's terminal does not hit the program: the agent ends it in order."""
    script = "import os; print(os.getpid() == os.getpgid(0) == os.getsid(0))"
    done = await run_process([sys.executable, "-S", "-c", script], timeout=LONG, output_limit=100, environment={})
    assert done.stdout == b"True\n"


async def test_missing_program() -> None:
    """The error names the program and says why."""
    with pytest.raises(
        ProcessNotStartedError, match=r"^/nowhere/sacctmgr could not be started: No such file"
    ) as raised:
        await run_process(["/nowhere/sacctmgr", "show"], timeout=LONG, output_limit=10, environment={})
    assert isinstance(raised.value, ProcessError)


async def test_program_that_may_not_be_executed(tmp_path: Path) -> None:
    """A file without the permission is told as such."""
    program = tmp_path / "sacctmgr"
    program.write_text("#!/bin/sh\n")
    with pytest.raises(ProcessNotStartedError, match="could not be started: Permission denied"):
        await run_process([str(program)], timeout=LONG, output_limit=10, environment={})


async def test_error_without_a_number_is_told_by_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not every error of the operating system carries one."""

    async def refuse(*argv: object, **options: object) -> None:
        raise OSError("no more processes")

    monkeypatch.setattr(asyncio, "create_subprocess_exec", refuse)
    with pytest.raises(ProcessNotStartedError, match="could not be started: no more processes"):
        await shell("true")


async def test_timeout_kills_the_whole_group(grandchild: Grandchild) -> None:
    """At the end of its time a program goes with all that it has started; the error names command and time."""
    timeout = 0.25
    while not grandchild.started:  # the time must be long enough for the machine to start it at all
        timeout *= 2
        script = f"{grandchild.script} wait"
        with pytest.raises(ProcessTimedOutError) as raised:
            await shell(script, timeout=timeout)
        assert str(raised.value) == f"{SHELL} -c {script} did not end within {timeout:g} seconds and was killed"
    await grandchild.is_gone()


async def test_grandchild_that_holds_the_pipes_counts_as_running(grandchild: Grandchild) -> None:
    """A program that ends and leaves a child with its output open has not ended: it is killed at its time."""
    timeout = 0.25
    while not grandchild.started:
        timeout *= 2
        with pytest.raises(ProcessTimedOutError):
            await shell(f"{grandchild.script} exit 0", timeout=timeout)
    await grandchild.is_gone()


async def test_nothing_is_left_behind_a_program_that_ended(grandchild: Grandchild) -> None:
    """A child in the background with its output closed does not outlive the call."""
    done = await shell(f"(exec >/dev/null 2>&1; {grandchild.script}); printf done")
    assert (done.returncode, done.stdout) == (0, b"done")
    await grandchild.is_gone()


async def test_cancellation_kills_the_whole_group(grandchild: Grandchild) -> None:
    """A cancelled scan leaves nothing running."""
    task = asyncio.create_task(shell(f"{grandchild.script} wait"))
    await until(lambda: grandchild.started or task.done())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await grandchild.is_gone()


@pytest.mark.parametrize("fails", [False, True])
async def test_cancellation_while_the_program_starts(
    monkeypatch: pytest.MonkeyPatch, grandchild: Grandchild, fails: bool
) -> None:
    """A program runs before asyncio has connected its pipes: a cancellation at that moment kills the group too.

    A start that then fails has nothing to kill, and the cancellation is still one.
    """
    half_started, connected = asyncio.Event(), asyncio.Event()
    start = asyncio.create_subprocess_exec

    async def start_slowly(*argv: str, **options: Any) -> asyncio.subprocess.Process:
        process = await start(*argv, **options)
        await until(lambda: grandchild.started)
        half_started.set()
        await connected.wait()
        if fails:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            raise OSError("no more files")
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", start_slowly)
    task = asyncio.create_task(shell(f"{grandchild.script} wait"))
    await half_started.wait()
    task.cancel()
    asyncio.get_running_loop().call_soon(connected.set)
    with pytest.raises(asyncio.CancelledError):
        await task
    await grandchild.is_gone()


@pytest.mark.parametrize("where", ["", ">&2"])
async def test_endless_output_is_cut_off(where: str, grandchild: Grandchild) -> None:
    """A program that never stops printing, on either output, is killed before the memory is full."""
    script = f"{grandchild.script} yes {where}"
    with pytest.raises(ProcessOutputError) as raised:
        await shell(script)
    assert str(raised.value) == f"{SHELL} -c {script} printed more than 100000 bytes and was killed"
    await grandchild.is_gone()


@pytest.mark.parametrize("where", ["", ">&2"])
async def test_output_limit_is_exact(where: str) -> None:
    """As many bytes as allowed are taken, on each output; one more is too much."""
    done = await shell(f"printf 12345; printf 12345 >&2; : {where}", output_limit=5)
    assert (done.stdout, done.stderr) == (b"12345", b"12345")
    with pytest.raises(ProcessOutputError):
        await shell(f"printf 123456 {where}", output_limit=5)


async def test_stderr_can_have_another_limit() -> None:
    """An answer may be long, a complaint need not be; the error tells the limit that was reached, and the beginning."""
    environment = {"PATH": os.environ["PATH"]}
    for script, limit in (("printf 1234; printf 123 >&2", 2), ("printf 12345; printf 12 >&2", 4)):
        with pytest.raises(ProcessOutputError, match=f"printed more than {limit} bytes") as raised:
            await run_process(
                [SHELL, "-c", script], timeout=LONG, output_limit=4, error_limit=2, environment=environment
            )
        assert (raised.value.limit, raised.value.beginning) == (limit, b"12345"[: limit + 1])


async def test_output_beyond_one_chunk_is_whole() -> None:
    """Large output is put together from its parts."""
    done = await shell("yes 1234567 | head -n 40000", output_limit=1_000_000)
    assert done.stdout == b"1234567\n" * 40000


async def test_process_is_waited_for(leader: Leader) -> None:
    """A killed program is no zombie afterwards."""
    task = asyncio.create_task(shell(leader.script))
    await until(lambda: leader.started or task.done())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not leader.is_there


async def test_process_that_cannot_be_reaped_does_not_hold_up_the_agent(
    monkeypatch: pytest.MonkeyPatch, leader: Leader
) -> None:
    """A program stuck in the kernel is left to init after a while; the error is still the one of the timeout."""
    monkeypatch.setattr(processes, "KILL_WAIT", 0)
    timeout = 0.25
    while not leader.started:
        timeout *= 2
        with pytest.raises(ProcessTimedOutError):
            await shell(leader.script, timeout=timeout)
    await until(lambda: not leader.is_there)


@pytest.mark.parametrize("error", [ProcessLookupError(), PermissionError()])
async def test_group_that_cannot_be_killed_does_not_hide_the_result(
    monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    """A group that is gone, or another user's (sudo), changes nothing in what the program said."""

    def refuse(group: int, number: int) -> None:
        raise error

    monkeypatch.setattr(os, "killpg", refuse)
    assert (await shell("printf out")).stdout == b"out"


async def test_other_errors_are_not_taken_for_too_much_output(
    monkeypatch: pytest.MonkeyPatch, grandchild: Grandchild
) -> None:
    """An error of the pipes comes out as it is, and the group is killed all the same."""

    async def broken(*_: object) -> bytes:
        await until(lambda: grandchild.started)
        raise ConnectionResetError("the pipe is gone")

    monkeypatch.setattr(processes, "_read_capped", broken)
    with pytest.raises(ExceptionGroup) as raised:
        await shell(f"{grandchild.script} wait")
    assert {str(error) for error in raised.value.exceptions} == {"the pipe is gone"}
    await grandchild.is_gone()


async def test_output_is_handed_over_as_it_comes() -> None:
    """Where a function takes it, none of it is kept; the limit holds all the same."""
    pieces: list[bytes] = []

    async def run(limit: int) -> Completed:
        return await run_process(
            [SHELL, "-c", "echo one; echo two"],
            timeout=LONG,
            output_limit=limit,
            environment={},
            on_output=pieces.append,
        )

    assert (await run(8)).stdout == b""
    assert b"".join(pieces) == b"one\ntwo\n"
    with pytest.raises(ProcessOutputError) as caught:
        await run(7)
    assert b"one\ntwo\n".startswith(caught.value.beginning[:4])
    assert caught.value.limit == 7


async def test_a_program_on_a_file_server_that_hangs_is_not_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The start itself would hold the loop up: it waits until the program is loaded."""
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    answers = threading.Event()
    monkeypatch.setattr(processes, "open_regular", lambda path: answers.wait())
    monkeypatch.setattr(processes, "read_in_thread", partial(read_in_thread, seconds=0.01))
    monkeypatch.setattr(asyncio, "create_subprocess_exec", None)
    try:
        with pytest.raises(ProcessTimedOutError, match="could not be started: its file system did not answer"):
            await run_process([str(program)], timeout=LONG, output_limit=1, environment={})
    finally:
        answers.set()


async def test_a_program_that_cannot_be_read_can_be_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it can be executed, the kernel says."""

    def refuse(path: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(processes, "open_regular", refuse)
    assert (await shell("exit 3")).returncode == 3
