"""The sandbox behind a real socket, in the running event loop."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from waldur_import_agent.errors import AgentError
from waldur_import_agent.sandbox.instance import Sandbox

CLOSE_WAIT = 5
"""Seconds that requests under way have when the server stops."""


class SandboxNotServedError(AgentError):
    """The sandbox cannot listen at the address asked for."""


@asynccontextmanager
async def serving(sandbox: Sandbox, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve a sandbox until the block is left; the address of its API, like http://127.0.0.1:43210/api/.

    Port 0 is any free one. Nothing is logged and no signal is handled: that is the caller's. Raises
    SandboxNotServedError where the address cannot be had.
    """
    from waldur_import_agent.sandbox.server import Server  # noqa: PLC0415 - uvicorn is only wanted where it serves

    listener = _listener(host, port)
    server = Server(sandbox.app, close_wait=CLOSE_WAIT)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await server.until_started(task)
        yield f"http://{host}:{listener.getsockname()[1]}/api/"
    finally:
        server.should_exit = True
        await task
        listener.close()


def _listener(host: str, port: int) -> socket.socket:
    # named, TCP is told by asyncio not to wait for the ack of a header before it sends the body (40 ms each)
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise SandboxNotServedError(
            f"the sandbox cannot listen on {host}:{port}: {error.strerror or error}",
            remedy="Choose another address or port; port 0 takes any free one",
        ) from error
    return listener
