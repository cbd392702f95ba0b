"""What the services' answers come to: the found resources, what is not offered, and what is not whole. No I/O."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from waldur_import_agent.records import Ancestor, Attribute, FoundResource, Limit, Scan
from waldur_import_agent.scanners.openstack.identity import Directory, KeystoneProject, as_ancestor, texts
from waldur_import_agent.scanners.openstack.quotas import Quotas
from waldur_import_agent.scanners.openstack.selection import NOT_USED, why_not_offered
from waldur_import_agent.scanners.openstack.servers import Server, Servers
from waldur_import_agent.scanners.openstack.settings import OpenStackSettings
from waldur_import_agent.scanners.openstack.volumes import Volume

PROJECT, SERVER, VOLUME = "OpenStack project", "OpenStack server", "OpenStack volume"
"""What a found resource is."""
ORPHAN = "orphan: Keystone no longer knows its project"
ORPHAN_QUOTA = "orphan: Neutron has a quota of it, and Keystone no longer knows it"
IS_DOMAIN = "is a domain, not a project"
UNREACHED = "is in a cell that Nova does not reach"
NAMES_SHOWN = 5
"""Of many projects that a warning is about."""


@dataclass(frozen=True, slots=True)
class RegionReading:
    """What was read of one region: nothing of what was not asked for."""

    name: str
    servers: Servers = field(default_factory=Servers)
    volumes: tuple[Volume, ...] = ()
    quotas: Quotas = field(default_factory=Quotas)


def assemble(directory: Directory, regions: tuple[RegionReading, ...], settings: OpenStackSettings) -> Scan:
    """The scan that the answers make, with the kinds and projects that the settings ask for."""
    return _Assembly(directory, regions, settings).scan()


class _Assembly:
    def __init__(self, directory: Directory, regions: tuple[RegionReading, ...], settings: OpenStackSettings) -> None:
        self._directory = directory
        self._regions = regions
        self._settings = settings
        self._resources: list[FoundResource] = []
        self._excluded: dict[str, str] = {}
        self._absent: dict[str, str] = {}
        self._orphans: set[str] = set()
        self._gone = {project for region in regions for project in region.quotas.gone}
        self._used = self._used_projects()
        self._why_not = {project.id: self._reason(project) for project in directory.projects.values()}
        self._parents = {
            project.id: (as_ancestor(project, directory.domain_of(project)), *directory.ancestors(project))
            for project in directory.projects.values()
        }

    def scan(self) -> Scan:
        if "project" in self._settings.kinds:
            self._projects()
        for region in self._regions:
            self._things(region)
        warnings = [warning for region in self._regions for warning in region.servers.warnings]
        return Scan(
            resources=tuple(sorted(self._resources, key=lambda resource: resource.backend_id)),
            warnings=(*warnings, *self._orphan_warnings()),
            complete=not warnings,
            excluded=dict(sorted(self._excluded.items())),
            absent=dict(sorted(self._absent.items())),
        )

    def _used_projects(self) -> set[str]:
        """Those with a server, seen or not, or a quota of their own."""
        used: set[str] = set()
        for region in self._regions:
            used |= {server.project_id for server in (*region.servers.found, *region.servers.unreached)}
            used |= region.quotas.own
        return used

    def _reason(self, project: KeystoneProject) -> str:
        reason = why_not_offered(self._settings.select, self._directory, project)
        if not reason and self._settings.select.used and project.id not in self._used:
            return NOT_USED
        return reason

    # --- projects

    def _projects(self) -> None:
        known = {*self._directory.projects, *self._directory.domains}
        if self._directory.whole:
            self._excluded |= dict.fromkeys(self._directory.domains.keys() - self._directory.projects, IS_DOMAIN)
            for region in self._regions:
                self._absent |= dict.fromkeys(region.quotas.rows - known, ORPHAN_QUOTA)
        for project in self._directory.projects.values():
            if project.id in self._gone:
                continue
            if self._why_not[project.id]:
                self._excluded[project.id] = self._why_not[project.id]
            else:
                self._resources.append(self._project(project))

    def _project(self, project: KeystoneProject) -> FoundResource:
        domain = self._directory.domain_of(project)
        limits: dict[str, Limit] = {}
        problems: list[str] = []
        for region in self._regions:
            at = f"@{region.name}" if len(self._regions) > 1 else ""
            for service, quotas in region.quotas.by_service.items():
                quota = quotas[project.id]
                limits |= {f"{service}.{name}{at}": value for name, value in quota.limits.items()}
                problems += [f"{problem}{at}" for problem in quota.problems]
        return FoundResource(
            backend_id=project.id,
            name=project.name,
            kind=PROJECT,
            parents=self._parents[project.id][1:],
            attributes={
                **texts(project),
                "domain": domain.name,
                "domain_id": domain.id,
                "enabled": project.enabled and domain.enabled,
            },
            limits=limits,
            problems=tuple(problems),
        )

    # --- servers and volumes

    def _things(self, region: RegionReading) -> None:
        if "server" in self._settings.kinds:
            self._excluded |= {server.id: UNREACHED for server in region.servers.unreached}
            for server in region.servers.found:
                self._thing(server, server_resource(server, region.name, self._above(server.project_id)))
        if "volume" in self._settings.kinds:
            for volume in region.volumes:
                self._thing(volume, volume_resource(volume, region.name, self._above(volume.project_id)))

    def _above(self, project: str) -> tuple[Ancestor, ...]:
        return self._parents.get(project, (Ancestor(project, project, {"type": "project"}),))

    def _thing(self, thing: Server | Volume, resource: FoundResource) -> None:
        reason = self._why_not.get(thing.project_id)
        if reason is None:
            self._absent[thing.id] = ORPHAN
            self._orphans.add(thing.project_id)
        elif reason:
            self._excluded[thing.id] = f"its project {reason}"
        else:
            self._resources.append(resource)

    def _orphan_warnings(self) -> Iterator[str]:
        if self._orphans:
            yield (
                "servers or volumes of projects that Keystone no longer knows are not offered; the projects are "
                f"{_first(sorted(self._orphans))}"
            )


def server_resource(server: Server, region: str, parents: tuple[Ancestor, ...]) -> FoundResource:
    """A server; its limits are its size."""
    sizes = {"vcpus": server.vcpus, "ram": server.ram, "disk": server.disk}
    return FoundResource(
        backend_id=server.id,
        name=server.name,
        kind=SERVER,
        parents=parents,
        attributes=_said(
            {
                "project": parents[0].name,
                "project_id": server.project_id,
                "region": region,
                "state": server.state,
                "flavor": server.flavor,
                "image": server.image,
                "availability_zone": server.availability_zone,
                "volumes": ",".join(server.volumes),
                "created": server.created,
            }
        ),
        limits={name: size for name, size in sizes.items() if size is not None},
    )


def volume_resource(volume: Volume, region: str, parents: tuple[Ancestor, ...]) -> FoundResource:
    """A volume; its limit is its size."""
    return FoundResource(
        backend_id=volume.id,
        name=volume.name,
        kind=VOLUME,
        parents=parents,
        attributes=_said(
            {
                "project": parents[0].name,
                "project_id": volume.project_id,
                "region": region,
                "state": volume.state,
                "volume_type": volume.type,
                "bootable": volume.bootable,
                "availability_zone": volume.availability_zone,
                "servers": ",".join(volume.servers),
                "created": volume.created,
            }
        ),
        limits={"size": volume.size},
    )


def _said(values: Mapping[str, Attribute]) -> dict[str, Attribute]:
    """Those that say something."""
    return {name: value for name, value in values.items() if value != ""}


def _first(names: Iterable[str]) -> str:
    """The first few of many."""
    names = list(names)
    more = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
