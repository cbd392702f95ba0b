"""The main job on a real OpenStack: the real command between the services and the sandbox."""

import re
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from live.openstack.conftest import ADMIN, Backend
from live.openstack.lab.content import UNLIMITED, Cloud, Project
from live.openstack.openstack_lab import OpenstackLab
from support.station import Station, serving_station
from waldur_import_agent import __version__
from waldur_import_agent.errors import ExitCode
from waldur_import_agent.records import Marker
from waldur_import_agent.sandbox import Request, Sandbox
from waldur_import_agent.scanners.openstack.login import APPLICATION

LIMIT = 300.0
"""Seconds that one command may take: 2,000 quotas, and as many records."""
COMPONENTS = {
    "cores": {"from": "compute.cores"},
    "ram": {"from": "compute.ram", "unit_factor": 1024},
    "storage": {"from": "volume.gigabytes"},
}
"""Cores, and GiB of memory and of volumes."""
RULES = [
    {"from": "backend_id", "match": "^(?P<id>[0-9a-f]{32})$", "by": "backend_id", "value": "{id}"},
    {"from": "parent.backend_id", "match": "^(?P<id>.+)$", "by": "backend_id", "value": "{id}"},
]
"""A project by its own ID, a server or a volume by that of its project, which Waldur knows as a project's backend_id."""
SCANNER = {"type": "openstack", "cloud": ADMIN, "kinds": ["project", "server", "volume"]}
NOT_SEEDED = {"exclude": [{"name": "^(admin|agent-home)$"}]}
"""The lab's own projects."""


def settings(lab: OpenstackLab, **scanner: Any) -> dict[str, Any]:
    """The offering's settings; keywords are the scanner's."""
    block = {**SCANNER, "clouds_file": str(lab.layout.clouds), "select": NOT_SEEDED, **scanner}
    return {"scanner": block, "projects": {"rules": RULES}, "components": COMPONENTS, "scan_timeout": "10m"}


@pytest.fixture
async def station(tmp_path: Path, openstack_lab: OpenstackLab, cloud: Cloud) -> AsyncIterator[Station]:
    """A Waldur with a project for each of Keystone's, and an agent with the openstack scanner."""
    sandbox = Sandbox()
    for number, project in enumerate(cloud.projects):
        sandbox.add_project(f"Waldur's {number}", f"project-{number}", backend_id=project.id)
    async with serving_station(tmp_path, sandbox, components=tuple(COMPONENTS)) as made:
        made.limit = LIMIT
        made.configure(offerings=[{"uuid": made.offering.uuid, **settings(openstack_lab)}])
        yield made


