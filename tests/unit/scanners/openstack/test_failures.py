"""What fails is said in words for the operator: which service, what was asked, what to do; and no secret."""

import json
import re
import threading
import traceback
from pathlib import Path

import pytest

from unit.scanners.openstack.fake_cloud import DATA, SECRET, FakeCloud, Instead, recorded
from unit.scanners.openstack.scanning import scan
from waldur_import_agent.scanners.base import BackendError, BackendMisconfiguredError, BackendUnavailableError
from waldur_import_agent.scanners.openstack import answers
from waldur_import_agent.scanners.openstack import cloud as reading
from waldur_import_agent.scanners.openstack.cloud import Pace
from waldur_import_agent.scanners.openstack.failures import words_of
from waldur_import_agent.scanners.openstack.login import logged_in
from waldur_import_agent.scanners.openstack.settings import OpenStackSettings

REFUSED_LOGINS = ("appcred-bad-secret", "appcred-expired", "bad-password", "disabled-project", "no-role-on-project")
NEST = {"include": [{"name": "^nest$"}]}


def instead(name: str, service: str, path: str) -> Instead:
    """A recorded answer in the place of another."""
    answer = recorded(f"errors/{name}")
    text = answer["text"] if "text" in answer else json.dumps(answer["body"])
    return Instead(service, path, answer["status"], text, answer["type"])


async def failing(cloud: FakeCloud, **settings: object) -> BackendError:
    """The error of a scan, which shows no secret wherever it may be printed."""
    with pytest.raises(BackendError) as caught:
        await scan(cloud, **{"quotas": ["compute"], "select": NEST, **settings})
    shown = "".join(traceback.format_exception(caught.value))
    assert SECRET not in shown
    assert "a-token-0123456789" not in shown
    return caught.value


@pytest.mark.parametrize("name", [*REFUSED_LOGINS, "unknown-project", "unknown-user"])
async def test_a_login_that_is_refused(cloud: FakeCloud, name: str) -> None:
    """Keystone says the same for everything that may be wrong with a credential: trying again cannot help."""
    cloud.instead.append(instead(f"401-{name}", "identity", "/auth/tokens"))
    error = await failing(cloud)
    assert isinstance(error, BackendMisconfiguredError)
    assert str(error).startswith("Keystone does not accept the credential: The request you have made requires auth")
    assert "an expired credential, a disabled user or project" in error.remedy
    assert cloud.count("identity", "/auth/tokens") == 1


async def test_an_unknown_application_credential(cloud: FakeCloud) -> None:
    """Keystone says 404."""
    cloud.instead.append(instead("404-appcred-unknown-id", "identity", "/auth/tokens"))
    error = await failing(cloud)
    assert isinstance(error, BackendMisconfiguredError)
    assert str(error).startswith("Keystone does not know the credential: Could not find Application Credential")


async def test_a_wrong_address_of_keystone(cloud: FakeCloud) -> None:
    """Another program is there."""
    cloud.instead.append(instead("404-auth-url-without-v3-path", "identity", ""))
    error = await failing(cloud)
    assert isinstance(error, BackendMisconfiguredError)
    assert str(error).startswith("there is no Keystone at its address")
    assert "auth_url" in error.remedy


@pytest.mark.parametrize(
    ("name", "service", "path", "text"),
    [
        ("401-nova-expired-token", "compute", "/os-quota-sets", "Nova does not accept the token that Keystone gave"),
        ("401-keystone-expired-token", "identity", "/projects", "Keystone does not accept the token that Keystone"),
        ("429-haproxy", "compute", "/os-quota-sets", "Nova answered 429 when asked for the quota of project 3a51"),
        ("500-nova-database", "compute", "/os-quota-sets", "Unexpected API Error. Please contact the administrator"),
        ("500-cinder-database", "volume", "/volumes", "Cinder answered 500 when asked for the list of all volumes"),
        ("503-haproxy-no-server", "identity", "/projects", "503 Service Unavailable No server is available to handle"),
        ("503-nova-keystone-down", "compute", "/os-quota-sets", "The Keystone service is temporarily unavailable"),
        ("504-haproxy-timeout", "network", "/quotas", "Neutron answered 504 when asked for the list of quotas"),
    ],
)
async def test_a_service_that_fails(cloud: FakeCloud, name: str, service: str, path: str, text: str) -> None:
    """Trying again may help; the service's own words are there, without HTML."""
    cloud.instead.append(instead(name, service, path))
    error = await failing(cloud, quotas=["compute", "network"], kinds=["project", "volume"])
    assert isinstance(error, BackendUnavailableError)
    assert text in str(error)
    assert "<" not in str(error)


