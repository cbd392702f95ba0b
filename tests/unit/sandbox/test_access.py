"""Who is let in, and who sees and may do what."""

from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest

from waldur_import_agent.sandbox import Offering, Project, Sandbox
from waldur_import_agent.sandbox.access import authenticate
from waldur_import_agent.sandbox.answers import RefusalError

Connect = Callable[[str | None], httpx.AsyncClient]
NOW = datetime(2026, 11, 24, tzinfo=UTC)
LATER = int(NOW.timestamp()) + 60


@pytest.mark.parametrize(
    ("authorization", "detail"),
    [
        (None, "Authentication credentials were not provided."),
        ("", "Authentication credentials were not provided."),
        ("Basic x", "Authentication credentials were not provided."),
        ("Token", "Invalid token. No credentials provided."),
        ("Token a b", "Invalid token. Token string should not contain spaces."),
        ("Token unknown", "Invalid token."),
        ("Bearer agent-token", "Invalid JWT token."),
        (f"Bearer w_{LATER}_unknown", "Invalid token."),
        (f"Token w_{LATER}_personal", "Invalid token."),
        ("Bearer w_1_old", "Invalid token."),
        ("Token inactive-token", "User inactive or deleted."),
        ("Token expired-token", "Token has expired."),
    ],
)
def test_who_is_not_let_in(sandbox: Sandbox, authorization: str | None, detail: str) -> None:
    """Each way to fail has the server's text, and the challenge of a 401."""
    sandbox.add_user("personal", token=f"w_{LATER}_personal")
    sandbox.add_user("old", token="w_1_old")
    sandbox.add_user("inactive").active = False
    sandbox.add_user("expired").expired = True

    with pytest.raises(RefusalError) as refused:
        authenticate(sandbox.users, authorization, NOW)

    assert refused.value.status == 401
    assert refused.value.body == {"detail": detail}
    assert refused.value.headers == {"WWW-Authenticate": "Token"}


def test_who_is_let_in(sandbox: Sandbox) -> None:
    """API tokens come as Token in any case, personal access tokens as Bearer; a token may change at any time."""
    user = sandbox.add_user("personal", token=f"w_{LATER}_personal")
    sandbox.agent.token = "new"

    assert authenticate(sandbox.users, "token new", NOW) is sandbox.agent
    assert authenticate(sandbox.users, "TOKEN staff-token", NOW) is sandbox.staff
    assert authenticate(sandbox.users, f"Bearer {user.token}", NOW) is user


async def test_the_agent_sees_its_offerings_only(sandbox: Sandbox, project: Project, agent: httpx.AsyncClient) -> None:
    """A manager of one offering sees the requests and records of that one; support sees all; others nothing."""
    mine, other = sandbox.add_offering("Mine"), sandbox.add_offering("Other")
    sandbox.revoke(sandbox.agent, other)
    for offering in (mine, other):
        sandbox.add_request(offering)
        sandbox.add_record(offering, project, "hpc_1")
        sandbox.add_resource(offering, project, "hpc_1")

    for path in ("backend-resource-requests/", "backend-resources/", "marketplace-provider-resources/"):
        seen = {}
        for token in (sandbox.agent_token, sandbox.support_token, sandbox.staff_token, sandbox.outsider_token):
            rows = (await agent.get(path, headers={"Authorization": f"Token {token}"})).json()
            seen[token] = {row["offering_name"] for row in rows}
        by_offering = await agent.get(path, params={"offering_uuid": other.uuid})

        assert seen == {
            "agent-token": {"Mine"},
            "support-token": {"Mine", "Other"},
            "staff-token": {"Mine", "Other"},
            "outsider-token": set(),
        }
        assert by_offering.json() == []


