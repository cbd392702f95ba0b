"""Quotas as limits: their keys and numbers, what is unlimited, and what is no quota."""

from typing import Any

import pytest

from unit.scanners.openstack.fake_cloud import FakeCloud, Instead, body
from unit.scanners.openstack.scanning import found, scan, scanner
from waldur_import_agent.scanners.base import BackendMisconfiguredError, BackendUnavailableError

NEST = {"include": [{"name": "^nest$"}]}


async def test_the_limits_of_all_services(cloud: FakeCloud) -> None:
    """Each by its service and the service's own name: cores, ram in MiB, gigabytes in GiB, floating IPs."""
    project = cloud.project("tagged")["id"]
    cloud.compute[project] = {"cores": 40, "ram": 81920}
    cloud.block[project] = {"gigabytes": 500, "gigabytes_Über schnell": 20}
    limits = (await found(cloud, quotas=None))["tagged"].limits
    assert (limits["compute.cores"], limits["compute.ram"], limits["compute.instances"]) == (40, 81920, 20)
    assert (limits["volume.gigabytes"], limits["volume.gigabytes_Über schnell"], limits["volume.volumes"]) == (
        500,
        20,
        10,
    )
    assert (limits["network.network"], limits["network.floatingip"]) == (7, 7)
    assert {name.split(".")[0] for name in limits} == {"compute", "volume", "network"}
    assert not [name for name in limits if name.endswith((".id", "_id"))]


async def test_unlimited_is_no_number_and_zero_is_one(cloud: FakeCloud) -> None:
    """-1 becomes None; as a number it would be imported as -1."""
    unlimited = cloud.project("unlimited-quota")["id"]
    zero = cloud.project("zero-quota")["id"]
    cloud.compute[unlimited] = body("nova/quota-unlimited")["quota_set"]
    cloud.block[unlimited] = body("cinder/quota-unlimited")["quota_set"]
    cloud.compute[zero] = {"cores": 0}
    there = await found(cloud, quotas=None)
    names = ("compute.cores", "compute.ram", "volume.gigabytes", "network.network")
    assert [there["unlimited-quota"].limits[name] for name in names] == [None] * 4
    assert there["zero-quota"].limits["compute.cores"] == 0
    assert there["huge-quota"].limits["network.network"] == 2147483647


async def test_a_project_without_its_own_row_in_neutron_has_the_default(cloud: FakeCloud) -> None:
    """Neutron lists who has one; the default is asked for once."""
    limits = (await found(cloud, quotas=["network"]))["default-quota-only"].limits
    assert limits["network.floatingip"] == body("neutron/quota-default")["quota"]["floatingip"] == 50
    assert cloud.count("network", "/quotas") == 2


@pytest.mark.parametrize("value", ["40", 1.5, True, None, -2, {"limit": 40, "in_use": 1}])
async def test_a_limit_that_is_no_number_is_a_problem(cloud: FakeCloud, value: Any) -> None:
    """The resource comes without this limit, and says so."""
    cloud.compute[cloud.project("nest")["id"]] = {"server_groups": value}
    resource = (await found(cloud, quotas=["compute"], select=NEST))["nest"]
    assert "compute.server_groups" not in resource.limits
    assert resource.limits["compute.ram"] == 81920
    assert resource.problems == (f"limit compute.server_groups unreadable: {value!r}",)


@pytest.mark.parametrize("value", ["40", True, None, {"limit": 40, "in_use": 1}])
async def test_a_quota_without_its_usual_limits_is_no_answer(cloud: FakeCloud, value: Any) -> None:
    """Else a wrong body would take the limits from the records: it fails the scan, which changes nothing."""
    cloud.compute[cloud.project("nest")["id"]] = {"cores": value}
    with pytest.raises(BackendUnavailableError, match=r"not its own .* a quota without its usual limits"):
        await scan(cloud, quotas=["compute"], select=NEST)


@pytest.mark.parametrize(
    ("service", "path", "text"),
    [
        ("compute", "/os-quota-sets", "<html><title>Login</title></html>"),
        ("compute", "/os-quota-sets", "[]"),
        ("compute", "/os-quota-sets", '{"unexpected": 1}'),
        ("compute", "/os-quota-sets", '{"quota_set": {"id": "another", "cores": 1, "ram": 1, "instances": 1}}'),
        ("compute", "/os-quota-sets", '{"quota_set": {"id": "3a5192c394894e1e9a1d8d63be666742", "volumes": 1}}'),
        ("volume", "/os-quota-sets", '{"quota_set": {"id": "3a5192c394894e1e9a1d8d63be666742", "cores": 1}}'),
        ("network", "/quotas", '{"quotas": {}}'),
        ("network", "/quotas", '{"quotas": [7]}'),
        ("network", "/quotas", '{"quotas": [{"project_id": "a"}]}'),
        ("network", "/default", '{"quota": {}}'),
        ("network", "/default", "{}"),
    ],
)
async def test_what_is_no_quota_is_an_error(cloud: FakeCloud, service: str, path: str, text: str) -> None:
    """With status 200: the SDK makes a quota without any limits of it."""
    cloud.instead.append(Instead(service, path, text=text))
    with pytest.raises(BackendUnavailableError, match="answers with something that is not its own"):
        await scan(cloud, quotas=None, select=NEST)


