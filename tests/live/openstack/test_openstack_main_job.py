"""The main job on a real OpenStack: the real command between the services and the sandbox."""

import re
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from live.openstack.lab.accounts import WALDUR
from live.openstack.lab.content import UNLIMITED, Cloud, Project
from live.openstack.openstack_lab import OpenstackLab
from support.station import Ended, Station, serving_station
from waldur_import_agent import __version__
from waldur_import_agent.errors import ExitCode
from waldur_import_agent.records import Marker
from waldur_import_agent.sandbox import Request, Sandbox
from waldur_import_agent.scanners.openstack.login import APPLICATION

DOCUMENTATION = Path(__file__).parents[3] / "docs" / "scanners" / "openstack.md"
LIMIT = 280.0
"""Seconds that one command may take: 2,000 quotas, and as many records."""
KINDS = ["project", "server", "volume"]
RULES = [
    {"from": "backend_id", "match": "^(?P<id>[0-9a-f]{32})$", "by": "backend_id", "value": "{id}"},
    {"from": "parent.backend_id", "match": "^(?P<id>.+)$", "by": "backend_id", "value": "{id}"},
]
"""A project by its own ID, a server or a volume by that of its project, the backend_id of Waldur's."""


WITH_THINGS = {"exclude": [{"name": "^project-0(0[3-9]|1)"}]}
"""Leaves out two thirds of the projects, none of which has a server or a volume: their records are kept."""


def documented_offering() -> dict[str, Any]:
    """The offering of OpenStack tenants in the documentation, as written."""
    blocks = re.findall(r"^```yaml\n(.*?)^```$", DOCUMENTATION.read_text(), re.MULTILINE | re.DOTALL)
    (block,) = [block for block in blocks if block.startswith("offerings:")]
    (offering,) = yaml.safe_load(block)["offerings"]
    found: dict[str, Any] = offering
    return found


@pytest.fixture
async def station(
    tmp_path: Path, openstack_lab: OpenstackLab, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Station]:
    """A Waldur with a project for each of Keystone's, and an agent that finds clouds.yaml as clients do."""
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(openstack_lab.layout.clouds))
    sandbox = Sandbox()
    ids = {*openstack_lab.own_projects(), *(project.id for project in cloud.projects)}
    for number, backend_id in enumerate(sorted(ids)):
        sandbox.add_project(f"Waldur's {number}", f"project-{number}", backend_id=backend_id)
    components = tuple(documented_offering()["components"])
    async with serving_station(tmp_path, sandbox, components=components) as made:
        made.limit = LIMIT
        yield made


def configure(station: Station, *, rules: list[dict[str, Any]] | None = None, **scanner: Any) -> None:
    """The documented offering; keywords are further settings of its scanner."""
    offering = documented_offering() | {"uuid": station.offering.uuid}
    offering["scanner"] |= scanner
    if rules is not None:
        offering["projects"] = {"rules": rules}
    station.configure(offerings=[offering])


def wanted_limits(project: Project) -> dict[str, int]:
    """The limits that a project must have in Waldur: none where the cloud has none; storage in MiB."""
    values = {
        "cores": (project.limit("compute", "cores"), 1),
        "ram": (project.limit("compute", "ram"), 1),
        "storage": (project.limit("volume", "gigabytes"), 1024),
    }
    return {name: value * factor for name, (value, factor) in values.items() if value != UNLIMITED}


def assert_right(station: Station, cloud: Cloud, own: set[str], kinds: list[str]) -> None:
    """Waldur has exactly one record for each project, server and volume, in its project, with its name and limits.

    `own` are the lab's own projects, which are offered too.
    """
    servers = cloud.offered_servers if "server" in kinds else {}
    volumes = cloud.offered_volumes if "volume" in kinds else {}
    made = station.sandbox.records_of(station.offering)
    records = {record.backend_id: record for record in made}
    assert len(records) == len(made)
    assert records.keys() == cloud.offered.keys() | servers.keys() | volumes.keys() | own
    for backend_id, record in records.items():
        metadata = record.backend_metadata
        assert Marker.from_metadata(metadata) is not None
        if backend_id in cloud.offered:
            project = cloud.offered[backend_id]
            assert record.project.backend_id == backend_id
            assert metadata["limits"] == wanted_limits(project), project.name
            assert record.name == " ".join(project.name.split()), "one line, and otherwise as it is"
        elif backend_id not in own:
            thing = servers.get(backend_id) or volumes[backend_id]
            assert record.project.backend_id == thing.project
            assert metadata["limits"] == {}


async def answered(station: Station, *arguments: str) -> tuple[dict[str, Any], Request]:
    """Ask, let a single run answer, and give its report and the request."""
    request = station.ask()
    ended = await station.run("run", "--once", "--output", "json", *arguments)
    (report,) = ended.json()
    assert ended.code == (ExitCode.OK if request.state == "Done" else ExitCode.FAILED), ended.err
    return report, request


def uuids(station: Station) -> dict[str, str]:
    """The records by backend id."""
    return {record.backend_id: record.uuid for record in station.sandbox.records_of(station.offering)}


