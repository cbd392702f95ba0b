"""The answer of `show assoc`: the accounts' rows with their places, and their members. Pure functions of bytes."""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from sys import intern

from waldur_import_agent.records import Limit
from waldur_import_agent.scanners.slurm.limits import parse_limits
from waldur_import_agent.scanners.slurm.reads import FREE_TEXTS, LIMITS, MARK, AssociationRead
from waldur_import_agent.scanners.slurm.text import UnreadableError, decode, lines, readable

ROOT = "root"
"""The account above all others of a cluster; SLURM makes it and it cannot be renamed."""


@dataclass(slots=True)
class AccountRow:
    """An account's own row. `id` is unique within the cluster; `parent_id` is that of the row above, 0 for root's.

    `limit_problems` say what of its limits could not be read, `problems` what else.
    """

    id: int
    parent_id: int
    account: str
    share: str = ""
    qos: str = ""
    default_qos: str = ""
    limits: Mapping[str, Limit] = field(default_factory=dict)
    limit_problems: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


class Members:
    """The users of one account: a user has a row for each partition that he is tied to, and perhaps one without.

    Kept as one text, since there are many: a set for each account would take ten times the memory.
    """

    __slots__ = ("_rows",)

    def __init__(self) -> None:
        self._rows = bytearray()

    def add(self, user: str, partition: str) -> None:
        """Note a member's row."""
        self._rows += f"{user}\0{partition}\0".encode("utf-8", "surrogateescape")

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
        cells = decode(bytes(self._rows)).split("\0")  # the one character that no name can hold
        yield from zip(cells[:-1:2], cells[1::2], strict=True)


@dataclass(slots=True)
class ClusterRows:
    """All rows of one cluster. `inconsistent` says what keeps them from being a tree, empty where nothing does.

    `doubts` says which rows cannot be read in exactly one way; the accounts that they may be of are `left_out` of the
    rows. Where there are any, what is not in `rows` may be there all the same.
    """

    rows: list[AccountRow] = field(default_factory=list)
    members: dict[str, Members] = field(default_factory=dict)
    inconsistent: str = ""
    doubts: list[str] = field(default_factory=list)
    left_out: set[str] = field(default_factory=set)

    @property
    def root(self) -> AccountRow | None:
        """The row of the account above all, None where it is not among them: then they are not all rows."""
        return next((row for row in self.rows if row.account == ROOT and row.parent_id == 0), None)

    def leave_out(self, accounts: Collection[str]) -> None:
        """Take out accounts that cannot be told for certain; root stays, since it is not offered."""
        if accounts:
            self.left_out.update(accounts)
            self.rows = [row for row in self.rows if row.account not in accounts or row is self.root]


def parse_associations(printed: bytes, read: AssociationRead) -> dict[str, ClusterRows]:
    """The rows by cluster. Members' rows are counted and not kept. Raises UnreadableError.

    A row is believed only where it can be cut in one way; what is wrong with the others is in `doubts`.
    """
    clusters: dict[str, ClusterRows] = {}
    spans: dict[str, list[tuple[int, int, AccountRow]]] = {}
    doubtful: dict[str, set[str]] = {}
    width = len(read.place)
    for head, tail in _records(printed, read):
        cluster, share = head[width : width + 2]
        rows = clusters.setdefault(cluster, ClusterRows())
        (user, partition, qos, default_qos, account), candidates = _free_texts(tail)
        if candidates:
            doubtful.setdefault(cluster, set()).update(candidates)
            rows.doubts.append(
                f"row {head[0]} of the associations, of account {readable(account)!r}, cannot be read in exactly one "
                "way: a name in it (user, partition, QOS or account) looks like sacctmgr's own output"
            )
        if user:
            members = rows.members.get(account)
            if members is None:
                members = rows.members[account] = Members()
            members.add(user, partition)
            continue
        limits, problems = parse_limits(zip(LIMITS, head[width + 2 :], strict=True))
        place = [int(cell or 0) for cell in head[:width]]
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
        names = doubtful.get(cluster, set()) | _doubled(found)
        if read.nested:
            found.inconsistent = _nest(spans.get(cluster, []))
        found.inconsistent = found.inconsistent or disorder(found, names)
        found.leave_out(names)
    return clusters


_NO_LIMITS: Mapping[str, Limit] = {}


def _records(printed: bytes, read: AssociationRead) -> Iterator[tuple[list[str], bytes]]:
    """Each row as the cells of its head and the rest. A line without a head belongs to a name in the line before it."""
    place = rb"\d+\|" + rb"\d*\|" * (len(read.place) - 1)
    cells = rb"[^|]+\|\w*\|" + rb"[^|]*\|" * len(LIMITS)
    begins = re.compile(b"(" + place + cells + b")(.*)", re.DOTALL).fullmatch
    head: list[str] | None = None
    tail = b""
    for line in lines(printed):
        match = begins(line)
        if match is not None:
            if head is not None:
                yield head, tail
            head, tail = decode(match[1][:-1]).split("|"), match[2]
        elif head is None:
            raise UnreadableError(f"this is not an association: {readable(decode(line[:80]))!r}")
        else:
            tail += b"\n" + line
    if head is not None:
        yield head, tail


def _free_texts(tail: bytes) -> tuple[list[str], set[str]]:
    """The free texts of a row; and, where they can be cut in other ways too, or in none, the accounts it may be of.

    The first cuts that can be made and the last are the same only where there are no others. The first give the
    shortest user, so where that is none the row may be the account's own; the last give the shortest account.
    """
    count = len(FREE_TEXTS)
    first, last = tail.split(MARK, count - 1), tail.rsplit(MARK, count - 1)
    if len(first) < count:
        account = decode(tail).lstrip("|")
        return ["", "", "", "", account], {account}
    if first == last:
        return [decode(cell) for cell in first], set()
    ends = range(len(last[-1]), len(first[-1]) + 1)
    accounts = {decode(tail[len(tail) - end :]) for end in ends if tail[: len(tail) - end].endswith(MARK)}
    return [decode(cell) for cell in (*first[:-1], last[-1])], accounts


def _doubled(found: ClusterRows) -> set[str]:
    """Accounts with two rows of their own: SLURM has one, so another name holds what looks like the other."""
    counts = Counter(row.account for row in found.rows)
    names = {account for account, count in counts.items() if count > 1}
    found.doubts += [
        f"account {readable(name)!r} has {counts[name]} rows of its own: a name holds a line like sacctmgr's output"
        for name in sorted(names)
    ]
    return names


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


def disorder(found: ClusterRows, doubtful: Collection[str]) -> str:
    """What keeps rows with parents' ids from being one tree, or nothing. A `doubtful` account may have members only."""
    ids = {row.id for row in found.rows}
    if len(ids) < len(found.rows):
        return "two accounts have the same id"
    for row in found.rows:
        if row.parent_id not in ids and not (row.parent_id == 0 and row.account == ROOT):
            return f"the account above {readable(row.account)} is not in SLURM's answer"
    accounts = {row.account for row in found.rows}
    for account in found.members:
        if account not in accounts and account not in doubtful:
            return f"account {readable(account)} has members, but no row of its own"
    return ""
