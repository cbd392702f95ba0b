"""What the credential may see, service by service: each check reads a little, and asks for nothing a scan does not."""

from collections.abc import Awaitable, Callable, Iterator, Sequence

from waldur_import_agent.scanners.base import BackendError, Check, CheckStatus
from waldur_import_agent.scanners.openstack.cloud import Region
from waldur_import_agent.scanners.openstack.failures import SERVICES
from waldur_import_agent.scanners.openstack.identity import Directory, read_directory
from waldur_import_agent.scanners.openstack.login import Cloud, OnSecret, logged_in, silent
from waldur_import_agent.scanners.openstack.quotas import read_quota, read_quotas
from waldur_import_agent.scanners.openstack.selection import why_not_offered
from waldur_import_agent.scanners.openstack.servers import read_servers
from waldur_import_agent.scanners.openstack.settings import OpenStackSettings, QuotaService
from waldur_import_agent.scanners.openstack.volumes import read_volumes

Look = Callable[[], Awaitable[str]]


class PartialError(BackendError):
    """What was read is not all, and a scan would say so."""


async def check_cloud(
    settings: OpenStackSettings, quotas: Sequence[QuotaService], on_secret: OnSecret = silent
) -> list[Check]:
    """A check for the login, one for Keystone, and one for each thing that the settings ask of each region."""
    try:
        async with logged_in(settings, on_secret=on_secret) as cloud:
            regions = ", ".join(region.name for region in cloud.regions)
            login = Check("credential", CheckStatus.PASS, f"{cloud.access}; regions: {regions}")
            return [login, *await _check_services(cloud, settings, quotas)]
    except BackendError as error:
        return [Check("credential", CheckStatus.FAIL, str(error.args[0]), error.remedy)]


async def _check_services(cloud: Cloud, settings: OpenStackSettings, quotas: Sequence[QuotaService]) -> list[Check]:
    try:
        directory = await read_directory(cloud, settings)
    except BackendError as error:
        return [Check("projects", CheckStatus.FAIL, str(error.args[0]), error.remedy)]
    projects = directory.projects.values()
    offered = sum(not why_not_offered(settings.select, directory, project) for project in projects)
    shown = f"Keystone shows {len(projects)}, of which {offered} would be offered"
    checks = [Check("projects", CheckStatus.PASS, shown)]
    for region in cloud.regions:
        at = f" of {region.name}" if len(cloud.regions) > 1 else ""
        for name, look in _looks(region, cloud, directory, settings, quotas):
            checks.append(await _check(f"{name}{at}", look))
    return checks


def _looks(
    region: Region, cloud: Cloud, directory: Directory, settings: OpenStackSettings, quotas: Sequence[QuotaService]
) -> Iterator[tuple[str, Look]]:
    everybody = settings.scope == "cloud"
    # another project than the credential's own, where there is one: its own quota is shown to anybody
    others = sorted(directory.projects, key=lambda project: (project == cloud.access.project_id, project))

    def quota(service: QuotaService) -> Look:
        async def look() -> str:
            if service == "network":
                await read_quotas(region, (service,), others[:1], cloud.access, settings)
            else:
                await read_quota(region, service, others[0])
            return f"{SERVICES[service]} shows quotas" + (" of other projects" if everybody else "")

        return look

    async def servers() -> str:
        result = await read_servers(region, everybody=everybody)
        if result.warnings:
            raise PartialError(result.warnings[0], remedy="Nothing is withdrawn until this is known")
        return f"Nova shows {len(result.found)} servers" + (", and all its cells answer" if everybody else "")

    async def volumes() -> str:
        return f"Cinder shows {len(await read_volumes(region, cloud.access, everybody=everybody))} volumes"

    if others:
        yield from ((f"{service} quotas", quota(service)) for service in quotas)
    if "server" in settings.kinds or settings.select.used:
        yield "servers", servers
    if "volume" in settings.kinds:
        yield "volumes", volumes


async def _check(name: str, look: Look) -> Check:
    try:
        return Check(name, CheckStatus.PASS, await look())
    except PartialError as error:
        return Check(name, CheckStatus.WARN, str(error.args[0]), error.remedy)
    except BackendError as error:
        return Check(name, CheckStatus.FAIL, str(error.args[0]), error.remedy)
