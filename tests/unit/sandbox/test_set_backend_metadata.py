"""/api/marketplace-provider-resources/{uuid}/set_backend_metadata/."""

from typing import Any

import httpx
import pytest

from unit.sandbox.conftest import Connect
from waldur_import_agent.sandbox import Offering, Project, Sandbox


def path_of(uuid: str) -> str:
    """The address of the action."""
    return f"marketplace-provider-resources/{uuid}/set_backend_metadata/"


async def test_metadata_are_replaced_and_listed(
    sandbox: Sandbox, agent: httpx.AsyncClient, offering: Offering, project: Project
) -> None:
    """Whoever manages the offering sets them; the list shows them."""
    resource = sandbox.add_resource(offering, project, "hpc_1")

    for metadata in ({"a": 1, "b": 2}, {"b": 3}):
        answer = await agent.post(path_of(resource.uuid), json={"backend_metadata": metadata})
        listed = await agent.get("marketplace-provider-resources/", params={"backend_id": "hpc_1"})

        assert answer.status_code == 200
        assert listed.json()[0]["backend_metadata"] == metadata


@pytest.mark.parametrize(
    ("token", "status"), [("outsider-token", 404), ("support-token", 403), ("staff-token", 200), (None, 401)]
)
async def test_who_may(
    sandbox: Sandbox, connect: Connect, offering: Offering, project: Project, *, token: str | None, status: int
) -> None:
    """What cannot be seen is not found, support may only look, staff may."""
    resource = sandbox.add_resource(offering, project, "hpc_1")

    answer = await connect(token).post(path_of(resource.uuid), json={"backend_metadata": {"a": 1}})

    assert answer.status_code == status
    assert resource.backend_metadata == ({"a": 1} if status == 200 else {})


@pytest.mark.parametrize(("metadata", "status"), [(None, 400), ({"a": "\x00"}, 500)])
async def test_metadata_that_cannot_be_kept(
    sandbox: Sandbox, agent: httpx.AsyncClient, offering: Offering, project: Project, *, metadata: Any, status: int
) -> None:
    """No null, and nothing that the database refuses."""
    resource = sandbox.add_resource(offering, project, "hpc_1")

    answer = await agent.post(path_of(resource.uuid), json={"backend_metadata": metadata})

    assert (answer.status_code, resource.backend_metadata) == (status, {})


@pytest.mark.parametrize("uuid", ["0" * 32, "nonsense"])
async def test_unknown_resource(agent: httpx.AsyncClient, uuid: str) -> None:
    """404 in JSON."""
    answer = await agent.post(path_of(uuid), json={"backend_metadata": {}})

    assert (answer.status_code, answer.json()) == (404, {"detail": "No Resource matches the given query."})
