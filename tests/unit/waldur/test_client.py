"""Each operation sends what Waldur's API page documents, and reads what comes back."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import httpx
import pytest

from unit.waldur.scripted import ScriptedWaldur
from waldur_import_agent.waldur.errors import WaldurInvalidError
from waldur_import_agent.waldur.models import LIVE_STATES, RequestState

UUID = "a8ab92dee8ec425bb3bd1e22a9a89883"
DASHED = "a8ab92de-e8ec-425b-b3bd-1e22a9a89883"
PROJECT = "eefb4e6aa9ef4f5b92f42f31f6ab5783"
OFFERING = "38ba14c70a274580adabe742014bddaa"
MOMENT = datetime(2026, 11, 24, 5, 30, 0, 120, tzinfo=timezone(timedelta(hours=2)))
IN_UTC = "2026-11-24T03:30:00.000120+00:00"

REQUEST = {
    "url": "https://waldur.test/api/backend-resource-requests/a8ab92dee8ec425bb3bd1e22a9a89883/",
    "uuid": UUID,
    "created": "2026-11-24T03:43:54.757314Z",
    "modified": "2026-11-24T03:43:54.757314Z",
    "started": None,
    "finished": None,
    "state": "Sent",
    "offering": OFFERING,
    "offering_name": "SLURM cluster",
    "offering_url": "https://waldur.test/api/marketplace-public-offerings/38ba14c70a274580adabe742014bddaa/",
    "error_message": "",
    "error_traceback": "",
}
RECORD = {
    "uuid": UUID,
    "name": "hpc_alpha",
    "created": "2026-11-24T03:43:55Z",
    "modified": "2026-11-24T03:43:55.5Z",
    "project": PROJECT,
    "project_name": "Project Alpha",
    "offering": OFFERING,
    "offering_name": "SLURM cluster",
    "backend_id": "hpc_alpha",
    "backend_metadata": {"limits": {"cpu": 10}},
}


def page(*rows: dict[str, Any], total: int | None = None) -> httpx.Response:
    """A page of a list."""
    count = len(rows) if total is None else total
    return httpx.Response(200, json=list(rows), headers={"X-Result-Count": str(count)})


# --- requests


async def test_requests_are_listed_with_every_documented_parameter(waldur: ScriptedWaldur) -> None:
    """All query parameters of the API page arrive; `state` is repeated, times are in UTC with the plus escaped."""
    waldur.answer(page(REQUEST, total=7))
    async with waldur.client() as client:
        found = await client.list_requests(
            offering_uuid=DASHED,
            state=["Sent", "Processing"],
            created=MOMENT,
            modified=MOMENT,
            started=MOMENT,
            finished=MOMENT,
            o=["-created"],
            page=3,
            page_size=20,
        )
    assert waldur.requests[0].method == "GET"
    assert waldur.requests[0].url.path == "/api/backend-resource-requests/"
    assert sorted(waldur.query()) == [
        ("created", IN_UTC),
        ("finished", IN_UTC),
        ("modified", IN_UTC),
        ("o", "-created"),
        ("offering_uuid", UUID),
        ("page", "3"),
        ("page_size", "20"),
        ("started", IN_UTC),
        ("state", "Processing"),
        ("state", "Sent"),
    ]
    assert b"+" not in waldur.requests[0].url.query
    assert found.total == 7
    assert found.path == "/api/backend-resource-requests/"
    assert [row.uuid for row in found.items] == [UUID]


async def test_a_plain_list_is_the_first_page_of_300_oldest_first(waldur: ScriptedWaldur) -> None:
    """Without arguments: no filter, FIFO order, the largest page that Waldur gives."""
    waldur.answer(page())
    async with waldur.client() as client:
        found = await client.list_requests()
        assert waldur.query() == [("o", "created"), ("page", "1"), ("page_size", "300")]
        await client.list_records()
        assert waldur.query() == [("o", "created"), ("page", "1"), ("page_size", "300")]
    assert (found.items, found.total) == ([], 0)


async def test_the_page_size_is_a_setting(waldur: ScriptedWaldur) -> None:
    """`waldur.page_size` holds for all lists."""
    waldur.answer(page())
    async with waldur.client(page_size=50) as client:
        await client.list_requests()
        await client.list_records()
        await client.list_resources(OFFERING)
        await client.list_projects()
    assert [dict(waldur.query(number))["page_size"] for number in range(4)] == ["50"] * 4


async def test_a_request_is_retrieved(waldur: ScriptedWaldur) -> None:
    """The path has the hex UUID and ends with a slash; the row is read."""
    waldur.answer(httpx.Response(200, json=REQUEST))
    async with waldur.client() as client:
        request = await client.retrieve_request(DASHED)
    assert (waldur.requests[0].method, str(waldur.requests[0].url)) == (
        "GET",
        f"https://waldur.test/api/backend-resource-requests/{UUID}/",
    )
    assert request.state == RequestState.SENT
    assert request.created == datetime(2026, 11, 24, 3, 43, 54, 757314, tzinfo=UTC)
    assert (request.started, request.finished, request.offering) == (None, None, OFFERING)


async def test_a_request_is_created(waldur: ScriptedWaldur) -> None:
    """The body names the offering, and nothing else."""
    waldur.answer(httpx.Response(201, json=REQUEST))
    async with waldur.client() as client:
        request = await client.create_request(OFFERING)
    assert (waldur.requests[0].method, waldur.requests[0].url.path) == ("POST", "/api/backend-resource-requests/")
    assert waldur.requests[0].headers["content-type"] == "application/json"
    assert waldur.body() == {"offering": OFFERING}
    assert request.uuid == UUID


@pytest.mark.parametrize("action", ["start_processing", "set_done"])
async def test_transitions_are_posted_without_a_body(waldur: ScriptedWaldur, action: str) -> None:
    """start_processing and set_done have no body, and the slash that Waldur would else redirect to."""
    waldur.answer(httpx.Response(200, json={"status": "Request state set."}))
    async with waldur.client() as client:
        await getattr(client, action)(UUID)
    request = waldur.requests[0]
    assert (request.method, request.url.path) == ("POST", f"/api/backend-resource-requests/{UUID}/{action}/")
    assert request.content == b""
    assert "content-type" not in request.headers


@pytest.mark.parametrize(("message", "traceback"), [("", ""), ("failed", ""), ("failed", "Traceback ...")])
async def test_set_erred_always_sends_both_texts(waldur: ScriptedWaldur, message: str, traceback: str) -> None:
    """Waldur answers 500 where a key is missing, so both are sent, empty ones too."""
    waldur.answer(httpx.Response(200, json={"status": "Request state set to erred."}))
    async with waldur.client() as client:
        await client.set_erred(UUID, message, traceback)
    assert waldur.requests[0].url.path == f"/api/backend-resource-requests/{UUID}/set_erred/"
    assert waldur.body() == {"error_message": message, "error_traceback": traceback}


async def test_set_erred_replaces_what_waldur_cannot_store(waldur: ScriptedWaldur) -> None:
    """NUL and bytes that were no text do not keep a failure from being told; other characters stay."""
    waldur.answer(httpx.Response(200, json={"status": "ok"}))
    async with waldur.client() as client:
        await client.set_erred(UUID, "acc\x00ount \udcff", "größe \x00")
    assert waldur.body() == {"error_message": "acc\\x00ount \\udcff", "error_traceback": "größe \\x00"}


# --- records


async def test_records_are_listed_with_their_filters(waldur: ScriptedWaldur) -> None:
    """All filters arrive; a backend_id with odd characters arrives as it is."""
    waldur.answer(page(RECORD))
    async with waldur.client() as client:
        found = await client.list_records(
            offering_uuid=OFFERING,
            project_uuid=PROJECT,
            backend_id="a&b=c d+é",
            name="part",
            name_exact="whole",
            created=MOMENT,
            modified=MOMENT,
            o="-created",
            page=2,
            page_size=10,
        )
    assert waldur.requests[0].url.path == "/api/backend-resources/"
    assert sorted(waldur.query()) == [
        ("backend_id", "a&b=c d+é"),
        ("created", IN_UTC),
        ("modified", IN_UTC),
        ("name", "part"),
        ("name_exact", "whole"),
        ("o", "-created"),
        ("offering_uuid", OFFERING),
        ("page", "2"),
        ("page_size", "10"),
        ("project_uuid", PROJECT),
    ]
    assert found.items[0].backend_metadata == {"limits": {"cpu": 10}}


async def test_a_record_is_retrieved(waldur: ScriptedWaldur) -> None:
    """The row is read from its own address."""
    waldur.answer(httpx.Response(200, json=RECORD))
    async with waldur.client() as client:
        record = await client.retrieve_record(UUID)
    assert (waldur.requests[0].method, waldur.requests[0].url.path) == ("GET", f"/api/backend-resources/{UUID}/")
    assert (record.name, record.backend_id, record.project, record.offering) == (
        "hpc_alpha",
        "hpc_alpha",
        PROJECT,
        OFFERING,
    )


async def test_a_record_is_created(waldur: ScriptedWaldur) -> None:
    """The body has the five documented keys; text that is not ASCII arrives as it is."""
    waldur.answer(httpx.Response(201, json=RECORD))
    async with waldur.client() as client:
        record = await client.create_record(
            name="größe",
            project_uuid=PROJECT,
            offering_uuid=OFFERING,
            backend_id="hpc_alpha",
            backend_metadata={"limits": {"cpu": 10}},
        )
    assert (waldur.requests[0].method, waldur.requests[0].url.path) == ("POST", "/api/backend-resources/")
    assert waldur.body() == {
        "name": "größe",
        "project": PROJECT,
        "offering": OFFERING,
        "backend_id": "hpc_alpha",
        "backend_metadata": {"limits": {"cpu": 10}},
    }
    assert record.uuid == UUID


@pytest.mark.parametrize(
    "value", ["a\x00b", "\\\x00", "byte \udcff", float("nan"), float("inf")], ids=["nul", "nul2", "byte", "nan", "inf"]
)
async def test_what_cannot_be_stored_is_refused_before_it_is_sent(waldur: ScriptedWaldur, value: Any) -> None:
    """Waldur would answer 500 to it for ever; it is invalid instead, and the round goes on without it."""
    waldur.answer(httpx.Response(201, json=RECORD))
    async with waldur.client() as client:
        with pytest.raises(WaldurInvalidError, match="not sent"):
            await client.create_record(
                name="n", project_uuid=PROJECT, offering_uuid=OFFERING, backend_id="i", backend_metadata={"a": [value]}
            )
    assert waldur.requests == []


async def test_text_that_only_looks_like_an_escaped_nul_is_sent(waldur: ScriptedWaldur) -> None:
    """A backslash before u0000 is just a backslash."""
    waldur.answer(httpx.Response(201, json=RECORD))
    async with waldur.client() as client:
        await client.create_record(
            name="\\u0000", project_uuid=PROJECT, offering_uuid=OFFERING, backend_id="i", backend_metadata={}
        )
    assert waldur.body()["name"] == "\\u0000"


async def test_a_record_is_deleted(waldur: ScriptedWaldur) -> None:
    """204 has no body, and none is asked for."""
    waldur.answer(httpx.Response(204))
    async with waldur.client() as client:
        await client.delete_record(DASHED)
    assert (waldur.requests[0].method, waldur.requests[0].url.path) == ("DELETE", f"/api/backend-resources/{UUID}/")


# --- what is around them


async def test_the_offering_is_read_by_fields(waldur: ScriptedWaldur) -> None:
    """Only the fields that are used are asked for, components, plans and id rules among them."""
    body = {
        "uuid": OFFERING,
        "name": "SLURM cluster",
        "state": "Active",
        "type": "Marketplace.Slurm",
        "customer_uuid": PROJECT,
        "components": [{"type": "cpu", "name": "CPU", "measured_unit": "hours"}, {"type": "ram", "name": None}],
        "plans": [{"uuid": DASHED, "name": "Standard"}],
        "backend_id_rules": {"format": {"regex": "hpc_.+", "description": "begins with hpc_"}},
    }
    waldur.answer(httpx.Response(200, json=body))
    async with waldur.client() as client:
        offering = await client.retrieve_offering(OFFERING)
    assert waldur.requests[0].url.path == f"/api/marketplace-provider-offerings/{OFFERING}/"
    assert {value for name, value in waldur.query() if name == "field"} == {
        "uuid", "name", "slug", "state", "type", "customer_uuid", "customer_name", "components", "plans",
        "backend_id_rules", "category_uuid",
    }  # fmt: skip
    assert [component.type for component in offering.components] == ["cpu", "ram"]
    assert offering.plans[0].uuid == UUID
    assert (offering.backend_id_pattern, offering.backend_id_hint) == ("hpc_.+", "begins with hpc_")


async def test_resources_are_listed_in_all_states_but_terminated(waldur: ScriptedWaldur) -> None:
    """Terminated resources are no longer there; each other state is asked for by name."""
    waldur.answer(page({"uuid": UUID, "backend_id": None, "state": "OK", "name": "old"}))
    async with waldur.client() as client:
        found = await client.list_resources(OFFERING)
        assert [value for name, value in waldur.query() if name == "state"] == list(LIVE_STATES)
        await client.list_resources(OFFERING, state=["OK"], backend_id="x", page=2, page_size=5)
    assert "Terminated" not in LIVE_STATES
    assert waldur.requests[0].url.path == "/api/marketplace-provider-resources/"
    assert [item for item in waldur.query() if item[0] != "field"] == [
        ("offering_uuid", OFFERING),
        ("state", "OK"),
        ("backend_id", "x"),
        ("page", "2"),
        ("page_size", "5"),
    ]
    assert [value for name, value in waldur.query() if name == "field"] == [
        "uuid", "name", "slug", "backend_id", "state", "project_uuid", "project_slug", "project_name", "customer_name",
    ]  # fmt: skip
    assert (found.items[0].backend_id, found.items[0].project_uuid) == ("", None)


async def test_projects_are_listed_by_fields(waldur: ScriptedWaldur) -> None:
    """The fields that placement needs, filtered by slug or backend_id where asked."""
    waldur.answer(page({"uuid": DASHED, "slug": "alpha", "name": "Alpha", "backend_id": "", "customer_name": "Org"}))
    async with waldur.client() as client:
        found = await client.list_projects(slug="alpha", backend_id="b", page=4, page_size=9)
    assert waldur.requests[0].url.path == "/api/projects/"
    assert waldur.query() == [
        ("slug", "alpha"),
        ("backend_id", "b"),
        ("field", "uuid"),
        ("field", "slug"),
        ("field", "name"),
        ("field", "backend_id"),
        ("field", "customer_name"),
        ("page", "4"),
        ("page_size", "9"),
    ]
    assert (found.items[0].uuid, found.items[0].slug, found.items[0].customer_name) == (UUID, "alpha", "Org")


async def test_the_service_provider_of_an_organization(waldur: ScriptedWaldur) -> None:
    """Asked by the organization's UUID; only its own UUID is wanted."""
    waldur.answer(page({"uuid": DASHED}))
    async with waldur.client() as client:
        found = await client.list_service_providers(PROJECT)
    assert waldur.requests[0].url.path == "/api/marketplace-service-providers/"
    assert waldur.query() == [("customer_uuid", PROJECT), ("field", "uuid")]
    assert [provider.uuid for provider in found.items] == [UUID]


