"""What sacctmgr's answers come to: the found resources, what is not offered, and what could not be read. No I/O."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from waldur_import_agent.records import Attribute, FoundResource, Scan
from waldur_import_agent.scanners.base import BackendMisconfiguredError, BackendUnavailableError
from waldur_import_agent.scanners.slurm.parse import (
    Association,
    UnreadableError,
    is_valid,
    parse_associations,
    parse_coordinators,
    parse_limits,
    parse_names,
    parse_texts,
    readable,
)
from waldur_import_agent.scanners.slurm.selection import why_not_offered
from waldur_import_agent.scanners.slurm.settings import Accounts
from waldur_import_agent.scanners.slurm.tree import ROOT, Account, build_tree

KIND = "SLURM account"


@dataclass(frozen=True, slots=True)
class Answers:
    """What the reads of one scan printed; see commands.Sacctmgr. `cluster` is the name that the database gives it."""

    cluster: str
    associations: str
    names: str
    organizations: str
    descriptions: str
    coordinators: str | None


def assemble(answers: Answers, accounts: Accounts) -> Scan:
    """The scan that the answers make, with the accounts that the settings ask for.

    Raises BackendUnavailableError where the associations cannot be read, and BackendMisconfiguredError where the row of
    the cluster's root is not among them.
    """
    rows = cluster_rows(answers.associations, answers.cluster)
    known_names = {row.account for row in rows}
    all_names = parse_names(answers.names, known_names)
    tree = build_tree(rows, parse_texts(answers.organizations, all_names), parse_texts(answers.descriptions, all_names))
    if tree is None:
        raise root_missing(answers.cluster)
    coordinators = None if answers.coordinators is None else parse_coordinators(answers.coordinators)
    excluded = dict.fromkeys(
        map(readable, all_names - known_names), f"has no association on the cluster {answers.cluster}"
    )
    warnings = [f"account {readable(name)}: an account above it is not in sacctmgr's answer" for name in tree.detached]
    resources = []
    for account in tree.accounts:
        if is_valid(account.name):
            reason = why_not_offered(accounts, account)
        else:
            reason = "its name is not valid UTF-8"
            warnings.append(f"account {readable(account.name)} is left out: {reason}")
        if reason:
            excluded[readable(account.name)] = reason
        else:
            resources.append(_resource(account, coordinators))
    return Scan(
        resources=tuple(sorted(resources, key=lambda resource: resource.backend_id)),
        warnings=tuple(warnings),
        complete=not tree.detached,
        excluded=dict(sorted(excluded.items())),
    )


def cluster_rows(printed: str, cluster: str) -> list[Association]:
    """The associations of one cluster. Raises BackendUnavailableError where they cannot be read."""
    try:
        return [row for row in parse_associations(printed) if row.cluster == cluster]
    except UnreadableError as error:
        raise BackendUnavailableError(f"the answer of sacctmgr show assoc cannot be read: {error}") from error


def root_missing(cluster: str) -> BackendMisconfiguredError:
    """The error for an answer without the row of the cluster's root account."""
    return BackendMisconfiguredError(
        f"SLURM does not show the agent the account {ROOT} of the cluster {cluster}: what it shows is not all",
        remedy="Give the agent's user AdminLevel=Operator in SLURM, or take `users` out of slurmdbd.conf's PrivateData",
    )


def _resource(account: Account, coordinators: Counter[str] | None) -> FoundResource:
    row = account.row
    limits, problems = parse_limits(row.limits)
    attributes: dict[str, Attribute] = {
        **account.texts,
        "cluster": row.cluster,
        "parent": readable(account.parent),
        "depth": account.depth,
    }
    if row.share:  # `parent` where the account shares as one with the accounts beside it
        attributes["fairshare"] = int(row.share) if row.share.isdecimal() else row.share
    for name, text in (
        ("qos", row.qos),
        ("default_qos", row.default_qos),
        ("partitions", _joined(account.partitions)),
    ):
        if text:
            attributes[name] = readable(text)
    if coordinators is not None:
        attributes["coordinators_count"] = coordinators[account.name]
    return FoundResource(
        backend_id=account.name,
        name=account.name,
        kind=KIND,
        parents=account.parents,
        attributes=attributes,
        limits=limits,
        user_count=len(account.users),
        problems=account.problems + tuple(readable(problem) for problem in problems),
    )


def _joined(texts: Iterable[str]) -> str:
    return ",".join(sorted(texts))
