"""The slurm scanner: which reads a scan makes."""

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import ClassVar, Self

from waldur_import_agent.records import Scan
from waldur_import_agent.scanners.base import (
    BackendError,
    BackendMisconfiguredError,
    Check,
    CheckStatus,
    ScannerSettings,
)
from waldur_import_agent.scanners.slurm.assembly import Answers, assemble, cluster_rows, root_missing
from waldur_import_agent.scanners.slurm.commands import Sacctmgr
from waldur_import_agent.scanners.slurm.parse import parse_clusters
from waldur_import_agent.scanners.slurm.settings import SlurmSettings
from waldur_import_agent.scanners.slurm.tree import ROOT


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
        answers = Answers(
            cluster=cluster.result(),
            associations=associations.result(),
            names=names.result(),
            organizations=organizations.result(),
            descriptions=descriptions.result(),
            coordinators=None if coordinators is None else coordinators.result(),
        )
        # about half a second for 10,000 accounts: in a thread, so that the loop goes on meanwhile
        return await asyncio.to_thread(assemble, answers, self._settings.accounts)

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
        if not any(row.account == ROOT for row in cluster_rows(printed, cluster)):
            raise root_missing(cluster)
        return f"the account {ROOT} of {cluster} can be seen"
