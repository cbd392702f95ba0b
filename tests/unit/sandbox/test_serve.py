"""The sandbox behind a real socket."""

import asyncio
import logging
import signal
import socket

import httpx
import pytest

from waldur_import_agent.sandbox import Fault, Sandbox, SandboxNotServedError, requests_to, serving
from waldur_import_agent.sandbox.example import example_sandbox
from waldur_import_agent.sandbox.server import Server


async def test_served_until_left(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """It answers at the address that it names, in silence, touches no signal handler, and is gone afterwards."""
    caplog.set_level(logging.DEBUG, logger="uvicorn")
    handlers = (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM))
    async with httpx.AsyncClient(headers={"Authorization": "Token staff-token"}, trust_env=False) as client:
        async with serving(sandbox) as url:
            answer = await client.get(f"{url}version/")
            during = (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM))

        assert answer.json() == {"version": "7.6.8"}
        assert during == handlers
        with pytest.raises(httpx.ConnectError):
            await client.get(f"{url}version/")
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []


async def test_a_lost_connection_is_one(sandbox: Sandbox) -> None:
    """Over a socket, a fault without an answer cuts the connection in the middle of the answer."""
    sandbox.faults.append(Fault(requests_to("GET", "/version/"), times=1))
    async with (
        serving(sandbox) as url,
        httpx.AsyncClient(headers={"Authorization": "Token staff-token"}, trust_env=False) as client,
    ):
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(f"{url}version/")
        assert (await client.get(f"{url}version/")).status_code == 200


async def test_the_same_port_again(sandbox: Sandbox) -> None:
    """A port that was served a moment ago, with a client on it, can be served again."""
    async with httpx.AsyncClient(headers={"Authorization": "Token staff-token"}, trust_env=False) as client:
        async with serving(sandbox) as url:
            await client.get(f"{url}version/")
        async with serving(sandbox, port=httpx.URL(url).port or 0) as again:
            assert again == url
            assert (await client.get(f"{again}version/")).status_code == 200


async def test_an_address_that_is_taken(sandbox: Sandbox) -> None:
    """The error names the address and what to do."""
    async with serving(sandbox) as url:
        port = httpx.URL(url).port
        assert port is not None
        with pytest.raises(
            SandboxNotServedError, match=rf"127\.0\.0\.1:{port}: Address already in use\. Choose another"
        ):
            async with serving(sandbox, port=port):
                pass


async def test_a_server_that_cannot_start(sandbox: Sandbox) -> None:
    """Who waits for it gets the reason, and does not wait for ever."""
    listener = socket.socket()
    listener.close()
    server = Server(sandbox.app, close_wait=1)
    task = asyncio.create_task(server.serve(sockets=[listener]))

    with pytest.raises(OSError, match="Bad file descriptor"):
        await server.until_started(task)


def test_the_example() -> None:
    """The demo's accounts find their projects: one each, two for `materials`; one account is imported already."""
    sandbox, offering = example_sandbox()

    slugs = sorted(project.slug for project in sandbox.projects.values())
    assert slugs == ["astro", "cfd", "climate", "genomics", "materials", "materials", "proteins"]
    assert (offering.name, offering.customer.name) == ("SLURM cluster", "HPC Provider")
    assert set(offering.components) >= {"cpu", "gpu", "ram", "storage"}
    assert [(resource.backend_id, resource.project.slug) for resource in sandbox.resources.values()] == [
        ("hpc_genomics_legacy", "genomics")
    ]
    assert not sandbox.records
    assert not sandbox.requests
