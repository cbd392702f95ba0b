"""What staff do: each operation sends what Waldur documents, and any 2xx is success."""

import json

import httpx
import pytest

from unit.waldur.scripted import ScriptedWaldur
from unit.waldur.test_client import DASHED, OFFERING, PROJECT, UUID, page
from waldur_import_agent.waldur.models import LIVE_STATES

PLAN = "1" * 32


@pytest.mark.parametrize("answer", [httpx.Response(201, json={"uuid": UUID}), httpx.Response(204)])
async def test_import_sends_the_plan_and_takes_any_success(waldur: ScriptedWaldur, answer: httpx.Response) -> None:
    """The record's own address gets the plan; nothing is read from the answer."""
    waldur.answer(answer)
    async with waldur.client() as client:
        await client.import_resource(DASHED, PLAN)
    (sent,) = waldur.requests
    assert (sent.method, sent.url.path) == ("POST", f"/api/backend-resources/{UUID}/import_resource/")
    assert json.loads(sent.content) == {"plan": PLAN}


async def test_metadata_are_sent_as_an_object(waldur: ScriptedWaldur) -> None:
    """The resource's own address gets them under backend_metadata."""
    waldur.answer(httpx.Response(200, json={"status": "changed"}))
    async with waldur.client() as client:
        await client.set_backend_metadata(DASHED, {"type": "SLURM account"})
    (sent,) = waldur.requests
    path = f"/api/marketplace-provider-resources/{UUID}/set_backend_metadata/"
    assert (sent.method, sent.url.path) == ("POST", path)
    assert json.loads(sent.content) == {"backend_metadata": {"type": "SLURM account"}}


async def test_resources_are_listed_with_what_an_import_made(waldur: ScriptedWaldur) -> None:
    """Live ones only, with their limits, plans and projects, and no field that is not read."""
    row = {"uuid": UUID, "backend_id": "hpc_1", "project_uuid": PROJECT, "project_name": "Alpha", "limits": {"cpu": 1}}
    waldur.answer(page(row | {"plan_name": None}, total=7))
    async with waldur.client() as client:
        found = await client.list_resource_details(OFFERING, backend_id="hpc_1", page=2)
    assert found.total == 7
    (resource,) = found.items
    assert (resource.limits, resource.project_name, resource.plan_name) == ({"cpu": 1}, "Alpha", "")
    parameters = waldur.requests[0].url.params
    assert parameters.get_list("state") == list(LIVE_STATES)
    assert (parameters["offering_uuid"], parameters["backend_id"], parameters["page"]) == (OFFERING, "hpc_1", "2")
    assert {"limits", "plan_name", "project_name"} <= set(parameters.get_list("field"))


async def test_import_may_take_as_long_as_it_is_given(waldur: ScriptedWaldur) -> None:
    """Its answer is waited for as long as the effort says, whatever read_timeout says; a connection is not."""
    waldur.answer(httpx.Response(201, json={}))
    settings = {"read_timeout": 5, "connect_timeout": 4, "effort": {"import_resource": {"within": 77}}}
    async with waldur.client(**settings) as client:
        await client.import_resource(DASHED, PLAN)
        await client.delete_record(DASHED)
    slow, usual = (request.extensions["timeout"] for request in waldur.requests)
    assert (slow["read"], slow["connect"]) == (77, 4)
    assert (usual["read"], usual["connect"]) == (5, 4)


async def test_resources_of_a_whole_provider(waldur: ScriptedWaldur) -> None:
    """Without an offering the provider's are asked for, in the states that are wanted."""
    waldur.answer(page(total=0))
    async with waldur.client() as client:
        await client.list_resource_details(None, provider_uuid=PROJECT, state=("OK", "Terminated"))
    query = waldur.query()
    assert ("provider_uuid", PROJECT) in query
    assert [value for name, value in query if name == "state"] == ["OK", "Terminated"]
    assert "offering_uuid" not in dict(query)
