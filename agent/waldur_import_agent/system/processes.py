"""Child processes: bounded in time and output, and gone with all that they started."""

import asyncio
import contextlib
import io
import os
import shutil
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from waldur_import_agent.errors import AgentError
from waldur_import_agent.system.files import open_regular, read_in_thread

KILL_WAIT = 5.0
"""Seconds to wait for a killed process group before it is left to the init process."""
CHUNK = 1 << 16
BEGINNING = 1000
"""Bytes of too long an output that are kept, to show what it was."""

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
    """The program did not end in time, and was killed with all that it had started, or it could not start in time."""


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
    await _look_at(argv[0])
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


async def _look_at(program: str) -> None:
    """Read the beginning of the program: where its file server hangs, the start itself would hold the loop up.

    What else may be wrong with it, the start says. Raises ProcessTimedOutError.
    """

    def read() -> None:
        with contextlib.suppress(OSError):
            found = shutil.which(program)
            if found is not None:
                with open_regular(Path(found)) as file:
                    file.read(BEGINNING)

    try:
        await read_in_thread(Path(program), read)
    except TimeoutError as error:
        raise ProcessTimedOutError(f"{program} could not be started: {error.strerror}") from error


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
    kept = io.BytesIO()  # gives what is in it without a copy, which would double the memory of a large output
    count = 0
    while chunk := await stream.read(CHUNK):
        count += len(chunk)
        if give is None or kept.tell() < BEGINNING:
            kept.write(chunk)
        if count > limit:
            raise _TooMuchError(limit, kept.getvalue()[:BEGINNING])
        if give is not None:
            give(chunk)
    return kept.getvalue() if give is None else b""


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
