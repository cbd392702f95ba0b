"""What a process has used: its memory and its processor time, as /proc tells. Linux only."""

import os
import re
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

KIB_PER_MIB = 1024
NANOSECONDS = 1e9


def peak_memory(pid: int) -> float:
    """The most memory that a process has had so far, in MiB: VmHWM."""
    return _memory(pid, "VmHWM")


def memory(pid: int) -> float:
    """The memory that a process has now, in MiB: VmRSS."""
    return _memory(pid, "VmRSS")


def _memory(pid: int, name: str) -> float:
    found = re.search(rf"{name}:\s*(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    if found is None:
        raise ProcessLookupError(f"process {pid} tells no {name}: it has ended")
    return int(found[1]) / KIB_PER_MIB


def processor_seconds(pid: int) -> float:
    """Processor time of a process and its threads so far, in ticks of 10 ms; that of its children is not in it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def precise_processor_seconds(pid: int) -> float:
    """Processor time of the threads that a process has now, in nanoseconds' precision: for one that hardly works."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / NANOSECONDS


def processor_seconds_of(command: Sequence[str], environment: Mapping[str, str] | None = None) -> float:
    """Processor time of a command from its start to its end. Raises CalledProcessError where it fails."""
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment and {**os.environ, **environment}
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return usage.ru_utime + usage.ru_stime


def without_proxies() -> dict[str, str]:
    """The environment, but for proxies: the fake Waldur is on this machine."""
    return {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}


def wait_until(condition: Callable[[], bool], what: str, *, seconds: float, interval: float = 0.02) -> None:
    """Look again and again. Raises TimeoutError where `condition` does not become true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} seconds in vain: {what}")
        time.sleep(interval)
