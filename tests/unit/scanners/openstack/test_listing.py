"""Lists are whole, however the services cut them."""

import pytest

from unit.scanners.openstack.fake_cloud import Asked, FakeCloud, Instead
from unit.scanners.openstack.scanning import scan
from waldur_import_agent.scanners.base import BackendMisconfiguredError, BackendUnavailableError


@pytest.mark.parametrize(
    ("cap", "truncates", "pages"),
    [
        pytest.param(1000, False, True, id="Keystone 2025.1 as delivered"),
        pytest.param(50, False, True, id="max_db_limit 50"),
        pytest.param(50, True, True, id="list_limit 50"),
        pytest.param(1, False, True, id="one row a page"),
        pytest.param(1000, False, False, id="Keystone before 2025.1, without pages"),
    ],
)
async def test_more_than_a_thousand_projects(cloud: FakeCloud, cap: int, truncates: bool, pages: bool) -> None:
    """Keystone cuts at 1,000 by itself, and says so or not."""
    cloud.projects = [cloud.project("admin")]
    for number in range(1100 if cap > 1 else 20):
        cloud.add_project(number)
    cloud.keystone_cap, cloud.keystone_truncates, cloud.keystone_pages = cap, truncates, pages
    result = await scan(cloud)
    assert {resource.backend_id for resource in result.resources} == {project["id"] for project in cloud.projects}
    assert result.complete


async def test_an_old_keystone_that_cuts_is_an_error(cloud: FakeCloud) -> None:
    """Its list_limit has no way around: a part must not look like the whole."""
    cloud.keystone_cap, cloud.keystone_truncates, cloud.keystone_pages = 10, True, False
    with pytest.raises(BackendMisconfiguredError, match="Keystone cuts the list of projects at 10") as caught:
        await scan(cloud)
    assert "list_limit" in caught.value.remedy


async def test_a_list_without_the_credentials_own_project_is_not_all(cloud: FakeCloud) -> None:
    """Whatever makes it so."""
    cloud.projects.remove(cloud.project("admin"))
    with pytest.raises(BackendMisconfiguredError, match=r"the credential's own \(admin\) is not among them"):
        await scan(cloud)


@pytest.mark.parametrize("cap", [1, 5, 1000])
async def test_servers_and_volumes_of_all_pages(cloud: FakeCloud, cap: int) -> None:
    """The bounds of Nova (max_limit) and Cinder (osapi_max_limit) are the operator's."""
    cloud.nova_cap = cloud.cinder_cap = cap
    project = cloud.project("tagged")["id"]
    wanted = {cloud.add_server(project)["id"] for _ in range(12)} | {cloud.add_volume(project)["id"] for _ in range(12)}
    result = await scan(cloud, kinds=["server", "volume"])
    assert {resource.backend_id for resource in result.resources} == wanted
    assert result.complete


@pytest.mark.parametrize("service", ["identity", "compute", "volume"])
async def test_a_page_whose_beginning_is_deleted_begins_the_list_anew(cloud: FakeCloud, service: str) -> None:
    """Keystone answers 404, Nova 400, Cinder 404: what was read is no list."""
    cloud.keystone_cap = cloud.nova_cap = cloud.cinder_cap = 5
    project = cloud.project("tagged")["id"]
    for _ in range(7):
        cloud.add_server(project)
        cloud.add_volume(project)
    rows = {"identity": cloud.projects, "compute": cloud.servers, "volume": cloud.volumes}[service]
    deleted: list[str] = []

    def delete(asked: Asked) -> None:
        marker = asked.query.get("marker")
        if asked.service == service and marker and not deleted:
            (gone,) = [row for row in rows if row["id"] == marker]
            rows.remove(gone)
            deleted.append(marker)

    cloud.before = delete
    result = await scan(cloud, kinds=["project", "server", "volume"])
    assert deleted
    ids = {resource.backend_id for resource in result.resources} | set(result.excluded)
    assert deleted[0] not in ids
    wanted = {row["id"] for row in (*cloud.projects, *cloud.servers, *cloud.volumes, *cloud.domains)}
    assert ids == wanted


async def test_a_list_that_never_stands_still_is_an_error(cloud: FakeCloud) -> None:
    """After three starts."""
    cloud.keystone_cap = 5

    def delete(asked: Asked) -> None:
        marker = asked.query.get("marker")
        cloud.projects = [project for project in cloud.projects if project["id"] != marker]

    cloud.before = delete
    with pytest.raises(BackendUnavailableError, match="Keystone could not give the list of projects whole"):
        await scan(cloud)
    assert len([asked for asked in cloud.asked if asked.path == "/v3/projects"]) == 6


@pytest.mark.parametrize(
    ("service", "path", "text"),
    [
        ("identity", "/projects", '{"projects": [{"id": "a", "name": "no domain", "enabled": true}]}'),
        ("identity", "/projects", '{"projects": [{"id": "a", "name": 7, "domain_id": "default", "enabled": true}]}'),
        ("identity", "/projects", '{"projects": {"id": "a"}}'),
        ("identity", "/projects", '{"projects": [{"name": "no id"}]}'),
        ("identity", "/domains", '{"links": {}}'),
        ("compute", "/servers/detail", '{"servers": ["a"]}'),
        ("compute", "/servers/detail", '{"servers": [{"id": "a", "name": "a", "status": "ACTIVE"}]}'),
        ("compute", "/servers/detail", '{"servers": [{"id": "a", "name": "a", "flavor": "m1", "tenant_id": "t"}]}'),
        ("compute", "/os-services", "{}"),
        ("volume", "/volumes/detail", '{"volumes": [{"id": "a", "name": "a", "size": "big", "status": "available"}]}'),
        ("volume", "/volumes/detail", '{"quota_set": {}}'),
        ("volume", "/volumes/detail", "<html>Login</html>"),
    ],
)
async def test_an_answer_that_is_no_list_is_an_error(cloud: FakeCloud, service: str, path: str, text: str) -> None:
    """With status 200: the SDK would take it for an empty list, or leave the row out."""
    cloud.instead.append(Instead(service, path, text=text))
    with pytest.raises(BackendUnavailableError, match="answers with something that is not its own"):
        await scan(cloud, kinds=["project", "server", "volume"])
