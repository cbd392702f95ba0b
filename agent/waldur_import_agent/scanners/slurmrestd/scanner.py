"""The slurmrestd scanner: the accounts of one cluster, without a program or a file of SLURM on the agent's host."""

import asyncio
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import ClassVar, Self

from waldur_import_agent.records import Scan
from waldur_import_agent.scanners.base import BackendError, Check, CheckStatus, ScannerSettings
from waldur_import_agent.scanners.slurm.assembly import Reading, assemble
from waldur_import_agent.scanners.slurmrestd.client import Slurmrestd
from waldur_import_agent.scanners.slurmrestd.failures import NotServedError
from waldur_import_agent.scanners.slurmrestd.reading import RestReader
from waldur_import_agent.scanners.slurmrestd.settings import SlurmrestdSettings
from waldur_import_agent.scanners.slurmrestd.versions import LIST, ApiVersion, choose_version, release


class SlurmrestdScanner:
    """Offers what the scanner `slurm` offers, with the same ids, in two to three requests a scan.

    The version of the API is asked for once, and again when the server no longer serves it.
    """

    kind: ClassVar[str] = "slurmrestd"
    settings_model: ClassVar[type[ScannerSettings]] = SlurmrestdSettings
    ids_ignore_case: ClassVar[bool] = True  # as with sacctmgr: slurmdbd finds names without regard to case

    def __init__(self, settings: ScannerSettings) -> None:
        if not isinstance(settings, SlurmrestdSettings):
            raise TypeError(f"the slurmrestd scanner needs SlurmrestdSettings, not {type(settings).__name__}")
        self._settings = settings
        self._version: ApiVersion | None = None
        self._on_token: Callable[[str], None] = lambda _: None

    def tell_secrets(self, tell: Callable[[str], None]) -> None:
        """The tokens of SLURM, which come from a file or a program."""
        self._on_token = tell

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Nothing is held between scans."""

    async def check(self) -> Sequence[Check]:
        """Whether a scan would see all: token, server, cluster, the token's user's rights; up to what fails."""
        try:
            async with Slurmrestd(self._settings, self._on_token) as rest:
                return await self._look(rest)
        except BackendError as error:
            return [Check("slurmrestd", CheckStatus.FAIL, str(error.args[0]), error.remedy)]

    async def _look(self, rest: Slurmrestd) -> list[Check]:
        settings = self._settings
        checks: list[Check] = []
        version: list[ApiVersion] = []
        clusters: list[str] = []

        async def token() -> str:
            return f"{await rest.token()} can be read"

        async def server() -> str:
            document = (await rest.get(LIST)).document
            version.append(choose_version(document, settings.where))
            return f"{settings.where} ({release(document)}) is asked in {version[0].name}"

        async def cluster() -> str:
            clusters.append(await RestReader(rest, version[0], settings).cluster())
            return f"{clusters[0]} is in the accounting database"

        async def rights() -> str:
            told = await RestReader(rest, version[0], settings).check_rights(clusters[0])
            return f"the token's user {await rest.user() or '(unknown)'} sees all accounts: {told}"

        for name, look in (("token", token), ("slurmrestd", server), ("cluster", cluster), ("rights", rights)):
            try:
                checks.append(Check(name, CheckStatus.PASS, await look()))
            except BackendError as error:
                checks.append(Check(name, CheckStatus.FAIL, str(error.args[0]), error.remedy))
                break
        return checks

    async def scan(self) -> Scan:
        """Read all accounts once. Raises BackendUnavailableError or BackendMisconfiguredError.

        Raises too where what SLURM shows may not be all: the token's user is no Operator and does not see root.
        """
        async with Slurmrestd(self._settings, self._on_token) as rest:
            reading = await self._read(rest)
        # about half a second for 10,000 accounts: in a thread, so that the loop goes on meanwhile
        return await asyncio.to_thread(assemble, reading, self._settings)

    async def _read(self, rest: Slurmrestd) -> Reading:
        if self._version is not None:
            try:
                return await RestReader(rest, self._version, self._settings).read()
            except NotServedError:  # the server is of another release by now
                self._version = None
        document = (await rest.get(LIST)).document
        self._version = choose_version(document, self._settings.where)
        return await RestReader(rest, self._version, self._settings).read()
