"""A private SLURM accounting stack for tests: real daemons, started and filled by the scripts in lab/."""

import contextlib
import fcntl
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).parent / "lab"
LAB = Path(__file__).parents[3] / ".lab"
EXPORT = re.compile(r"^export (\w+)='(.*)'$", re.MULTILINE)


class SlurmLab:
    """The running stack. Its environment stands in os.environ, so that sacctmgr and the agent find it."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self._exports: dict[str, str] = {}

    @property
    def cluster(self) -> str:
        """The name of the cluster."""
        return self._exports["SLURM_LAB_CLUSTER"]

    def start(self) -> None:
        """Start what does not run, and wait until it answers."""
        self._exports = dict(EXPORT.findall(_run(SCRIPTS / "slurm-up", self.state)))
        os.environ.update(self._exports)

    def stop(self, daemon: str) -> None:
        """Stop one daemon: slurmctld, slurmdbd, mariadbd or munged."""
        _run(SCRIPTS / "slurm-down", self.state, "--only", daemon)

    def wipe(self) -> None:
        """Stop all and remove what they kept."""
        _run(SCRIPTS / "slurm-down", self.state, "--wipe")

    def seed(self, count: int, *, direct: bool = True, awkward: bool = False, users: int = 3) -> dict[str, Any]:
        """Begin with an empty database and fill it; what was put in, with the keys cluster, regular and awkward.

        `users` is how many an account has on average. See slurm-seed. About 10 s for 1,000 accounts, and 45 s more
        with the awkward ones.
        """
        self.wipe()
        self.start()
        options = [*["--direct"] * direct, *["--awkward"] * awkward, "--users-per-account", str(users)]
        manifest: dict[str, Any] = json.loads(_run(SCRIPTS / "slurm-seed", str(count), *options))
        return manifest

    def sacctmgr(self, *arguments: str) -> str:
        """Run sacctmgr without questions, and give what it printed. Raises AssertionError where it fails."""
        return _run("sacctmgr", "-i", "-n", "-P", *arguments)


@contextlib.contextmanager
def running_lab() -> Iterator[SlurmLab]:
    """A stack of its own for this session, wiped at the end; another session in this checkout waits for its turn."""
    LAB.mkdir(exist_ok=True)
    before = dict(os.environ)
    with (LAB / "slurm.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lab = SlurmLab(LAB / "slurm")
        try:
            lab.wipe()  # what a session that was killed has left
            lab.start()
            yield lab
        finally:
            lab.wipe()
            for name in set(os.environ) - set(before):
                if name.startswith("SLURM_"):
                    del os.environ[name]
            os.environ.update(before)


def _run(program: Path | str, *arguments: Path | str) -> str:
    done = subprocess.run([program, *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 0, f"{program} {arguments}: exit code {done.returncode}: {done.stderr}{done.stdout}"
    return done.stdout
