"""Addresses, content negotiation, the log, and scripted faults."""

import httpx
import pytest

from waldur_import_agent.sandbox import Answer, ConnectionLostError, Fault, Offering, Sandbox, requests_to

PATH = "backend-resource-requests/"


async def test_the_slash_at_the_end_is_needed(agent: httpx.AsyncClient) -> None:
    """Without it, a known address is a redirect with its query, an unknown one a page of HTML."""
    answer = await agent.get("projects?slug=a&slug=b")

    assert (answer.status_code, answer.headers["location"]) == (301, "/api/projects/?slug=a&slug=b")
    assert "allow" not in answer.headers
    assert (await agent.get("nonsense")).status_code == 404


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("application/json", "application/json"),
        ("*/*", "application/json"),
        ("application/*;q=0.5", "application/json"),
        ("text/html, application/json", "application/json"),
        ("text/html, */*", "text/html; charset=utf-8"),
        ("text/*", "text/html; charset=utf-8"),
    ],
)
async def test_who_accepts_html_gets_html(
    agent: httpx.AsyncClient, offering: Offering, accept: str, content_type: str
) -> None:
    """The browsable page answers a client that names it more exactly than JSON; headers are the same."""
    answer = await agent.get(PATH, headers={"Accept": accept})

    assert answer.headers["content-type"] == content_type
    assert answer.headers["x-result-count"] == "0"
    assert answer.text.startswith("[" if "json" in content_type else "<!doctype html>")


async def test_other_media_types_are_not_acceptable(agent: httpx.AsyncClient) -> None:
    """406, and before anybody asks for a token."""
    answer = await agent.get(PATH, headers={"Accept": "application/xml", "Authorization": ""})

    assert (answer.status_code, answer.json()) == (406, {"detail": "Could not satisfy the request Accept header."})


async def test_the_token_is_asked_for_before_the_method(agent: httpx.AsyncClient) -> None:
    """An anonymous PUT is a 401, not a 405."""
    assert (await agent.put(PATH, headers={"Authorization": ""})).status_code == 401
    assert (await agent.put(PATH)).status_code == 405


async def test_addresses_follow_the_host_header(sandbox: Sandbox, offering: Offering, agent: httpx.AsyncClient) -> None:
    """As the real server does, so that a proxy can make them wrong."""
    request = sandbox.add_request(offering)

    answer = await agent.get(f"{PATH}{request.uuid}/", headers={"Host": "inner:8000"})

    assert answer.json()["url"] == f"https://inner:8000/api/{PATH}{request.uuid}/"


async def test_the_log(sandbox: Sandbox, agent: httpx.AsyncClient) -> None:
    """Each request is noted with its query, who sent it, and the status."""
    await agent.get(PATH, params={"state": "Sent"})
    await agent.get("projects/", headers={"Authorization": "Token wrong"})

    assert sandbox.log == [
        ("GET", f"/api/{PATH}?state=Sent", "agent", 200),
        ("GET", "/api/projects/", "", 401),
    ]


async def test_a_fault_instead_of_the_server(sandbox: Sandbox, offering: Offering, agent: httpx.AsyncClient) -> None:
    """The request has no effect; after `times` it is over; other requests are not touched."""
    request = sandbox.add_request(offering)
    claim = f"{PATH}{request.uuid}/start_processing/"
    page = Answer(503, "<h1>Busy</h1>", {"Retry-After": "7"})
    sandbox.faults.append(Fault(requests_to("POST", "/start_processing/"), page, times=1))

    read = await agent.get(claim)
    other = await agent.post(f"{PATH}{request.uuid}/set_done/")
    first = await agent.post(claim)

    assert (read.status_code, other.status_code) == (405, 409)
    assert (first.status_code, first.text, first.headers["retry-after"]) == (503, "<h1>Busy</h1>", "7")
    assert first.headers["content-type"] == "text/html; charset=utf-8"
    assert request.state == "Sent"
    assert (await agent.post(claim)).status_code == 200
    assert [entry.status for entry in sandbox.log] == [405, 409, 503, 200]


async def test_a_fault_after_the_server(sandbox: Sandbox, offering: Offering, agent: httpx.AsyncClient) -> None:
    """The request takes effect, and the client is told otherwise; without `times` it goes on."""
    request = sandbox.add_request(offering)
    sandbox.faults.append(Fault(lambda method, path: method == "POST", Answer(504, {"detail": "late"}), handled=True))

    for _ in range(2):
        answer = await agent.post(f"{PATH}{request.uuid}/start_processing/")
        assert (answer.status_code, answer.json()) == (504, {"detail": "late"})

    assert request.state == "Processing"


@pytest.mark.parametrize(("handled", "state"), [(True, "Processing"), (False, "Sent")])
async def test_a_lost_connection(
    sandbox: Sandbox, offering: Offering, agent: httpx.AsyncClient, *, handled: bool, state: str
) -> None:
    """An error of the test's choice is raised to the client, before or after the request took effect."""
    request = sandbox.add_request(offering)
    sandbox.faults.append(
        Fault(requests_to("POST", request.uuid), handled=handled, times=1, error=httpx.ReadError("gone"))
    )

    with pytest.raises(httpx.ReadError):
        await agent.post(f"{PATH}{request.uuid}/start_processing/")

    assert request.state == state
    assert sandbox.log[-1].status == 0


async def test_a_lost_connection_has_an_error_of_its_own(sandbox: Sandbox, agent: httpx.AsyncClient) -> None:
    """Where none is chosen."""
    sandbox.faults.append(Fault(lambda method, path: True))

    with pytest.raises(ConnectionLostError):
        await agent.get(PATH)