def wanted_limits(project: Project) -> dict[str, int]:
    """The limits that a project must have in Waldur: none where the cloud has none."""
    values = {
        "cores": (project.limit("compute", "cores"), 1),
        "ram": (project.limit("compute", "ram"), 1024),
        "storage": (project.limit("volume", "gigabytes"), 1),
    }
    return {name: value // factor for name, (value, factor) in values.items() if value != UNLIMITED}


def assert_right(station: Station, cloud: Cloud) -> None:
    """Waldur has exactly one record for each project, server and volume, in its project, with its name and limits."""
    servers, volumes = cloud.offered_servers, cloud.offered_volumes
    records = {record.backend_id: record for record in station.sandbox.records_of(station.offering)}
    assert len(records) == len(station.sandbox.records_of(station.offering))
    assert records.keys() == cloud.offered.keys() | servers.keys() | volumes.keys()
    for backend_id, record in records.items():
        metadata = record.backend_metadata
        assert Marker.from_metadata(metadata) is not None
        if backend_id in cloud.offered:
            project = cloud.offered[backend_id]
            assert record.project.backend_id == backend_id
            assert metadata["limits"] == wanted_limits(project), project.name
            assert record.name == clean(project.name)
        else:
            thing = servers.get(backend_id) or volumes[backend_id]
            assert record.project.backend_id == thing.project
            assert metadata["limits"] == {}


def clean(name: str) -> str:
    """A name as Waldur gets it: without control characters, with single spaces."""
    return " ".join(re.sub(r"[\x00-\x1f\u200b\u202a-\u202e]", " ", name).split())


async def answered(station: Station, *arguments: str) -> tuple[dict[str, Any], Request]:
    """Ask, let a single run answer, and give its report and the request."""
    request = station.ask()
    ended = await station.run("run", "--once", "--output", "json", *arguments)
    (report,) = ended.json()
    assert ended.code == (ExitCode.OK if request.state == "Done" else ExitCode.FAILED), ended.err
    return report, request


async def test_everything_is_reported_then_nothing_is_written_then_what_has_changed(
    station: Station, openstack_lab: OpenstackLab, cloud: Cloud
) -> None:
    """1,100 projects, their servers and volumes: each right, none missing, within the budget of requests.

    A second request writes nothing. A project deleted in Keystone is withdrawn, a renamed one and one with another
    quota are refreshed, and nothing else is.
    """
    begin = openstack_lab.now()
    report, request = await answered(station)
    assert request.state == "Done", request.error_message
    found = len(cloud.offered) + len(cloud.offered_servers) + len(cloud.offered_volumes)
    assert (report["counts"]["found"], report["counts"]["reported"]) == (found, found)
    assert_right(station, cloud)
    assert_within_budget(openstack_lab, begin, cloud)

    before = {record.backend_id: record.uuid for record in station.sandbox.records_of(station.offering)}
    station.sandbox.log.clear()
    report, request = await answered(station)
    assert (request.state, report["counts"]["kept"]) == ("Done", found)
    writes = [entry.path for entry in station.sandbox.log if entry.method != "GET"]
    assert len(writes) == 2, "the claim and the end"

    with openstack_lab.api() as api:
        gone = next(it for it in cloud.offered.values() if it.id not in {thing.project for thing in things(cloud)})
        api.delete("keystone", f"/projects/{gone.id}")
        cloud.projects.remove(gone)
        renamed = cloud.project("defaults")
        renamed.name = "default-quota-renamed"
        api.patch("keystone", f"/projects/{renamed.id}", {"project": {"name": renamed.name}})
        other = cloud.project("numeric")
        other.quota = {"compute": {"cores": 77}}
        api.put("nova", f"/os-quota-sets/{other.id}", {"quota_set": {"cores": 77}})
    report, request = await answered(station)
    assert request.state == "Done"
    assert (report["counts"]["withdrawn"], report["counts"]["refreshed"]) == (1, 2)
    assert_right(station, cloud)
    after = {record.backend_id: record.uuid for record in station.sandbox.records_of(station.offering)}
    assert {name for name in after if after[name] != before[name]} == {renamed.id, other.id}


def things(cloud: Cloud) -> list[Any]:
    """All servers and volumes."""
    return [*cloud.servers, *cloud.volumes]


def assert_within_budget(lab: OpenstackLab, begin: dict[str, int], cloud: Cloud) -> None:
    """For P projects with compute and volume quotas 2 P + 30 requests with the agent's own name; nothing twice."""
    requests = lab.requests(begin, f"{APPLICATION}/{__version__}")
    projects = len(cloud.offered)
    assert len(requests) <= 2 * projects + 30
    quotas = Counter(request.service for request in requests if "os-quota-sets" in request.path)
    assert quotas == {"nova": projects, "cinder": projects}
    assert not any(request.service == "neutron" for request in requests), "no component is fed by it"
    assert sum(request.method != "GET" for request in requests) == 1, "the login"
    assert all(count == 1 for count in Counter(requests).values())


@pytest.mark.parametrize("trouble", ["cell", "role", "service", "expired", "html"])
async def test_trouble_is_told_and_withdraws_nothing(
    station: Station, openstack_lab: OpenstackLab, backend: Backend, cloud: Cloud, trouble: str
) -> None:
    """Erred with what an operator understands, or partial; all records stay, and no secret is shown.

    One record is of a project that the cloud does not have: only a whole scan may withdraw it.
    """
    select = {"include": [{"name": "^project-0000[1-9]$"}]}
    kinds = ["project", "server", "volume"]
    project = next(iter(station.sandbox.project_table))
    credential = openstack_lab.credential("agent-admin")
    words = {
        "cell": "does not reach one of its cells",
        "role": "Keystone refuses the list of projects",
        "service": "Cinder",
        "expired": "Keystone does not accept the credential",
        "html": "Nova answers with something that is not its own",
    }[trouble]

    def configure(**scanner: Any) -> None:
        block = settings(openstack_lab, **{"kinds": kinds, "select": select, "cloud": credential, **scanner})
        station.configure(offerings=[{"uuid": station.offering.uuid, **block}])

    configure()
    report, request = await answered(station)
    assert request.state == "Done", request.error_message
    before = {record.uuid for record in station.sandbox.records_of(station.offering)}
    assert before
    with openstack_lab.trouble(trouble, credential):
        configure(**({"cloud": "agent-reader-credential"} if trouble == "role" else {}))
        request = station.ask()
        ended = await station.run("run", "--once", "--output", "json")
    (report,) = ended.json()
    assert report["counts"]["withdrawn"] == 0
    assert before <= {record.uuid for record in station.sandbox.records_of(station.offering)}
    assert request.state == ("Done" if trouble == "cell" else "Erred")
    assert words in (ended.out + ended.err if trouble == "cell" else request.error_message)
    for secret in openstack_lab.credentials.secrets:
        assert secret not in ended.out + ended.err + request.error_message + request.error_traceback
    del project


async def test_the_examples_in_the_documents_work_as_written(
    tmp_path: Path, openstack_lab: OpenstackLab, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """README's block for OpenStack, with its Waldur, token and cloud being here."""
    readme = (Path(__file__).parents[3] / "README.md").read_text()
    (text,) = [block for block in re.findall(r"^```yaml\n(.*?)^```$", readme, re.M | re.S) if "openstack" in block]
    assert yaml.safe_load(text)
