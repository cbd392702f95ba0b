"""The agent as its unit runs it: another user, no capabilities, a read-only root; munge and sacctmgr still work.

systemd does not run here, so that the mount namespace is made by hand. What only systemd does (system call filters,
MemoryDenyWriteExecute, PrivateDevices and their like) is not shown by this: docs/operations.md says so.
"""

import pwd
import shlex
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from live.slurm.slurm_lab import LAB, SlurmLab
from support.station import Station, serving_station
from waldur_import_agent.errors import ExitCode
from waldur_import_agent.sandbox import Sandbox

pytestmark = pytest.mark.parametrize("slurm_lab", ["22.05"], indirect=True)
USER = "games"
"""A user that every Debian has and that SLURM does not know: without PrivateData it sees all."""
CHECKOUT = LAB.parent
DROP = ("--clear-groups", "--inh-caps=-all", "--ambient-caps=-all", "--bounding-set=-all", "--no-new-privs")


def closed_ancestor(path: Path) -> Path | None:
    """The topmost directory above a path that other users may not enter."""
    return next((above for above in reversed(path.parents) if not above.stat().st_mode & 0o001), None)


@dataclass
class Jail:
    """A mount namespace in which all is read-only but `writable`, and where everybody may reach this checkout."""

    keep: Path
    writable: Path

    def command(self, *argv: str) -> list[str]:
        """What runs a command in it, as the user, without any capability."""
        entry = pwd.getpwnam(USER)
        lines = ["set -e"]
        for number, needed in enumerate((Path(sys.base_prefix).resolve(), CHECKOUT)):
            closed = closed_ancestor(needed)
            if closed is not None:
                kept = self.keep / str(number)
                kept.mkdir(exist_ok=True)
                lines += [
                    f"mount --rbind {shlex.quote(str(needed))} {kept}",
                    f"mount -t tmpfs -o mode=755 jail {closed}",
                    f"mkdir -p {shlex.quote(str(needed))}",
                    f"mount --rbind {kept} {shlex.quote(str(needed))}",
                ]
        lines += [
            "findmnt -rno TARGET | grep -vE '^/(proc|sys|dev)(/|$)' | while read -r place; do",
            '  mount -o remount,bind,ro "$place" || exit 1',
            "done",
            f"mount -t tmpfs -o mode=700,uid={entry.pw_uid},gid={entry.pw_gid} jail {self.writable}",
            f'exec setpriv --reuid={entry.pw_uid} --regid={entry.pw_gid} {" ".join(DROP)} -- "$@"',
        ]
        return ["unshare", "--mount", "--propagation=private", "sh", "-c", "\n".join(lines), "jail", *argv]


@contextmanager
def directory() -> Iterator[Path]:
    """A directory that every user may enter, unlike those of pytest."""
    with tempfile.TemporaryDirectory(prefix="jail-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def jail() -> Iterator[Jail]:
    """A place to run commands in."""
    with directory() as base:
        made = Jail(base / "keep", base / "writable")
        for path in (made.keep, made.writable):
            path.mkdir(mode=0o755)
        yield made


@pytest.fixture
async def station(slurm_lab: SlurmLab, jail: Jail) -> AsyncIterator[Station]:
    """A Waldur, and an agent with the slurm scanner whose own directories are the writable ones."""
    sandbox = Sandbox()
    sandbox.add_project("Project Alpha", "alpha")
    with directory() as configuration:
        async with serving_station(configuration, sandbox, components=("cpu",)) as made:
            scanner = {"type": "slurm", "cluster": slurm_lab.cluster, "sacctmgr": str(slurm_lab.program)}
            rule = {"from": "name", "match": "^.+$", "value": "alpha"}
            made.configure(
                **{name: str(jail.writable / name) for name in ("state_dir", "lock_dir", "runtime_dir")},
                offerings=[
                    {
                        "uuid": made.offering.uuid,
                        "scanner": {**scanner, "accounts": {"select": "all"}},
                        "projects": {"rules": [rule]},
                    }
                ],
            )
            yield made


async def test_the_main_job_in_the_units_sandbox(slurm_lab: SlurmLab, station: Station, jail: Jail) -> None:
    """A request is answered with all accounts: through munge's socket and sacctmgr, as the unit would let it."""
    manifest = slurm_lab.seed(30, direct=False)
    request = station.ask()
    command = jail.command(sys.executable, "-m", "waldur_import_agent", "run", "--once")
    ended = await station.run_shell(shlex.join(command))
    assert (ended.code, request.state) == (ExitCode.OK, "Done"), ended.err
    accounts = {account["name"] for account in manifest["regular"]}
    assert {record.backend_id for record in station.sandbox.records_of(station.offering)} == accounts
    assert "status.json cannot be written" not in ended.err


def test_the_sandbox_is_one(slurm_lab: SlurmLab, jail: Jail) -> None:
    """Another user, no capability of any kind, and nothing that can be written beside the agent's own directories."""
    script = (
        "id -u; grep -cE '^Cap[A-Za-z]+:.*[1-9a-f]' /proc/self/status; grep NoNewPrivs /proc/self/status;"
        f" for place in / /tmp /var/tmp /run {shlex.quote(str(CHECKOUT))} {jail.writable}; do"
        ' if touch "$place/x" 2>/dev/null; then echo "writes $place"; fi; done'
    )
    done = subprocess.run(jail.command("sh", "-c", script), capture_output=True, text=True, check=True)
    uid, capabilities, no_new_privileges, *writes = done.stdout.splitlines()
    assert (int(uid), capabilities) == (pwd.getpwnam(USER).pw_uid, "0")
    assert no_new_privileges.split() == ["NoNewPrivs:", "1"]
    assert writes == [f"writes {jail.writable}"]
