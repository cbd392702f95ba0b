"""Servers and volumes as found resources, orphans, and a cell that does not answer."""

import pytest

from unit.scanners.openstack.fake_cloud import FakeCloud, body
from unit.scanners.openstack.scanning import found, scan
from waldur_import_agent.records import Ancestor
from waldur_import_agent.scanners.base import BackendError, BackendMisconfiguredError

THINGS = ["server", "volume"]
ORPHANS = "servers or volumes of projects that Keystone no longer knows are not offered; the projects are "


async def test_a_server(cloud: FakeCloud) -> None:
    """Its flavor, size, state, image and zone; the project is its nearest parent."""
    project = cloud.project("nest-child")
    volumes = [{"id": "b"}, {"id": "a"}]
    server = cloud.add_server(project["id"], **{"os-extended-volumes:volumes_attached": volumes})
    resource = (await found(cloud, kinds=["server"]))["vm-44cb63-00195"]
    assert (resource.backend_id, resource.kind) == (server["id"], "OpenStack server")
    assert resource.limits == {"vcpus": 4, "ram": 8192, "disk": 80}
    assert resource.attributes == {
        "project": "nest-child",
        "project_id": project["id"],
        "region": "RegionOne",
        "state": "ACTIVE",
        "flavor": "m1.large",
        "image": "70a599e0-31e7-49b7-b260-868f441e862b",
        "availability_zone": "nova",
        "volumes": "a,b",
        "created": "2026-11-24T03:56:46Z",
    }
    assert [parent.name for parent in resource.parents] == ["nest-child", "nest", "Default"]
    assert resource.parents[0].attributes == {"type": "project", "domain": "Default"}


async def test_a_server_that_says_little(cloud: FakeCloud) -> None:
    """Booted from a volume it has no image; a size that Nova does not give is not there."""
    flavor = {"vcpus": 0, "ram": None, "disk": "20"}
    cloud.add_server(cloud.project("nest")["id"], image="", name="", flavor=flavor, status="ERROR")
    ((resource,),) = [(await scan(cloud, kinds=["server"])).resources]
    assert resource.name == resource.backend_id
    assert resource.limits == {"vcpus": 0}
    assert not {"image", "volumes", "flavor"} & set(resource.attributes)


async def test_a_volume(cloud: FakeCloud) -> None:
    """Its size in GiB, type, state, and the servers that it is attached to."""
    project = cloud.project("tagged")
    volume = cloud.add_volume(project["id"])
    resource = (await found(cloud, kinds=["volume"]))["vol-44cb63-00126"]
    assert (resource.backend_id, resource.kind) == (volume["id"], "OpenStack volume")
    assert resource.limits == {"size": 1}
    assert resource.attributes == {
        "project": "tagged",
        "project_id": project["id"],
        "region": "RegionOne",
        "state": "in-use",
        "volume_type": "__DEFAULT__",
        "bootable": False,
        "availability_zone": "nova",
        "servers": "b4e39300-8dec-47f0-bbf8-02014ee36e18",
        "created": "2026-11-24T03:56:46.000000",
    }
    tags = "cost center 7,vo:einfra,waldur,ünï-tag"
    assert resource.parents[0] == Ancestor(
        project["id"], "tagged", {"type": "project", "domain": "Default", "tags": tags}
    )


@pytest.mark.parametrize("name", [None, ""])
async def test_a_volume_without_a_name_has_its_id(cloud: FakeCloud, name: str | None) -> None:
    """Cinder asks for none."""
    cloud.add_volume(cloud.project("nest")["id"], name=name, bootable="true")
    ((resource,),) = [(await scan(cloud, kinds=["volume"])).resources]
    assert resource.name == resource.backend_id
    assert resource.attributes["bootable"] is True


