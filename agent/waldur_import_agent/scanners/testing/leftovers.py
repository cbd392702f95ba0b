"""What a scan leaves behind in this process and beneath it: processes, threads, open files and connections. Linux."""

import contextlib
import ctypes
import gc
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
"""prctl(2): orphans beneath this process become its children, so that none of them escapes the look."""
LISTENING = "0A"
"""The state of a listening socket in /proc/net/tcp (proc_net_tcp.rst of the kernel)."""
STAND_IN_THREAD = "process_request_thread"
"""Threads of socketserver and http.server: they belong to the test's own server, not to the scanner."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What there is at one moment: pids with names, threads, and open files by descriptor."""

    processes: dict[int, str]
    threads: frozenset[int | None]
    files: dict[str, str]


def snapshot() -> Snapshot:
    """What there is now."""
    gc.collect()  # what is only waiting for the collector is not left open
    return Snapshot(
        {pid: name for pid, (name, _) in _descendants(frozenset()).items()},
        frozenset(thread.ident for thread in threading.enumerate()),
        _open_files(),
    )


@contextlib.contextmanager
def adopting() -> Iterator[None]:
    """Within the block, this process is the parent of all orphans beneath it."""
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        libc.prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def left_since(before: Snapshot, patience: float, elsewhere: Callable[[], Iterable[str]]) -> list[str]:
    """What there is now and was not `before`, once it had `patience` seconds to go away; `elsewhere` tells of more."""
    deadline = time.monotonic() + patience
    while (left := [*_left(before), *elsewhere()]) and time.monotonic() < deadline:
        time.sleep(0.02)  # other processes and threads set no event
    return left


def _left(before: Snapshot) -> list[str]:
    gc.collect()
    processes = [f"process {pid} ({name})" for pid, (name, _) in _descendants(frozenset(before.processes)).items()]
    threads = [
        f"thread {thread.name}"
        for thread in threading.enumerate()
        if thread.ident not in before.threads and STAND_IN_THREAD not in thread.name
    ]
    files = [f"open {target}" for file, target in _open_files().items() if before.files.get(file) != target]
    return processes + threads + files


def _descendants(known: frozenset[int]) -> dict[int, tuple[str, int]]:
    """The processes beneath this one, by pid: name and parent. What is known is left out with all beneath it."""
    parents: dict[int, tuple[str, int]] = {}
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            name, _, rest = (directory / "stat").read_text(errors="replace").partition(" (")[2].rpartition(") ")
        except (FileNotFoundError, ProcessLookupError):
            continue
        state, parent = rest.split()[:2]
        if state not in {"Z", "X"}:  # it has ended; somebody has yet to be told
            parents[int(directory.name)] = (name, int(parent))

    def is_ours(pid: int) -> bool:
        while pid in parents and pid not in known:
            pid = parents[pid][1]
            if pid == os.getpid():
                return True
        return False

    return {pid: found for pid, found in parents.items() if is_ours(pid)}


def _open_files() -> dict[str, str]:
    """What the descriptors of this process are open on, without the accepted connections of a test's own server."""
    found: dict[str, str] = {}
    stand_ins = _accepted_sockets()
    for file in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the directory's own descriptor is gone by now
            target = str(file.readlink())
            if target not in stand_ins and not target.startswith("/proc/"):
                found[file.name] = target
    return found


def _accepted_sockets() -> set[str]:
    """The server's ends of connections: of TCP those at a port on which somebody listens, of Unix those with a path."""
    rows = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/self/net/{table}").read_text().splitlines()[1:]
    ]
    listening = {row[1].rpartition(":")[2] for row in rows if row[3] == LISTENING}
    inodes = {row[9] for row in rows if row[1].rpartition(":")[2] in listening}
    paths = [line.split() for line in Path("/proc/self/net/unix").read_text().splitlines()[1:]]
    named = 8
    return {f"socket:[{inode}]" for inode in inodes | {row[6] for row in paths if len(row) >= named}}
