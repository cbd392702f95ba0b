"""The answer of `show assoc`: the accounts' rows with their places, and their members. Pure functions of bytes."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from sys import intern

from waldur_import_agent.records import Limit
from waldur_import_agent.scanners.slurm.limits import parse_limits
from waldur_import_agent.scanners.slurm.reads import LIMITS, AssociationRead
from waldur_import_agent.scanners.slurm.text import UnreadableError, decode, lines, readable

ROOT = "root"
"""The account above all others of a cluster; SLURM makes it and it cannot be renamed."""


@dataclass(slots=True)
class AccountRow:
    """An account's own row. `id` is unique within the cluster; `parent_id` is that of the row above, 0 for root's."""

    id: int
    parent_id: int
    account: str
    share: str = ""
    qos: str = ""
    default_qos: str = ""
    limits: Mapping[str, Limit] = field(default_factory=dict)
    limit_problems: tuple[str, ...] = ()


class Members:
    """The users of one account: a user has a row for each partition that he is tied to, and perhaps one without.

    Kept as one text, since there are many: a set for each account would take ten times the memory.
    """

    __slots__ = ("_rows",)

    def __init__(self) -> None:
        self._rows = bytearray()

    def add(self, user: str, partition: str) -> None:
        """Note a member's row."""
        self._rows += f"{user}|{partition}\n".encode("utf-8", "surrogateescape")

    def users(self) -> set[str]:
        """The names of all users, each once."""
        return {user for user, _ in self._pairs()}

    def partitions(self) -> dict[str, set[str]]:
        """The partitions that a user is tied to, with these users."""
        found: dict[str, set[str]] = {}
        for user, partition in self._pairs():
            if partition:
                found.setdefault(partition, set()).add(user)
        return found

    def _pairs(self) -> Iterator[tuple[str, str]]:
        for line in lines(bytes(self._rows)):
            user, _, partition = decode(line).partition("|")
            yield user, partition


@dataclass(slots=True)
class ClusterRows:
    """All rows of one cluster. `inconsistent` says what keeps them from being a tree, empty where nothing does."""

    rows: list[AccountRow] = field(default_factory=list)
    members: dict[str, Members] = field(default_factory=dict)
    inconsistent: str = ""

    @property
    def root(self) -> AccountRow | None:
        """The row of the account above all, None where it is not among them: then they are not all rows."""
        return next((row for row in self.rows if row.account == ROOT and row.parent_id == 0), None)


def parse_associations(printed: bytes, read: AssociationRead) -> dict[str, ClusterRows]:
    """The rows by cluster. Members' rows are counted and not kept. Raises UnreadableError."""
    clusters: dict[str, ClusterRows] = {}
    spans: dict[str, list[tuple[int, int, AccountRow]]] = {}
    width = len(read.place)
    for cells in _records(printed, read):
        cluster, user, partition, share, qos, default_qos = cells[width : width + 6]
        account = cells[-1]
        rows = clusters.setdefault(cluster, ClusterRows())
        if user:
            members = rows.members.get(account)
            if members is None:
                members = rows.members[account] = Members()
            members.add(user, partition)
            continue
        limits, problems = parse_limits(zip(LIMITS, cells[width + 6 : -1], strict=True))
        place = [int(cell) for cell in cells[:width]]
        row = AccountRow(
            id=place[0],
            parent_id=0 if read.nested else place[1],
            account=account,
            share=intern(share),
            qos=intern(qos),
            default_qos=intern(default_qos),
            limits=limits or _NO_LIMITS,
            limit_problems=problems,
        )
        rows.rows.append(row)
        if read.nested:
            spans.setdefault(cluster, []).append((place[1], place[2], row))
    for cluster, found in clusters.items():
        if read.nested:
            found.inconsistent = _nest(spans.get(cluster, []))
        found.inconsistent = found.inconsistent or _disorder(found)
    return clusters


_NO_LIMITS: Mapping[str, Limit] = {}


def _records(printed: bytes, read: AssociationRead) -> Iterator[list[str]]:
    """The cells of each row. A row begins with the numbers of its place; any other line is part of a name."""
    delimiters = len(read.columns) - 1
    begins = re.compile(rb"\d+\|" * len(read.place)).match
    record: bytes | None = None
    for line in lines(printed):
        if begins(line) and line.count(b"|") >= delimiters:
            if record is not None:
                yield decode(record).split("|", delimiters)
            record = line
        elif record is None:
            raise UnreadableError(f"this is not an association: {readable(decode(line[:80]))!r}")
        else:
            record += b"\n" + line
    if record is not None:
        yield decode(record).split("|", delimiters)


def _nest(spans: list[tuple[int, int, AccountRow]]) -> str:
    """Find each row's parent: the innermost span around its own. Gives what is wrong with the nesting, or nothing."""
    spans.sort(key=lambda span: span[:2])
    around: list[tuple[int, AccountRow]] = []
    before = -1
    for left, right, row in spans:
        while around and around[-1][0] < left:
            around.pop()
        name = readable(row.account)
        if left <= before or right <= left or (around and around[-1][0] <= right):
            return f"the place of account {name} ({left} to {right}) overlaps another's"
        if not around and before >= 0:
            return f"account {name} is not below {ROOT}"
        row.parent_id = around[-1][1].id if around else 0
        around.append((right, row))
        before = left
    return ""


def _disorder(found: ClusterRows) -> str:
    """What keeps rows with parents' ids from being one tree, or nothing."""
    ids = {row.id for row in found.rows}
    if len(ids) < len(found.rows):
        return "two accounts have the same id"
    for row in found.rows:
        if row.parent_id not in ids and not (row.parent_id == 0 and row.account == ROOT):
            return f"the account above {readable(row.account)} is not in sacctmgr's answer"
    accounts = {row.account for row in found.rows}
    for account in found.members:
        if account not in accounts:
            return f"account {readable(account)} has members, but no row of its own"
    return ""
