"""What a scan of a real OpenStack offers: all of it, whatever the services cut, and nothing else."""

from collections import Counter
from typing import Any

import pytest

from live.openstack.conftest import Backend
from live.openstack.lab.content import DEFAULTS, UNLIMITED, Cloud, Project
from live.openstack.openstack_lab import OpenstackLab
from waldur_import_agent.scanners.base import BackendMisconfiguredError
from waldur_import_agent.scanners.openstack.login import APPLICATION

ALL: dict[str, Any] = {"kinds": ["project", "server", "volume"], "quotas": ["network"]}
CAPS: dict[str, dict[str, dict[str, object]]] = {
    "keystone": {"DEFAULT": {"max_db_limit": 5}},
    "nova": {"api": {"max_limit": 5}},
    "cinder": {"DEFAULT": {"osapi_max_limit": 5}},
    "neutron": {"DEFAULT": {"pagination_max_limit": 5}},
}
"""Options with which each service gives no more than 5 rows in one answer."""
FEW = {"include": [{"name": r"^project-000[0-4]\d$"}]}
"""Some 50 projects, of which 2 are disabled."""


def limits(project: Project, *services: str) -> dict[str, int | None]:
    """The limits that a project must have: what was set, else the default; None is unlimited."""
    wanted = {f"{service}.{name}": project.limit(service, name) for service in services for name in DEFAULTS[service]}
    return {name: None if value == UNLIMITED else value for name, value in wanted.items()}


async def test_every_project_with_its_names_and_what_is_above_it(
    backend: Backend, openstack_lab: OpenstackLab, cloud: Cloud
) -> None:
    """1,100 projects, awkward names, nested, one name in three domains; disabled ones are counted."""
    scan = await backend.scan(quotas=[])
    assert scan.complete
    assert not scan.warnings
    found = {resource.backend_id: resource for resource in scan.resources}
    known = {project.id: project for project in cloud.projects}
    assert found.keys() - cloud.offered.keys() <= {
        name for name in found if found[name].name in {"admin", "agent-home"}
    }
    assert cloud.offered.keys() <= found.keys()
    for backend_id, project in cloud.offered.items():
        resource = found[backend_id]
        chain = [*project.parents, cloud.domains[project.domain]]
        names = [*(known[parent].name for parent in project.parents), project.domain]
        assert resource.name == project.name
        assert [(parent.backend_id, parent.name) for parent in resource.parents] == list(zip(chain, names, strict=True))
        assert resource.attributes["domain"] == project.domain
        assert resource.attributes.get("description", "") == project.description
        assert resource.attributes.get("tags", "") == ",".join(project.tags)
        assert resource.attributes["enabled"] is True
    assert {found[backend_id].name for backend_id in found} >= {"research", "Research"}
    left_out = {project.id for project in cloud.projects} - cloud.offered.keys()
    assert left_out <= scan.excluded.keys()
    assert all("disabled" in scan.excluded[backend_id] for backend_id in left_out - {cloud.project("of-heat").id})


async def test_every_limit_set_or_default(backend: Backend, cloud: Cloud) -> None:
    """Zero, unlimited, huge, exceeded and default quotas, of each service."""
    labels = ["zero", "unlimited", "huge", "over-quota", "defaults"]
    names = "|".join(cloud.project(label).name for label in labels)
    found = await backend.found(select={"include": [{"name": f"^({names}|project-0000[1-9])$"}]})
    assert len(found) == len(labels) + 9
    for backend_id, resource in found.items():
        wanted = limits(cloud.offered[backend_id], "compute", "volume", "network")
        assert {name: resource.limits[name] for name in wanted} == wanted, resource.name
        assert not resource.problems


async def test_every_server_and_volume(backend: Backend, cloud: Cloud) -> None:
    """More than a page of each; sizes, states, what is attached where; orphans are shown and not offered."""
    scan = await backend.scan(kinds=["server", "volume"])
    assert scan.complete
    found = {resource.backend_id: resource for resource in scan.resources}
    assert found.keys() == cloud.offered_servers.keys() | cloud.offered_volumes.keys()
    for backend_id, server in cloud.offered_servers.items():
        resource = found[backend_id]
        vcpus, ram, disk = cloud.flavors[server.flavor]
        assert resource.name == server.name
        assert resource.parents[0].backend_id == server.project
        assert resource.limits == {"vcpus": vcpus, "ram": ram, "disk": disk}
        assert (resource.attributes["flavor"], resource.attributes["state"]) == (server.flavor, server.state)
        assert resource.attributes.get("volumes", "") == ",".join(sorted(server.volumes))
    for backend_id, volume in cloud.offered_volumes.items():
        resource = found[backend_id]
        assert resource.name == (volume.name or volume.id)
        assert resource.parents[0].backend_id == volume.project
        assert resource.limits == {"size": volume.size}
        assert resource.attributes["state"] == volume.state
        assert resource.attributes.get("servers", "") == volume.server
    known = {project.id for project in cloud.projects}
    orphans = [thing.id for thing in (*cloud.servers, *cloud.volumes) if thing.project not in known]
    assert orphans
    assert all("orphan" in scan.absent[backend_id] for backend_id in orphans)
    assert any("Keystone no longer knows" in warning for warning in scan.warnings)


