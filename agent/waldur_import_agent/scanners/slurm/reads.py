"""What is asked of sacctmgr: columns and words, by release. No I/O.

Columns have their full names and each stands once: sacctmgr drops the earlier of two equal ones without a word.
"""

import re
from dataclasses import dataclass

TRES_LIMITS = ("GrpTRES", "GrpTRESMins", "GrpTRESRunMins", "MaxTRES", "MaxTRESMins", "MaxTRESPerNode")
COUNT_LIMITS = ("GrpJobs", "GrpJobsAccrue", "GrpSubmitJobs", "MaxJobs", "MaxJobsAccrue", "MaxSubmitJobs")
TIME_LIMITS = ("GrpWall", "MaxWall")
LIMITS = TRES_LIMITS + COUNT_LIMITS + TIME_LIMITS
"""The limits of an association, there in every release from 20.11 on."""

QOS_LIMITS = (
    *TRES_LIMITS,
    "MaxTRESPA",
    *("GrpJobs", "GrpSubmitJobs", "MaxJobsPA", "MaxSubmitJobsPA"),
    *TIME_LIMITS,
)
"""The limits of a QOS that hold for an account; MaxJobs there is per user, and MaxJobsAccrue prints 0 where unset."""
QOS = ("qos", "format=" + ",".join((*QOS_LIMITS, "Name")))

_EMPTY_BEFORE = ("Cluster", "User", "Partition", "ParentName", "QOS", "DefaultQOS")
_EMPTY_BETWEEN = TRES_LIMITS
_EMPTY_BETWEEN_TEXTS = ("AdminLevel", "ControlHost", "ClusterNodes", "MaxTRESPU", "MaxTRESPA", "MinTRES")
RECORD = b"|" * len(_EMPTY_BEFORE)
"""How a record of a text read begins."""
SEPARATOR = b"|" * (len(_EMPTY_BETWEEN) + 1)
"""What stands in a text read between the account's name and its text."""
TEXTS_SEPARATOR = b"|" * (len(_EMPTY_BETWEEN_TEXTS) + 1)
"""What stands between the two texts where one read has both."""

CONFIG = ("config",)
ROOT_ACCOUNT = ("account", "where", "name=root", "format=Account")
CLUSTERS = ("cluster", "format=Cluster")
USERS = ("user", "format=User,AdminLevel")
COORDINATORS = ("user", "withcoord", "format=User,AdminLevel,Coordinators")
ORGANIZATION, DESCRIPTION = "Organization", "Description"


def text_read(*columns: str) -> tuple[str, ...]:
    """The words that read a text (ORGANIZATION, DESCRIPTION) of every account.

    sacctmgr escapes nothing, so both a name and a text may hold its delimiter and line breaks. Columns of associations
    are empty in `show account` (22.05 and 24.11 were run; those that 22.05 shows as 0 are not used): several side by
    side make a mark of delimiters, before the name and after it, that no sensible name or text holds.
    """
    return "account", "format=" + ",".join((*_EMPTY_BEFORE, "Account", *_EMPTY_BETWEEN, *columns))


BOTH_TEXTS = text_read(ORGANIZATION, *_EMPTY_BETWEEN_TEXTS, DESCRIPTION)
"""Both in one start, for when two are too many: a text that imitates a record then has no second read to show it."""

FREE_TEXTS = ("User", "Partition", "QOS", "DefaultQOS", "Account")
"""The columns of an association that may hold the delimiter and line breaks."""
_EMPTY_BESIDE = (
    ("Organization", "Description", "Coordinators"),
    ("AdminLevel", "DefaultAccount", "DefaultWCKey"),
    ("ControlHost", "ClusterNodes", "PreemptMode"),
    ("MaxTRESPU", "MaxTRESPA", "MinTRES"),
)
"""Columns of accounts, users, clusters and QOS, which are empty in `show assoc` (22.05 and 24.11 were run)."""
MARK = b"|" * (len(_EMPTY_BESIDE[0]) + 1)
"""What stands between two free texts of an association."""
_MARKED = tuple(
    column for text, empty in zip(FREE_TEXTS, (*_EMPTY_BESIDE, ()), strict=True) for column in (text, *empty)
)


@dataclass(frozen=True, slots=True)
class AssociationRead:
    """One way to read all associations.

    `option` is wopl (without parent limits) or wopi (without parent information): in both a row shows what was set on
    it and not what it inherits. `place` are the columns that say where in the tree a row is.
    """

    option: str
    place: tuple[str, ...]

    @property
    def nested(self) -> bool:
        """Whether the tree comes as nested sets, and not by the ids of parents."""
        return "LFT" in self.place

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns: first the `head`, then the free texts with marks of empty columns between them."""
        return *self.head, *_MARKED

    @property
    def head(self) -> tuple[str, ...]:
        """The columns that hold no delimiter and no line break."""
        return *self.place, "Cluster", "Share", *LIMITS

    def words(self, *where: str) -> tuple[str, ...]:
        """The words after `show`. `withraw` shows a change to the inherited QOS list as such: `+low`."""
        return "assoc", self.option, "withraw", *where, "format=" + ",".join(self.columns)


CAREFUL = AssociationRead("wopl", ("ID", "ParentID"))
"""Right in every release; slurmdbd looks up each row's parents, and sacctmgr's sort is quadratic."""
NESTED = AssociationRead("wopi", ("ID", "LFT", "RGT"))
FAST = AssociationRead("wopi", ("ID", "ParentID"))

_BY_RELEASE = (
    # first release, the read, where that is known from
    ((20, 11), NESTED),  # 22.05.8 was run; the columns of the others were read in SLURM's source
    ((23, 11), CAREFUL),  # LFT and RGT gave way to Lineage, which cannot be parsed; wopi without ParentID (source)
    ((24, 11), FAST),  # 24.11.5 was run: wopi has ParentID, and rows in the order of the tree
)


def association_read(version: str) -> AssociationRead:
    """The fastest read that this release of SLURM has; the careful one where the release is unknown or very old."""
    match = re.search(r"(\d+)\.(\d+)", version)
    release = (int(match[1]), int(match[2])) if match else (0, 0)
    chosen = CAREFUL
    for first, read in _BY_RELEASE:
        if release >= first:
            chosen = read
    return chosen
