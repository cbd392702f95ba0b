"""What check() says of a credential, service by service."""

from typing import Any

from unit.scanners.openstack.fake_cloud import FakeCloud, body
from unit.scanners.openstack.scanning import scanner
from waldur_import_agent.scanners.base import Check, CheckStatus

ALL: dict[str, Any] = {"kinds": ["project", "server", "volume"], "quotas": None}


async def checks(cloud: FakeCloud, **settings: Any) -> dict[str, Check]:
    """The checks by name, in their order."""
    return {check.name: check for check in await scanner(cloud, **settings).check()}


async def test_an_admin_sees_all(cloud: FakeCloud) -> None:
    """Each service says what it shows."""
    cloud.add_server(cloud.project("nest")["id"])
    there = await checks(cloud, **ALL)
    assert {check.status for check in there.values()} == {CheckStatus.PASS}
    assert list(there) == [
        "credential", "projects", "compute quotas", "volume quotas", "network quotas", "servers", "volumes"
    ]  # fmt: skip
    assert there["credential"].detail.endswith("on the project admin; regions: RegionOne")
    assert there["projects"].detail == "Keystone shows 39, of which 36 would be offered"
    assert there["compute quotas"].detail == "Nova shows quotas of other projects"
    assert there["servers"].detail == "Nova shows 1 servers, and all its cells answer"
    assert there["volumes"].detail == "Cinder shows 0 volumes"


async def test_it_costs_little(cloud: FakeCloud) -> None:
    """One quota of each service, not one for each project."""
    await checks(cloud, **ALL)
    assert cloud.count("compute", "/os-quota-sets") == 1
    assert cloud.count("volume", "/os-quota-sets") == 1
    assert cloud.count("identity", "/auth/tokens") == 1


async def test_the_first_quota_is_another_projects(cloud: FakeCloud) -> None:
    """Its own a credential may always see."""
    cloud.auth, cloud.opened = "keystone/auth-project-reader-appcred", {"projects", "domains"}
    cloud.projects = [project for project in cloud.projects if project["id"] >= cloud.own]
    there = await checks(cloud, quotas=["compute", "volume"])
    assert there["compute quotas"].status is there["volume quotas"].status is CheckStatus.FAIL
    assert "os-quota-sets:show" in there["compute quotas"].detail
    assert "docs/scanners/openstack.md" in there["compute quotas"].remedy


async def test_each_service_is_looked_at_although_another_fails(cloud: FakeCloud) -> None:
    """So that all that is missing can be mended at once."""
    cloud.auth, cloud.opened = "keystone/auth-project-reader-appcred", {"projects", "domains", "servers"}
    statuses = {name: check.status for name, check in (await checks(cloud, **ALL)).items()}
    assert [name for name, status in statuses.items() if status is CheckStatus.FAIL] == [
        "compute quotas", "volume quotas", "network quotas", "volumes"
    ]  # fmt: skip
    assert statuses["servers"] is CheckStatus.WARN


async def test_without_the_list_of_projects_nothing_more_is_asked(cloud: FakeCloud) -> None:
    """And a credential that does not log in is all that is said."""
    cloud.auth = "keystone/auth-project-reader-appcred"
    there = await checks(cloud, **ALL)
    assert [check.status for check in there.values()] == [CheckStatus.PASS, CheckStatus.FAIL]
    cloud.port = 9
    there = await checks(cloud, **ALL)
    assert [(check.name, check.status) for check in there.values()] == [("credential", CheckStatus.FAIL)]


async def test_a_cell_that_does_not_answer_is_a_warning(cloud: FakeCloud) -> None:
    """The scan goes on, incomplete."""
    cloud.unreached = body("errors/200-nova-cell-down-mv269")["servers"]
    check = (await checks(cloud, kinds=["server"]))["servers"]
    assert check.status is CheckStatus.WARN
    assert check.detail.startswith("Nova of the region RegionOne does not reach one of its cells")
    assert check.remedy == "Nothing is withdrawn until this is known"


async def test_the_credential_of_one_project(cloud: FakeCloud) -> None:
    """It is asked for what it may see."""
    cloud.auth = "keystone/auth-project-reader-appcred"
    there = await checks(cloud, **ALL, scope="project")
    assert {check.status for check in there.values()} == {CheckStatus.PASS}
    assert there["compute quotas"].detail == "Nova shows quotas"
    assert there["servers"].detail == "Nova shows 0 servers"


async def test_regions_are_told_apart(cloud: FakeCloud) -> None:
    """By the name of the check."""
    cloud.regions = ("North", "South")
    there = await checks(cloud, quotas=["compute"], regions=["North", "South"])
    assert list(there) == ["credential", "projects", "compute quotas of North", "compute quotas of South"]


async def test_an_empty_cloud_passes(cloud: FakeCloud) -> None:
    """A system reader of a cloud without projects: there is no quota to look at."""
    cloud.auth, cloud.projects = "keystone/auth-system-reader", []
    assert list(await checks(cloud, quotas=["compute"])) == ["credential", "projects"]
