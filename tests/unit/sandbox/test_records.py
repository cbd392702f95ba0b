"""Backend resources and their import, as the server has it."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from waldur_import_agent.sandbox import Answer, Fault, Offering, Project, Sandbox, requests_to

Connect = Callable[[str | None], httpx.AsyncClient]
PATH = "backend-resources/"
BROKEN = "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"
SERVER_ERROR = "<h1>Server Error (500)</h1>"


@pytest.fixture
def body(offering: Offering, project: Project) -> dict[str, Any]:
    """What a create needs at least."""
    return {"name": "One", "project": project.uuid, "offering": offering.uuid}


async def test_defaults_and_trimming(sandbox: Sandbox, agent: httpx.AsyncClient, body: dict[str, Any]) -> None:
    """backend_id and metadata may be missing; blanks around texts go; the row is stored as it is answered."""
    answer = await agent.post(PATH, json={**body, "name": "  One\n"})
    second = await agent.post(PATH, json={**body, "name": 5, "backend_id": " a b ", "backend_metadata": ["any JSON"]})

    assert (answer.status_code, answer.json()["name"], answer.json()["backend_id"]) == (201, "One", "")
    assert answer.json()["backend_metadata"] == {}
    assert (second.json()["name"], second.json()["backend_id"]) == ("5", "a b")
    assert [record.backend_metadata for record in sandbox.records.values()] == [{}, ["any JSON"]]


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({"name": ""}, {"name": ["This field may not be blank."]}),
        ({"name": " "}, {"name": ["This field may not be blank."]}),
        ({"name": None}, {"name": ["This field may not be null."]}),
        ({"name": True}, {"name": ["Not a valid string."]}),
        ({"name": ["x"]}, {"name": ["Not a valid string."]}),
        ({"name": "a\0b"}, {"name": ["Null characters are not allowed."]}),
        ({"name": "a\ud800b"}, {"name": ["Surrogate characters are not allowed: U+D800."]}),
        ({"backend_id": None}, {"backend_id": ["This field may not be null."]}),
        ({"backend_metadata": None}, {"backend_metadata": ["This field may not be null."]}),
        ({"project": "genomics"}, {"project": ["Object with uuid=genomics does not exist."]}),
        ({"project": None}, {"project": ["This field may not be null."]}),
        ({"offering": ""}, {"offering": ["This field may not be null."]}),
        (
            {"name": "n" * 151, "offering": "x"},
            {
                "name": ["Ensure this field has no more than 150 characters."],
                "offering": ["Object with uuid=x does not exist."],
            },
        ),
    ],
)
async def test_bad_fields(
    sandbox: Sandbox, agent: httpx.AsyncClient, body: dict[str, Any], change: dict[str, Any], errors: dict[str, Any]
) -> None:
    """Each bad field is named with the text of Django REST framework, and nothing is stored."""
    # In ASCII, since httpx would not encode half a surrogate pair.
    content = json.dumps({**body, **change})

    answer = await agent.post(PATH, content=content, headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.json()) == (400, errors)
    assert not sandbox.records


async def test_limits_of_length_are_inclusive(agent: httpx.AsyncClient, body: dict[str, Any]) -> None:
    """150 characters of name and 255 of backend_id still fit."""
    answer = await agent.post(PATH, json={**body, "name": "ä" * 150, "backend_id": "n" * 255})

    assert answer.status_code == 201


async def test_the_body_is_looked_at_before_the_permission(
    sandbox: Sandbox, connect: Connect, body: dict[str, Any]
) -> None:
    """Who may not create gets a 400 for a bad body, a 403 for a good one."""
    outsider = connect(sandbox.outsider_token)

    assert (await outsider.post(PATH, json={})).status_code == 400
    assert (await outsider.post(PATH, json=body)).status_code == 403


@pytest.mark.parametrize("metadata", ['{"a": [{"b": "\\u0000"}]}', '{"\\ud800": 1}', '{"a": 1e999}'])
async def test_metadata_that_the_database_refuses(
    sandbox: Sandbox, agent: httpx.AsyncClient, offering: Offering, project: Project, metadata: str
) -> None:
    """NUL, half a surrogate pair and an infinite number anywhere in the metadata are a 500 with a page of HTML."""
    content = (
        f'{{"name": "x", "project": "{project.uuid}", "offering": "{offering.uuid}", "backend_metadata": {metadata}}}'
    )
    answer = await agent.post(PATH, content=content, headers={"Content-Type": "application/json"})

    assert answer.status_code == 500
    assert SERVER_ERROR in answer.text
    assert not sandbox.records


@pytest.mark.parametrize(
    ("content", "content_type", "status", "answered"),
    [
        (
            "{",
            "application/json; charset=utf-8",
            400,
            {"detail": f"JSON parse error - {BROKEN}"},
        ),
        (
            "[NaN]",
            "application/json",
            400,
            {"detail": "JSON parse error - Out of range float values are not JSON compliant: NaN"},
        ),
        ("null", "application/json", 400, {"non_field_errors": ["No data provided"]}),
        ('"x"', "application/json", 400, {"non_field_errors": ["Invalid data. Expected a dictionary, but got str."]}),
        ("x", "text/plain; a=b", 415, {"detail": 'Unsupported media type "text/plain; a=b" in request.'}),
    ],
)
async def test_bodies_that_cannot_be_read(
    agent: httpx.AsyncClient, content: str, content_type: str, status: int, answered: dict[str, Any]
) -> None:
    """Broken JSON, JSON of a wrong kind and other content types are refused with the server's words."""
    answer = await agent.post(PATH, content=content, headers={"Content-Type": content_type})

    assert (answer.status_code, answer.json()) == (status, answered)


