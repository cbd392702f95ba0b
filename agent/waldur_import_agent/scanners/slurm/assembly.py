"""What SLURM's answers come to: the found resources, what is not offered, and what could not be read. No I/O."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from waldur_import_agent.records import Attribute, FoundResource, Limit, Scan
from waldur_import_agent.scanners.slurm.associations import ROOT, AccountRow, ClusterRows
from waldur_import_agent.scanners.slurm.limits import QosLimits
from waldur_import_agent.scanners.slurm.selection import why_not_offered
from waldur_import_agent.scanners.slurm.settings import ClusterSettings
from waldur_import_agent.scanners.slurm.text import is_valid, readable
from waldur_import_agent.scanners.slurm.texts import Texts, compared
from waldur_import_agent.scanners.slurm.tree import Account, accounts_below

KINDS = {
    "account": "SLURM account",
    "account-qos": "SLURM account and QOS",
    "account-partition": "SLURM account and partition",
}
"""What a found resource is, by `identity`."""
SEPARATOR = ","
"""Between the account and the QOS or partition of an id: sacctmgr takes no name with a comma."""

NAMES_SHOWN = 5
"""Of accounts that a warning is about: it may be all of a cluster."""


@dataclass(frozen=True, slots=True)
class Reading:
    """All that was read of one cluster. `cluster` is the name that the database gives it.

    `coordinators` and `qos` are None where they were not asked for; `qos` has the limits of each QOS. `whole` is false
    where it cannot be told that this is all; a warning says why.
    """

    cluster: str
    found: ClusterRows
    root: AccountRow
    organizations: Texts
    descriptions: Texts
    coordinators: Counter[str] | None = None
    qos: QosLimits | None = None
    warnings: tuple[str, ...] = ()
    whole: bool = True


def assemble(reading: Reading, settings: ClusterSettings) -> Scan:
    """The scan that the answers make, with the accounts that the settings ask for."""
    found, cluster = reading.found, reading.cluster
    organizations = compared(reading.organizations, reading.descriptions)
    descriptions = compared(reading.descriptions, reading.organizations)
    strangers = {*organizations.strangers, *descriptions.strangers}
    excluded: dict[str, str] = {}
    prefixes: dict[str, str] = {}
    warnings = [*reading.warnings]
    if found.inconsistent:
        warnings.append(f"the associations are no whole tree: {found.inconsistent}")
    resources: list[FoundResource] = []
    reached = {reading.root.id}
    for account in accounts_below(reading.root, found, organizations, descriptions):
        reached.add(account.row.id)
        reason = why_not_offered(settings.accounts, account)
        if wrong := _wrong_name(account.name, settings):
            reason = wrong
            warnings.append(f"account {readable(account.name)} is left out: {reason}")
        if reason:
            if settings.identity != "account":  # records have the ids of its parts, also of those that are gone
                prefixes[f"{readable(account.name)}{SEPARATOR}"] = reason
        else:
            parts = list(_resources(account, reading, settings))
            resources += parts
            reason = "" if parts else _no_parts(settings)
        if reason:
            excluded[readable(account.name)] = reason
    detached = sorted(readable(row.account) for row in found.rows if row.id not in reached)
    if detached:
        warnings.append(f"{len(detached)} accounts are not below {ROOT} in SLURM's answer: {_first(detached)}")
    return Scan(
        resources=tuple(sorted(resources, key=lambda resource: resource.backend_id)),
        warnings=tuple(warnings),
        complete=reading.whole and not found.inconsistent and not detached,
        excluded=dict(sorted(excluded.items())),
        excluded_prefixes=dict(sorted(prefixes.items())),
        absent=dict.fromkeys(sorted(map(readable, strangers)), f"has no association on the cluster {cluster}"),
    )


def _first(names: list[str]) -> str:
    """The first few of many names."""
    more = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _wrong_name(name: str, settings: ClusterSettings) -> str:
    """What keeps an account of this name from being offered, or nothing."""
    if not is_valid(name):
        return "its name is not valid UTF-8"
    if SEPARATOR in name and settings.identity != "account":  # slurmrestd takes it
        return f"its name holds a comma, and identity is {settings.identity}"
    return ""


def _no_parts(settings: ClusterSettings) -> str:
    if settings.identity == "account-qos":
        return "no QOS holds for it, and identity is account-qos"
    return "no member of it is tied to a partition, and identity is account-partition"


def _resources(account: Account, reading: Reading, settings: ClusterSettings) -> Iterator[FoundResource]:
    """The resources that one account makes: one, or one for each of its QOS or partitions."""
    attributes = _attributes(account, reading)
    if settings.identity == "account":
        yield _resource(account, account.row.default_qos, attributes, reading, settings)
        return
    attributes["account"] = account.name
    if settings.identity == "account-qos":
        for qos in account.qos:
            yield _resource(account, qos, {**attributes, "qos": qos}, reading, settings, part=qos)
    else:
        for partition in sorted(account.members.partitions()):
            own = {**attributes, "partition": partition}
            yield _resource(account, account.row.default_qos, own, reading, settings, part=partition)


def _resource(
    account: Account,
    qos: str,
    attributes: dict[str, Attribute],
    reading: Reading,
    settings: ClusterSettings,
    *,
    part: str = "",
) -> FoundResource:
    """One resource; `part` is the QOS or the partition where that belongs to its identity."""
    if reading.qos is None:
        limits, problems = account.row.limits, account.row.limit_problems
    else:
        limits, problems = _of_qos(qos, reading.qos)
    tied = account.members.partitions().get(part) if settings.identity == "account-partition" else None
    users = account.members.users() if tied is None else tied
    if settings.user_names:
        attributes["users"] = readable(",".join(sorted(users)))
    name = f"{account.name}{SEPARATOR}{readable(part)}" if part else account.name
    return FoundResource(
        backend_id=name,
        name=name,
        kind=KINDS[settings.identity],
        parents=(account.as_ancestor(), *account.parents) if part else account.parents,
        attributes=attributes,
        limits=limits,
        user_count=len(users),
        problems=(*account.problems, *map(readable, problems)) if account.problems or problems else (),
    )


def _of_qos(name: str, known: QosLimits) -> tuple[Mapping[str, Limit], tuple[str, ...]]:
    """The limits of a QOS, and what keeps them from being known."""
    if not name:
        return {}, ("no limits: limits.source is qos, and the account's own row sets no DefaultQOS",)
    if name not in known:
        return {}, (f"no limits: SLURM lists no QOS {name}",)
    return known[name]


def _attributes(account: Account, reading: Reading) -> dict[str, Attribute]:
    row = account.row
    attributes: dict[str, Attribute] = {
        **account.texts,
        "cluster": reading.cluster,
        "parent": readable(account.parent),
        "depth": account.depth,
    }
    if row.share:  # `parent` where the account shares as one with the accounts beside it
        attributes["fairshare"] = int(row.share) if row.share.isdecimal() else row.share
    for name, text in (
        ("qos", row.qos),
        ("default_qos", row.default_qos),
        ("partitions", ",".join(sorted(account.members.partitions()))),
    ):
        if text:
            attributes[name] = readable(text)
    if reading.coordinators is not None:
        attributes["coordinators_count"] = reading.coordinators[account.name]
    return attributes
