"""What the agent asks of the operating system: the time, waiting, and child processes that cannot outlive a round."""

import asyncio
import contextlib
import contextvars
import os
import pwd
import signal
import stat
import sys
import threading
import unicodedata
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from waldur_import_agent.errors import AgentError, StoppedError

KILL_WAIT = 5.0
"""Seconds to wait for a killed process group before it is left to the init process."""
CHUNK = 1 << 16
BEGINNING = 1000
"""Bytes of too long an output that are kept, to show what it was."""


T = TypeVar("T")


def now() -> datetime:
    """The current time in UTC."""
    return datetime.now(tz=UTC)


def modified(path: Path) -> datetime:
    """When a file was written last, in UTC. Raises OSError."""
    return datetime.fromtimestamp(path.stat().st_mtime, tz=UTC)


def owner_other_than_root(directory: Path) -> str | None:
    """Where this process is root's and `directory` is another user's: that user, by name or as `#number`; else None."""
    try:
        owner = directory.stat().st_uid
    except OSError:
        return None
    if os.geteuid() != 0 or owner == 0:
        return None
    try:
        return pwd.getpwuid(owner).pw_name
    except KeyError:
        return f"#{owner}"


def why_unreadable(error: OSError) -> str:
    """Why a file cannot be read; where it is forbidden, to whom, and what gives this user the right."""
    reason = error.strerror or str(error)
    if not isinstance(error, PermissionError):
        return reason
    try:
        user = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a container's number that has no name
        user = str(os.geteuid())
    return f"{reason} for the user {user}; give it to a group of this user: chgrp GROUP FILE && chmod 640 FILE"


def how_to_install(extra: str) -> str:
    """The command that adds an extra's packages to those that this agent runs with; it finds the agent there."""
    return f"Install what it needs: {sys.executable} -m pip install 'waldur-import-agent[{extra}]'"


def printable(text: str) -> str:
    """`text` for a terminal: a control character (but the line end), or one that turns the writing, becomes a `�`."""
    return "".join(
        "�" if unicodedata.category(character) in {"Cc", "Cf", "Cs"} and character != "\n" else character
        for character in text
    )


def write_file(path: Path, text: str) -> None:
    """Write a text as UTF-8 in the place of `path`: a reader meets the old file or the new one, never a part.

    A file that is there keeps its permissions, and its owner where that is allowed. Raises OSError.
    """
    path = path.resolve()
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with fresh.open("wb") as file:
            with contextlib.suppress(FileNotFoundError):
                there = path.stat()
                os.fchmod(file.fileno(), stat.S_IMODE(there.st_mode))
                with contextlib.suppress(PermissionError):
                    os.fchown(file.fileno(), there.st_uid, there.st_gid)
            file.write(text.encode(errors="backslashreplace"))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


async def wait_for_event(event: asyncio.Event, seconds: float) -> bool:
    """Wait until `event` is set, `seconds` at the most; whether it was set."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return event.is_set()
    return True


def exit_after(seconds: float, code: int) -> None:
    """End this process with `code` after so many seconds if it still runs then, whatever it waits for.

    A thread that hangs in a system call cannot be cancelled, and the interpreter would wait for it without end. What is
    in the journal is on disk at any time, so nothing is lost.
    """
    timer = threading.Timer(seconds, os._exit, (code,))
    timer.daemon = True
    timer.start()


async def unless(event: asyncio.Event, work: Coroutine[Any, Any, T]) -> T:
    """Do `work`, unless `event` is set before it ends: then it is cancelled and StoppedError is raised."""
    task = asyncio.ensure_future(work)
    waiter = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait({task, waiter}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise StoppedError("the agent was told to stop")
    finally:
        for pending in (task, waiter):
            if not pending.done():
                pending.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await pending


async def for_each(items: Iterable[T], work: Callable[[T], Awaitable[None]], *, in_flight: int) -> None:
    """Do `work` on each item, `in_flight` at the same time. The first error cancels the rest and is raised."""
    shared = iter(items)

    async def worker() -> None:
        for item in shared:
            await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(in_flight):
                group.create_task(worker())
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None


async def in_daemon_thread(work: Callable[[], T]) -> T:
    """Do blocking `work` in a thread of its own, whose end the interpreter's exit does not wait for.

    asyncio.to_thread would hold the exit up until a server answers. A cancellation leaves the thread to end by itself;
    what it then gives goes nowhere. Raises what `work` raises.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()
    context = contextvars.copy_context()

    def settle(result: Callable[[], None]) -> None:
        if not future.done():
            result()

    def run() -> None:
        result: Callable[[], None]
        try:
            value = context.run(work)
        except BaseException as error:  # noqa: BLE001 - whoever waits gets it
            result = partial(future.set_exception, error)
        else:
            result = partial(future.set_result, value)
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits
            loop.call_soon_threadsafe(settle, result)

    threading.Thread(target=run, name="in_daemon_thread", daemon=True).start()
    return await future


OWN_VARIABLES = "WALDUR_IMPORT_AGENT"
"""How the agent's own variables begin, in any case of letters; one of them may be the token."""
OTHER_SECRETS = frozenset({"SLURM_JWT"})
"""A SLURM token would silently make sacctmgr another user."""


