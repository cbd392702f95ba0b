"""What the lab's cloud has, as a test compares it with what was read."""

from dataclasses import dataclass, field

UNLIMITED = -1
DEFAULTS = {
    "compute": {"cores": 20, "instances": 10, "ram": 51200},
    "volume": {"gigabytes": 1000, "volumes": 10},
    "network": {"network": 100, "floatingip": 50, "port": 500},
}
"""The quotas that a project has where none was set, as these releases come."""

Quota = dict[str, dict[str, int]]
"""Limits by service: compute, volume and network."""


@dataclass
class Project:
    """A project; `parents` are the IDs of the projects above it, the nearest first, `quota` is what was set."""

    id: str
    name: str
    domain: str
    label: str = ""
    parents: tuple[str, ...] = ()
    enabled: bool = True
    description: str = ""
    tags: tuple[str, ...] = ()
    quota: Quota = field(default_factory=dict)

    def limit(self, service: str, name: str) -> int:
        """A limit that holds for it, set or the default."""
        return self.quota.get(service, {}).get(name, DEFAULTS[service][name])


@dataclass
class Server:
    """A server; `volumes` are those attached to it."""

    id: str
    name: str
    project: str
    flavor: str
    state: str
    volumes: list[str] = field(default_factory=list)


@dataclass
class Volume:
    """A volume of `size` GiB."""

    id: str
    name: str
    project: str
    size: int
    state: str
    server: str = ""


@dataclass
class Cloud:
    """All that was put into the lab. `domains` are their IDs by name; `off` is disabled, `heat` is of Heat's own."""

    domains: dict[str, str] = field(default_factory=dict)
    off: str = ""
    heat: str = ""
    projects: list[Project] = field(default_factory=list)
    servers: list[Server] = field(default_factory=list)
    volumes: list[Volume] = field(default_factory=list)
    flavors: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    """vcpus, ram in MiB and disk in GiB, by name."""

    def project(self, label: str) -> Project:
        """The awkward project of this label."""
        (found,) = [project for project in self.projects if project.label == label]
        return found

    @property
    def offered(self) -> dict[str, Project]:
        """By ID, those that are enabled and in an ordinary domain: what is offered where nothing is configured."""
        aside = {self.off, self.heat}
        return {project.id: project for project in self.projects if project.enabled and project.domain not in aside}

    @property
    def offered_servers(self) -> dict[str, Server]:
        """The servers of those projects, by ID."""
        return {server.id: server for server in self.servers if server.project in self.offered}

    @property
    def offered_volumes(self) -> dict[str, Volume]:
        """The volumes of those projects, by ID."""
        return {volume.id: volume for volume in self.volumes if volume.project in self.offered}
