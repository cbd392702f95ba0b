"""Who may see what: each row of the table of permissions in docs/scanners/openstack.md, with the policies as written.

Nobody is shown a part that looks like the whole: what a credential may not see is an error, or makes the scan partial.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from live.openstack.conftest import Backend
from live.openstack.lab.accounts import WALDUR
from live.openstack.lab.content import Cloud
from live.openstack.openstack_lab import OpenstackLab
from waldur_import_agent.scanners.base import BackendError, BackendMisconfiguredError, CheckStatus

PAGE = Path(__file__).parents[3] / "docs" / "scanners" / "openstack.md"
SERVICES = ("Keystone", "Nova", "Cinder", "Neutron")
READS_ALL, READER, SYSTEM, DOMAIN = (
    "agent-reads-all-credential",
    "agent-reader-credential",
    "agent-system",
    "agent-domain",
)
SMALL = {"include": [{"name": "^(project-0000[1-9]|zero-quota|unlimited-quota)$"}]}
"""A few projects, with quotas of their own and without."""
ALL: dict[str, Any] = {"kinds": ["project", "server", "volume"], "select": SMALL}


def documented_policies() -> dict[str, dict[str, str]]:
    """The overrides of the page, by service."""
    blocks = re.findall(r"^```yaml\n# (\w+).*?\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    policies = {service.lower(): yaml.safe_load(rules) for service, rules in blocks if service in SERVICES}
    assert policies.keys() == {service.lower() for service in SERVICES}
    return policies


@pytest.fixture
def overridden(openstack_lab: OpenstackLab) -> Iterator[dict[str, dict[str, str]]]:
    """The services with the page's overrides."""
    policies = documented_policies()
    with openstack_lab.policies(policies):
        yield policies


async def refused(backend: Backend, cloud: str, **settings: Any) -> str:
    """What a scan that is refused says; check() says it too, and names what is to be done."""
    with pytest.raises(BackendMisconfiguredError) as caught:
        await backend.scan(cloud, **settings)
    failed = [check for check in await backend.scanner(cloud, **settings).check() if check.status is CheckStatus.FAIL]
    assert failed, "check() sees nothing wrong"
    assert failed[0].detail in str(caught.value)
    assert failed[0].remedy
    return str(caught.value)


async def test_every_row_of_the_table_is_tested_here() -> None:
    """A row more in the page is a test more here."""
    section = PAGE.read_text().partition("\n## Permissions\n")[2].partition("\n#")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")][2:]
    roles = [row.split("|")[1].strip() for row in rows]
    assert [re.sub(r"\[(\w+)\]\(.*?\)", r"\1", role) for role in roles] == [
        "`admin` on any one project",
        "a role of its own and `reader` on one project, with the overrides",
        "`reader` on the system",
        "`reader` on a domain",
        "`reader` on one project",
    ]


async def test_admin_on_one_project_sees_everything(backend: Backend, cloud: Cloud) -> None:
    """All kinds and quotas; check() passes and counts."""
    scan = await backend.scan(WALDUR, **ALL)
    assert scan.complete
    assert {resource.kind for resource in scan.resources} == {
        "OpenStack project",
        "OpenStack server",
        "OpenStack volume",
    }
    checks = await backend.scanner(WALDUR, **ALL).check()
    assert {check.status for check in checks} == {CheckStatus.PASS}
    assert [check.name for check in checks] == [
        "credential",
        "projects",
        "compute quotas",
        "volume quotas",
        "network quotas",
        "servers",
        "volumes",
    ]
    assert re.search(r"agent-admin has .*\badmin\b.* on the project agent-home; regions: RegionOne", checks[0].detail)


async def test_a_role_of_its_own_with_the_overrides(
    backend: Backend, openstack_lab: OpenstackLab, overridden: dict[str, dict[str, str]]
) -> None:
    """The same projects, quotas and servers as an admin's; others' volumes cannot be opened, and that is told."""
    settings: dict[str, Any] = {"kinds": ["project", "server"], "select": SMALL}
    scan = await backend.scan(READS_ALL, **settings)
    assert scan == await backend.scan(WALDUR, **settings)
    assert scan.complete
    assert {check.status for check in await backend.scanner(READS_ALL, **settings).check()} == {CheckStatus.PASS}
    words = await refused(backend, READS_ALL, kinds=["volume"])
    assert "Cinder shows the credential the volumes of its own project only" in words