async def test_everything_is_reported_then_nothing_is_written_then_what_has_changed(
    station: Station, openstack_lab: OpenstackLab, cloud: Cloud
) -> None:
    """1,100 projects, with the documented example as written: each right, none missing, within the budget of requests.

    A second request writes nothing. Then servers and volumes are asked for too, a project deleted in Keystone is
    withdrawn, a renamed one and one with another quota are refreshed, and no other record of a project is touched.
    """
    own = openstack_lab.own_projects()
    configure(station)
    begin = openstack_lab.now()
    report, request = await answered(station)
    assert request.state == "Done", request.error_message
    found = len(cloud.offered) + len(own)
    assert (report["counts"]["found"], report["counts"]["reported"]) == (found, found)
    assert_right(station, cloud, own, ["project"])
    assert_within_budget(openstack_lab, begin, found)

    before = uuids(station)
    station.sandbox.log.clear()
    report, request = await answered(station)
    assert (request.state, report["counts"]["kept"]) == ("Done", found)
    writes = [entry.path for entry in station.sandbox.log if entry.method != "GET"]
    assert len(writes) == 2, "the claim and the end"

    with openstack_lab.api() as api:
        used = {thing.project for thing in (*cloud.servers, *cloud.volumes)}
        gone = next(project for project in cloud.offered.values() if project.id not in used)
        api.delete("keystone", f"/projects/{gone.id}")
        cloud.projects.remove(gone)
        renamed, other = cloud.project("defaults"), cloud.project("numeric")
        renamed.name = "default-quota-renamed"
        api.patch("keystone", f"/projects/{renamed.id}", {"project": {"name": renamed.name}})
        other.quota = {"compute": {"cores": 77}}
        api.put("nova", f"/os-quota-sets/{other.id}", {"quota_set": {"cores": 77}})
    configure(station, rules=RULES, kinds=KINDS, select=WITH_THINGS)
    report, request = await answered(station)
    assert request.state == "Done", request.error_message
    counts = report["counts"]
    added = len(cloud.offered_servers) + len(cloud.offered_volumes)
    assert (counts["withdrawn"], counts["refreshed"], counts["reported"]) == (1, 2, added)
    assert_right(station, cloud, own, KINDS)
    after = uuids(station)
    assert {name for name in before.keys() & after.keys() if after[name] != before[name]} == {renamed.id, other.id}


def assert_within_budget(lab: OpenstackLab, begin: dict[str, int], projects: int) -> None:
    """For P projects with compute and volume quotas 2 P + 30 requests with the agent's own name; nothing twice."""
    requests = lab.requests(begin, f"{APPLICATION}/{__version__}")
    assert len(requests) <= 2 * projects + 30
    quotas = Counter(request.service for request in requests if "os-quota-sets" in request.path)
    assert quotas == {"nova": projects, "cinder": projects}
    assert not any(request.service == "neutron" for request in requests), "no component is fed by it"
    assert sum(request.method != "GET" for request in requests) == 1, "the login"
    assert {request: count for request, count in Counter(requests).items() if count > 1} == {}


FEW = {"include": [{"name": "^project-0000[1-9]$"}]}
OTHERS = {"include": [{"name": "^project-0002[1-9]$"}]}
"""What one offering has, the other offerings of the same cloud must not have: it would be kept back there."""
TROUBLES: dict[str, tuple[dict[str, Any], str]] = {
    "an unreachable cell": ({"kinds": ["server"]}, "does not reach one of its cells"),
    "a too small role": ({"quotas": []}, "Keystone refuses the list of projects"),
    "a service down": ({"kinds": ["volume"]}, "Cinder could not be asked for the list of all volumes"),
    "an expired credential": ({"quotas": []}, "Keystone does not accept the credential"),
    "HTML with 200": ({"quotas": ["compute"], "select": OTHERS}, "Nova answers with something that is not its own"),
}
"""What the scanner of each offering reads, and what its request says."""
LOGIN_PAGE = {"status": 200, "type": "text/html", "body": "<html><body>Please log in</body></html>"}


async def test_trouble_is_told_and_withdraws_nothing(station: Station, openstack_lab: OpenstackLab) -> None:
    """One agent, five offerings, each with its own trouble: Erred in words that an operator understands.

    Where only a cell is away the request is Done, and the words are the agent's log's. No record is lost, and no
    secret is shown.
    """
    offerings = {name: station.sandbox.add_offering(name, components=()) for name in TROUBLES}
    credential = openstack_lab.credential("agent-admin")
    clouds = dict.fromkeys(TROUBLES, WALDUR) | {"an expired credential": credential}

    def configure_all() -> None:
        blocks = [
            {
                "uuid": offerings[name].uuid,
                "scanner": {"type": "openstack", "cloud": clouds[name], "select": FEW, **scanner},
                "projects": {"rules": RULES},
            }
            for name, (scanner, _) in TROUBLES.items()
        ]
        station.configure(offerings=blocks)

    def records() -> dict[str, set[str]]:
        return {name: {it.uuid for it in station.sandbox.records_of(offering)} for name, offering in offerings.items()}

    async def answered_all() -> tuple[dict[str, Request], Ended]:
        requests = {name: station.sandbox.add_request(offering) for name, offering in offerings.items()}
        return requests, await station.run("run", "--once", "--output", "json")

    configure_all()
    requests, ended = await answered_all()
    assert {request.state for request in requests.values()} == {"Done"}, ended.err
    before = records()
    assert all(before.values())
    openstack_lab.expire(credential)
    clouds["a too small role"] = "agent-reader-credential"
    configure_all()
    faults = {"nova": [{"path": "os-quota-sets", **LOGIN_PAGE}]}
    with openstack_lab.without_cell(), openstack_lab.without("cinder"), openstack_lab.faults(faults):
        requests, ended = await answered_all()
    assert {name: request.state for name, request in requests.items()} == dict.fromkeys(TROUBLES, "Erred") | {
        "an unreachable cell": "Done"
    }
    for name, (_, words) in TROUBLES.items():
        assert words in (ended.err if name == "an unreachable cell" else requests[name].error_message)
    assert records() == before
    shown = [ended.out, ended.err]
    shown += [text for request in requests.values() for text in (request.error_message, request.error_traceback)]
    for secret in openstack_lab.credentials.secrets:
        assert not any(secret in text for text in shown)
