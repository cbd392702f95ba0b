"""uvicorn as a guest in somebody else's event loop: silent, and deaf to signals."""

import asyncio
import logging
import socket
from collections.abc import Generator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp


class Server(uvicorn.Server):
    """A uvicorn server that tells when it listens and leaves the signals to the program around it."""

    def __init__(self, app: ASGIApp, *, close_wait: int) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http="h11",  # always there, and a test's answers do not depend on what else is installed
                ws="none",
                lifespan="off",
                log_config=None,
                log_level=logging.CRITICAL,
                access_log=False,
                timeout_graceful_shutdown=close_wait,
            )
        )
        self._listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, and tell."""
        await super().startup(sockets=sockets)
        self._listening.set()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Capture none."""
        yield

    async def until_started(self, task: "asyncio.Task[None]") -> None:
        """Wait until the server listens; raises what `task`, which runs it, raised if it ended before."""
        task.add_done_callback(lambda _: self._listening.set())
        await self._listening.wait()
        if task.done():
            await task
