"""The slurm scanner: which reads a scan makes, and what they come to."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import ClassVar, Self

from waldur_import_agent.records import Attribute, FoundResource, Scan
from waldur_import_agent.scanners.base import (
    BackendError,
    BackendMisconfiguredError,
    BackendUnavailableError,
    Check,
    CheckStatus,
    ScannerSettings,
)
from waldur_import_agent.scanners.slurm.commands import Sacctmgr
from waldur_import_agent.scanners.slurm.parse import (
    Association,
    UnreadableError,
    is_valid,
    parse_associations,
    parse_clusters,
    parse_coordinators,
    parse_limits,
    parse_names,
    parse_texts,
    readable,
)
from waldur_import_agent.scanners.slurm.selection import why_not_offered
from waldur_import_agent.scanners.slurm.settings import SlurmSettings
from waldur_import_agent.scanners.slurm.tree import ROOT, Account, build_tree

KIND = "SLURM account"


class SlurmScanner:
    """Offers the accounts of one cluster, with their own limits, never with inherited ones or a member's.

    A scan takes five starts of sacctmgr, or six with `coordinators`, whatever the number of accounts. They run side by
    side and are not one snapshot: an account that is made meanwhile may lack a text, which is then its problem.
    """

    kind: ClassVar[str] = "slurm"
    settings_model: ClassVar[type[ScannerSettings]] = SlurmSettings
    ids_ignore_case: ClassVar[bool] = True  # sacctmgr makes names small, and finds them without regard to case

    def __init__(self, settings: ScannerSettings) -> None:
        if not isinstance(settings, SlurmSettings):
            raise TypeError(f"the slurm scanner needs SlurmSettings, not {type(settings).__name__}")
        self._settings = settings
        self._sacctmgr = Sacctmgr(settings)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Nothing is held between scans."""

    async def check(self) -> Sequence[Check]:
        """Whether sacctmgr can be started, the cluster is there, and its root account can be seen; up to what fails."""
        checks = []
        for name, look in (
            ("sacctmgr", self._check_version),
            ("cluster", self._check_cluster),
            ("root account", self._check_root),
        ):
            try:
                checks.append(Check(name, CheckStatus.PASS, await look()))
            except BackendError as error:
                checks.append(Check(name, CheckStatus.FAIL, str(error.args[0]), error.remedy))
                break
        return checks

    async def scan(self) -> Scan:
        """Read all accounts once. Raises BackendUnavailableError or BackendMisconfiguredError.

        Raises too where the row of the cluster's root is not in the answer: an answer that SLURM's PrivateData has
        filtered, or emptied, looks like any other, and this is how it shows.
        """
        read = self._sacctmgr
        try:
            async with asyncio.TaskGroup() as group:
                cluster = group.create_task(self._cluster())
                associations = group.create_task(read.associations(*self._where()))
                names = group.create_task(read.names())
                organizations = group.create_task(read.organizations())
                descriptions = group.create_task(read.descriptions())
                coordinators = group.create_task(read.coordinators()) if self._settings.coordinators else None
        except ExceptionGroup as failed:
            known = [error for error in failed.exceptions if isinstance(error, BackendError)]
            if len(known) < len(failed.exceptions):
                raise
            raise known[0]  # noqa: B904 - its own cause is what matters; the group stays as its context
        rows = _parse_associations(associations.result(), cluster.result())
        known_names = {row.account for row in rows}
        all_names = parse_names(names.result(), known_names)
        tree = build_tree(
            rows, parse_texts(organizations.result(), all_names), parse_texts(descriptions.result(), all_names)
        )
        if tree is None:
            raise _root_missing(cluster.result())
        counts = None if coordinators is None else parse_coordinators(coordinators.result())
        excluded = dict.fromkeys(
            map(readable, all_names - known_names), f"has no association on the cluster {cluster.result()}"
        )
        warnings = [
            f"account {readable(name)}: an account above it is not in sacctmgr's answer" for name in tree.detached
        ]
        resources = []
        for account in tree.accounts:
            if not is_valid(account.name):
                reason = "its name is not valid UTF-8"
                warnings.append(f"account {readable(account.name)} is left out: {reason}")
            else:
                reason = why_not_offered(self._settings.accounts, account)
            if reason:
                excluded[readable(account.name)] = reason
            else:
                resources.append(_resource(account, counts))
        return Scan(
            resources=tuple(sorted(resources, key=lambda resource: resource.backend_id)),
            warnings=tuple(warnings),
            complete=not tree.detached,
            excluded=dict(sorted(excluded.items())),
        )

    async def _cluster(self) -> str:
        """The cluster's name as the database has it. Raises BackendMisconfiguredError, naming those there are."""
        there = parse_clusters(await self._sacctmgr.clusters())
        wanted = self._settings.cluster
        listed = ", ".join(there) or "none"
        if wanted is None:
            if len(there) == 1:
                return there[0]
            raise BackendMisconfiguredError(
                f"the accounting database has {len(there)} clusters, and none is chosen: {listed}",
                remedy="Set scanner.cluster to the one whose accounts this offering stands for",
            )
        for name in there:
            if name.casefold() == wanted.casefold():
                return name
        raise BackendMisconfiguredError(
            f"the accounting database has no cluster {wanted}; it has: {listed}",
            remedy="Set scanner.cluster to one of these, or let the agent use another slurm.conf",
        )

    def _where(self) -> tuple[str, ...]:
        return (f"cluster={self._settings.cluster}",) if self._settings.cluster else ()

    async def _check_version(self) -> str:
        return f"{self._settings.sacctmgr} is of SLURM {await self._sacctmgr.version()}"

    async def _check_cluster(self) -> str:
        return f"{await self._cluster()} is in the accounting database"

    async def _check_root(self) -> str:
        cluster = await self._cluster()
        printed = await self._sacctmgr.associations("where", f"cluster={cluster}", f"account={ROOT}", "user=")
        if not any(row.account == ROOT for row in _parse_associations(printed, cluster)):
            raise _root_missing(cluster)
        return f"the account {ROOT} of {cluster} can be seen"


def _parse_associations(printed: str, cluster: str) -> list[Association]:
    try:
        return [row for row in parse_associations(printed) if row.cluster == cluster]
    except UnreadableError as error:
        raise BackendUnavailableError(f"the answer of sacctmgr show assoc cannot be read: {error}") from error


def _root_missing(cluster: str) -> BackendMisconfiguredError:
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
