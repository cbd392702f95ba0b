"""What the agent relies on in Waldur: on the sandbox, and with --waldur-url on a live server."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.builders import found
from support.server import Server
from support.site import ToldScanner
from waldur_import_agent.fulfilment import Answerer, Identity, Surveyor
from waldur_import_agent.fulfilment.claims import Claims
from waldur_import_agent.fulfilment.waldur_side import WaldurSide
from waldur_import_agent.journal import Journal
from waldur_import_agent.records import Scan
from waldur_import_agent.redactor import Redactor
from waldur_import_agent.settings.models import Effort as EffortSettings
from waldur_import_agent.settings.models import OfferingSettings
from waldur_import_agent.waldur.client import WaldurClient
from waldur_import_agent.waldur.effort import Effort
from waldur_import_agent.waldur.errors import (
    WaldurGoneError,
    WaldurInvalidError,
    WaldurRefusedError,
    WaldurWrongStateError,
)
from waldur_import_agent.waldur.listing import read_whole
from waldur_import_agent.waldur.models import BackendResource, BackendResourceRequest

NOWHERE = "0123456789abcdef0123456789abcdef"


@pytest.fixture
async def agent(server: Server) -> WaldurClient:
    """The agent's client."""
    return await server.client("agent")


@pytest.fixture
async def asked(server: Server) -> BackendResourceRequest:
    """A request that staff have just created."""
    staff = await server.client("staff")
    request = await staff.create_request(server.offering)
    server.leaves(f"request {request.uuid}: Waldur has no way to delete it")
    return request


@pytest.fixture
async def project(agent: WaldurClient) -> str:
    """A project that the agent sees."""
    page = await agent.list_projects(page_size=1)
    assert page.items, "the agent's token must see a project"
    return page.items[0].uuid


@pytest.fixture
async def record(server: Server, agent: WaldurClient, project: str) -> AsyncIterator[BackendResource]:
    """A record that is removed afterwards."""
    made = await agent.create_record(
        name=f"{server.run} record",
        project_uuid=project,
        offering_uuid=server.offering,
        backend_id=f"{server.run}-Record",
        backend_metadata={"limits": {"cpu": 1}, "nested": {"text": "Õ 研究"}},
    )
    yield made
    try:
        await agent.delete_record(made.uuid)
    except WaldurGoneError:
        return


async def test_request_goes_from_sent_to_done(agent: WaldurClient, asked: BackendResourceRequest) -> None:
    """Sent, Processing, Done, each shown by a GET; times are set on the way."""
    assert (asked.state, asked.started, asked.finished) == ("Sent", None, None)
    await agent.start_processing(asked.uuid)
    started = await agent.retrieve_request(asked.uuid)
    assert started.state == "Processing"
    assert started.started is not None
    await agent.set_done(asked.uuid)
    done = await agent.retrieve_request(asked.uuid)
    assert done.state == "Done"
    assert done.finished is not None


async def test_wrong_state_is_told_apart(agent: WaldurClient, asked: BackendResourceRequest) -> None:
    """A second claim and an early set_done are answered as wrong states, not as refusals."""
    with pytest.raises(WaldurWrongStateError):
        await agent.set_done(asked.uuid)
    await agent.start_processing(asked.uuid)
    with pytest.raises(WaldurWrongStateError):
        await agent.start_processing(asked.uuid)
    await agent.set_done(asked.uuid)


async def test_erred_keeps_message_and_traceback(agent: WaldurClient, asked: BackendResourceRequest) -> None:
    """Both texts come back as they were sent; set_erred is taken from any state, which is why it needs care."""
    await agent.set_erred(asked.uuid, "slurmdbd is away: Õ", "Traceback\n  line 2")
    erred = await agent.retrieve_request(asked.uuid)
    assert (erred.state, erred.error_message, erred.error_traceback) == (
        "Erred",
        "slurmdbd is away: Õ",
        "Traceback\n  line 2",
    )


async def test_sent_requests_are_listed_oldest_first(
    server: Server, agent: WaldurClient, asked: BackendResourceRequest
) -> None:
    """The filters by offering and state hold, and the order is by creation."""
    staff = await server.client("staff")
    second = await staff.create_request(server.offering)
    server.leaves(f"request {second.uuid}: Waldur has no way to delete it")
    page = await agent.list_requests(offering_uuid=server.offering, state=["Sent"])
    ours = [request.uuid for request in page.items if request.uuid in {asked.uuid, second.uuid}]
    assert ours == [asked.uuid, second.uuid]
    assert {request.state for request in page.items} == {"Sent"}
    later = await agent.list_requests(offering_uuid=server.offering, created=second.created)
    assert asked.uuid not in {request.uuid for request in later.items}
    for request in (asked, second):
        await agent.set_erred(request.uuid, "made by a test", "")


async def test_agent_may_not_ask(server: Server, agent: WaldurClient) -> None:
    """Only staff create requests."""
    with pytest.raises(WaldurRefusedError):
        await agent.create_request(server.offering)


async def test_unknown_request_is_gone(agent: WaldurClient) -> None:
    """What is not there, or not visible, is gone."""
    with pytest.raises(WaldurGoneError):
        await agent.retrieve_request(NOWHERE)