async def test_each_call_is_tried_three_times(cloud: FakeCloud) -> None:
    """A passing failure of one call is no failure of the scan; a lasting one ends."""
    cloud.instead.append(instead("503-haproxy-no-server", "compute", "/os-quota-sets"))
    cloud.instead[0].times = 2
    assert (await scan(cloud, quotas=["compute"], select=NEST)).complete
    assert cloud.count("compute", "/os-quota-sets") == 3
    cloud.instead[0].times = 3
    await failing(cloud)
    assert cloud.count("compute", "/os-quota-sets") == 6


async def test_the_login_is_tried_three_times(cloud: FakeCloud) -> None:
    """While Keystone or what stands before it is away."""
    cloud.instead.append(Instead("identity", "/auth/tokens", 503, "<html>down</html>", "text/html", times=2))
    assert (await scan(cloud)).complete
    cloud.instead[0].times = 3
    error = await failing(cloud)
    assert isinstance(error, BackendUnavailableError)
    assert str(error).startswith("Keystone could not be asked for a token")


@pytest.mark.parametrize("name", ["projects-403-reader", "domains-403-reader"])
async def test_a_right_that_is_missing_is_not_asked_for_twice(cloud: FakeCloud, name: str) -> None:
    """The policy's own name for it is in the words."""
    kind = name.split("-", maxsplit=1)[0]
    cloud.auth, cloud.opened = "keystone/auth-project-reader-appcred", {"projects", "domains"} - {kind}
    error = await failing(cloud)
    assert isinstance(error, BackendMisconfiguredError)
    assert f"Keystone refuses the list of {kind} to the credential" in str(error)
    assert f"identity:list_{kind}" in str(error)
    assert "docs/scanners/openstack.md" in error.remedy
    assert cloud.count("identity", f"/{kind}") == 1


@pytest.mark.parametrize("service", ["compute", "volume", "network"])
async def test_a_service_that_the_catalog_does_not_have(cloud: FakeCloud, service: str) -> None:
    """Not "no quotas"."""
    cloud.missing.add(service)
    error = await failing(cloud, quotas=[service])
    assert isinstance(error, BackendMisconfiguredError)
    assert re.match("the catalog has no (Nova|Cinder|Neutron) for this credential", str(error))


async def test_a_cloud_that_is_not_there(cloud: FakeCloud) -> None:
    """Nothing listens."""
    cloud.port = 9
    error = await failing(cloud)
    assert isinstance(error, BackendUnavailableError)
    assert "Keystone could not be asked for a token" in str(error)


async def test_http_where_https_is_asked(cloud: FakeCloud) -> None:
    """A wrong scheme never gets right by itself."""
    credential = {"auth_url": cloud.auth_url.replace("http:", "https:"), "id": "appcred", "secret": SECRET}
    error = await failing(cloud, application_credential=credential)
    assert isinstance(error, BackendMisconfiguredError)
    assert "no secure connection to Keystone" in str(error)


async def test_a_service_that_hangs(cloud: FakeCloud) -> None:
    """The SDK itself has no time limit."""
    cloud.instead.append(Instead("compute", "/os-quota-sets", hang=threading.Event()))
    error = await failing(cloud, timeout=0.05)
    assert isinstance(error, BackendUnavailableError)
    assert "timed out" in str(error)
    assert cloud.count("compute", "/os-quota-sets") == 3