async def test_each_override_is_needed(
    backend: Backend, openstack_lab: OpenstackLab, overridden: dict[str, dict[str, str]]
) -> None:
    """Without any one of them the scan is refused, or calls itself partial."""
    settings: dict[str, Any] = {"kinds": ["project", "server"], "select": SMALL}
    for service, rules in overridden.items():
        for left_out in rules:
            less = {name: rule for name, rule in rules.items() if name != left_out}
            openstack_lab.set_policy(service, less)
            try:
                complete = (await backend.scan(READS_ALL, **settings)).complete
            except BackendError:
                complete = False
            assert not complete, f"{left_out} is not needed"
        openstack_lab.set_policy(service, rules)


async def test_the_overrides_open_nothing_to_others(
    backend: Backend, openstack_lab: OpenstackLab, overridden: dict[str, dict[str, str]]
) -> None:
    """A plain reader still sees his own project only."""
    assert "refuses the list of projects" in await refused(backend, READER)


async def test_a_role_of_its_own_without_the_overrides_is_a_reader(backend: Backend, cloud: Cloud) -> None:
    """On a stock cloud the role means nothing."""
    assert "Keystone refuses the list of projects" in await refused(backend, READS_ALL)


async def test_a_reader_of_the_system_sees_projects_alone(backend: Backend, cloud: Cloud) -> None:
    """All projects and domains; Nova and Neutron refuse it, and the catalog does not show it Cinder."""
    settings: dict[str, Any] = {"kinds": ["project"], "quotas": []}
    assert await backend.scan(SYSTEM, **settings) == await backend.scan(WALDUR, **settings)
    assert "Nova refuses" in await refused(backend, SYSTEM, quotas=["compute"])
    assert "the catalog has no Cinder" in await refused(backend, SYSTEM, quotas=["volume"])
    assert "Neutron refuses" in await refused(backend, SYSTEM, quotas=["network"])
    assert "Nova refuses the list of all servers" in await refused(backend, SYSTEM, kinds=["server"])
    assert "the catalog has no Cinder" in await refused(backend, SYSTEM, kinds=["volume"])


async def test_a_reader_of_a_domain_sees_its_projects_alone(backend: Backend, cloud: Cloud) -> None:
    """The domain's projects, where the offering stands for the domain; never as if they were the cloud."""
    found = await backend.found(DOMAIN, scope="domain", quotas=[])
    wanted = {project.id for project in cloud.offered.values() if project.domain == "Default"}
    assert {backend_id for backend_id, it in found.items() if it.name not in {"admin", "agent-home"}} == wanted
    assert "scope is cloud, and the credential is shown one domain's projects only" in await refused(backend, DOMAIN)
    for further in ({"quotas": ["compute"]}, {"quotas": [], "kinds": ["server"]}):
        with pytest.raises(ValidationError, match="a domain's credential is shown projects and nothing else"):
            backend.scanner(DOMAIN, scope="domain", **further)


async def test_a_reader_of_one_project_sees_that_one(
    backend: Backend, openstack_lab: OpenstackLab, cloud: Cloud
) -> None:
    """One project's own credential, with no right to list projects: this project, its quotas, servers and volumes."""
    project = cloud.project("over-quota")
    reader = openstack_lab.reader_of(project.id)
    settings: dict[str, Any] = {"kinds": ["project", "server", "volume"]}
    scan = await backend.scan(reader, scope="project", **settings)
    servers = {server.id for server in cloud.servers if server.project == project.id}
    volumes = {volume.id for volume in cloud.volumes if volume.project == project.id}
    assert servers
    assert volumes
    assert scan.complete
    assert {resource.backend_id for resource in scan.resources} == {project.id} | servers | volumes
    admins = await backend.found(WALDUR, select={"include": [{"name": f"^{project.name}$"}]})
    (own,) = [resource for resource in scan.resources if resource.backend_id == project.id]
    assert own.limits == admins[project.id].limits
    assert "Keystone refuses the list of projects" in await refused(backend, reader)
