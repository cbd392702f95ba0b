"""sacctmgr's output as data. Pure functions of text.

sacctmgr escapes nothing: names and texts may hold its delimiter `|` and line breaks. So in each read the one column
that may hold them is the last, and a record is known by how it begins.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from waldur_import_agent.records import Limit

TRES_LIMITS = ("GrpTRES", "GrpTRESMins", "GrpTRESRunMins", "MaxTRES", "MaxTRESMins", "MaxTRESPerNode")
COUNT_LIMITS = ("GrpJobs", "GrpJobsAccrue", "GrpSubmitJobs", "MaxJobs", "MaxJobsAccrue", "MaxSubmitJobs")
TIME_LIMITS = ("GrpWall", "MaxWall")
LIMITS = TRES_LIMITS + COUNT_LIMITS + TIME_LIMITS
_BEFORE = ("ID", "ParentID", "Cluster", "User", "Partition", "Share", "QOS", "DefaultQOS")
ASSOCIATION_COLUMNS = (*_BEFORE, *LIMITS, "Account")
"""Account is the last: it is the only one that may hold the delimiter. A column named twice would be dropped."""

_ASSOCIATION = re.compile(r"\d+\|\d+\|")
_TRES = re.compile(r"(?P<number>\d+)(?:\.(?P<fraction>\d+))?(?P<unit>[KMGTPE?]?)")
_TIME = re.compile(r"(?:(?P<days>\d+)-)?(?P<hours>\d+):(?P<minutes>\d\d):(?P<seconds>\d\d)")
_MEBIBYTE = 1 << 20
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40, "P": 1 << 50, "E": 1 << 60, "?": 1 << 60}
"""Bytes of each unit that sacctmgr prints; `?` is what it prints for exa."""


class UnreadableError(ValueError):
    """An answer is not what sacctmgr prints; the text says what was read."""


@dataclass(frozen=True, slots=True)
class Association:
    """One row: an account on a cluster where `user` is empty, else a member of the account.

    `id` is unique within the cluster; `parent_id` is that of the row above, 0 for the cluster's root. `limits` are the
    non-empty cells of LIMITS as printed.
    """

    id: str
    parent_id: str
    cluster: str
    user: str
    partition: str
    share: str
    qos: str
    default_qos: str
    limits: Mapping[str, str]
    account: str


def parse_associations(text: str) -> list[Association]:
    """The rows of `show assoc format=ASSOCIATION_COLUMNS`. Raises UnreadableError."""
    delimiters = len(ASSOCIATION_COLUMNS) - 1
    records: list[str] = []
    for line in _lines(text):
        if _ASSOCIATION.match(line) and line.count("|") >= delimiters:
            records.append(line)
        elif records:
            records[-1] += "\n" + line  # a line break within the account's name
        else:
            raise UnreadableError(f"this is not an association: {line[:80]!r}")
    rows = []
    for record in records:
        cells = record.split("|", delimiters)
        limits = {name: cell for name, cell in zip(LIMITS, cells[len(_BEFORE) : -1], strict=True) if cell}
        identity, parent, cluster, user, partition, share, qos, default_qos = cells[: len(_BEFORE)]
        rows.append(Association(identity, parent, cluster, user, partition, share, qos, default_qos, limits, cells[-1]))
    return rows


def parse_clusters(text: str) -> tuple[str, ...]:
    """The clusters of the database, sorted."""
    return tuple(sorted(filter(None, _lines(text))))


def parse_names(text: str, known: Collection[str]) -> set[str]:
    """The names of all accounts, `known` included.

    A known name with line breaks stands on several lines here, which are no names. An unknown one cannot be told from
    several: its lines are taken for names, and no account has them.
    """
    lines = Counter(_lines(text))
    for name in known:
        if "\n" in name:
            lines.subtract(name.split("\n"))
    return {line for line, count in lines.items() if count > 0 and line} | set(known)


@dataclass(frozen=True, slots=True)
class Texts:
    """One text of each account. In `doubtful` are those whose text cannot be told for certain, and only there."""

    known: Mapping[str, str]
    doubtful: frozenset[str]


def parse_texts(text: str, names: Collection[str]) -> Texts:
    """Cut `show account format=Account,<one text>` into the accounts' texts, line breaks and delimiters included.

    A record begins where a name stands at the start of a line with a delimiter after it. A text with a line that looks
    so itself gives a name two records: then neither this name's text is certain, nor the one that may have been cut.
    The reads are no snapshot, so a record may also be of a name that is not in `names`: it looks like part of a text.
    """
    odd = sorted((name for name in names if "|" in name or "\n" in name), key=len, reverse=True)
    plain = set(names).difference(odd)
    starts: list[tuple[int, str]] = []
    position = 0
    while position < len(text):
        name = next((name for name in odd if text.startswith(name + "|", position)), None)
        if name is None:
            head = text[position : text.find("|", position)]
            name = head if head in plain else None
        if name is not None:
            starts.append((position, name))
            position += len(name)
        position = text.find("\n", position) + 1 or len(text)
    ends = [start for start, _ in [*starts, (len(text), "")]][1:]
    records = [(name, text[start + len(name) + 1 : end - 1]) for (start, name), end in zip(starts, ends, strict=True)]
    return Texts(dict(records), _doubtful(records, names))


def _doubtful(records: Sequence[tuple[str, str]], names: Collection[str]) -> frozenset[str]:
    times = Counter(name for name, _ in records)
    # part of a name with a line break that nothing told of; its other part is still in the text before
    lost = set(names).difference(times)
    doubtful = {name for name, count in times.items() if count > 1}
    for (name, text), following in zip_longest(records, (name for name, _ in records[1:])):
        lines = text.split("\n")[1:]
        if (
            times[following] > 1
            or not lost.isdisjoint(lines)
            or any(_swallowed(name, line, following) for line in lines)
        ):
            doubtful.add(name)
    return frozenset(doubtful)


def _swallowed(name: str, line: str, following: str | None) -> bool:
    """Whether a line within a text may be the record of an account that was made or removed between two reads.

    Records are listed in the order of the names, so that is where such a record would stand.
    """
    head, delimiter, _ = line.upper().partition("|")  # MariaDB compares capitals
    return bool(delimiter) and name.upper() < head and (following is None or head < following.upper())


def parse_coordinators(text: str) -> Counter[str]:
    """How many coordinators each account has, from `show user withcoord format=User,Coord`."""
    counts: Counter[str] = Counter()
    records: list[str] = []
    for line in _lines(text):
        if "|" in line or not records:
            records.append(line)
        else:
            records[-1] += "\n" + line  # a line break within an account's name
    for record in records:
        # an account's name cannot hold a comma
        counts.update(set(filter(None, record.partition("|")[2].split(","))))
    return counts


def parse_limits(cells: Mapping[str, str]) -> tuple[dict[str, Limit], tuple[str, ...]]:
    """The limits, and for each text that is none what is wrong with it; such a limit is left out.

    Keys are like `GrpTRESMins.gres/gpu` and `MaxJobs`. Memory is in MiB (or MiB-minutes), wall time in minutes. 0
    blocks and is kept. sacctmgr rounds a memory with a fraction, like `1.50T`, to two digits.
    """
    limits: dict[str, Limit] = {}
    problems = []
    for name, key, text in _single_limits(cells):
        try:
            limits[name] = _value(key, text)
        except ValueError:
            problems.append(f"limit {name} unreadable: {text!r}")
    return limits, tuple(problems)


def _single_limits(cells: Mapping[str, str]) -> Iterable[tuple[str, str, str]]:
    """(the limit's name, what it is of, its text) for each limit in the cells."""
    for column, cell in cells.items():
        if column in TRES_LIMITS:
            for item in cell.split(","):
                key, equals, text = item.rpartition("=")
                yield (f"{column}.{key}", key, text) if equals else (column, column, item)
        else:
            yield column, column, cell


def _value(key: str, text: str) -> int:
    if key in TIME_LIMITS:
        return _minutes(text)
    if key == "mem" or key.startswith("bb/"):
        return _mebibytes(text)
    if not text.isascii() or not text.isdigit():
        raise ValueError(text)
    return int(text)


def _mebibytes(text: str) -> int:
    """MiB of memory or burst buffer: shown as `4T`, `1.50T`, `1048577M`, `16?`, `0`; without a unit it is MiB."""
    match = _TRES.fullmatch(text)
    if match is None:
        raise ValueError(text)
    number, fraction = match["number"], match["fraction"] or ""
    scale: int = 10 ** len(fraction)
    in_bytes, rest = divmod(int(number + fraction) * _UNITS[match["unit"] or "M"], scale)
    if rest or in_bytes % _MEBIBYTE:
        raise ValueError(text)
    return in_bytes // _MEBIBYTE


def _minutes(text: str) -> int:
    match = _TIME.fullmatch(text)
    if match is None or int(match["seconds"]):  # SLURM keeps whole minutes
        raise ValueError(text)
    return int(match["days"] or 0) * 1440 + int(match["hours"]) * 60 + int(match["minutes"])


def is_valid(text: str) -> bool:
    """Whether the text was valid UTF-8 when it was read."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def readable(text: str) -> str:
    r"""The text with `\xff` for what was not valid UTF-8: it can be shown and sent, but not looked up."""
    return text if is_valid(text) else text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _lines(text: str) -> list[str]:
    """Lines as sacctmgr ends them; str.splitlines would also break at what may stand within a text."""
    return text.split("\n")[:-1]