async def test_a_deleted_record_is_gone(
    sandbox: Sandbox, agent: httpx.AsyncClient, offering: Offering, project: Project
) -> None:
    """Gone from the detail, from every list, and from the seams of the tests."""
    kept, deleted = sandbox.add_record(offering, project, "hpc_1"), sandbox.add_record(offering, project, "hpc_1")

    await agent.delete(f"{PATH}{deleted.uuid}/")

    assert (await agent.get(f"{PATH}{deleted.uuid}/")).status_code == 404
    assert [row["uuid"] for row in (await agent.get(PATH, params={"backend_id": "hpc_1"})).json()] == [kept.uuid]
    assert sandbox.records_of(offering) == [kept]
    assert (await agent.get(f"{PATH}nonsense/")).status_code == 404


async def test_import(sandbox: Sandbox, staff: httpx.AsyncClient, offering: Offering, project: Project) -> None:
    """Name, project, backend_id and limits become a resource's, unknown components too; the record is gone."""
    metadata = {"limits": {"cpu": 5, "unknown": 1}, "anything": "else"}
    record = sandbox.add_record(offering, project, "hpc_1", name="One", backend_metadata=metadata)

    answer = await staff.post(f"{PATH}{record.uuid}/import_resource/", json={"plan": offering.plans[0].uuid})

    assert answer.status_code == 201
    resource = sandbox.resources[answer.json()["uuid"]]
    assert (resource.name, resource.project, resource.backend_id) == ("One", project, "hpc_1")
    assert (resource.limits, resource.state, resource.plan) == (metadata["limits"], "OK", offering.plans[0])
    assert not sandbox.records


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"plan": "Plan is required when importing resources."}),
        ({"plan": "x"}, {"plan": ["Object with uuid=x does not exist."]}),
    ],
)
async def test_import_needs_a_plan(
    sandbox: Sandbox,
    staff: httpx.AsyncClient,
    offering: Offering,
    project: Project,
    *,
    body: dict[str, str],
    errors: dict[str, Any],
) -> None:
    """Without a plan of the offering nothing is imported."""
    record = sandbox.add_record(offering, project, "hpc_1")

    answer = await staff.post(f"{PATH}{record.uuid}/import_resource/", json=body)

    assert (answer.status_code, answer.json()) == (400, errors)
    assert sandbox.records_of(offering) == [record]


@pytest.mark.parametrize(("state", "status"), [("OK", 400), ("Terminated", 201), ("Erred", 201)])
async def test_a_second_import_of_the_same(
    sandbox: Sandbox, staff: httpx.AsyncClient, offering: Offering, project: Project, *, state: str, status: int
) -> None:
    """A resource in state OK with the same backend_id in the same offering forbids it; the body is a list."""
    other = sandbox.add_offering("Other")
    sandbox.add_resource(other, project, "hpc_1")
    sandbox.add_resource(offering, project, "hpc_1", state=state)
    record = sandbox.add_record(offering, project, "hpc_1")

    answer = await staff.post(f"{PATH}{record.uuid}/import_resource/", json={"plan": offering.plans[0].uuid})

    assert answer.status_code == status
    if status == 400:
        assert answer.json() == ["Resource has been imported already."]


