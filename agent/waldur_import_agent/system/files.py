"""Files: written whole, and read so that neither a pipe nor a file server that hangs can hold the agent up."""

import asyncio
import contextlib
import contextvars
import errno
import os
import pwd
import stat
import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

READ_SECONDS = 30.0
"""Seconds that reading a small file may take: a file server that hangs answers later, or never."""
PASSING = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE, errno.ETIMEDOUT}
)
"""What may be better later, a full disk for example: the agent is then started again, unlike after a wrong setting."""
T = TypeVar("T")
_under_way: dict[Path, Future[Any]] = {}
"""What the threads of `read_in_thread` do now. A thread outlives the loop that began it: this is the process's own."""


def modified(path: Path) -> datetime:
    """When a file was written last, in UTC. Raises OSError."""
    return datetime.fromtimestamp(path.stat().st_mtime, tz=UTC)


def may_pass(error: OSError) -> bool:
    """Whether a later attempt may do better, where a disk is full now for example; not so with a wrong setting."""
    return error.errno in PASSING


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


def open_regular(path: Path) -> BinaryIO:
    """Open a file to read it, if it is a regular one: a pipe would be waited for. Raises OSError."""
    # a pipe is opened at once where O_NONBLOCK is given; a regular file knows nothing of it
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise OSError(errno.EINVAL, "it is no regular file", str(path))


def read_regular(path: Path, limit: int) -> bytes:
    """What a regular file of at most `limit` bytes holds. Raises OSError."""
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size > limit:
            raise OSError(errno.EFBIG, f"it has more than {limit} bytes", str(path))
        return file.read()


async def read_in_thread(path: Path, work: Callable[[], T], *, seconds: float | None = READ_SECONDS) -> T:
    """Do `work`, which reads the file at `path`, in a thread, within `seconds` where that is not None.

    A thread that hangs in a system call cannot be ended, but holds up neither the loop nor the end of the process. For
    a path there is one at the most: whoever reads it next first waits, in his own time, until that one has ended.
    Raises what `work` raises, and TimeoutError, which is an OSError, with words for people.
    """
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            while (earlier := _under_way.get(path)) is not None:
                ended = asyncio.wrap_future(earlier)
                await asyncio.wait({ended})
                ended.exception()  # that one's own: asyncio would log it as one that was forgotten
            return await asyncio.wrap_future(_begin(path, work))
    except TimeoutError as error:
        if not limit.expired():
            raise
        words = f"its file system did not answer within {seconds:g} seconds"
        raise TimeoutError(errno.ETIMEDOUT, words, str(path)) from error


def _begin(path: Path, work: Callable[[], T]) -> Future[T]:
    """Do `work` in a thread whose end nobody waits for; the future that it settles."""
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()  # from now on it cannot be cancelled: the thread goes on
    context = contextvars.copy_context()

    def run() -> None:
        settle: Callable[[], None]
        try:
            value = context.run(work)
        except BaseException as error:  # noqa: BLE001 - whoever waits gets it
            settle = partial(future.set_exception, error)
        else:
            settle = partial(future.set_result, value)
        del _under_way[path]
        settle()

    _under_way[path] = future
    try:
        threading.Thread(target=run, name=f"reading {path.name}", daemon=True).start()
    except RuntimeError:  # no thread can be started
        del _under_way[path]
        raise
    return future