async def test_projects_of_a_service_provider_are_listed_by_fields(waldur: ScriptedWaldur) -> None:
    """The same fields as of all projects, page by page."""
    waldur.answer(page({"uuid": DASHED, "slug": "alpha"}, total=12))
    async with waldur.client() as client:
        found = await client.list_projects_of_provider(DASHED, page=2, page_size=9)
    assert waldur.requests[0].url.path == f"/api/marketplace-service-providers/{UUID}/projects/"
    assert waldur.query() == [
        ("field", "uuid"),
        ("field", "slug"),
        ("field", "name"),
        ("field", "backend_id"),
        ("field", "customer_name"),
        ("page", "2"),
        ("page_size", "9"),
    ]
    assert (found.total, found.items[0].slug) == (12, "alpha")


async def test_the_caller_is_read_without_the_token(waldur: ScriptedWaldur) -> None:
    """The fields are named, so that Waldur does not send the token along."""
    body = {
        "uuid": UUID,
        "username": "agent",
        "full_name": None,
        "permissions": [{"role_name": "OFFERING.MANAGER", "scope_type": "offering", "scope_uuid": OFFERING}],
    }
    waldur.answer(httpx.Response(200, json=body))
    async with waldur.client() as client:
        user = await client.me()
    fields = [value for name, value in waldur.query() if name == "field"]
    assert waldur.requests[0].url.path == "/api/users/me/"
    assert fields == [
        "uuid", "username", "full_name", "is_staff", "is_support", "token_lifetime", "permissions",
    ]  # fmt: skip
    assert (user.username, user.full_name, user.is_staff, user.is_support) == ("agent", "", False, False)
    assert user.permissions[0].scope_uuid == OFFERING


