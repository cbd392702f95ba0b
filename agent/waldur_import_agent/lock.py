"""One agent per offering and host: a lock file in one fixed directory, whatever state directory is configured."""

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from waldur_import_agent.errors import LockedError, StateBusyError, StateError
from waldur_import_agent.system import may_pass, now

SHARED_DIRECTORY_MODE = 0o1777
"""Agents of different users must see each other's locks, and not remove them."""
LOCK_FILE_MODE = 0o644
"""Reading is enough to lock; only the owner says who holds it."""
SAFELY = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""The directory is everybody's: a link there could lead to any file, which would be emptied, and a pipe has no end."""


@contextmanager
def offering_lock(directory: Path, waldur_url: str, offering: str) -> Iterator[None]:
    """Hold the lock of one offering. It goes with the process, so nothing is left behind by a crash.

    Raises LockedError, naming the holder, where another process has it, StateBusyError where the directory cannot be
    used now, and StateError where it cannot be used at all.
    """
    path = _path(directory, waldur_url, offering)
    descriptor = _open(path)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LockedError(
                f"another agent on this host answers the offering {offering}: {_holder(descriptor)}",
                remedy=f"Stop it first; its lock is {path}",
            ) from error
        except OSError as error:
            raise StateError(
                f"the lock {path} cannot be taken: {error.strerror}",
                remedy="Its file system must know file locks: see lock_dir in the configuration",
            ) from error
        _write_holder(descriptor)
        yield
    finally:
        os.close(descriptor)


def lock_holder(directory: Path, waldur_url: str, offering: str) -> str | None:
    """Who holds the lock of an offering, None where nobody does. Nothing is made. Raises StateError."""
    path = _path(directory, waldur_url, offering)
    try:
        descriptor = os.open(path, os.O_RDONLY | SAFELY)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateError(
            f"the lock {path} cannot be opened: {error.strerror}", remedy="See lock_dir in the configuration"
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)  # given back at once
    except BlockingIOError:
        return _holder(descriptor)
    finally:
        os.close(descriptor)
    return None


def _path(directory: Path, waldur_url: str, offering: str) -> Path:
    return directory / f"{hashlib.sha256(waldur_url.encode()).hexdigest()[:12]}-{offering}.lock"


def _open(path: Path) -> int:
    try:
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.parent.chmod(SHARED_DIRECTORY_MODE)
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT | SAFELY, LOCK_FILE_MODE)
        except PermissionError:
            # another user's file: reading is enough to lock it
            return os.open(path, os.O_RDONLY | SAFELY)
    except OSError as error:
        if may_pass(error):
            raise StateBusyError(
                f"the lock {path} cannot be opened: {error.strerror}",
                remedy="Make room on its disk, or see what else this host lacks",
            ) from error
        raise StateError(
            f"the lock {path} cannot be opened: {error.strerror}",
            remedy=f"Create it with `install -d -m 1777 {path.parent}`, or see lock_dir in the configuration",
        ) from error


def _write_holder(descriptor: int) -> None:
    holder = json.dumps({"pid": os.getpid(), "uid": os.getuid(), "since": now().isoformat(timespec="seconds")})
    if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDWR:
        # whatever the umask: agents of other users must be able to open it
        os.fchmod(descriptor, LOCK_FILE_MODE)
        with contextlib.suppress(OSError):  # a full disk: the lock is held all the same
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, holder.encode(), 0)


def _holder(descriptor: int) -> str:
    try:
        holder = json.loads(os.pread(descriptor, 1024, 0))
        return f"process {int(holder['pid'])} of uid {int(holder['uid'])}, since {holder['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "its process did not say who it is"