async def test_things_of_projects_that_are_not_offered_are_left_out(cloud: FakeCloud) -> None:
    """With the project's reason: their records are kept."""
    server = cloud.add_server(cloud.project("disabled-project")["id"])
    volume = cloud.add_volume(cloud.project("service")["id"])
    result = await scan(cloud, kinds=THINGS)
    assert result.resources == ()
    assert result.excluded == {
        server["id"]: "its project is disabled, and select.disabled is false",
        volume["id"]: "its project is OpenStack's own, and select.service is false",
    }


async def test_things_of_deleted_projects_are_orphans(cloud: FakeCloud) -> None:
    """They are shown, not offered."""
    ids = [cloud.add_server(f"{number:032x}")["id"] for number in range(7)]
    ids.append(cloud.add_volume("0" * 32)["id"])
    result = await scan(cloud, kinds=THINGS)
    assert result.resources == ()
    assert result.absent == dict.fromkeys(ids, "orphan: Keystone no longer knows its project")
    names = ", ".join(f"{number:032x}" for number in range(5))
    assert result.warnings == (f"{ORPHANS}{names} and 2 more",)
    assert result.complete


async def test_what_is_not_asked_for_is_not_read(cloud: FakeCloud) -> None:
    """Nova's servers, Cinder's volumes."""
    await scan(cloud, kinds=["project"])
    assert not cloud.count("compute")
    assert not cloud.count("volume")
    await scan(cloud, kinds=["server"])
    assert not cloud.count("volume")
    await scan(cloud, kinds=["volume"])
    assert cloud.count("compute", "/servers") == 1


async def test_servers_of_a_cell_that_is_down_are_known(cloud: FakeCloud) -> None:
    """Nova gives stubs for them: their records are kept, and the scan is not complete."""
    seen = cloud.add_server(cloud.project("nest")["id"])
    cloud.unreached = body("errors/200-nova-cell-down-mv269")["servers"]
    result = await scan(cloud, kinds=["project", "server"])
    assert seen["id"] in {resource.backend_id for resource in result.resources}
    stubs = {stub["id"]: "is in a cell that Nova does not reach" for stub in cloud.unreached}
    assert stubs.items() <= result.excluded.items()
    assert not result.complete
    (warning,) = result.warnings
    assert warning.startswith("Nova of the region RegionOne does not reach one of its cells: 3 servers or more, of 1 p")


async def test_all_servers_in_a_cell_that_is_down(cloud: FakeCloud) -> None:
    """Nova cannot go on behind a stub."""
    cloud.unreached = body("errors/200-nova-cell-down-mv269")["servers"]
    result = await scan(cloud, kinds=["server"])
    assert result.resources == ()
    assert len(result.excluded) == 3
    assert not result.complete
    assert cloud.count("compute", "/servers/detail") == 1


async def test_a_cell_that_is_down_behind_a_full_page(cloud: FakeCloud) -> None:
    """There is no room for stubs: the list of services tells it."""
    cloud.nova_cap = 5
    for _ in range(7):
        cloud.add_server(cloud.project("nest")["id"])
    cloud.unreached = body("errors/200-nova-cell-down-mv269")["servers"]
    cloud.services = [{"binary": "nova-compute", "host": "a", "status": "UNKNOWN"}, {"status": "enabled"}]
    result = await scan(cloud, kinds=["server"])
    assert len(result.resources) == 7
    assert not result.complete
    (warning,) = result.warnings
    assert warning.startswith("Nova of the region RegionOne does not reach one of its cells, with 1 of its services")


async def test_without_a_look_at_the_services_nobody_knows(cloud: FakeCloud) -> None:
    """Servers opened by policy, services not: the scan is not complete, and says what would make it so."""
    cloud.auth = "keystone/auth-project-reader-appcred"
    cloud.opened = {"projects", "domains", "servers"}
    cloud.add_server(cloud.project("nest")["id"])
    result = await scan(cloud, kinds=["server"])
    assert len(result.resources) == 1
    assert not result.complete
    assert "os_compute_api:os-services:list" in result.warnings[0]
    cloud.opened.add("services")
    assert (await scan(cloud, kinds=["server"])).complete


