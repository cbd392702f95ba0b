"""A file that `sacctmgr dump CLUSTER file=FILE` wrote, read as if it were sacctmgr's answers. Pure functions of bytes.

It has the cluster, its accounts with texts and own limits, and the members. It escapes nothing, so a text can hold what
looks like the next key. It does not tell accounts without an association on the cluster, whether an account's
coordinators coordinate those below too, nor the limits of a QOS.
"""

import re
from collections import Counter
from collections.abc import Iterator

from waldur_import_agent.scanners.base import BackendMisconfiguredError
from waldur_import_agent.scanners.slurm.assembly import Reading
from waldur_import_agent.scanners.slurm.associations import ROOT, AccountRow, ClusterRows, Members
from waldur_import_agent.scanners.slurm.limits import parse_limits
from waldur_import_agent.scanners.slurm.reads import LIMITS
from waldur_import_agent.scanners.slurm.text import decode, lines, readable
from waldur_import_agent.scanners.slurm.texts import Texts

NOT_TOLD = (
    "read from a dump of the cluster: nothing marks its end, so it may be a part, and nothing is withdrawn; it has no "
    "accounts without an association, and no coordinators by inheritance"
)
WRITE_AGAIN = "Write it again with `sacctmgr dump CLUSTER file=FILE`"
KEYS = {"MaxTRESPerJob": "MaxTRES", "MaxTRESMinsPerJob": "MaxTRESMins", "MaxWallDurationPerJob": "MaxWall"}
"""A dump's names for limits where they differ from those of `show assoc`."""
SHARE_OF_PARENT = "2147483647"

_BEGINS = re.compile(rb"(?:Cluster|Parent|Account|User) - '")
_RECORD = re.compile(r"(?P<kind>\w+) - '(?P<name>.*?)'(?P<rest>:.*)?", re.DOTALL)
_KEY = (
    r"(?:(?:Grp|Max|Min|Default)[A-Za-z]+|AdminLevel|Comment|Coordinator|Fairshare|Flags|Partition|Priority|QOS|WCKeys)"
)
_VALUE = rf"(?:'[^']*'|[^']*?)(?=:{_KEY}=|$)"
_OPTION = re.compile(rf":(?P<key>{_KEY})=(?P<value>{_VALUE})", re.DOTALL)
_TEXTS = re.compile(
    r":Description='(?P<description>.*?)':Organization='(?P<organization>.*?)'"
    rf"(?P<options>(?::{_KEY}={_VALUE})*)",
    re.DOTALL,
)


def parse_dump(printed: bytes, wanted: str | None, *, coordinators: bool) -> Reading:
    """Everything that a dump tells of its cluster, which must be the wanted one where one is.

    Whether it is the whole cannot be told: nothing marks its end.
    Raises BackendMisconfiguredError where it is not a dump, one of another cluster, or certainly cut.
    """
    if not printed.endswith(b"\n"):
        raise BackendMisconfiguredError("the dump ends in the middle of a line", remedy=WRITE_AGAIN)
    parts = _Dump()
    for record in _records(printed):
        parts.add(record)
    if not parts.cluster:
        raise BackendMisconfiguredError("the dump has no line for a cluster", remedy=WRITE_AGAIN)
    if wanted is not None and parts.cluster.casefold() != wanted.casefold():
        raise BackendMisconfiguredError(
            f"the dump is of the cluster {parts.cluster}, not of {wanted}",
            remedy="Set scanner.from_dump to a dump of the cluster in scanner.cluster",
        )
    return parts.reading(coordinators=coordinators)


class _Dump:
    """What the lines of a dump come to, one after the other: members and children stand after their parent's line."""

    def __init__(self) -> None:
        self.cluster = ""
        self._found = ClusterRows()
        self._ids: dict[str, int] = {}
        self._parent = ROOT
        self._texts: dict[str, dict[str, str]] = {"description": {}, "organization": {}}
        self._doubtful: set[str] = set()
        self._coordinators: Counter[str] = Counter()
        self._root = AccountRow(1, 0, ROOT)

    def add(self, record: str) -> None:
        """One record with its line breaks."""
        match = _RECORD.fullmatch(record)
        if match is None:
            raise BackendMisconfiguredError(
                f"this line of the dump cannot be read: {readable(record[:80])!r}",
                remedy=WRITE_AGAIN,
            )
        kind, name, rest = match["kind"], match["name"], match["rest"] or ""
        if kind == "Parent":
            self._parent = name
        elif kind == "Cluster":
            self.cluster = name
            self._root = self._row(ROOT, 0, rest)
        elif kind == "Account":
            self._account(name, rest)
        else:
            self._user(name, rest)

    def reading(self, *, coordinators: bool) -> Reading:
        """All of it together."""
        doubtful = frozenset(self._doubtful)
        return Reading(
            cluster=self.cluster,
            found=self._found,
            root=self._root,
            organizations=Texts(self._texts["organization"], doubtful),
            descriptions=Texts(self._texts["description"], doubtful),
            coordinators=self._coordinators if coordinators else None,
            warnings=(NOT_TOLD,),
            whole=False,
        )

    def _account(self, name: str, rest: str) -> None:
        if name in self._ids:  # a text that holds a line like an account's
            self._doubtful.add(name)
            return
        texts = _TEXTS.fullmatch(rest)
        if texts is not None:
            for kind, of_all in self._texts.items():
                of_all[name] = texts[kind]
            rest = texts["options"]
            keys = [found["key"] for found in _OPTION.finditer(rest)]
            own = keys[keys[:1] == ["DefaultQOS"] :]  # all that may stand before Fairshare, which is always there
            if "':" in texts["description"] + texts["organization"] or own[:1] != ["Fairshare"] or _repeated(keys):
                self._doubtful.add(name)
        self._row(name, self._ids.get(self._parent, -1), rest)

    def _user(self, name: str, rest: str) -> None:
        options = _options(rest)
        self._found.members.setdefault(self._parent, Members()).add(name, options.get("Partition", ""))
        self._coordinators.update(filter(None, options.get("Coordinator", "").split(",")))

    def _row(self, name: str, parent: int, rest: str) -> AccountRow:
        options = _options(rest)
        named = ((KEYS.get(key, key), value) for key, value in options.items())
        limits, problems = parse_limits((key, value) for key, value in named if key in LIMITS)
        share = options.get("Fairshare", "")
        row = AccountRow(
            id=len(self._ids) + 1,
            parent_id=parent,
            account=name,
            share="parent" if share == SHARE_OF_PARENT else share,
            qos=options.get("QOS", ""),
            default_qos=options.get("DefaultQOS", ""),
            limits=limits,
            limit_problems=problems,
        )
        self._ids[name] = row.id
        self._found.rows.append(row)
        return row


def _repeated(keys: list[str]) -> bool:
    return len(set(keys)) < len(keys)


def _options(rest: str) -> dict[str, str]:
    return {found["key"]: found["value"].strip("'") for found in _OPTION.finditer(rest)}


def _records(printed: bytes) -> Iterator[str]:
    """Each record: a line that begins like one, with those after it that do not. Comments before the first are none."""
    record: bytes | None = None
    for line in lines(printed):
        if _BEGINS.match(line):
            if record is not None:
                yield decode(record)
            record = line
        elif record is not None:
            record += b"\n" + line
    if record is not None:
        yield decode(record)
