"""Where the credential comes from, what the token says, and which regions are read."""

import io
import os
import threading
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from keystoneauth1.session import Session

from unit.scanners.openstack.fake_cloud import SECRET, FakeCloud, Instead
from unit.scanners.openstack.scanning import scan
from unit.scanners.openstack.serving import serving
from waldur_import_agent import __version__
from waldur_import_agent.scanners.base import BackendMisconfiguredError, BackendUnavailableError, ReadsSecrets
from waldur_import_agent.scanners.openstack import OpenStackScanner, login
from waldur_import_agent.scanners.openstack.answers import bound
from waldur_import_agent.scanners.openstack.login import logged_in
from waldur_import_agent.scanners.openstack.settings import OpenStackSettings
from waldur_import_agent.system import read_in_thread


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


KEYSTONE_TOKEN = "a-token-0123456789"  # what the fake cloud gives


async def told_by(**block: Any) -> list[str]:
    """The secrets that a scanner with this block tells in a scan, and in a check."""
    told: list[list[str]] = []
    for look in (OpenStackScanner.scan, OpenStackScanner.check):
        made = OpenStackScanner(OpenStackSettings.model_validate({"quotas": [], **block}))
        assert isinstance(made, ReadsSecrets)
        told.append([])
        made.tell_secrets(told[-1].append)
        await look(made)
    scanned, checked = told
    assert scanned == checked
    return scanned


async def test_each_secret_is_told_for_the_logs(cloud: FakeCloud, tmp_path: Path) -> None:
    """That of the credential, wherever it is from, and the token of the login."""
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    credential = {"auth_url": cloud.auth_url, "id": "appcred"}
    in_file = {**credential, "secret_file": tmp_path / "secret"}
    assert set(await told_by(application_credential=in_file)) == {SECRET, KEYSTONE_TOKEN}
    file = clouds(cloud, tmp_path / "clouds.yaml")
    assert await told_by(cloud="waldur", clouds_file=file) == [SECRET, KEYSTONE_TOKEN]


async def test_passwords_of_clouds_yaml_are_told(cloud: FakeCloud, tmp_path: Path) -> None:
    """And not what is no secret."""
    auth = {"auth_url": cloud.auth_url, "username": "scanner", "password": "sesame-sesame", "project_name": "admin"}
    auth |= {"user_domain_name": "Default", "project_domain_name": "Default"}
    file = tmp_path / "clouds.yaml"
    file.write_text(yaml.safe_dump({"clouds": {"waldur": {"auth": auth}}}))
    assert await told_by(cloud="waldur", clouds_file=file) == ["sesame-sesame", KEYSTONE_TOKEN]


async def test_a_pipe_holds_no_credential(cloud: FakeCloud, tmp_path: Path) -> None:
    """A pipe that took the file's place after the start: whoever opened it would wait for a writer."""
    file = tmp_path / "secret"
    file.touch()
    credential = {"auth_url": cloud.auth_url, "id": "appcred", "secret_file": file}
    settings = OpenStackSettings.model_validate({"application_credential": credential})
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(BackendMisconfiguredError, match=r"cannot be read: .*it is no regular file"):
        await OpenStackScanner(settings).scan()


@pytest.mark.parametrize("key", ["clouds_file", "secret_file"])
async def test_a_file_server_that_hangs_may_answer_later(
    cloud: FakeCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    """The SDK would wait for ever, in one thread more with each scan."""
    file = clouds(cloud, tmp_path / "clouds.yaml")
    block: dict[str, Any] = {"cloud": "waldur", "clouds_file": file}
    if key == "secret_file":
        credential = {"auth_url": cloud.auth_url, "id": "appcred", "secret_file": file}
        block = {"application_credential": credential}
    answers = threading.Event()
    monkeypatch.setattr(login, "read_regular", lambda path, limit: answers.wait())
    monkeypatch.setattr(login, "read_in_thread", partial(read_in_thread, seconds=0.01))
    try:
        with pytest.raises(BackendUnavailableError, match=f"{file.name} cannot be read: its file system did not"):
            await resources(**block)
    finally:
        answers.set()


@pytest.mark.parametrize(
    ("service", "path"), [("identity", "/auth/tokens"), ("identity", "/projects"), ("compute", "/servers")]
)
@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_no_credential_goes_to_another_host(cloud: FakeCloud, service: str, path: str, status: int) -> None:
    """keystoneauth1 would send secret and token after any redirect."""
    with serving(other := FakeCloud()):
        target = f"http://localhost:{other.port}/identity/v3/auth/tokens"
        cloud.instead.append(Instead(service, path, status, headers={"Location": target}))
        with pytest.raises(BackendMisconfiguredError, match="the credential is not sent there") as caught:
            await scan(cloud, kinds=["project", "server"])
    assert f"http://127.0.0.1:{cloud.port} redirects to http://localhost:{other.port}: " in str(caught.value)
    assert other.asked == []


async def test_a_redirect_on_the_same_host_is_followed(cloud: FakeCloud) -> None:
    """To another path, as behind some proxies."""
    cloud.instead.append(Instead("identity", "/domains", 302, headers={"Location": "/identity/v3/domains"}, times=1))
    assert (await scan(cloud)).complete


def test_a_redirect_from_https_to_http_is_not_followed() -> None:
    """Whoever listens on the way would read the token; the way up is allowed."""
    session = Session()
    bound(session)
    look, _ = session.session.hooks["response"]
    response = requests.Response()
    response.status_code, response.raw = 302, io.BytesIO()
    for here, there in (("https", "http"), ("http", "https"), ("https", "https"), ("http", "http")):
        response.url, response.headers["location"] = f"{here}://cloud.test/v3", f"{there}://cloud.test/v3/"
        with pytest.raises(BackendMisconfiguredError) if (here, there) == ("https", "http") else nullcontext():
            look(response)