async def test_a_project_that_is_deleted_meanwhile_is_gone(cloud: FakeCloud) -> None:
    """Nova says that it is not valid, Keystone that it is not there."""
    project = cloud.project("nest")

    def delete(asked: object) -> None:
        if "os-quota-sets" in str(asked) and project in cloud.projects:
            cloud.projects.remove(project)

    cloud.before = delete
    result = await scan(cloud, quotas=["compute"], select={"include": [{"name": "^nest"}]})
    assert {resource.name for resource in result.resources} == {"nest-child", "nest-grandchild"}
    assert project["id"] not in {**result.excluded, **result.absent}
    assert result.complete


@pytest.mark.parametrize("count", [1, 3])
async def test_the_default_is_asked_for_with_a_project_that_is_still_there(cloud: FakeCloud, count: int) -> None:
    """Nova refuses even the default for one that is deleted in mid-scan, were it the first, or the only one."""
    nest = sorted((row for row in cloud.projects if row["name"].startswith("nest")), key=lambda row: str(row["id"]))
    first, others = nest[0], nest[1:count]
    names = "|".join(row["name"] for row in (first, *others))
    cloud.compute |= {row["id"]: {"cores": 41} for row in nest}

    def delete(asked: object) -> None:
        if "os-quota-sets" in str(asked) and first in cloud.projects:
            cloud.projects.remove(first)

    cloud.before = delete
    select = {"used": True, "include": [{"name": f"^({names})$"}]}
    result = await scan(cloud, quotas=["compute"], select=select)
    assert {resource.name for resource in result.resources} == {row["name"] for row in others}


async def test_a_project_that_only_nova_does_not_know_is_an_error(cloud: FakeCloud) -> None:
    """Two control planes that do not fit: nothing of it is used."""
    cloud.instead.append(Instead("compute", "/os-quota-sets", status=400, text='{"badRequest": {"message": "no"}}'))
    with pytest.raises(BackendUnavailableError, match=r"Nova does not know the project .*, and Keystone does"):
        await scan(cloud, quotas=["compute"], select=NEST)


async def test_quotas_of_projects_that_keystone_does_not_know_are_orphans(cloud: FakeCloud) -> None:
    """They are shown, not offered; a domain's own quota is none."""
    cloud.network.append(cloud.network[0] | {"project_id": "0" * 32})
    cloud.network.append(cloud.network[0] | {"project_id": "default"})
    result = await scan(cloud, quotas=["network"])
    assert result.absent == {"0" * 32: "orphan: Neutron has a quota of it, and Keystone no longer knows it"}


async def test_only_wanted_services_are_asked(cloud: FakeCloud) -> None:
    """Those that the components name; the settings are stronger."""
    made = scanner(cloud, quotas=None, select=NEST)
    made.want_limits({"volume.gigabytes", "vcpus"})
    ((resource,),) = [(await made.scan()).resources]
    assert {name.split(".")[0] for name in resource.limits} == {"volume"}
    assert not cloud.count("compute")
    assert not cloud.count("network")
    made = scanner(cloud, quotas=["network"], select=NEST)
    made.want_limits({"volume.gigabytes"})
    ((resource,),) = [(await made.scan()).resources]
    assert {name.split(".")[0] for name in resource.limits} == {"network"}


async def test_quotas_of_servers_are_not_asked_for(cloud: FakeCloud) -> None:
    """They are the projects', and no project is offered."""
    await scan(cloud, quotas=None, kinds=["server", "volume"])
    assert not [asked for asked in cloud.asked if "quota" in asked.path]


async def test_only_what_is_used(cloud: FakeCloud) -> None:
    """A server, or a quota of its own in a service that is read."""
    by_server, by_compute, by_volume = (cloud.project(name)["id"] for name in ("nest", "nest-child", "12345"))
    cloud.add_server(by_server)
    cloud.compute[by_compute] = {"cores": 7}
    cloud.block[by_volume] = {"gigabytes": 7}
    result = await scan(cloud, quotas=["compute", "volume"], select={"used": True})
    assert {resource.backend_id for resource in result.resources} == {by_server, by_compute, by_volume}
    reason = "has no server and no quota of its own, and select.used is true"
    assert result.excluded[cloud.project("tagged")["id"]] == reason
    result = await scan(cloud, quotas=["network"], select={"used": True})
    rows = {row["project_id"] for row in cloud.network} | {by_server}
    assert {resource.backend_id for resource in result.resources} <= rows
    assert len(result.resources) > 3
    assert result.excluded[cloud.project("default-quota-only")["id"]] == reason


async def test_two_regions_have_limits_of_their_own(cloud: FakeCloud) -> None:
    """Never a sum: each limit has its region."""
    cloud.regions = ("RegionOne", "RegionTwo")
    resource = (await found(cloud, regions=["RegionOne", "RegionTwo"], quotas=["compute"], select=NEST))["nest"]
    assert resource.limits["compute.cores@RegionOne"] == resource.limits["compute.cores@RegionTwo"] == 40
    assert "compute.cores" not in resource.limits
    assert cloud.count("identity", "/auth/tokens") == 1


async def test_neutron_that_may_show_its_own_quota_only_is_an_error(cloud: FakeCloud) -> None:
    """get_quota opened by policy without context_with_global_access: all others would seem to have the default."""
    cloud.auth = "keystone/auth-project-reader-appcred"
    cloud.opened = {"projects", "domains", "network"}
    assert len((await scan(cloud, quotas=["network"])).resources) > 30
    cloud.network = [row | {"project_id": cloud.own} for row in cloud.network[:1]]
    with pytest.raises(BackendMisconfiguredError, match="Neutron shows no quota of another project") as caught:
        await scan(cloud, quotas=["network"])
    assert "context_with_global_access" in caught.value.remedy
    cloud.auth = "keystone/auth-admin-appcred"
    cloud.network = []
    assert (await scan(cloud, quotas=["network"])).complete
