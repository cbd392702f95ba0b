"""Whether SLURM shows the agent everything. Pure functions of text.

PrivateData makes answers empty or partial with exit code 0 and without a word, so it is asked for in each scan. Only
the value of slurmdbd.conf counts: in `show config` the one after `SlurmDBD configuration:`.
"""

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from waldur_import_agent.scanners.base import BackendMisconfiguredError
from waldur_import_agent.scanners.slurm.associations import ROOT

SUPERUSER = "root"
"""The user that slurmdbd itself makes and never hides from who sees all; the account root has the same name."""
SEES_ALL = frozenset({"Operator", "Administrator"})
HIDING = ("users", "accounts")
"""The words of PrivateData that hide what a scan needs: associations, and the list of accounts."""
_DBD = "SlurmDBD configuration:"
_LINE = re.compile(r"^(\w+) *= ?(.*)$", re.MULTILINE)
OPERATOR = (
    "Give the user whom SLURM takes the agent for AdminLevel=Operator (`sacctmgr add user NAME account=ACCOUNT "
    "adminlevel=operator`), or take `{word}` out of PrivateData in slurmdbd.conf"
)


@dataclass(frozen=True, slots=True)
class Config:
    """What `show config` tells. `version` is sacctmgr's own release; `private` the words of PrivateData.

    `private` is None where slurmdbd's configuration is not in the answer.
    """

    version: str
    private: frozenset[str] | None

    @property
    def hides_associations(self) -> bool:
        """Whether who is no Operator sees only a part of the associations; unknown counts as yes."""
        return self.private is None or not self.private.isdisjoint({"users", "all"})

    @property
    def hides_accounts(self) -> bool:
        """Whether `show account` is refused to who is no Operator, or gives a coordinator his own; unknown: yes."""
        return self.private is None or not self.private.isdisjoint({"accounts", "all"})

    def __str__(self) -> str:
        if self.private is None:
            return "PrivateData is unknown"
        return f"PrivateData is {','.join(sorted(self.private)) or 'not set'}"


def parse_config(text: str) -> Config:
    """The answer of `show config`."""
    own, there, dbd = text.partition(_DBD)
    private = dict(_LINE.findall(dbd)).get("PrivateData")
    if not there or private is None:
        words = None
    else:
        words = frozenset(word for word in re.split(r"[,\s]+", private.lower()) if word not in {"", "none", "(null)"})
    return Config(dict(_LINE.findall(own)).get("SLURM_VERSION", ""), words)


def parse_levels(text: str) -> dict[str, str]:
    """Each user's AdminLevel, from `show user format=User,AdminLevel` with or without a column after these."""
    rows = (line.split("|", 2) for line in text.split("\n"))
    return {row[0]: row[1] for row in rows if len(row) > 1}


def why_partial(config: Config, levels: dict[str, str], user: str) -> BackendMisconfiguredError | None:
    """The error where SLURM shows `user` only a part of the associations, None where it shows all.

    Who sees all sees the user root too. A wrapper may run sacctmgr as another user than `user`: then this is what
    tells; else the AdminLevel does.
    """
    level = levels.get(user)
    if not config.hides_associations or level in SEES_ALL or SUPERUSER in levels:
        return None
    who = f"the user {user} has AdminLevel {level}" if level else f"the user {user} is not known to it"
    return BackendMisconfiguredError(
        f"SLURM would show the agent only a part of the accounts: {config}, and {who}",
        remedy=OPERATOR.format(word="users"),
    )


def why_accounts_partial(names: Collection[str]) -> BackendMisconfiguredError | None:
    """The error where `show account` lists a part: who sees all sees root; a coordinator only what he coordinates."""
    if ROOT in names:
        return None
    return BackendMisconfiguredError(
        f"SLURM lists only {len(names)} accounts for the agent, and {ROOT} is not among them",
        remedy=OPERATOR.format(word="accounts"),
    )


def why_saved_partial(error: BackendMisconfiguredError, directory: Path) -> BackendMisconfiguredError | None:
    """The error for saved answers where reading them gave one of rights, None where it gave another.

    The user who reads them has no part in it.
    """
    if error.remedy not in {OPERATOR.format(word=word) for word in HIDING}:
        return None
    return BackendMisconfiguredError(
        f"the saved answers in {directory} are not all of the cluster: they were saved by somebody who may not see all",
        remedy="Save them again (`waldur-import-agent scan --save`) as a user who may see all: one with AdminLevel "
        f"Operator or Administrator, or anybody where {' and '.join(HIDING)} are not in PrivateData of slurmdbd.conf",
    )


def parse_coordinators(text: str) -> Counter[str]:
    """How many coordinators each account has, from `show user withcoord format=User,AdminLevel,Coord`."""
    counts: Counter[str] = Counter()
    records: list[str] = []
    for line in text.split("\n")[:-1]:
        if line.count("|") >= 2 or not records:  # noqa: PLR2004 - three columns
            records.append(line)
        else:
            records[-1] += "\n" + line  # a line break within an account's name
    for record in records:
        # an account's name cannot hold a comma
        counts.update(set(filter(None, record.split("|", 2)[-1].split(","))))
    return counts
