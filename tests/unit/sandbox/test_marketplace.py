"""Projects, the provider's offerings and resources."""

import httpx

from waldur_import_agent.sandbox import Offering, Project, Sandbox


async def test_filters_of_projects(sandbox: Sandbox, agent: httpx.AsyncClient) -> None:
    """Slug and backend_id are exact, name is a part without case; there is no filter by uuid. A slug is not unique."""
    one = sandbox.add_project("Materials", "materials", backend_id="p1")
    two = sandbox.add_project("More materials", "materials", customer="Institute")
    three = sandbox.add_project("Other", "other")

    async def uuids(**parameters: str) -> list[str]:
        return [row["uuid"] for row in (await agent.get("projects/", params=parameters)).json()]

    assert await uuids(slug="materials") == [one.uuid, two.uuid]
    assert await uuids(slug="Materials") == []
    assert await uuids(backend_id="p1") == [one.uuid]
    assert await uuids(name="MATERIALS") == [one.uuid, two.uuid]
    assert await uuids(name_exact="Materials") == [one.uuid]
    assert await uuids(uuid=one.uuid) == [one.uuid, two.uuid, three.uuid]
    assert await uuids(page_size="1", page="3") == [three.uuid]


async def test_chosen_fields(project: Project, agent: httpx.AsyncClient) -> None:
    """`field=` chooses, in lists and details; unknown names are ignored."""
    chosen = {"uuid": project.uuid, "customer_name": "Consumer Org"}
    parameters = {"field": ["uuid", "customer_name", "nonsense"]}

    assert (await agent.get("projects/", params=parameters)).json() == [chosen]
    assert (await agent.get(f"projects/{project.uuid}/", params=parameters)).json() == chosen


async def test_requests_and_records_have_no_chosen_fields(
    sandbox: Sandbox, offering: Offering, agent: httpx.AsyncClient
) -> None:
    """The two lists ignore `field=` and send whole rows."""
    sandbox.add_request(offering)

    (row,) = (await agent.get("backend-resource-requests/", params={"field": "uuid"})).json()

    assert row["offering_name"] == "SLURM cluster"


async def test_filters_of_resources(
    sandbox: Sandbox, offering: Offering, project: Project, agent: httpx.AsyncClient
) -> None:
    """By offering, by exact backend_id and by states."""
    other = sandbox.add_offering("Other")
    one = sandbox.add_resource(offering, project, "hpc_1")
    two = sandbox.add_resource(offering, project, "hpc_2", state="Terminated")
    three = sandbox.add_resource(other, project, "hpc_1", state="Erred")
    four = sandbox.add_resource(other, project, "hpc_4", state="Creating")

    async def uuids(**parameters: str | list[str]) -> set[str]:
        answer = await agent.get("marketplace-provider-resources/", params=parameters)
        return {row["uuid"] for row in answer.json()}

    assert await uuids() == {one.uuid, two.uuid, three.uuid, four.uuid}
    assert await uuids(offering_uuid=offering.uuid) == {one.uuid, two.uuid}
    assert await uuids(backend_id="hpc_1") == {one.uuid, three.uuid}
    assert await uuids(backend_id="hpc_2", offering_uuid=other.uuid) == set()
    assert await uuids(backend_id="hpc_1", offering_uuid=offering.uuid) == {one.uuid}
    assert await uuids(state=["OK", "Erred"]) == {one.uuid, three.uuid}
    every = ["Creating", "OK", "Erred", "Updating", "Terminating", "Terminated"]
    assert await uuids(state=every) == {one.uuid, two.uuid, three.uuid, four.uuid}


async def test_the_provider_offering(sandbox: Sandbox, agent: httpx.AsyncClient) -> None:
    """It tells of components, plans and the rules for backend ids; an unknown one is a 404."""
    offering = sandbox.add_offering(
        "Strict", components=("cpu", "ram"), backend_id_pattern="hpc_.+", backend_id_hint="hpc_ and a name"
    )

    row = (await agent.get(f"marketplace-provider-offerings/{offering.uuid}/")).json()

    assert [component["type"] for component in row["components"]] == ["cpu", "ram"]
    assert [plan["uuid"] for plan in row["plans"]] == [offering.plans[0].uuid]
    assert row["backend_id_rules"] == {"format": {"regex": "hpc_.+", "description": "hpc_ and a name"}}
    assert row["customer_uuid"] == offering.customer.uuid
    assert (await agent.get("marketplace-provider-offerings/nonsense/")).status_code == 404


async def test_service_providers(sandbox: Sandbox, offering: Offering, agent: httpx.AsyncClient) -> None:
    """Everybody sees them all, by the UUID of the organization too; their own UUID is another one."""
    sandbox.add_offering("Other", provider="Other provider")
    parameters = {"customer_uuid": offering.customer.uuid, "field": "uuid"}

    assert len((await agent.get("marketplace-service-providers/")).json()) > 1
    answer = await agent.get("marketplace-service-providers/", params=parameters)
    assert answer.json() == [{"uuid": offering.customer.service_provider_uuid}]
    assert answer.headers["X-Result-Count"] == "1"
    assert (await agent.get("marketplace-service-providers/", params={"customer_uuid": "x"})).status_code == 400


async def test_projects_of_a_service_provider(
    sandbox: Sandbox, offering: Offering, project: Project, staff: httpx.AsyncClient
) -> None:
    """Those with a resource of this provider that is not terminated; unknown providers are a 404."""
    ended = sandbox.add_project("Ended", "ended")
    elsewhere = sandbox.add_project("Elsewhere", "elsewhere")
    other = sandbox.add_offering("Other", provider="Other provider")
    sandbox.add_resource(offering, project, "hpc_1")
    sandbox.add_resource(offering, ended, "hpc_2", state="Terminated")
    sandbox.add_resource(other, elsewhere, "hpc_3")
    path = f"marketplace-service-providers/{offering.customer.service_provider_uuid}/projects/"

    assert [row["slug"] for row in (await staff.get(path)).json()] == ["genomics"]
    assert (await staff.get(path, params={"slug": "nonsense"})).json() == []
    for uuid in ("0" * 32, "nonsense"):
        answer = await staff.get(f"marketplace-service-providers/{uuid}/projects/")
        assert (answer.status_code, answer.json()) == (404, {"detail": "No ServiceProvider matches the given query."})
