"""Runs the commands of docs/tutorial.md, the sandbox among them, and writes what they print into the page.

    PYTHONPATH=tests .venv/bin/python tests/support/tutorial.py

The page is its own template, as in `walk_through`. The sandbox runs beside the commands until the last of them; its
directory, port and offering have other names on the page.
"""

import asyncio
import re
import sys
import tempfile
from pathlib import Path
from typing import Self

from support.walk_through import masking, output_of, with_outputs

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
SANDBOX = "waldur-import-agent sandbox"
DIRECTORY = "/tmp/waldur-sandbox-tutorial"
ADDRESS = "127.0.0.1:8000"
OFFERING = "1" * 32


class Terminal:
    """Where the commands are typed, in `directory`; the sandbox is the second one."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        # one after the other, so that records have the same order each time
        self._environment = {"WALDUR_IMPORT_AGENT__WALDUR__MAX_IN_FLIGHT": "1"}
        self._real: list[tuple[str, str]] = []
        self._mask = masking()
        self._sandbox: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._sandbox is not None:
            self._sandbox.terminate()
            await self._sandbox.wait()

    async def run(self, command: str) -> str:
        """What the command prints, as the page has it."""
        if command == SANDBOX:
            return self._shown(await self._start_sandbox())
        for shown, real in self._real:
            command = command.replace(shown, real)
        name, is_set, value = command.removeprefix("export ").partition("=")
        if is_set and command.startswith("export "):
            self._environment[name] = value
            return ""
        return self._shown(await output_of(command, self._directory, self._environment))

    def _shown(self, text: str) -> str:
        for shown, real in self._real:
            text = text.replace(real, shown)
        return self._mask(text)

    async def _start_sandbox(self) -> str:
        program = Path(sys.executable).parent / "waldur-import-agent"
        self._sandbox = await asyncio.create_subprocess_exec(
            program, "sandbox", "--port", "0", stdout=asyncio.subprocess.PIPE
        )
        assert self._sandbox.stdout is not None
        lines: list[str] = []
        while not lines or not lines[-1].startswith("Ctrl-C"):
            lines.append((await self._sandbox.stdout.readline()).decode())
            assert lines[-1], "the sandbox ended early"
        text = "".join(lines).replace(str(program), "waldur-import-agent")
        for shown, pattern in (
            (DIRECTORY, r"/[^\s=]*waldur-sandbox-\w+"),
            (ADDRESS, r"127\.0\.0\.1:\d+"),
            (OFFERING, r"\b[0-9a-f]{32}\b"),
        ):
            found = re.search(pattern, text)
            assert found is not None
            self._real.append((shown, found[0]))
        return text


async def regenerated(text: str, directory: Path) -> str:
    """The page `text` with what its commands print now."""
    async with Terminal(directory) as terminal:
        return await with_outputs(text, terminal.run)


def main() -> None:
    """Write the page again."""
    with tempfile.TemporaryDirectory() as directory:
        PAGE.write_text(asyncio.run(regenerated(PAGE.read_text(), Path(directory))))


if __name__ == "__main__":
    main()
