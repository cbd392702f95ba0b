"""A generated SLURM inventory behind a stand-in for sacctmgr, which counts its starts.

The stand-in is a shell script that prints prepared files: it costs a start, the configured wait and no thought.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import world
from waldur_import_agent.scanners.slurm.reads import FAST, RECORD, SEPARATOR

CONFIG = """Configuration data as of 2026-11-24T13:37:03
AccountingStorageType  = accounting_storage/slurmdbd
SLURM_VERSION          = 24.11.5

SlurmDBD configuration:
PrivateData            = none
"""
SCRIPT = """#!/bin/sh
cd '{directory}'
echo "$*" >>starts
sleep {seconds}
case "$*" in
    --version) exec echo slurm 24.11.5 ;;
    *' show config') exec cat config ;;
    *' show cluster '*) exec echo {cluster} ;;
    *' show assoc '*' account=root user= '*) exec cat root ;;
    *' show assoc '*) exec cat associations ;;
    *' show account where name=root '*) exec echo root ;;
    *' show account '*,Organization) exec cat organizations ;;
    *' show account '*,Description) exec cat descriptions ;;
    *' list account'*) exec cat accounts ;;
    *' show association format=account,GrpTRESMins where accounts='*) exec cat "limits/${{*##*accounts=}}" ;;
esac
echo "the stand-in has no answer to: $*" >&2
exit 3
"""


@dataclass(frozen=True, slots=True)
class Slurm:
    """The stand-in in its directory."""

    directory: Path

    @property
    def program(self) -> Path:
        """What takes the place of sacctmgr."""
        return self.directory / "sacctmgr"

    @property
    def starts(self) -> int:
        """How often it was started."""
        file = self.directory / "starts"
        return file.read_bytes().count(b"\n") if file.exists() else 0


def make_slurm(
    directory: Path, accounts: int, *, seconds: float = world.START_SECONDS, one_by_one: bool = False
) -> Slurm:
    """Write the inventory of a cluster with so many accounts, and the stand-in, each start of which takes `seconds`.

    `one_by_one` adds the answers to questions about a single account, which only the incumbent asks.
    """
    directory.mkdir(parents=True)
    projects = world.projects_of(accounts)
    names = [world.project_account(number) for number in range(projects)]
    names += [world.account(number) for number in range(accounts)]
    organizations = ["university"] * projects
    organizations += [world.project_account(world.project_of(number)) for number in range(accounts)]
    (directory / "config").write_text(CONFIG)
    (directory / "root").write_text(_row(1, 0, "root"))
    with (directory / "associations").open("w") as file:
        file.writelines(_associations(accounts, projects))
    with (directory / "organizations").open("w") as file:
        file.writelines(map(_text, ["root", *names], ["root", *organizations]))
    with (directory / "descriptions").open("w") as file:
        file.writelines(map(_text, ["root", *names], ["root", *(f"Account {name}" for name in names)]))
    if one_by_one:
        rows = zip(names, organizations, strict=True)
        (directory / "accounts").write_text("".join(f"{name}|Account {name}|{where}\n" for name, where in rows))
        (directory / "limits").mkdir()
        for number in range(accounts):
            name = world.account(number)
            own = f"{name}|{_minutes(number)}\n" + f"{name}|\n" * world.USERS_PER_ACCOUNT
            (directory / "limits" / name).write_text(own)
    slurm = Slurm(directory)
    slurm.program.write_text(SCRIPT.format(directory=directory, seconds=seconds, cluster=world.CLUSTER))
    slurm.program.chmod(0o755)
    return slurm


def _associations(accounts: int, projects: int) -> Iterator[str]:
    """The rows in the order of the tree: root, each project account, its accounts, their members."""
    yield _row(1, 0, "root")
    identity = 1
    for project in range(projects):
        identity += 1
        above = identity
        yield _row(above, 1, world.project_account(project))
        first = project * world.ACCOUNTS_PER_PROJECT
        for number in range(first, min(first + world.ACCOUNTS_PER_PROJECT, accounts)):
            identity += 1
            name, own = world.account(number), identity
            yield _row(own, above, name, minutes=_minutes(number))
            for member in range(world.USERS_PER_ACCOUNT):
                identity += 1
                yield _row(identity, own, name, user=f"u{number + member:06d}")


def _row(identity: int, above: int, name: str, *, minutes: str = "", user: str = "") -> str:
    cells = {
        "ID": str(identity),
        "ParentID": str(above),
        "Cluster": world.CLUSTER,
        "Share": "1",
        "GrpTRESMins": minutes,
        "User": user,
        "Account": name,
    }
    return "|".join(cells.get(column, "") for column in FAST.columns) + "\n"


def _minutes(number: int) -> str:
    """An account's own limits: all differ."""
    return f"cpu={(number + 1) * world.UNIT_FACTOR},gres/gpu={(number % 100) * world.UNIT_FACTOR}"


def _text(name: str, text: str) -> str:
    return f"{RECORD.decode()}{name}{SEPARATOR.decode()}{text}\n"
