"""The real command against a sandbox on a real socket."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from waldur_import_agent.sandbox import Offering, Request, Sandbox, serving

COMMAND = (sys.executable, "-m", "waldur_import_agent")
LIMIT = 60.0
"""Seconds after which a command that should have ended is a failure."""


@dataclass
class Gate:
    """An ASGI application that holds back the requests it is told to, until it is opened."""

    app: Any
    holds: Callable[[str, str], bool] = lambda method, path: False
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request."""
        if scope["type"] == "http" and self.holds(scope["method"], scope["path"]):
            self.reached.set()
            await self.opened.wait()
        await self.app(scope, receive, send)


@dataclass
class Ended:
    """A command that ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Its result."""
        return json.loads(self.out)


@dataclass
class Station:
    """A directory with a configuration for the sandbox, and the command, which may take `limit` seconds."""

    directory: Path
    sandbox: Sandbox
    offering: Offering
    url: str
    gate: Gate
    limit: float = LIMIT
    environment: dict[str, str] = field(default_factory=dict)
    """Variables of the command, beside those of the tests."""

    @property
    def config(self) -> Path:
        """The configuration."""
        return self.directory / "config.yaml"

    @property
    def staff_token(self) -> Path:
        """The staff token's file."""
        return self.directory / "staff-token"

    def configure(self, **changes: Any) -> None:
        """Write the configuration; keywords replace its top level keys."""
        self.staff_token.write_text(self.sandbox.staff_token)
        (self.directory / "token").write_text(self.sandbox.agent_token)
        settings: dict[str, Any] = {
            "waldur": {
                "url": self.url,
                "token_file": "token",
                # what a killed import has sent takes effect at once here, or never
                "effort": {"import_resource": {"look_for": "1s"}},
            },
            "state_dir": str(self.directory / "state"),
            "lock_dir": str(self.directory / "lock"),
            "runtime_dir": str(self.directory / "runtime"),
            "poll_interval": "1s",
            "offerings": [
                {
                    "uuid": self.offering.uuid,
                    "scanner": {"type": "inventory", "path": "inventory.jsonl"},
                    "projects": {"rules": [{"from": "parent", "match": "^hpc_(?P<slug>.+)$", "value": "{slug}"}]},
                }
            ],
        }
        self.config.write_text(yaml.safe_dump(settings | changes))

    def has(self, *backend_ids: str, parent: str = "hpc_alpha") -> None:
        """The backend's inventory."""
        lines = [json.dumps({"backend_id": name, "parents": [parent]}) for name in backend_ids]
        (self.directory / "inventory.jsonl").write_text("\n".join(lines) + "\n")

    def ask(self) -> Request:
        """Staff create a request."""
        return self.sandbox.add_request(self.offering)

    async def start(
        self, *arguments: str, stdin: int = asyncio.subprocess.DEVNULL, through: Sequence[str] = ()
    ) -> asyncio.subprocess.Process:
        """Start the command; `stdin` may be a terminal's descriptor, `through` a program that starts it (setpriv)."""
        return await asyncio.create_subprocess_exec(
            *through,
            *COMMAND,
            *arguments,
            stdin=stdin,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "WALDUR_IMPORT_AGENT_CONFIG": str(self.config), **self.environment},
            cwd=self.directory,
        )

    async def run(self, *arguments: str, through: Sequence[str] = ()) -> Ended:
        """Run the command to its end."""
        return await self.end(await self.start(*arguments, through=through))

    async def run_shell(self, line: str) -> Ended:
        """Run a line of shell to its end."""
        process = await asyncio.create_subprocess_shell(
            line,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "WALDUR_IMPORT_AGENT_CONFIG": str(self.config)},
            cwd=self.directory,
        )
        return await self.end(process)

    async def end(self, process: asyncio.subprocess.Process) -> Ended:
        """Wait for the end of a command."""
        async with asyncio.timeout(self.limit):
            out, err = await process.communicate()
        assert process.returncode is not None
        return Ended(process.returncode, out.decode(), err.decode())

    async def hears(self, process: asyncio.subprocess.Process, text: str) -> None:
        """Wait until the command has said so on stderr."""
        assert process.stderr is not None
        async with asyncio.timeout(LIMIT):
            while text not in (await process.stderr.readline()).decode():
                assert process.returncode is None

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until the sandbox has come so far."""
        async with asyncio.timeout(LIMIT):
            while not condition():  # noqa: ASYNC110 - the sandbox has no events
                await asyncio.sleep(0.01)


@asynccontextmanager
async def serving_station(directory: Path, sandbox: Sandbox, components: tuple[str, ...]) -> AsyncIterator[Station]:
    """Serve the sandbox with one offering; the station's configuration is written by `configure`."""
    offering = sandbox.add_offering("SLURM cluster", components=components)
    gate = Gate(sandbox.app)
    sandbox.app = gate  # type: ignore[assignment]  # stands before the application
    async with serving(sandbox) as url:
        made = Station(directory, sandbox, offering, url, gate)
        try:
            yield made
        finally:
            gate.opened.set()


@pytest.fixture
async def station(tmp_path: Path) -> AsyncIterator[Station]:
    """An offering with the project alpha and two accounts in the inventory."""
    sandbox = Sandbox()
    sandbox.add_project("Project Alpha", "alpha")
    async with serving_station(tmp_path, sandbox, components=("cpu",)) as made:
        made.configure()
        made.has("hpc_one", "hpc_two")
        yield made
