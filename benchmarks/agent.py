"""The agent as it is installed: its configuration for the bench, and the daemon in a process of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import world
from benchmarks.processes import wait_until, without_proxies
from benchmarks.slurm import Slurm
from benchmarks.waldur import FakeWaldur

COMMAND = (sys.executable, "-m", "waldur_import_agent")
START_LIMIT = 60.0
"""Seconds for the daemon to come up."""
STOP_LIMIT = 20.0
"""Seconds for it to go."""
QUIET = 0.4
"""Seconds without a start of sacctmgr after which the checks at the daemon's start are over."""


@dataclass(frozen=True, slots=True)
class Agent:
    """A running daemon."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def still_runs(self) -> None:
        """Raise ChildProcessError with the end of its log where it has ended."""
        if self.process.poll() is not None:
            end = "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])
            raise ChildProcessError(f"the agent ended with exit code {self.process.returncode}:\n{end}")


def write_configuration(
    directory: Path, waldur: FakeWaldur, offerings: Mapping[str, Slurm], poll_interval: str, **scanner: Any
) -> Path:
    """A configuration for these offerings, each with its cluster; `scanner` adds to each scanner's block."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "token").write_text(world.TOKEN)
    rule = {"from": "parent", "match": f"^{world.PROJECT_PREFIX}(?P<slug>.+)$", "by": "slug", "value": "{slug}"}
    sources = {"cpu": "GrpTRESMins.cpu", "gpu": "GrpTRESMins.gres/gpu"}
    settings = {
        "waldur": {"url": waldur.url, "token_file": str(directory / "token")},
        "poll_interval": poll_interval,
        "grace": "1s",
        "state_dir": str(directory / "state"),
        "runtime_dir": str(directory / "runtime"),
        "lock_dir": str(directory / "lock"),
        "offerings": [
            {
                "uuid": uuid,
                "scanner": {"type": "slurm", "cluster": world.CLUSTER, "sacctmgr": str(slurm.program), **scanner},
                "projects": {"rules": [rule]},
                "components": {
                    name: {"from": source, "unit_factor": world.UNIT_FACTOR} for name, source in sources.items()
                },
            }
            for uuid, slurm in offerings.items()
        ],
    }
    path = directory / "config.yaml"
    path.write_text(json.dumps(settings, indent=1))  # JSON is YAML
    return path


@contextmanager
def daemon(configuration: Path, watched: Sequence[Slurm]) -> Iterator[Agent]:
    """The daemon, given when its first polls and the scanners' checks are over; `watched` are clusters that answer.

    It is stopped with SIGTERM at the end, and killed where it does not go.
    """
    log = configuration.with_suffix(".log")
    before = [slurm.starts for slurm in watched]
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [*COMMAND, "run", "--config", str(configuration)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env=without_proxies(),
            start_new_session=True,
        )
    agent = Agent(process, log)
    try:
        _wait_for_checks(agent, watched, before)
        yield agent
    finally:
        _end(process)


def _wait_for_checks(agent: Agent, watched: Sequence[Slurm], before: Sequence[int]) -> None:
    """Wait until each of the clusters was looked at and none has been started for a while."""
    seen: list[int] = []

    def quiet() -> bool:
        nonlocal seen
        agent.still_runs()
        earlier, seen = seen, [slurm.starts for slurm in watched]
        return seen == earlier and all(now > then for now, then in zip(seen, before, strict=True))

    wait_until(quiet, "the agent's checks at its start", seconds=START_LIMIT, interval=QUIET)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the daemon and whatever it has started."""
    process.terminate()
    try:
        process.wait(STOP_LIMIT)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
