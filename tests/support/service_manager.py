"""A stand-in for systemd: the socket on which a service tells what it does (sd_notify(3))."""

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

LIMIT = 60.0
"""Seconds after which something that should have been told is a failure."""


@dataclass
class ServiceManager:
    """Hears what a service says; `lines` are its assignments, in the order in which they came."""

    connection: socket.socket
    address: str
    lines: list[str] = field(default_factory=list)

    def read(self) -> None:
        """Take in what has arrived."""
        while True:
            try:
                self.lines += self.connection.recv(65536).decode().splitlines()
            except BlockingIOError:
                return

    async def hears(self, condition: Callable[[str], bool]) -> str:
        """Wait for an assignment of this kind, among all that came."""
        async with asyncio.timeout(LIMIT):
            while True:
                self.read()
                for line in self.lines:
                    if condition(line):
                        return line
                await asyncio.sleep(0.01)

    def environment(self, watchdog: float | None = None) -> dict[str, str]:
        """The variables that a service gets; `watchdog` in seconds."""
        variables = {"NOTIFY_SOCKET": self.address}
        if watchdog is not None:
            variables["WATCHDOG_USEC"] = str(int(watchdog * 1_000_000))
        return variables


@contextmanager
def service_manager(directory: Path | None) -> Iterator[ServiceManager]:
    """A service manager that listens: on a file in `directory`, or on an abstract address where that is None."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as connection:
        name = f"@waldur-import-agent-test-{os.getpid()}" if directory is None else str(directory / "notify")
        connection.bind("\0" + name[1:] if directory is None else name)
        yield ServiceManager(connection, name)