async def test_a_project_with_servers_out_of_reach_is_used(cloud: FakeCloud) -> None:
    """select.used must not leave it out."""
    project = cloud.project("nest")["id"]
    stub = body("errors/200-nova-cell-down-mv269")["servers"][0]
    cloud.unreached = [stub | {"tenant_id": project}]
    result = await scan(cloud, select={"used": True})
    assert [resource.backend_id for resource in result.resources] == [project]
    assert stub["id"] not in result.excluded


async def test_a_volume_attached_to_a_host(cloud: FakeCloud) -> None:
    """Glance attaches an image's volume to its host: Cinder then gives null in the place of the server."""
    at = [{"server_id": None, "host_name": "glance-1"}, {"server_id": "b", "host_name": None}]
    cloud.add_volume(cloud.project("nest")["id"], name="image", attachments=at)
    cloud.add_volume(cloud.project("nest")["id"], name="only", attachments=at[:1])
    resources = await found(cloud, kinds=["volume"])
    assert resources["image"].attributes["servers"] == "b"
    assert "servers" not in resources["only"].attributes


async def test_volumes_without_their_project_are_not_taken_for_the_credentials(cloud: FakeCloud) -> None:
    """A policy may hide whose a volume is, even from an admin: an error, and not all volumes in one project."""
    cloud.add_volume(cloud.project("nest")["id"])["os-vol-tenant-attr:tenant_id"] = None
    with pytest.raises(BackendMisconfiguredError, match="Cinder does not say whose a volume is") as caught:
        await scan(cloud, kinds=["volume"])
    assert "volume_extension:volume_tenant_attribute" in caught.value.remedy


async def test_cinder_that_shows_its_own_volumes_only_is_an_error(cloud: FakeCloud) -> None:
    """It drops all_tenants from who is not its admin, with status 200."""
    cloud.auth = "keystone/auth-project-reader-appcred"
    cloud.opened = {"projects", "domains", "quotas"}
    cloud.add_volume(cloud.project("nest")["id"])
    cloud.add_volume(cloud.own)
    with pytest.raises(BackendMisconfiguredError, match="Cinder shows the credential the volumes of its own project"):
        await scan(cloud, kinds=["volume"])


async def test_a_cloud_without_volumes_is_no_error(cloud: FakeCloud) -> None:
    """Who may see Cinder's services is its admin, and sees all: there are none."""
    result = await scan(cloud, kinds=["volume"])
    assert result.complete
    assert cloud.count("volume", "/os-services") == 1
    cloud.add_volume(cloud.project("nest")["id"])
    await scan(cloud, kinds=["volume"])
    assert cloud.count("volume", "/os-services") == 1, "another project's volume is proof enough"


async def test_a_project_of_its_own(cloud: FakeCloud) -> None:
    """One project's credential, without any right to list: the project, its quotas, servers and volumes."""
    cloud.auth = "keystone/auth-project-reader-appcred"
    own = cloud.own
    server, volume = cloud.add_server(own), cloud.add_volume(own)
    cloud.add_server(cloud.project("nest")["id"])
    cloud.add_volume(cloud.project("nest")["id"])
    settings = {"kinds": ["project", "server", "volume"], "quotas": ["compute", "volume", "network"]}
    result = await scan(cloud, scope="project", **settings)
    assert {resource.backend_id for resource in result.resources} == {own, server["id"], volume["id"]}
    assert result.complete
    project = {resource.backend_id: resource for resource in result.resources}[own]
    assert (project.limits["compute.cores"], project.limits["network.port"]) == (40, 500)
    assert project.parents == (Ancestor("default", "Default", {"type": "domain"}),)
    cloud.project("scanner-home")["parent_id"] = "f" * 32
    ((resource,),) = [(await scan(cloud, scope="project")).resources]
    assert [parent.backend_id for parent in resource.parents] == ["f" * 32, "default"]
    with pytest.raises(BackendError, match="Keystone refuses the list of projects"):
        await scan(cloud)
