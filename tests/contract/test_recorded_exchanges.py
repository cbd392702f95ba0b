"""The sandbox answers as a real Waldur did: 75 recorded exchanges, sent again in their order and compared.

The recorded UUIDs are not the sandbox's: where the two first stand in the same place they are taken for the same, and
from then on must stay so, in bodies, headers and addresses. Of times only the form is compared.
"""

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from waldur_import_agent.sandbox import Sandbox

HOST = "https://waldur.example.com"
EXCHANGES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "data" / "recorded.json").read_text())
OFFERING = "38ba14c70a274580adabe742014bddaa"
PLAN = "0f6934800357453f98edfd1a837477ee"
SERVICE_PROVIDER = "3f428227b9f34e92b45371af557fc12c"
PROJECT_ALPHA = "eefb4e6aa9ef4f5b92f42f31f6ab5783"
PROJECT_BETA = "e09ca1207d7f48b98fae1967603f7afd"

UUID = re.compile(r"\b[0-9a-f]{32}\b")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


@dataclass
class SameUuids:
    """Which UUID of the recording is which of the sandbox."""

    known: dict[str, str] = field(default_factory=dict)

    def translate(self, value: Any) -> Any:
        """The recorded value with the sandbox's UUIDs, as far as they are known."""
        if isinstance(value, str):
            return UUID.sub(lambda match: self.known.get(match[0], match[0]), value)
        if isinstance(value, dict):
            return {self.translate(key): self.translate(item) for key, item in value.items()}
        return [self.translate(item) for item in value] if isinstance(value, list) else value

    def learn(self, recorded: Any, answered: Any) -> None:
        """Pair the UUIDs that stand in the same places and are new on both sides."""
        for mine, theirs in zip(_texts(recorded), _texts(answered), strict=False):
            for one, other in zip(UUID.findall(mine), UUID.findall(theirs), strict=False):
                if one not in self.known and other not in self.known.values():
                    self.known[one] = other


@dataclass(frozen=True)
class Replayed:
    """What the recording says, in the sandbox's UUIDs, and what the sandbox answered."""

    status: int
    headers: dict[str, str]
    body: Any
    answer: httpx.Response


def _texts(value: Any) -> Iterator[str]:
    """All texts in JSON; the entries of an object in the order of their keys, so that two of a shape are alike."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key in sorted(value):
            yield from _texts(value[key])
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _without_times(value: Any) -> Any:
    if isinstance(value, str):
        return TIME.sub("<time>", value)
    if isinstance(value, dict):
        return {key: _without_times(item) for key, item in value.items()}
    return [_without_times(item) for item in value] if isinstance(value, list) else value


def _body(response: httpx.Response) -> Any:
    return response.json() if response.content and "json" in response.headers["content-type"] else response.text


def _seeded() -> tuple[Sandbox, dict[str | None, str], SameUuids]:
    """A sandbox like the recorded server, its tokens by the recording's names, and the UUIDs known from the start."""
    sandbox = Sandbox(clock=lambda: datetime(2026, 11, 24, 3, 43, 54, 500, tzinfo=UTC))
    offering = sandbox.add_offering("SLURM cluster", components=("cpu", "gpu", "ram"), uuid=OFFERING)
    sandbox.grant(sandbox.agent, offering.customer, "CUSTOMER.MANAGER")
    alpha = sandbox.add_project("Project Alpha", "proj-alpha", visible_to_agent=False, uuid=PROJECT_ALPHA)
    beta = sandbox.add_project("Project Beta", "proj-beta", visible_to_agent=False, uuid=PROJECT_BETA)
    sandbox.add_project("Project Gamma", "proj-gamma", visible_to_agent=False)
    sandbox.add_resource(offering, alpha, "hpc_proj-alpha_existing", name="existing-alloc")
    second = sandbox.add_user("agent2")
    sandbox.grant(second, offering)
    member = sandbox.add_user("member")
    for scope in (offering, alpha, beta):
        sandbox.grant(member, scope)
    owner = sandbox.add_user("owner")
    sandbox.grant(owner, offering.customer)
    expired = sandbox.add_user("expired")
    expired.expired = True
    tokens: dict[str | None, str] = {
        "staff": sandbox.staff_token,
        "global_support": sandbox.support_token,
        "agent_offering_manager": sandbox.agent_token,
        "agent2_second_offering_manager": second.token,
        "agent_offering_manager_and_member_of_alpha_beta": member.token,
        "provider_customer_owner": owner.token,
        "expired_token_user": expired.token,
        "outsider": sandbox.outsider_token,
    }
    same = SameUuids({PLAN: offering.plans[0].uuid, SERVICE_PROVIDER: offering.customer.service_provider_uuid})
    return sandbox, tokens, same


def _headers(exchange: dict[str, Any], tokens: dict[str | None, str]) -> dict[str, str]:
    """The bad token of the recording is not in it; any that nobody has will do."""
    if "as_user" not in exchange:
        return {"Authorization": "Token nobody-has-this"}
    user = exchange["as_user"]
    return {"Authorization": f"Token {tokens[user]}"} if user is not None else {}


async def _replay() -> dict[str, Replayed]:
    sandbox, tokens, same = _seeded()
    replayed = {}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=sandbox.app), base_url=HOST) as client:
        for exchange in EXCHANGES:
            request, recorded = exchange["request"], exchange["response"]
            body = (
                {"content": request["content"]} if request.get("content") is not None else {"json": request.get("json")}
            )
            answer = await client.request(
                request["method"],
                same.translate(request["path"]),
                headers=_headers(exchange, tokens),
                **{name: same.translate(value) for name, value in body.items() if value is not None},
            )
            same.learn(recorded["body"], _body(answer))
            replayed[exchange["case"]] = Replayed(
                recorded["status"], same.translate(recorded["headers"]), same.translate(recorded["body"]), answer
            )
            if exchange["case"] == "create request as staff":
                for _ in range(4):  # made before the next recorded exchange, as its X-Result-Count of 5 shows
                    sandbox.add_request(sandbox.offerings[OFFERING])
    return replayed


@pytest.fixture(scope="module")
def replayed() -> dict[str, Replayed]:
    """All exchanges, sent once in their order."""
    return asyncio.run(_replay())


def test_the_recording_is_whole() -> None:
    """There are 75 exchanges, and each has a name of its own."""
    assert len({exchange["case"] for exchange in EXCHANGES}) == len(EXCHANGES) == 75


@pytest.mark.parametrize("case", [exchange["case"] for exchange in EXCHANGES])
def test_the_sandbox_answers_as_recorded(case: str, replayed: dict[str, Replayed]) -> None:
    """Status, every recorded header and the body are those of the real server, but for the times themselves."""
    exchange = replayed[case]
    answer = exchange.answer

    assert answer.status_code == exchange.status
    assert {name: answer.headers.get(name) for name in exchange.headers} == exchange.headers
    assert _without_times(_body(answer)) == _without_times(exchange.body)