async def test_record_comes_back_as_it_was_sent(
    server: Server, agent: WaldurClient, record: BackendResource, project: str
) -> None:
    """Name, id, project and metadata of a record survive, in retrieve and in the list by backend_id."""
    retrieved = await agent.retrieve_record(record.uuid)
    (listed,) = (await agent.list_records(offering_uuid=server.offering, backend_id=record.backend_id)).items
    for row in (retrieved, listed):
        assert (row.name, row.backend_id, row.project) == (f"{server.run} record", f"{server.run}-Record", project)
        assert row.backend_metadata == {"limits": {"cpu": 1}, "nested": {"text": "Õ 研究"}}


async def test_ids_are_compared_exactly(server: Server, agent: WaldurClient, record: BackendResource) -> None:
    """The filter by backend_id minds the case."""
    assert (await agent.list_records(offering_uuid=server.offering, backend_id=record.backend_id.lower())).total == 0


async def test_deleted_record_is_gone(agent: WaldurClient, record: BackendResource) -> None:
    """After a delete the record is gone for retrieve and for a second delete."""
    await agent.delete_record(record.uuid)
    with pytest.raises(WaldurGoneError):
        await agent.retrieve_record(record.uuid)
    with pytest.raises(WaldurGoneError):
        await agent.delete_record(record.uuid)


async def test_invalid_record_is_refused_with_its_fields(server: Server, agent: WaldurClient, project: str) -> None:
    """What Waldur does not take is told by field."""
    with pytest.raises(WaldurInvalidError) as refused:
        await agent.create_record(
            name="n" * 151,
            project_uuid=project,
            offering_uuid=server.offering,
            backend_id="b" * 256,
            backend_metadata={},
        )
    assert {"name", "backend_id"} <= set(refused.value.fields)


async def test_pages_are_proved_whole(server: Server, agent: WaldurClient, project: str) -> None:
    """A list over several pages has each row once."""
    made = [
        await agent.create_record(
            name=f"{server.run} {number}",
            project_uuid=project,
            offering_uuid=server.offering,
            backend_id=f"{server.run}-{number}",
            backend_metadata={},
        )
        for number in range(5)
    ]
    try:
        rows = await read_whole(
            lambda page: agent.list_records(offering_uuid=server.offering, page=page, page_size=2),
            Effort(EffortSettings()),
            uuid_of=lambda row: row.uuid,
        )
    finally:
        for record in made:
            await agent.delete_record(record.uuid)
    assert [row.uuid for row in rows if row.uuid in {record.uuid for record in made}] == [row.uuid for row in made]


async def test_offering_has_what_the_plan_needs(server: Server, agent: WaldurClient) -> None:
    """The offering's name and component types can be read with the agent's token."""
    offering = await agent.retrieve_offering(server.offering)
    assert offering.uuid == server.offering.replace("-", "")
    assert offering.name
    assert offering.components


async def test_caller_is_known_and_the_token_stays_away(agent: WaldurClient) -> None:
    """Whose the token is can be asked; the answer does not carry the token."""
    user = await agent.me()
    assert user.username
    assert not hasattr(user, "token")


async def test_agent_answers_a_request(server: Server, agent: WaldurClient, project: str, tmp_path: Path) -> None:
    """The whole main job: a request is answered, a second one writes nothing, what goes is withdrawn."""
    staff = await server.client("staff")
    overrides = tmp_path / "overrides.csv"
    names = [f"{server.run}-{letter}" for letter in "abc"]
    overrides.write_text("backend_id,project\n" + "".join(f"{name},{project}\n" for name in names))
    settings = OfferingSettings.model_validate(
        {"uuid": server.offering, "scanner": {"type": "told"}, "projects": {"overrides_file": str(overrides)}}
    )
    scanner = ToldScanner()
    effort = Effort(server.settings("agent").effort)
    with Journal.open(tmp_path / "state") as journal:
        answerer = Answerer(
            surveyor=Surveyor(
                settings=settings,
                instance=server.run,
                scanner=scanner,
                side=WaldurSide(agent, effort, settings.uuid),
                sleep=_never,
            ),
            claims=Claims(agent, effort, journal, settings.uuid),
            journal=journal,
            identity=Identity(server.run, "contract", "0"),
            redact=Redactor(),
            stop=asyncio.Event(),
            creates_in_flight=2,
        )

        async def answer(*found_ids: str) -> tuple[dict[str, int], str]:
            scanner.result = Scan(tuple(found(name) for name in found_ids))
            request = await staff.create_request(server.offering)
            server.leaves(f"request {request.uuid}: Waldur has no way to delete it")
            counts = (await answerer.answer()).counts
            return counts, (await agent.retrieve_request(request.uuid)).state

        first, second, last = await answer(*names), await answer(*names), await answer()
    assert (first[0]["reported"], first[1]) == (3, "Done")
    assert (second[0]["reported"], second[0]["refreshed"], second[1]) == (0, 0, "Done")
    assert (last[0]["withdrawn"], last[1]) == (3, "Done")


async def _never(seconds: float) -> None:
    raise AssertionError(f"nothing should have to wait {seconds} seconds")
