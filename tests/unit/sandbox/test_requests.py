"""Backend resource requests: what the recorded exchanges do not show."""

from uuid import UUID

import httpx
import pytest

from waldur_import_agent.sandbox import Offering, Sandbox

PATH = "backend-resource-requests/"


async def test_create_takes_a_dashed_uuid_and_ignores_the_rest(
    sandbox: Sandbox, staff: httpx.AsyncClient, offering: Offering
) -> None:
    """A new request is Sent whatever else the body says, and a second open one is as good."""
    for _ in range(2):
        answer = await staff.post(PATH, json={"offering": str(UUID(offering.uuid)), "state": "Done"})
        assert (answer.status_code, answer.json()["state"]) == (201, "Sent")

    assert len(sandbox.requests) == 2


async def test_the_permission_to_create_is_looked_at_before_the_body(agent: httpx.AsyncClient) -> None:
    """Who is no staff gets a 403 even for a body that is none."""
    assert (await agent.post(PATH, content="{")).status_code == 403


async def test_retrieve_by_a_dashed_uuid(sandbox: Sandbox, agent: httpx.AsyncClient, offering: Offering) -> None:
    """The address may hold dashes."""
    request = sandbox.add_request(offering)

    assert (await agent.get(f"{PATH}{UUID(request.uuid)}/")).json()["uuid"] == request.uuid


async def test_set_erred_takes_a_form_and_any_state(
    sandbox: Sandbox, agent: httpx.AsyncClient, offering: Offering
) -> None:
    """An Erred request can be set Erred again; texts and the time of the end are overwritten, `started` stays."""
    request = sandbox.add_request(offering)
    sandbox.start_processing(request)
    sandbox.set_erred(request, "first", "trace")
    started, first_finished = request.started, request.finished

    answer = await agent.post(
        f"{PATH}{request.uuid}/set_erred/", data={"error_message": "second", "error_traceback": ""}
    )

    assert answer.status_code == 200
    assert (request.state, request.error_message, request.error_traceback) == ("Erred", "second", "")
    assert request.started == started
    assert first_finished is not None
    assert request.finished is not None
    assert request.finished > first_finished
    assert request.modified > request.finished


@pytest.mark.parametrize("body", [{}, {"error_message": "x"}, {"error_traceback": "x"}])
async def test_set_erred_crashes_without_both_keys(
    sandbox: Sandbox, agent: httpx.AsyncClient, offering: Offering, body: dict[str, str]
) -> None:
    """Either key missing is a 500, an empty body too, and the state stays."""
    request = sandbox.add_request(offering)

    assert (await agent.post(f"{PATH}{request.uuid}/set_erred/", json=body)).status_code == 500
    assert (await agent.post(f"{PATH}{request.uuid}/set_erred/")).status_code == 500
    assert request.state == "Sent"


async def test_texts_of_errors_have_no_limit(sandbox: Sandbox, agent: httpx.AsyncClient, offering: Offering) -> None:
    """200,000 characters are stored as they are."""
    request = sandbox.add_request(offering)
    long = "x" * 200_000

    await agent.post(f"{PATH}{request.uuid}/set_erred/", json={"error_message": long, "error_traceback": long})

    assert (request.error_message, request.error_traceback) == (long, long)
