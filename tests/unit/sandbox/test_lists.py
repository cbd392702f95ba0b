"""Filters, order and pages of lists."""

from uuid import UUID

import httpx
import pytest

from waldur_import_agent.sandbox import Offering, Project, Sandbox


@pytest.mark.parametrize(
    ("page_size", "rows"),
    [("", 10), ("5", 5), ("300", 300), ("301", 300), ("9999", 300), ("0", 10), ("-1", 10), ("many", 10)],
)
async def test_page_size(
    sandbox: Sandbox, offering: Offering, project: Project, agent: httpx.AsyncClient, *, page_size: str, rows: int
) -> None:
    """A page has 10 rows unless asked otherwise, 300 at the most; what is no positive number is ignored."""
    for number in range(310):
        sandbox.add_record(offering, project, f"hpc_{number}")

    answer = await agent.get("backend-resources/", params={"page_size": page_size})

    assert len(answer.json()) == rows
    assert answer.headers["x-result-count"] == "310"


@pytest.mark.parametrize(("page", "rows"), [("1", [0, 1]), ("2", [2, 3]), ("3", [4]), ("last", [4]), ("", [0, 1])])
@pytest.mark.parametrize("filters", [{}, {"name": "hpc"}])
async def test_pages_in_order_of_creation(
    sandbox: Sandbox,
    offering: Offering,
    project: Project,
    agent: httpx.AsyncClient,
    *,
    page: str,
    rows: list[int],
    filters: dict[str, str],
) -> None:
    """Pages cut the list by o=created, the same whether the index alone serves them or rows must be compared."""
    for number in range(5):
        sandbox.add_record(offering, project, f"hpc_{number}")
    parameters = {"offering_uuid": offering.uuid, "o": "created", "page_size": "2", "page": page, **filters}

    answer = await agent.get("backend-resources/", params=parameters)

    assert [row["backend_id"] for row in answer.json()] == [f"hpc_{number}" for number in rows]


@pytest.mark.parametrize("filters", [{}, {"name": "hpc"}])
async def test_newest_first_unless_asked_otherwise(
    sandbox: Sandbox, offering: Offering, project: Project, agent: httpx.AsyncClient, filters: dict[str, str]
) -> None:
    """Without `o`, or with o=-created, the newest row comes first."""
    for number in range(3):
        sandbox.add_record(offering, project, f"hpc_{number}")

    for order in ({}, {"o": "-created"}, {"o": ""}):
        answer = await agent.get("backend-resources/", params={"offering_uuid": offering.uuid, **filters, **order})

        assert [row["backend_id"] for row in answer.json()] == ["hpc_2", "hpc_1", "hpc_0"]


@pytest.mark.parametrize("page", ["0", "2", "-1", "abc", "1.0"])
async def test_no_such_page(offering: Offering, agent: httpx.AsyncClient, page: str) -> None:
    """A page that is not there is a 404; an empty list still has its first."""
    answer = await agent.get("backend-resources/", params={"page": page})

    assert (answer.status_code, answer.json()) == (404, {"detail": "Invalid page."})
    assert (await agent.get("backend-resources/", params={"page": "last"})).json() == []


async def test_filters_of_requests(sandbox: Sandbox, offering: Offering, agent: httpx.AsyncClient) -> None:
    """Times are inclusive lower bounds, rows without the time never match, states may be repeated."""
    sent, processing, done = (sandbox.add_request(offering) for _ in range(3))
    sandbox.start_processing(processing)
    sandbox.start_processing(done)
    sandbox.set_done(done)

    async def uuids(**parameters: object) -> set[str]:
        answer = await agent.get("backend-resource-requests/", params=parameters)  # type: ignore[arg-type]  # httpx takes lists
        return {row["uuid"] for row in answer.json()}

    assert processing.started is not None
    assert done.started is not None
    assert await uuids(created=processing.created.isoformat()) == {processing.uuid, done.uuid}
    assert await uuids(modified=processing.modified.isoformat()) == {processing.uuid, done.uuid}
    assert await uuids(started=processing.started.isoformat()) == {processing.uuid, done.uuid}
    assert await uuids(started=done.started.isoformat()) == {done.uuid}
    assert await uuids(finished="2020-01-01") == {done.uuid}
    assert await uuids(finished="2030-01-01T00:00:00") == set()
    assert await uuids(state=["Sent", "Done"]) == {sent.uuid, done.uuid}
    assert await uuids(offering="nonsense, but unknown to the server") == {sent.uuid, processing.uuid, done.uuid}


