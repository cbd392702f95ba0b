"""A small sandbox and clients of it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import httpx
import pytest

from waldur_import_agent.sandbox import Offering, Project, Sandbox

Connect = Callable[[str | None], httpx.AsyncClient]


@pytest.fixture
def sandbox() -> Sandbox:
    """A sandbox whose clock stands still at 2026-11-24 03:00:00.5 UTC."""
    return Sandbox(clock=lambda: datetime(2026, 11, 24, 3, 0, 0, 500_000, tzinfo=UTC))


@pytest.fixture
def offering(sandbox: Sandbox) -> Offering:
    """An offering of which the agent is a manager."""
    return sandbox.add_offering("SLURM cluster", components=("cpu", "gpu"))


@pytest.fixture
def project(sandbox: Sandbox) -> Project:
    """A project of a consumer, visible to the agent."""
    return sandbox.add_project("Genomics", "genomics")


@pytest.fixture
async def connect(sandbox: Sandbox) -> AsyncIterator[Connect]:
    """Makes clients of the sandbox, each with a token, or with None for an anonymous one."""
    async with AsyncExitStack() as stack:

        def client(token: str | None) -> httpx.AsyncClient:
            made = httpx.AsyncClient(
                transport=httpx.ASGITransport(app=sandbox.app),
                base_url="https://waldur.example.com/api/",
                headers={"Authorization": f"Token {token}"} if token else {},
            )
            stack.push_async_callback(made.aclose)
            return made

        yield client


@pytest.fixture
def agent(connect: Connect, sandbox: Sandbox) -> httpx.AsyncClient:
    """The agent's client."""
    return connect(sandbox.agent_token)


@pytest.fixture
def staff(connect: Connect, sandbox: Sandbox) -> httpx.AsyncClient:
    """The staff's client."""
    return connect(sandbox.staff_token)
