"""Quotas as limits. Nova and Cinder have no bulk read; Neutron has one, of the projects with a quota of their own.

-1 is unlimited, which Waldur has no number for: such a limit is None. What a service does not answer is no limit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from waldur_import_agent.records import Limit
from waldur_import_agent.scanners.base import BackendMisconfiguredError
from waldur_import_agent.scanners.openstack.cloud import Access, Region
from waldur_import_agent.scanners.openstack.failures import RefusedError, not_its_own
from waldur_import_agent.scanners.openstack.settings import OpenStackSettings, QuotaService
from waldur_import_agent.system import for_each

UNLIMITED = -1
MICROVERSIONS = {"compute": "2.69", "volume": None}
"""Nova's 2.69 (Stein) leaves out what it only repeats from others: floating IPs, security groups."""
EXPECTED = {
    "compute": frozenset({"cores", "instances", "ram"}),
    "volume": frozenset({"gigabytes", "volumes"}),
    "network": frozenset({"network", "port"}),
}
"""What a quota of the service always has, as whole numbers: an answer without them is another one's."""
NOT_LIMITS = frozenset({"id", "project_id", "tenant_id"})


@dataclass(frozen=True, slots=True)
class Quota:
    """What one service grants to a project, and what of it could not be read."""

    limits: Mapping[str, Limit]
    problems: tuple[str, ...] = ()


@dataclass(slots=True)
class Quotas:
    """The quotas of one region by service and project.

    `gone` are projects that a service says not to know, with that service, `own` those whose quota is not the default,
    `rows` those that have a quota of their own in Neutron, known to Keystone or not.
    """

    by_service: dict[QuotaService, dict[str, Quota]] = field(default_factory=dict)
    gone: dict[str, str] = field(default_factory=dict)
    own: set[str] = field(default_factory=set)
    rows: frozenset[str] = frozenset()


async def read_quotas(
    region: Region,
    services: Sequence[QuotaService],
    projects: Sequence[str],
    access: Access,
    settings: OpenStackSettings,
) -> Quotas:
    """The quotas of `projects` (their IDs) in `services`. Raises BackendError: a quota is read, or nothing is."""
    quotas = Quotas()
    if not projects:
        return quotas
    await _one_by_one(region, [service for service in services if service != "network"], projects, settings, quotas)
    if "network" in services:
        quotas.by_service["network"] = await _network(region, projects, access, settings, quotas)
    return quotas


async def read_quota(region: Region, service: QuotaService, project: str, suffix: str = "") -> Quota:
    """One project's quota in Nova or Cinder. Raises BackendError."""
    what = f"the quota of project {project}"
    path = f"/os-quota-sets/{project}{suffix}"
    body = await region.get(service, path, what, microversion=MICROVERSIONS[service])
    row = body.get("quota_set")
    if not isinstance(row, dict) or row.get("id") != project:
        raise not_its_own(service, what, "no quota_set of this project")
    return _quota(service, what, row)


async def _one_by_one(
    region: Region,
    services: Sequence[QuotaService],
    projects: Sequence[str],
    settings: OpenStackSettings,
    quotas: Quotas,
) -> None:
    async def one(question: tuple[QuotaService, str]) -> None:
        service, project = question
        try:
            quotas.by_service[service][project] = await read_quota(region, service, project)
        except RefusedError as error:
            if error.status not in {400, 404}:
                raise
            quotas.gone[project] = service

    # the first alone: what is refused for one is refused for all, and it finds the service's address for them
    for service in services:
        quotas.by_service[service] = {}
        await one((service, projects[0]))
    # Nova and Cinder in turn, so that both work at the same time
    rest = ((service, project) for project in projects[1:] for service in services)
    await for_each(rest, one, in_flight=settings.in_flight)
    if settings.select.used:
        for service in services:
            found = quotas.by_service[service]
            if not found:
                continue
            default = await read_quota(region, service, next(iter(found)), "/defaults")  # of one that it knows
            quotas.own |= {project for project, quota in found.items() if quota.limits != default.limits}


async def _network(
    region: Region, projects: Sequence[str], access: Access, settings: OpenStackSettings, quotas: Quotas
) -> dict[str, Quota]:
    """Neutron's list has who has a quota of his own; for all others the default holds."""
    if settings.scope == "project":
        what = "the project's own quota"
        body = await region.get("network", f"/quotas/{projects[0]}", what)
        return {projects[0]: _quota("network", what, body.get("quota"))}
    what = "the list of quotas"
    body = await region.get("network", "/quotas", what)
    rows = body.get("quotas")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise not_its_own("network", what, "no list of quotas")
    found = {str(row.get("project_id") or row.get("tenant_id")): _quota("network", what, row) for row in rows}
    refuse_own_rows(found, access)
    body = await region.get("network", f"/quotas/{access.project_id or projects[0]}/default", "the default quota")
    default = _quota("network", "the default quota", body.get("quota"))
    quotas.own |= found.keys() & set(projects)
    quotas.rows = frozenset(found)
    return {project: found.get(project, default) for project in projects}


def refuse_own_rows(projects: Mapping[str, Quota], access: Access) -> None:
    """Raise BackendMisconfiguredError where Neutron may be showing the credential its own quota only.

    With `get_quota` opened by policy and `context_with_global_access` not, the list is cut and every other project
    seems to have the default.
    """
    if access.is_admin or projects.keys() - {access.project_id}:
        return
    raise BackendMisconfiguredError(
        "Neutron shows no quota of another project, and the credential has not the role admin: it cannot be told "
        "whether there is none",
        remedy="Open context_with_global_access to its role in Neutron's policy, or set any project's quota once, or "
        "take network out of `quotas`",
    )


def _quota(service: str, what: str, row: Any) -> Quota:
    """A quota from its JSON. Raises BackendUnavailableError for an object that is none."""
    if not isinstance(row, dict) or not all(_is_whole(row.get(name)) for name in EXPECTED[service]):
        raise not_its_own(service, what, "a quota without its usual limits")
    limits: dict[str, Limit] = {}
    problems: list[str] = []
    for name, value in row.items():
        if name in NOT_LIMITS:
            continue
        if _is_whole(value) and value >= UNLIMITED:
            limits[name] = None if value == UNLIMITED else value
        else:
            problems.append(f"limit {service}.{name} unreadable: {value!r}")
    return Quota(limits, tuple(problems))


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
