"""Private SLURM accounting stacks for tests: real daemons, started and filled by the scripts in lab/."""

import contextlib
import fcntl
import json
import os
import pwd
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).parent / "lab"
LAB = Path(__file__).parents[3] / ".lab"
EXPORT = re.compile(r"^export (\w+)='(.*)'$", re.MULTILINE)
RELEASES = {"22.05": "slurm", "24.11": "slurm-chroot"}
"""The releases that are run, and how the names of their scripts begin: Debian 12's own, and Debian 13's in a chroot."""
CAPABILITIES = "+dac_override,+sys_chroot"
"""What another user keeps of root: to read this checkout wherever it lies, and to enter the chroot. SLURM, which asks
munge for the user's number, sees neither."""


class SlurmLab:
    """A running stack. Its environment stands in os.environ, so that sacctmgr and the agent find it."""

    def __init__(self, release: str, directory: Path) -> None:
        self.release = release
        self._directory = directory
        self._up = SCRIPTS / f"{RELEASES[release]}-up"
        self._down = SCRIPTS / f"{RELEASES[release]}-down"
        self._seed = SCRIPTS / "slurm-seed" if RELEASES[release] == "slurm" else directory / "bin" / "slurm-seed"
        self._exports: dict[str, str] = {}
        # with what the database was filled, and what that gave; None: it is something else by now
        self._seeded: tuple[tuple[object, ...], dict[str, Any]] | None = ((), {})

    @property
    def cluster(self) -> str:
        """The name of the cluster."""
        return self._exports["SLURM_LAB_CLUSTER"]

    @property
    def program(self) -> Path:
        """The stack's sacctmgr."""
        return Path(self._exports["SLURM_LAB_SACCTMGR"])

    @property
    def scontrol(self) -> Path:
        """The stack's scontrol."""
        return Path(self._exports["SLURM_LAB_SCONTROL"])

    @property
    def rest(self) -> str:
        """The address of slurmrestd."""
        return self._exports["SLURM_LAB_REST"]

    @property
    def rest_socket(self) -> Path:
        """The socket of the same slurmrestd."""
        return Path(self._exports["SLURM_LAB_REST_SOCKET"])

    def token(self, user: str = "root") -> str:
        """A token for slurmrestd, as scontrol prints it."""
        return _run(self.scontrol, "token", "lifespan=3600", f"username={user}")

    @property
    def files(self) -> Path:
        """A directory to which the stack's sacctmgr can write; `inside` is what it calls it."""
        return Path(self._exports["SLURM_LAB_STATE"])

    @property
    def inside(self) -> Path:
        """The path of `files` for sacctmgr, which may run in a chroot."""
        return self.files if RELEASES[self.release] == "slurm" else Path("/srv/slurm")

    @contextlib.contextmanager
    def configured(self, old: str, new: str) -> Iterator[None]:
        """The stack's slurm.conf with a change, for clients only."""
        inside = self._exports["SLURM_CONF"]
        conf = self.files.parents[1] / inside.lstrip("/") if self.inside != self.files else Path(inside)
        changed = conf.with_name("changed.conf")
        changed.write_text(conf.read_text().replace(old, new))
        os.environ["SLURM_CONF"] = str(Path(inside).with_name(changed.name))
        try:
            yield
        finally:
            os.environ["SLURM_CONF"] = inside
            changed.unlink()

    def start(self, *, private: str = "", timeout: int = 60) -> None:
        """Start what does not run, and wait until it answers. `private` is PrivateData for a slurmdbd that starts."""
        environment = {**os.environ, "SLURM_LAB_PRIVATE": private, "SLURM_LAB_TIMEOUT": str(timeout)}
        self._exports = dict(EXPORT.findall(_run(self._up, self._directory, environment=environment)))
        os.environ.update(self._exports)

    def stop(self, daemon: str) -> None:
        """Stop one daemon: slurmrestd, slurmctld, slurmdbd, mariadbd or munged."""
        _run(self._down, self._directory, "--only", daemon)

    def wipe(self) -> None:
        """Stop all and remove what they kept."""
        _run(self._down, self._directory, "--wipe")
        self._seeded = ((), {})

    def pid(self, daemon: str) -> int:
        """The process of a daemon."""
        return int((self.files / "run" / f"{daemon}.pid").read_text())

    @contextlib.contextmanager
    def without(self, daemon: str) -> Iterator[None]:
        """The stack with that daemon down."""
        self.stop(daemon)
        try:
            yield
        finally:
            self.start()

    @contextlib.contextmanager
    def hung(self, daemon: str) -> Iterator[None]:
        """The stack with a daemon that is there and does nothing."""
        pid = self.pid(daemon)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def seed(
        self, count: int, *, direct: bool = True, awkward: bool = False, users: int = 3, timeout: int = 60
    ) -> dict[str, Any]:
        """Begin with an empty database and fill it; what was put in, with the keys cluster, regular and awkward.

        `users` is how many an account has on average. See slurm-seed. About 10 s for 1,000 accounts, and 45 s more
        with the awkward ones on 22.05. The same again, while nothing was changed through `sacctmgr`, takes no time.
        `timeout` is how many seconds a daemon may take to come up on what was put in.
        """
        wanted = (count, direct, awkward, users)
        if self._seeded is not None and self._seeded[0] == wanted:
            return self._seeded[1]
        if self._seeded is None or self._seeded[0]:
            self.wipe()
            self.start()
        self._seeded = None
        options = [*["--direct"] * direct, *["--awkward"] * awkward, "--users-per-account", str(users)]
        environment = {**os.environ, "SLURM_LAB_TIMEOUT": str(timeout)}
        manifest: dict[str, Any] = json.loads(_run(self._seed, str(count), *options, environment=environment))
        self._seeded = (wanted, manifest)
        return manifest

    def sacctmgr(self, *arguments: str) -> str:
        """Run sacctmgr without questions, and give what it printed. Raises AssertionError where it fails."""
        if arguments[0] not in {"show", "dump"}:
            self._seeded = None
        return _run(self.program, "-i", "-n", "-P", *arguments)

    def refuses(self, *arguments: str) -> bool:
        """Whether sacctmgr does not carry this out; it may have."""
        self._seeded = None
        program = [self.program, "-i", *arguments]
        return subprocess.run(program, capture_output=True, stdin=subprocess.DEVNULL, check=False).returncode != 0


def as_user(user: str) -> list[str]:
    """What stands before a command that another user is to run."""
    entry = pwd.getpwnam(user)
    capabilities = [f"--inh-caps={CAPABILITIES}", f"--ambient-caps={CAPABILITIES}"]
    return ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups", *capabilities, "--"]


@contextlib.contextmanager
def running_lab(release: str) -> Iterator[SlurmLab]:
    """A stack of its own for a test run, wiped at the end; another run in this checkout waits for its turn."""
    LAB.mkdir(exist_ok=True)
    before = dict(os.environ)
    with (LAB / f"slurm-{release}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lab = SlurmLab(release, LAB / ("slurm" if RELEASES[release] == "slurm" else "slurm-trixie"))
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


def _run(program: Path | str, *arguments: Path | str, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [program, *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False, env=environment
    )
    assert done.returncode == 0, f"{program} {arguments}: exit code {done.returncode}: {done.stderr}{done.stdout}"
    return done.stdout