async def test_a_role_tells_what_it_lets_do(waldur: ScriptedWaldur) -> None:
    """By its UUID; a release that gives no permissions lets nothing do."""
    waldur.answer(httpx.Response(200, json={"uuid": UUID, "name": "OFFERING.MANAGER", "permissions": ["A", "B"]}))
    async with waldur.client() as client:
        assert (await client.retrieve_role(UUID)).permissions == ("A", "B")
        waldur.answer(httpx.Response(200, json={"uuid": UUID, "name": "OFFERING.MANAGER", "permissions": None}))
        assert (await client.retrieve_role(UUID)).permissions == ()
    assert waldur.requests[0].url.path == f"/api/roles/{UUID}/"


# --- addresses


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://waldur.test", "https://waldur.test/api/users/me/"),
        ("https://waldur.test/", "https://waldur.test/api/users/me/"),
        ("https://waldur.test/api", "https://waldur.test/api/users/me/"),
        ("https://waldur.test/api/", "https://waldur.test/api/users/me/"),
        ("http://waldur.test:8000/portal", "http://waldur.test:8000/portal/api/users/me/"),
        ("https://waldur.test/portal/api//", "https://waldur.test/portal/api/users/me/"),
    ],
)
async def test_the_address_may_be_given_in_any_form(waldur: ScriptedWaldur, url: str, address: str) -> None:
    """With or without /api, a prefix, a port and slashes at the end."""
    waldur.answer(httpx.Response(200, json={"uuid": UUID}))
    async with waldur.client(url=url) as client:
        await client.me()
    assert str(waldur.requests[0].url).partition("?")[0] == address


@pytest.mark.parametrize("uuid", ["", "nope", "../users/me", f"{UUID}/set_done"])
async def test_what_is_no_uuid_does_not_become_a_path(waldur: ScriptedWaldur, uuid: str) -> None:
    """A wrong UUID is a mistake of the caller and never an address of something else."""
    async with waldur.client() as client:
        with pytest.raises(ValueError, match="not a UUID"):
            await client.set_done(uuid)
    assert waldur.requests == []
