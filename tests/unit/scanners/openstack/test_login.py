"""Where the credential comes from, what the token says, and which regions are read."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from unit.scanners.openstack.fake_cloud import SECRET, FakeCloud
from unit.scanners.openstack.scanning import scan
from waldur_import_agent import __version__
from waldur_import_agent.scanners.base import BackendMisconfiguredError
from waldur_import_agent.scanners.openstack import OpenStackScanner
from waldur_import_agent.scanners.openstack.login import logged_in
from waldur_import_agent.scanners.openstack.settings import OpenStackSettings


@pytest.fixture(autouse=True)
def no_openstack_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the person who runs the tests is read."""
    for name in list(os.environ):
        if name.startswith("OS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def clouds(cloud: FakeCloud, path: Path, **entry: Any) -> Path:
    """A clouds.yaml with one cloud, and its secret in the secure.yaml beside it."""
    auth = {"auth_url": cloud.auth_url, "application_credential_id": "appcred"}
    made = {"auth_type": "v3applicationcredential", "auth": auth, **entry}
    path.write_text(yaml.safe_dump({"clouds": {"waldur": made}}))
    secret = {"auth": {"application_credential_secret": SECRET}}
    path.with_name("secure.yaml").write_text(yaml.safe_dump({"clouds": {"waldur": secret}}))
    return path


async def resources(**block: Any) -> int:
    """How many projects a scanner with this block finds."""
    settings = OpenStackSettings.model_validate({"quotas": [], **block})
    return len((await OpenStackScanner(settings).scan()).resources)


async def test_a_cloud_of_clouds_yaml(cloud: FakeCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found as OpenStack's own clients do it, with secure.yaml; or the file that the settings name."""
    (tmp_path / "elsewhere").mkdir()
    file = clouds(cloud, tmp_path / "elsewhere/clouds.yaml")
    assert await resources(cloud="waldur", clouds_file=file) == 36
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(file))
    monkeypatch.setenv("OS_CLIENT_SECURE_FILE", str(file.with_name("secure.yaml")))
    assert await resources(cloud="waldur") == 36
    with pytest.raises(
        BackendMisconfiguredError, match="no connection to the cloud can be set up: Cloud other was not"
    ):
        await resources(cloud="other")


async def test_a_clouds_yaml_without_a_secret(cloud: FakeCloud, tmp_path: Path) -> None:
    """The SDK's own exception is a bare one."""
    file = clouds(cloud, tmp_path / "clouds.yaml")
    file.with_name("secure.yaml").unlink()
    with pytest.raises(BackendMisconfiguredError, match="no connection to the cloud can be set up") as caught:
        await resources(cloud="waldur", clouds_file=file)
    assert "clouds.yaml" in caught.value.remedy


async def test_a_broken_clouds_yaml(tmp_path: Path) -> None:
    """Its own words are shown."""
    file = tmp_path / "clouds.yaml"
    file.write_text("clouds: [")
    with pytest.raises(BackendMisconfiguredError, match="no connection to the cloud can be set up"):
        await resources(cloud="waldur", clouds_file=file)


async def test_a_secret_in_a_file(cloud: FakeCloud, tmp_path: Path) -> None:
    """Its first line; read anew in each scan, so that it can be replaced."""
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\nanother line\n")
    credential = {"auth_url": cloud.auth_url, "id": "appcred", "secret_file": file}
    assert await resources(application_credential=credential) == 36
    settings = OpenStackSettings.model_validate({"application_credential": credential})
    file.unlink()
    with pytest.raises(BackendMisconfiguredError, match="cannot be read") as caught:
        await OpenStackScanner(settings).scan()
    assert "secret_file" in caught.value.remedy


async def test_variables_of_openstack_do_not_change_a_credential_of_the_settings(
    cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever starts the agent may have sourced an openrc."""
    monkeypatch.setenv("OS_AUTH_URL", "http://127.0.0.1:9/")
    monkeypatch.setenv("OS_PASSWORD", "x")
    monkeypatch.setenv("OS_REGION_NAME", "Nowhere")
    assert (await scan(cloud)).complete


async def test_the_services_log_who_asks(cloud: FakeCloud) -> None:
    """In each request, the login too."""
    await scan(cloud, quotas=["compute", "volume", "network"], kinds=["project", "server", "volume"])
    assert len(cloud.asked) > 80
    assert {asked.agent.split(" ")[0] for asked in cloud.asked} == {f"waldur-import-agent/{__version__}"}
    assert {asked.method for asked in cloud.asked} == {"GET", "POST"}
    assert {asked.path for asked in cloud.asked if asked.method == "POST"} == {"/v3/auth/tokens"}


async def test_what_the_token_says(cloud: FakeCloud) -> None:
    """User, roles and scope, for check() and for errors."""
    settings = OpenStackSettings.model_validate(cloud.block_of())
    for auth, text in (
        ("keystone/auth-admin-appcred", "admin has admin, manager, member, reader on the project admin"),
        ("keystone/auth-project-reader-appcred", "scanner-reader has reader on the project scanner-home"),
        ("keystone/auth-system-reader", "scanner-system has reader on the system"),
    ):
        cloud.auth = auth
        async with logged_in(settings) as there:
            assert sorted(str(there.access).replace(",", "").split()) == sorted(text.replace(",", "").split())


async def test_one_of_several_regions_must_be_chosen(cloud: FakeCloud, tmp_path: Path) -> None:
    """The SDK would take the first one."""
    cloud.regions = ("North", "South")
    with pytest.raises(BackendMisconfiguredError, match="the catalog has 2 regions, and none is chosen: North, South"):
        await scan(cloud)
    with pytest.raises(BackendMisconfiguredError, match="the catalog has no region East; it has: North, South"):
        await scan(cloud, regions=["South", "East"])
    cloud.add_server(cloud.project("nest")["id"])
    ((server,),) = [(await scan(cloud, regions=["South"], kinds=["server"])).resources]
    assert server.attributes["region"] == "South"
    file = clouds(cloud, tmp_path / "clouds.yaml", region_name="North")
    assert await resources(cloud="waldur", clouds_file=file) == 36


@pytest.mark.parametrize(
    ("scope", "token", "words"),
    [
        (
            "cloud",
            {"domain": {"id": "d", "name": "research"}},
            "shown one domain's projects only: .* the domain research",
        ),
        ("project", {"domain": {"id": "d", "name": "research"}}, "the credential is not one of a project"),
        ("domain", {}, "the credential is not one of a domain: admin has .* on the project admin"),
    ],
)
async def test_a_scope_that_the_credential_does_not_have(
    cloud: FakeCloud, scope: str, token: dict[str, Any], words: str
) -> None:
    """A part must not look like the whole."""
    cloud.scope = token
    with pytest.raises(BackendMisconfiguredError, match=words) as caught:
        await scan(cloud, scope=scope)
    assert "cope" in caught.value.remedy


async def test_the_projects_of_one_domain(cloud: FakeCloud) -> None:
    """For a reader of the domain, who is shown nothing else."""
    domain = cloud.domains[3]
    cloud.scope = {"domain": {"id": domain["id"], "name": domain["name"]}}
    cloud.projects = [project for project in cloud.projects if project["domain_id"] == domain["id"]]
    result = await scan(cloud, scope="domain")
    assert {resource.name for resource in result.resources} == {"research", "project 44cb63 00023"}
    assert {resource.attributes["domain"] for resource in result.resources} == {domain["name"]}
    assert result.complete
    assert result.excluded == {}
    assert not cloud.count("identity", "/domains")