@pytest.mark.parametrize(
    ("backend_id", "hint", "refused"),
    [
        ("hpc_1", "", None),
        ("", "", None),
        ("hpc_1x", "", {"backend_id": [r"hpc_\d+"]}),
        ("hpc_1x", "hpc_ and a number", {"backend_id": ["hpc_ and a number"]}),
    ],
)
async def test_import_enforces_the_rule_of_format(
    sandbox: Sandbox, staff: httpx.AsyncClient, project: Project, *, backend_id: str, hint: str, refused: Any
) -> None:
    """The whole backend_id must match; an empty one passes; creating a record is never refused for it."""
    offering = sandbox.add_offering("Strict", backend_id_pattern=r"hpc_\d+", backend_id_hint=hint)
    created = await staff.post(
        PATH, json={"name": "x", "project": project.uuid, "offering": offering.uuid, "backend_id": backend_id}
    )

    answer = await staff.post(f"{PATH}{created.json()['uuid']}/import_resource/", json={"plan": offering.plans[0].uuid})

    assert answer.status_code == (400 if refused else 201)
    if refused:
        assert answer.json() == refused


@pytest.mark.parametrize(
    ("scope", "there", "refused"),
    [
        ("offering", ("Strict", "OK"), True),
        ("offering", ("Strict", "Terminated"), True),
        ("offering", ("Other", "OK"), False),
        ("offering_group", ("Strict", "Terminated"), True),
        ("service_provider", ("Other", "Terminated"), True),
        ("service_provider_category", ("Other", "OK"), True),
        ("service_provider", ("Elsewhere", "OK"), False),
    ],
)
async def test_import_enforces_the_rule_of_uniqueness(
    sandbox: Sandbox, staff: httpx.AsyncClient, project: Project, *, scope: str, there: tuple[str, str], refused: bool
) -> None:
    """Within its scope no resource may have the id; those terminated count unless the rule says otherwise."""
    strict = sandbox.add_offering("Strict", uniqueness=scope)
    offerings = {
        "Strict": strict,
        "Other": sandbox.add_offering("Other"),
        "Elsewhere": sandbox.add_offering("Elsewhere", provider="Somebody else"),
    }
    name, state = there
    sandbox.add_resource(offerings[name], project, "hpc_1", state=state)

    async def imported(backend_id: str) -> httpx.Response:
        record = sandbox.add_record(strict, project, backend_id)
        return await staff.post(f"{PATH}{record.uuid}/import_resource/", json={"plan": strict.plans[0].uuid})

    answer = await imported("hpc_1")
    assert answer.status_code == (400 if refused else 201)
    if refused:
        assert answer.json() == {
            "backend_id": [f"A resource with this backend ID exists already in the scope {scope}."]
        }
    assert (await imported("hpc_2")).status_code == 201
    assert (await imported("")).status_code == 201
    if state == "Terminated":
        strict.backend_id_rules = {"uniqueness": {"scope": scope, "include_terminated": False}}
        assert (await imported("hpc_1")).status_code == 201


async def test_import_that_commits_late(
    sandbox: Sandbox, staff: httpx.AsyncClient, offering: Offering, project: Project
) -> None:
    """It shows after so many further requests; one that is sent meanwhile makes a second resource, as in PostgreSQL."""
    record = sandbox.add_record(offering, project, "hpc_1")
    path, plan = f"{PATH}{record.uuid}/import_resource/", {"plan": offering.plans[0].uuid}
    sandbox.faults.append(Fault(requests_to("POST", "import_resource"), Answer(504), handled=True, times=1, late=2))
    assert (await staff.post(path, json=plan)).status_code == 504
    assert (await staff.get(f"{PATH}{record.uuid}/")).status_code == 200
    assert not sandbox.resources
    assert (await staff.get(f"{PATH}{record.uuid}/")).status_code == 404
    assert len(sandbox.resources) == 1

    record = sandbox.add_record(offering, project, "hpc_2")
    sandbox.faults.append(Fault(requests_to("POST", "import_resource"), Answer(504), handled=True, times=1, late=2))
    path = f"{PATH}{record.uuid}/import_resource/"
    assert (await staff.post(path, json=plan)).status_code == 504
    assert (await staff.post(path, json=plan)).status_code == 201
    assert (await staff.get(f"{PATH}{record.uuid}/")).status_code == 404
    assert [resource.backend_id for resource in sandbox.resources.values()] == ["hpc_1", "hpc_2", "hpc_2"]


async def test_import_of_metadata_that_are_no_object(
    sandbox: Sandbox, staff: httpx.AsyncClient, offering: Offering, project: Project
) -> None:
    """The server crashes on it, and the record stays."""
    record = sandbox.add_record(offering, project, "hpc_1", backend_metadata=["x"])

    answer = await staff.post(f"{PATH}{record.uuid}/import_resource/", json={"plan": offering.plans[0].uuid})

    assert answer.status_code == 500
    assert SERVER_ERROR in answer.text
    assert sandbox.records_of(offering) == [record]