async def test_what_each_may_do(sandbox: Sandbox, offering: Offering, project: Project) -> None:
    """Support sees requests but not single records, and changes nothing; to others what they cannot see is a 404."""
    request = sandbox.add_request(offering)
    record = sandbox.add_record(offering, project, "hpc_1")
    owner = sandbox.add_user("owner")
    sandbox.grant(owner.token, offering.customer)
    calls = {
        "create request": ("POST", "backend-resource-requests/"),
        "retrieve request": ("GET", f"backend-resource-requests/{request.uuid}/"),
        "claim": ("POST", f"backend-resource-requests/{request.uuid}/start_processing/"),
        "erred": ("POST", f"backend-resource-requests/{request.uuid}/set_erred/"),
        "retrieve record": ("GET", f"backend-resources/{record.uuid}/"),
        "import": ("POST", f"backend-resources/{record.uuid}/import_resource/"),
        "delete record": ("DELETE", f"backend-resources/{record.uuid}/"),
        "offering": ("GET", f"marketplace-provider-offerings/{offering.uuid}/"),
    }
    statuses: dict[str, list[int]] = {name: [] for name in calls}
    for token in ("outsider-token", "support-token", "owner-token"):
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=sandbox.app),
            base_url="https://waldur.example.com/api/",
            headers={"Authorization": f"Token {token}"},
        ) as client:
            for name, (method, path) in calls.items():
                statuses[name].append((await client.request(method, path)).status_code)

    assert statuses == {
        "create request": [403, 403, 403],
        "retrieve request": [404, 200, 200],
        "claim": [404, 403, 200],
        "erred": [404, 403, 500],
        "retrieve record": [404, 403, 200],
        "import": [404, 403, 403],
        "delete record": [404, 403, 204],
        "offering": [404, 200, 200],
    }


async def test_other_roles_manage_nothing(sandbox: Sandbox, offering: Offering, connect: Connect) -> None:
    """Only a manager of the offering, and an owner or manager of its provider, sees its requests."""
    sandbox.add_request(offering)
    seen = {}
    for role, scope in (
        ("OFFERING.MANAGER", offering),
        ("CUSTOMER.OWNER", offering.customer),
        ("CUSTOMER.MANAGER", offering.customer),
        ("CUSTOMER.SUPPORT", offering.customer),
    ):
        user = sandbox.add_user(role)
        sandbox.grant(user, scope, role)
        seen[role] = len((await connect(user.token).get("backend-resource-requests/")).json())

    assert seen == {"OFFERING.MANAGER": 1, "CUSTOMER.OWNER": 1, "CUSTOMER.MANAGER": 1, "CUSTOMER.SUPPORT": 0}


async def test_projects_are_seen_by_role(sandbox: Sandbox, agent: httpx.AsyncClient, offering: Offering) -> None:
    """The agent sees projects in which, or in whose customer, it has a role; not those of its offering's consumers."""
    hidden = sandbox.add_project("Hidden", "hidden", visible_to_agent=False)
    shown = sandbox.add_project("Shown", "shown")
    by_customer = sandbox.add_project("By customer", "by-customer", customer="Institute", visible_to_agent=False)
    sandbox.grant(sandbox.agent, by_customer.customer)
    sandbox.add_resource(offering, hidden, "hpc_1")

    rows = (await agent.get("projects/")).json()

    assert [row["uuid"] for row in rows] == [shown.uuid, by_customer.uuid]
    assert (await agent.get(f"projects/{shown.uuid}/")).json()["slug"] == "shown"
    for uuid in (hidden.uuid, "0" * 32, "nonsense"):
        answer = await agent.get(f"projects/{uuid}/")
        assert (answer.status_code, answer.json()) == (404, {"detail": "No Project matches the given query."})


async def test_a_role_is_taken_away(sandbox: Sandbox, project: Project, agent: httpx.AsyncClient) -> None:
    """Roles are given and taken by user or by token, each scope for itself."""
    other = sandbox.add_project("Other", "other")

    sandbox.revoke(sandbox.agent_token, project)

    assert [row["uuid"] for row in (await agent.get("projects/")).json()] == [other.uuid]


def test_a_role_for_a_token_that_nobody_has(sandbox: Sandbox, project: Project) -> None:
    """A mistake in a test's seed is told at once."""
    with pytest.raises(LookupError):
        sandbox.grant("nobody's", project)


async def test_the_caller(agent: httpx.AsyncClient, staff: httpx.AsyncClient, offering: Offering) -> None:
    """users/me names the roles, and holds the token unless fields are chosen; flags only where they are set."""
    me = (await agent.get("users/me/")).json()

    assert me["token"] == "agent-token"
    assert "is_staff" not in me
    assert [(role["role_name"], role["scope_uuid"]) for role in me["permissions"]] == [
        ("OFFERING.MANAGER", offering.uuid)
    ]
    assert (await agent.get("users/me/?field=username")).json() == {"username": "agent"}
    assert (await staff.get("users/me/")).json()["is_staff"] is True


async def test_version_and_configuration(staff: httpx.AsyncClient) -> None:
    """Staff reads the version; the configuration is public."""
    assert (await staff.get("version/")).json() == {"version": "7.6.8"}
    assert (await staff.get("configuration/", headers={"Authorization": ""})).status_code == 200