async def test_a_cloud_that_gives_five_rows_in_an_answer_is_read_whole(
    backend: Backend, openstack_lab: OpenstackLab, cloud: Cloud
) -> None:
    """Caps that an operator may set, of all four services: the same scan, row by row."""
    settings = ALL | {"select": FEW}
    before = await backend.scan(**settings)
    with openstack_lab.configured(CAPS):
        begin = openstack_lab.now()
        assert await backend.scan(**settings) == before
        requests = openstack_lab.requests(begin, APPLICATION)
    pages = Counter(request.path.partition("?")[0].rpartition("/v")[2] for request in requests)
    assert pages["3/projects"] > len(cloud.projects) / 5
    assert pages["2.1/servers/detail"] > len(cloud.servers) / 5


async def test_a_keystone_that_truncates_is_read_whole(backend: Backend, openstack_lab: OpenstackLab) -> None:
    """`list_limit`, whose links openstacksdk does not follow."""
    before = await backend.scan(quotas=[])
    with openstack_lab.configured({"keystone": {"DEFAULT": {"list_limit": 50}}}):
        assert await backend.scan(quotas=[]) == before


async def test_only_what_is_used_is_offered(backend: Backend, openstack_lab: OpenstackLab, cloud: Cloud) -> None:
    """`select.used`: a server, or a quota of its own in the services that are read."""
    with openstack_lab.api() as api:
        body = {"project": {"name": "never used", "domain_id": "default"}}
        unused = api.post("keystone", "/projects", body)["project"]["id"]
        scan = await backend.scan(select={"used": True, "include": [{"name": "^(never used|zero-quota|12345)$"}]})
        api.delete("keystone", f"/projects/{unused}")
    assert {resource.name for resource in scan.resources} == {"zero-quota", "12345"}
    assert "no server and no quota of its own" in scan.excluded[unused]


@pytest.mark.parametrize(
    ("condition", "labels"),
    [
        ({"domain": "^faculty-b$", "name": "^research$"}, {"same-faculty"}),
        ({"parent": "^nest$"}, {"middle", "bottom"}),
        ({"tag": "^vo:einfra$"}, {"tags"}),
        ({"name": "(?i)^research$"}, {"same-default", "same-arts", "same-faculty", "case"}),
    ],
)
async def test_filters(backend: Backend, cloud: Cloud, condition: dict[str, str], labels: set[str]) -> None:
    """By domain, parent project, tag and name; a record of what is left out is kept."""
    scan = await backend.scan(quotas=[], select={"include": [condition]})
    assert {resource.backend_id for resource in scan.resources} == {cloud.project(label).id for label in labels}
    assert cloud.project("spaces").id in scan.excluded


async def test_disabled_and_service_projects_where_asked_for(backend: Backend, cloud: Cloud) -> None:
    """Nothing but domains is left out."""
    scan = await backend.scan(quotas=[], select={"disabled": True, "service": True})
    found = {resource.backend_id: resource for resource in scan.resources}
    assert {project.id for project in cloud.projects} <= found.keys()
    assert {"service", "admin"} <= {resource.name for resource in scan.resources}
    assert found[cloud.project("in-disabled-domain").id].attributes["enabled"] is False
    assert scan.excluded.keys() == set(cloud.domains.values())


async def test_several_regions(backend: Backend, openstack_lab: OpenstackLab, cloud: Cloud) -> None:
    """Each limit has its region; one region of several is read like a cloud's only one; an unknown one is refused."""
    select = {"include": [{"name": "^zero-quota$"}]}
    zero = cloud.project("zero").id
    alone = (await backend.found(select=select))[zero].limits
    with openstack_lab.second_region():
        both = (await backend.found(select=select, regions=["RegionOne", "RegionTwo"]))[zero].limits
        second = (await backend.found(select=select, regions=["RegionTwo"]))[zero].limits
        with pytest.raises(BackendMisconfiguredError, match="no region RegionThree; it has: RegionOne, RegionTwo"):
            await backend.scan(select=select, regions=["RegionThree"])
    assert second == alone
    assert both == {f"{name}@{region}": alone[name] for name in alone for region in ("RegionOne", "RegionTwo")}
