"""A Waldur for the contract tests: the sandbox, or a live one."""

import uuid
from dataclasses import dataclass, field

import httpx

from waldur_import_agent.settings.models import Waldur
from waldur_import_agent.waldur.client import WaldurClient


@dataclass
class Server:
    """A Waldur, sandbox or live, as the agent and as staff see it."""

    url: str
    tokens: dict[str, str]
    offering: str
    transport: httpx.AsyncBaseTransport | None
    left_behind: list[str]
    clients: list[WaldurClient] = field(default_factory=list)
    run: str = field(default_factory=lambda: f"contract-{uuid.uuid4().hex[:12]}")

    def settings(self, user: str) -> Waldur:
        """How this user reaches it."""
        return Waldur.model_validate({"url": self.url, "token": self.tokens[user]})

    async def client(self, user: str) -> WaldurClient:
        """A client of the agent or of staff."""
        client = WaldurClient.from_settings(self.settings(user), transport=self.transport)
        self.clients.append(client)
        return await client.__aenter__()

    def leaves(self, what: str) -> None:
        """Note something that cannot be removed again."""
        self.left_behind.append(what)