def child_environment() -> dict[str, str]:
    """The environment for a child process: the agent's own, without its settings and without tokens."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(OWN_VARIABLES) and name not in OTHER_SECRETS
    }


class ProcessError(AgentError):
    """A child process could not be started, did not end in time, or printed more than it may."""


class ProcessNotStartedError(ProcessError):
    """The program is missing or may not be executed."""


class ProcessTimedOutError(ProcessError):
    """The program did not end in time and was killed with all that it had started."""


class ProcessOutputError(ProcessError):
    """The program printed more than it may and was killed with all that it had started.

    `limit` is in bytes; `beginning` is how the output began that was too long.
    """

    def __init__(self, message: str, *, limit: int, beginning: bytes) -> None:
        super().__init__(message)
        self.limit = limit
        self.beginning = beginning


@dataclass(frozen=True, slots=True)
class Completed:
    """A process that ended by itself."""

    argv: Sequence[str]
    returncode: int
    stdout: bytes
    stderr: bytes


async def run_process(
    argv: Sequence[str],
    *,
    timeout: float,  # noqa: ASYNC109 - the time is part of the error's text, and the group must be killed inside
    output_limit: int,
    error_limit: int | None = None,
    environment: Mapping[str, str],
    stdin: bytes | None = None,
    on_output: Callable[[bytes], None] | None = None,
) -> Completed:
    """Run a program to its end, in a process group of its own, with `stdin` or nothing on its standard input.

    A program need not read its input to the end.

    `timeout` is in seconds; `output_limit` is in bytes and holds for stdout and, where `error_limit` gives no other
    number, for stderr. Where `on_output` is given it gets stdout as it comes, in pieces, and none of it is kept.
    Whatever happens, a cancellation too, the whole process group is gone afterwards: a grandchild would otherwise hold
    the pipes open.

    Raises ProcessNotStartedError, ProcessTimedOutError or ProcessOutputError.
    """
    process = await _start(argv, environment, has_input=stdin is not None)
    assert process.stdout is not None  # noqa: S101 - for the type checker: both are pipes
    assert process.stderr is not None  # noqa: S101
    try:
        async with asyncio.timeout(timeout), asyncio.TaskGroup() as group:
            stdout = group.create_task(_read_capped(process.stdout, output_limit, on_output))
            stderr = group.create_task(_read_capped(process.stderr, error_limit or output_limit))
            if process.stdin is not None:
                group.create_task(_feed(process.stdin, stdin or b""))
            returncode = group.create_task(process.wait())
    except TimeoutError as error:
        raise ProcessTimedOutError(f"{' '.join(argv)} did not end within {timeout:g} seconds and was killed") from error
    except ExceptionGroup as group_error:
        too_much = next((error for error in group_error.exceptions if isinstance(error, _TooMuchError)), None)
        if too_much is None:
            raise
        raise ProcessOutputError(
            f"{' '.join(argv)} printed more than {too_much.limit} bytes and was killed",
            limit=too_much.limit,
            beginning=too_much.beginning,
        ) from group_error
    finally:
        await _kill_group(process)
    return Completed(argv, returncode.result(), stdout.result(), stderr.result())


async def _start(argv: Sequence[str], environment: Mapping[str, str], *, has_input: bool) -> asyncio.subprocess.Process:
    """Start the program; a cancellation waits until it can be killed with all that it has started."""
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.PIPE if has_input else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=dict(environment),
            start_new_session=True,
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        # the program runs already while asyncio still connects its pipes: a cancelled start would kill it alone
        await asyncio.wait({starting})
        if starting.exception() is None:
            await _kill_group(starting.result())
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise ProcessNotStartedError(f"{argv[0]} could not be started: {reason}") from error


class _TooMuchError(Exception):
    """More output than allowed."""

    def __init__(self, limit: int, beginning: bytes) -> None:
        super().__init__()
        self.limit = limit
        self.beginning = beginning


async def _feed(stream: asyncio.StreamWriter, data: bytes) -> None:
    """Write all and close; a program that has closed its input, or ended, has read what it wanted."""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        stream.write(data)
        await stream.drain()
    stream.close()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        await stream.wait_closed()


async def _read_capped(stream: asyncio.StreamReader, limit: int, give: Callable[[bytes], None] | None = None) -> bytes:
    """What is read, or nothing where `give` gets it. Raises _TooMuchError once it is more than `limit`."""
    chunks = bytearray()
    count = 0
    while chunk := await stream.read(CHUNK):
        count += len(chunk)
        if give is None or len(chunks) < BEGINNING:
            chunks += chunk
        if count > limit:
            raise _TooMuchError(limit, bytes(chunks[:BEGINNING]))
        if give is not None:
            give(chunk)
    return bytes(chunks) if give is None else b""


async def _kill_group(process: asyncio.subprocess.Process) -> None:
    """Kill what is left of the group, and wait until the process is gone and its pipes are read empty.

    A pipe that nobody reads on would keep asyncio from noticing the end.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)

    async def drain() -> None:
        for stream in filter(None, (process.stdout, process.stderr)):
            while await stream.read(CHUNK):
                pass
        await process.wait()

    with contextlib.suppress(TimeoutError):
        await asyncio.shield(asyncio.wait_for(drain(), KILL_WAIT))
