"""The slurm scanner: where its answers come from, and what it says of them."""

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path
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
from waldur_import_agent.scanners.slurm.assembly import Reading, assemble
from waldur_import_agent.scanners.slurm.commands import Sacctmgr
from waldur_import_agent.scanners.slurm.dump import parse_dump
from waldur_import_agent.scanners.slurm.reading import ClusterReader, local_user
from waldur_import_agent.scanners.slurm.rights import why_saved_partial
from waldur_import_agent.scanners.slurm.saved import SavedAnswers, SavingAnswers
from waldur_import_agent.scanners.slurm.settings import SlurmSettings
from waldur_import_agent.system import read_in_thread, read_regular

DUMP_MAX = 256 * 1024 * 1024
"""Bytes of a dump that are read: an account needs some 200, a user of it as many."""


class SlurmScanner:
    """Offers the accounts of one cluster, with their own limits, never with inherited ones or a member's.

    A scan takes four to six starts of sacctmgr, whatever the number of accounts, or none at all with `from_files` and
    `from_dump`.
    """

    kind: ClassVar[str] = "slurm"
    settings_model: ClassVar[type[ScannerSettings]] = SlurmSettings
    ids_ignore_case: ClassVar[bool] = True  # sacctmgr makes names small, and finds them without regard to case

    def __init__(self, settings: ScannerSettings) -> None:
        if not isinstance(settings, SlurmSettings):
            raise TypeError(f"the slurm scanner needs SlurmSettings, not {type(settings).__name__}")
        self._settings = settings
        self._save_to: Path | None = None

    def save_answers(self, directory: Path) -> None:
        """Write what sacctmgr answers in the scans from now on into a directory, for `from_files`."""
        if self._settings.from_files or self._settings.from_dump:
            raise BackendMisconfiguredError(
                "this scanner does not run sacctmgr, so there is nothing to save",
                remedy="Take from_files and from_dump out of its settings",
            )
        self._save_to = directory

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Nothing is held between scans."""

    async def check(self) -> Sequence[Check]:
        """Whether a scan would see all: program, cluster, the agent's rights, root account; up to what fails."""
        if self._settings.from_files or self._settings.from_dump:
            return [await self._check_files()]
        sacctmgr = Sacctmgr(self._settings)
        reader = ClusterReader(sacctmgr, self._settings)
        checks: list[Check] = []

        async def version() -> str:
            return f"{self._settings.sacctmgr} is of SLURM {await sacctmgr.version()}"

        async def cluster() -> str:
            return f"{await reader.cluster()} is in the accounting database"

        async def rights() -> str:
            reader.config, levels = await reader.rights()
            level = reader.refuse_partial(levels)
            await reader.check_accounts()
            return f"{reader.config}; the user {local_user()}{f' ({level})' * bool(level)} sees all accounts"

        async def root() -> str:
            await reader.check_root()
            return "the account root can be seen"

        for name, look in (("sacctmgr", version), ("cluster", cluster), ("rights", rights), ("root account", root)):
            try:
                checks.append(Check(name, CheckStatus.PASS, await look()))
            except BackendError as error:
                checks.append(Check(name, CheckStatus.FAIL, str(error.args[0]), error.remedy))
                break
        return checks

    async def scan(self) -> Scan:
        """Read all accounts once. Raises BackendUnavailableError or BackendMisconfiguredError.

        Raises too where what SLURM shows is certainly not all: PrivateData and a user who is no Operator, or an answer
        without the row of the cluster's root.
        """
        reading = await self._read()
        # about half a second for 10,000 accounts: in a thread, so that the loop goes on meanwhile
        return await asyncio.to_thread(assemble, reading, self._settings)

    async def _read(self) -> Reading:
        settings = self._settings
        if settings.from_dump is not None:
            return await read_in_thread(settings.from_dump, partial(self._dumped, settings.from_dump), seconds=None)
        if settings.from_files is not None:
            return await self._saved(settings.from_files)
        if self._save_to is None:
            return await ClusterReader(Sacctmgr(settings), settings).read()
        saving = SavingAnswers(Sacctmgr(settings), self._save_to)
        reader = ClusterReader(saving, settings)
        try:
            reading = await reader.read()
            saving.finish(reading.cluster, reader.config.version)
        finally:
            saving.discard()
        return reading

    async def _saved(self, directory: Path) -> Reading:
        try:
            return await ClusterReader(SavedAnswers(directory), self._settings).read()
        except BackendMisconfiguredError as error:
            partial = why_saved_partial(error, directory)
            if partial is None:
                raise
            raise partial from error

    def _dumped(self, file: Path) -> Reading:
        try:
            printed = read_regular(file, DUMP_MAX)
        except OSError as error:
            raise BackendMisconfiguredError(
                f"the dump {file} cannot be read: {error.strerror}",
                remedy="Write it with `sacctmgr dump CLUSTER file=FILE`, or set scanner.from_dump to where it is",
            ) from error
        return parse_dump(printed, self._settings.cluster, coordinators=self._settings.coordinators)

    async def _check_files(self) -> Check:
        source = self._settings.from_files or self._settings.from_dump
        name = "saved answers" if self._settings.from_files else "dump"
        try:
            scan = await self.scan()
        except BackendError as error:
            return Check(name, CheckStatus.FAIL, str(error.args[0]), error.remedy)
        return Check(name, CheckStatus.PASS, f"{source} tells of {len(scan.resources)} accounts to offer")
