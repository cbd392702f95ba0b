"""What Keystone knows: projects, their domains, and what is above each."""

from collections.abc import Mapping
from dataclasses import dataclass

from waldur_import_agent.records import Ancestor, Attribute
from waldur_import_agent.scanners.base import BackendMisconfiguredError, BackendUnavailableError
from waldur_import_agent.scanners.openstack.cloud import Access, Query
from waldur_import_agent.scanners.openstack.failures import SERVICES, not_its_own
from waldur_import_agent.scanners.openstack.listing import Listing, Row
from waldur_import_agent.scanners.openstack.login import Cloud
from waldur_import_agent.scanners.openstack.settings import OpenStackSettings

PAGE = 1000
"""Rows asked for in a page; Keystone gives fewer where it has a smaller bound."""


@dataclass(frozen=True, slots=True)
class KeystoneProject:
    """A project as Keystone has it; `parent_id` is its domain's ID where no project is above it."""

    id: str
    name: str
    domain_id: str
    parent_id: str
    description: str
    enabled: bool
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain; its projects say that they are enabled where it is not."""

    id: str
    name: str
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Directory:
    """All projects and domains that belong to the scope. `whole`: it is all that the cloud has."""

    projects: Mapping[str, KeystoneProject]
    domains: Mapping[str, Domain]
    whole: bool

    def domain_of(self, project: KeystoneProject) -> Domain:
        """Its domain; one that is not known has its ID as its name."""
        return self.domains.get(project.domain_id) or Domain(project.domain_id, project.domain_id)

    def above(self, project: KeystoneProject) -> tuple[KeystoneProject, ...]:
        """The projects above it, the nearest first. Keystone's own `parents_as_list` leaves some out."""
        chain: list[KeystoneProject] = []
        current = self.projects.get(project.parent_id)
        while current is not None and current not in chain:
            chain.append(current)
            current = self.projects.get(current.parent_id)
        return tuple(chain)

    def ancestors(self, project: KeystoneProject) -> tuple[Ancestor, ...]:
        """What is above it: the projects, the nearest first, and its domain last."""
        domain = self.domain_of(project)
        above = tuple(as_ancestor(parent, domain) for parent in self.above(project))
        top = (above and self.projects[above[-1].backend_id].parent_id) or project.parent_id
        if top not in {"", domain.id, project.id} and top not in self.projects:  # seen by its ID only
            above += (Ancestor(top, top, {"type": "project", "domain": domain.name}),)
        return (*above, Ancestor(domain.id, domain.name, {"type": "domain"}))


def as_ancestor(project: KeystoneProject, domain: Domain) -> Ancestor:
    """A project that stands above something."""
    attributes: dict[str, Attribute] = {"type": "project", "domain": domain.name, **texts(project)}
    return Ancestor(project.id, project.name, attributes)


def texts(project: KeystoneProject) -> dict[str, Attribute]:
    """Its description and its tags, each where there is one. Keystone takes no tag with a comma."""
    found = {"description": project.description, "tags": ",".join(project.tags)}
    return {name: text for name, text in found.items() if text}


async def read_directory(cloud: Cloud, settings: OpenStackSettings) -> Directory:
    """The projects and domains of the scope. Raises BackendError."""
    access = cloud.access
    own = {access.domain_id: Domain(access.domain_id, access.domain_name)}
    refuse_scope(access, settings)
    if settings.scope == "project":
        what = "the credential's own project"
        body = await cloud.identity.get("identity", f"/projects/{access.project_id}", what)
        try:
            project = _project(body["project"])
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise not_its_own("identity", what, f"a row that cannot be read ({error!r})") from error
        return Directory({project.id: project}, own, whole=False)
    pages: Query = {"limit": PAGE}
    projects = await Listing(cloud.identity, "identity", "/projects", "the list of projects", pages).whole(_project)
    if access.project_id and access.project_id not in projects:
        raise BackendMisconfiguredError(
            f"Keystone lists {len(projects)} projects, and the credential's own ({access.project_name}) is not among "
            "them: this is not all",
            remedy="Look at Keystone's policy for identity:list_projects",
        )
    if settings.scope == "domain":
        return Directory(projects, own, whole=False)
    domains = await Listing(cloud.identity, "identity", "/domains", "the list of domains", pages).whole(_domain)
    return Directory(projects, domains, whole=True)


def refuse_scope(access: Access, settings: OpenStackSettings) -> None:
    """Raise BackendMisconfiguredError where the credential cannot show what the offering stands for."""
    if settings.scope == "project" and not access.project_id:
        raise BackendMisconfiguredError(
            f"scope is project, and the credential is not one of a project: {access}",
            remedy="Scope it to the project, or set another scope",
        )
    if settings.scope == "domain" and not access.domain_scoped:
        raise BackendMisconfiguredError(
            f"scope is domain, and the credential is not one of a domain: {access}",
            remedy="Scope it to the domain (domain_name in clouds.yaml), or set another scope",
        )
    if settings.scope == "cloud" and access.domain_scoped:
        raise BackendMisconfiguredError(
            f"scope is cloud, and the credential is shown one domain's projects only: {access}",
            remedy="Scope it to a project, or set scope to domain",
        )


def refuse_known(directory: Directory, gone: Mapping[str, str]) -> None:
    """Raise BackendUnavailableError where Keystone has a project that a service says not to know.

    `directory` was read after the services were asked, `gone` has the service by project: Nova refuses the quota of a
    project that was deleted meanwhile.
    """
    for project, service in gone.items():
        if project in directory.projects:
            raise BackendUnavailableError(
                f"{SERVICES[service]} does not know the project {project}, and Keystone does",
                remedy=f"Look whether {SERVICES[service]} asks the same Keystone",
            )


def _project(row: Row) -> KeystoneProject:
    tags = row.get("tags") or []
    return KeystoneProject(
        id=_text(row["id"]),
        name=_text(row["name"]),
        domain_id=_text(row["domain_id"]),
        parent_id=_text(row.get("parent_id") or ""),
        description=_text(row.get("description") or ""),
        enabled=row["enabled"] is True,
        tags=tuple(sorted(_text(tag) for tag in tags)),
    )


def _domain(row: Row) -> Domain:
    return Domain(id=_text(row["id"]), name=_text(row["name"]), enabled=row["enabled"] is True)


def _text(value: object) -> str:
    """The value if it is a text. Raises TypeError."""
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} in the place of a text")
    return value
