"""slurmrestd's associations as rows of accounts with their places, and their members. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from sys import intern
from typing import Any

from waldur_import_agent.records import Limit
from waldur_import_agent.scanners.slurm.associations import ROOT, AccountRow, ClusterRows, Members, disorder
from waldur_import_agent.scanners.slurm.text import readable
from waldur_import_agent.scanners.slurmrestd.limits import OF_ASSOCIATION, read_limits

SHARE_OF_PARENT = 2147483647
"""shares_raw of `fairshare=parent`."""
NO_PARENT = -1
AS_ABOVE = "the account above has the same, and this slurmrestd shows what is inherited like an account's own"
INHERITED = "Max"
"""How limits begin that an account inherits; those of Grp* hold for the account and all below it together."""


@dataclass(slots=True)
class _Cluster:
    """What is known of a cluster while its rows come: parents by name, and lineages, since rows have no usable id."""

    found: ClusterRows = field(default_factory=ClusterRows)
    ids: dict[str, int] = field(default_factory=dict)
    parents: list[str] = field(default_factory=list)
    lineages: dict[str, int] = field(default_factory=dict)


class Associations:
    """Collects the rows of all clusters. `own`: a row shows what is set on it, and nothing that it inherits."""

    def __init__(self, *, own: bool) -> None:
        self._own = own
        self._clusters: dict[str, _Cluster] = {}

    def take(self, rows: list[Any]) -> None:
        """The next rows of the answer. Members' rows are counted and not kept; deleted ones are left out."""
        for row in rows:
            if "DELETED" not in (row.get("flags") or ()):
                self._take(row)

    def clusters(self) -> dict[str, ClusterRows]:
        """The rows by cluster, when all have come."""
        return {name: self._finished(cluster) for name, cluster in self._clusters.items()}

    def _take(self, row: Mapping[str, Any]) -> None:
        cluster = self._clusters.setdefault(intern(str(row.get("cluster"))), _Cluster())
        found, account, user = cluster.found, str(row.get("account")), row.get("user")
        if user:
            members = found.members.get(account)
            if members is None:
                members = found.members[account] = Members()
            members.add(str(user), str(row.get("partition") or ""))
            return
        if account in cluster.ids:
            found.inconsistent = f"account {readable(account)} has two rows of its own"
            return
        limits, problems = read_limits(row, OF_ASSOCIATION)
        default = row.get("default") or {}
        share = row.get("shares_raw")
        own = AccountRow(
            id=len(found.rows) + 1,
            parent_id=NO_PARENT,
            account=account,
            share="parent" if share == SHARE_OF_PARENT else "" if share is None else intern(str(share)),
            qos=intern(",".join(sorted(map(str, row.get("qos") or ())))),
            default_qos=intern(str(default.get("qos") or "")),
            limits=limits or _NO_LIMITS,
            limit_problems=problems,
        )
        found.rows.append(own)
        cluster.ids[account] = own.id
        cluster.parents.append(str(row.get("parent_account") or ""))
        if lineage := row.get("lineage"):
            cluster.lineages[str(lineage)] = own.id

    def _finished(self, cluster: _Cluster) -> ClusterRows:
        found = cluster.found
        lineages = {number: lineage for lineage, number in cluster.lineages.items()}
        for row, parent in zip(found.rows, cluster.parents, strict=True):
            if parent:
                row.parent_id = cluster.ids.get(parent, NO_PARENT)
            elif row.account == ROOT:
                row.parent_id = 0
            else:
                row.parent_id = _above(lineages.get(row.id, ""), cluster.lineages)
        found.inconsistent = found.inconsistent or disorder(found, ())
        if not self._own:
            _leave_inherited_out(found)
        return found


_NO_LIMITS: Mapping[str, Limit] = {}


def _above(lineage: str, known: Mapping[str, int]) -> int:
    """The parent of an account that was made through slurmrestd with `"user": ""`.

    It comes without its parent's name, and its lineage is `/a/b/0-/` or `/a/b/0-//` where `/a/b/` is its parent's.
    Lineages are only compared: names may hold slashes.
    """
    for end in ("0-//", "0-/"):
        if lineage.endswith(end):
            return known.get(lineage.removesuffix(end), NO_PARENT)
    return NO_PARENT


def _leave_inherited_out(found: ClusterRows) -> None:
    """Keep of each row what is certainly its own, where rows show what they inherit like what is set on them.

    What is not the same as on the row above is set on this one. What is the same may be either.
    """
    shown = {row.id: (row.limits, row.qos, row.default_qos) for row in found.rows}
    for row in found.rows:
        limits, qos, default_qos = shown.get(row.parent_id, (_NO_LIMITS, "", ""))
        doubtful = [
            name for name, limit in row.limits.items() if name.startswith(INHERITED) and limits.get(name) == limit
        ]
        if doubtful:
            row.limits = {name: limit for name, limit in row.limits.items() if name not in doubtful}
            row.limit_problems += (f"limits {', '.join(doubtful)} left out: {AS_ABOVE}",)
        if row.qos == qos:
            row.qos = ""
        if default_qos and row.default_qos == default_qos:
            row.default_qos = ""
            row.problems = (f"DefaultQOS left out: {AS_ABOVE}",)