@pytest.mark.parametrize(
    ("header", "waits"),
    [
        ({}, [1.0, 4.0]),
        ({"Retry-After": "2"}, [2.0, 4.0]),
        ({"Retry-After": "86400"}, [30.0, 30.0]),
        ({"Retry-After": "Sat, 01 Jan 2999 00:00:00 GMT"}, [30.0, 30.0]),
        ({"Retry-After": "Thu, 01 Jan 2015 00:00:00 GMT"}, [1.0, 4.0]),
        ({"Retry-After": "soon"}, [1.0, 4.0]),
    ],
)
async def test_how_long_is_waited(
    cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch, header: dict[str, str], waits: list[float]
) -> None:
    """As long as the service asks, and half a minute at the most: the SDK would wait a day."""
    monkeypatch.setattr(reading, "WAITS", (1.0, 4.0))
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    cloud.instead.append(Instead("compute", "/os-services", 429, "too many", "text/plain", header))
    settings = OpenStackSettings.model_validate(cloud.block_of())
    async with logged_in(settings, sleep) as there:
        with pytest.raises(BackendUnavailableError, match="Nova answered 429") as caught:
            await there.regions[0].get("compute", "/os-services", "its services")
    assert waited == waits
    assert "requests_per_second" in caught.value.remedy


async def test_requests_keep_their_pace() -> None:
    """Not more in a second than the settings allow, whoever asks; no wait where there was time enough."""
    now, waited = [100.0], []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    pace = Pace(4.0, sleep, lambda: now[0])
    for _ in range(3):
        await pace.turn()
    assert waited == [0.25, 0.5]
    now[0] = 101.0
    await pace.turn()
    assert waited == [0.25, 0.5]
    await Pace(None, sleep).turn()
    assert waited == [0.25, 0.5]


async def test_the_pace_holds_for_all_regions_of_a_scan(cloud: FakeCloud) -> None:
    """One control plane answers for all."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    cloud.regions = ("RegionOne", "RegionTwo")
    block = cloud.block_of(requests_per_second=0.001, regions=["RegionOne", "RegionTwo"])
    async with logged_in(OpenStackSettings.model_validate(block), sleep) as there:
        for region in there.regions:
            await region.get("compute", "/os-services", "its services")
    assert [round(seconds) for seconds in waited] == [1000]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"NeutronError": {"type": "X", "message": "Quota is bad.", "detail": ""}}', "Quota is bad"),
        ('{"error": {"code": 403, "message": "No &amp; never", "title": "Forbidden"}}', "No & never"),
        ('{"code": "503 Service Unavailable", "title": "x", "message": "a<br />\\nb"}', "a b"),
        ("<html><style>b {c}</style><script>d()</script><h1>Down</h1>\n<p>now</p></html>", "Down now"),
        ("plain\x1b[31m text", "plain [31m text"),
        ('{"choices": []}', ""),
        ("[1]", ""),
        ("", ""),
        ("long " * 100, ("long " * 60)[:299] + "…"),
    ],
)
def test_the_words_of_a_service(text: str, words: str) -> None:
    """One line, printable, not too long, from each of the forms that services and proxies have."""
    assert words_of(text) == words


def test_every_recorded_failure_has_words() -> None:
    """None of them ends as an empty line."""
    for path in sorted(Path(DATA).glob("errors/[45]*")):
        answer = instead(path.stem, "", "")
        assert words_of(answer.text), path.stem


def test_the_words_of_a_page_without_end() -> None:
    """Only its beginning is looked at: all of it would take hours, with Python's one lock held."""
    assert words_of("<script" * 1_000_000).startswith("<script<script")
    assert words_of("[" * 1_000_000).startswith("[[")
    assert words_of("[" * 10_000).startswith("[[")


@pytest.mark.parametrize(("service", "path"), [("identity", "/auth/tokens"), ("compute", "/os-quota-sets")])
async def test_an_answer_without_end(
    cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch, service: str, path: str
) -> None:
    """It would fill the memory; a person has to look, and nothing is tried again."""
    monkeypatch.setattr(answers, "ANSWER_MAX", 100_000)
    cloud.instead.append(Instead(service, path, text="[" * 100_001))
    error = await failing(cloud)
    assert isinstance(error, BackendMisconfiguredError)
    assert f"http://127.0.0.1:{cloud.port} answers with more than 100000 bytes" in str(error)
    assert cloud.count(service, path) == 1


async def test_an_answer_that_is_nested_without_end(cloud: FakeCloud) -> None:
    """It is no answer of the service, and no failure of the agent."""
    cloud.instead.append(Instead("compute", "/os-quota-sets", text="[" * 100_000))
    assert "Nova answers with something that is not its own" in str(await failing(cloud))
