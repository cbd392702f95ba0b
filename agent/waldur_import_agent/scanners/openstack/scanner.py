"""The openstack scanner: what it reads, and what it says of it."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from types import TracebackType
from typing import ClassVar, Self, get_args

from waldur_import_agent.records import Scan
from waldur_import_agent.scanners.base import Check, ScannerSettings
from waldur_import_agent.scanners.openstack.assembly import RegionReading, assemble
from waldur_import_agent.scanners.openstack.checks import check_cloud
from waldur_import_agent.scanners.openstack.cloud import Access, Region
from waldur_import_agent.scanners.openstack.identity import read_directory, refuse_known
from waldur_import_agent.scanners.openstack.login import OnSecret, logged_in, silent
from waldur_import_agent.scanners.openstack.quotas import Quotas, read_quotas
from waldur_import_agent.scanners.openstack.selection import why_not_offered
from waldur_import_agent.scanners.openstack.servers import Servers, read_servers
from waldur_import_agent.scanners.openstack.settings import OpenStackSettings, QuotaService
from waldur_import_agent.scanners.openstack.volumes import Volume, read_volumes


class OpenStackScanner:
    """Offers the projects, servers and volumes of one cloud, with the quotas of projects as their limits.

    For P offered projects a scan takes P requests for each of Nova's and Cinder's quotas, one token, and some twenty
    more; servers and volumes come by pages of the largest size that the services give.
    """

    kind: ClassVar[str] = "openstack"
    settings_model: ClassVar[type[ScannerSettings]] = OpenStackSettings
    ids_ignore_case: ClassVar[bool] = False

    def __init__(self, settings: ScannerSettings) -> None:
        if not isinstance(settings, OpenStackSettings):
            raise TypeError(f"the openstack scanner needs OpenStackSettings, not {type(settings).__name__}")
        self._settings = settings
        self._quotas: tuple[QuotaService, ...] = get_args(QuotaService) if settings.quotas is None else settings.quotas
        self._on_secret: OnSecret = silent

    def want_limits(self, names: Collection[str]) -> None:
        """Read from now on the quotas only of those services that these limits are of, unless the settings name any."""
        if self._settings.quotas is None:
            services: tuple[QuotaService, ...] = get_args(QuotaService)
            self._quotas = tuple(
                service for service in services if any(name.startswith(f"{service}.") for name in names)
            )

    def tell_secrets(self, tell: Callable[[str], None]) -> None:
        """Those of secret_file and clouds.yaml, and the token of each login."""
        self._on_secret = tell

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Nothing is held between scans: a token and its connection end with the scan."""

    async def check(self) -> Sequence[Check]:
        """What the credential may see, service by service, as far as the settings need it."""
        return await check_cloud(self._settings, self._quotas_of_projects(), self._on_secret)

    async def scan(self) -> Scan:
        """Read everything once. Raises BackendUnavailableError or BackendMisconfiguredError.

        Incomplete, with a warning, where a cell of Nova did not answer or that cannot be told.
        """
        settings = self._settings
        async with logged_in(settings, on_secret=self._on_secret) as cloud:
            directory = await read_directory(cloud, settings)
            offered = sorted(
                project.id
                for project in directory.projects.values()
                if not why_not_offered(settings.select, directory, project)
            )
            regions = [await self._read(region, offered, cloud.access) for region in cloud.regions]
            gone = {project: service for region in regions for project, service in region.quotas.gone.items()}
            if gone:
                refuse_known(await read_directory(cloud, settings), gone)
        # in a thread, so that the loop goes on meanwhile: a second for 20,000 servers
        return await asyncio.to_thread(assemble, directory, tuple(regions), settings)

    async def _read(self, region: Region, projects: Sequence[str], access: Access) -> RegionReading:
        settings = self._settings
        everybody = settings.scope == "cloud"
        servers, quotas = Servers(), Quotas()
        volumes: tuple[Volume, ...] = ()
        if "server" in settings.kinds or settings.select.used:
            servers = await read_servers(region, everybody=everybody)
        if "volume" in settings.kinds:
            volumes = await read_volumes(region, access, everybody=everybody)
        if self._quotas_of_projects():
            quotas = await read_quotas(region, self._quotas_of_projects(), projects, access, settings)
        return RegionReading(region.name, servers, volumes, quotas)

    def _quotas_of_projects(self) -> tuple[QuotaService, ...]:
        return self._quotas if "project" in self._settings.kinds else ()