async def test_filters_of_records(sandbox: Sandbox, offering: Offering, agent: httpx.AsyncClient) -> None:
    """Each filter compares what its name says, and all must hold."""
    other = sandbox.add_offering("Other cluster")
    project, second = sandbox.add_project("One", "one"), sandbox.add_project("Two", "two")
    one = sandbox.add_record(offering, project, "hpc_1", name="Alpha")
    two = sandbox.add_record(offering, second, "hpc_2", name="alphabet")
    three = sandbox.add_record(other, project, "hpc_1", name="Beta")
    four = sandbox.add_record(other, second, "hpc_4", name="Gamma")

    async def uuids(**parameters: str) -> set[str]:
        return {row["uuid"] for row in (await agent.get("backend-resources/", params=parameters)).json()}

    assert await uuids(offering_uuid=offering.uuid) == {one.uuid, two.uuid}
    assert await uuids(backend_id="hpc_1") == {one.uuid, three.uuid}
    assert await uuids(backend_id="HPC_1") == set()
    assert await uuids(backend_id="hpc_1", offering_uuid=other.uuid) == {three.uuid}
    assert await uuids(backend_id="hpc_2", offering_uuid=other.uuid) == set()
    assert await uuids(project_uuid=project.uuid) == {one.uuid, three.uuid}
    assert await uuids(name="ALPHA") == {one.uuid, two.uuid}
    assert await uuids(name_exact="Alpha") == {one.uuid}
    assert await uuids(created=two.created.isoformat()) == {two.uuid, three.uuid, four.uuid}
    assert await uuids(modified=three.created.isoformat()) == {three.uuid, four.uuid}


async def test_the_last_of_repeated_offerings_counts(
    sandbox: Sandbox, offering: Offering, agent: httpx.AsyncClient
) -> None:
    """offering_uuid is no list; dashes do not matter; an unknown one gives an empty list."""
    request = sandbox.add_request(offering)
    dashed = str(UUID(offering.uuid))

    answer = await agent.get("backend-resource-requests/", params={"offering_uuid": ["0" * 32, dashed]})
    unknown = await agent.get("backend-resource-requests/", params={"offering_uuid": "0" * 32})

    assert [row["uuid"] for row in answer.json()] == [request.uuid]
    assert unknown.json() == []


async def test_every_bad_parameter_is_named(offering: Offering, agent: httpx.AsyncClient) -> None:
    """One 400 names them all; an empty state and an offset with an unescaped + are bad too."""
    answer = await agent.get(
        "backend-resource-requests/?state=&o=name&offering_uuid=x&created=2026-11-24T00:00:00+00:00&started=noon"
    )

    assert answer.status_code == 400
    assert answer.json() == {
        "state": ["Select a valid choice.  is not one of the available choices."],
        "o": ["Select a valid choice. name is not one of the available choices."],
        "offering_uuid": ["Enter a valid UUID."],
        "created": ["Enter a valid date/time."],
        "started": ["Enter a valid date/time."],
    }


async def test_bad_parameters_of_records(offering: Offering, agent: httpx.AsyncClient) -> None:
    """The list of records is as strict."""
    answer = await agent.get("backend-resources/?project_uuid=x&modified=noon")

    assert answer.status_code == 400
    assert answer.json() == {"project_uuid": ["Enter a valid UUID."], "modified": ["Enter a valid date/time."]}


async def test_times_have_microseconds_and_z(sandbox: Sandbox, offering: Offering, agent: httpx.AsyncClient) -> None:
    """Times are in UTC, and no two are the same although the clock stands still."""
    for _ in range(3):
        sandbox.add_request(offering)

    rows = (await agent.get("backend-resource-requests/", params={"o": "created"})).json()

    times = [row["created"] for row in rows]
    assert times == sorted(set(times))
    assert all(time.startswith("2026-11-24T03:00:00.50000") and time.endswith("Z") for time in times)


async def test_head_counts(sandbox: Sandbox, offering: Offering, project: Project, agent: httpx.AsyncClient) -> None:
    """HEAD of a list has the headers of its GET and no body."""
    sandbox.add_record(offering, project, "hpc_1")

    answer = await agent.head("backend-resources/")

    assert (answer.status_code, answer.headers["x-result-count"], answer.content) == (200, "1", b"")
