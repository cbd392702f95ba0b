"""The command scanner keeps what the agent relies on."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from waldur_import_agent.records import Limit
from waldur_import_agent.scanners.command import CommandScanner
from waldur_import_agent.scanners.testing import Block, ScannerConformance


class TestCommandConformance(ScannerConformance):
    """A shell script that prints records."""

    scanner = CommandScanner
    exemptions: ClassVar = {"one-row pages": "a program prints everything at once"}
    secrets = ("Hunter2Hunter2",)

    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.directory = tmp_path
        monkeypatch.setenv("SHARES_PASSWORD", "Hunter2Hunter2")

    def _script(self, name: str, script: str, **settings: Any) -> Block:
        """A program that also tells its password on stderr."""
        path = self.directory / name
        path.write_text(f'#!/bin/sh\necho "password: $SHARES_PASSWORD" >&2\n{script}\n')
        path.chmod(0o755)
        return {"command": [str(path)], "environment": ["SHARES_PASSWORD"], **settings}

    def _printing(self, *lines: Any) -> Block:
        (self.directory / "lines").write_text("".join(json.dumps(line) + "\n" for line in lines))
        return self._script("print", f"cat '{self.directory}/lines'")

    def backend(self, numbers: Sequence[int]) -> Block:
        """A line for each, and the one that ends them."""
        end = {"scan": {"complete": True}}
        return self._printing(*({"backend_id": f"share-{number}"} for number in numbers), end)

    def texts(self, texts: Sequence[str]) -> Block:
        """Each is a name."""
        return self._printing(*({"backend_id": str(number), "name": text} for number, text in enumerate(texts)))

    def limits(self) -> tuple[Block, Mapping[str, Mapping[str, Limit]]]:
        """As the program prints them."""
        limits = {"a": {"whole": 1, "part": 0.5, "none": 0, "unlimited": None}}
        return self._printing({"backend_id": "a", "limits": limits["a"]}), limits

    def denied_part(self) -> Block:
        """The program says so in its last line."""
        return self._printing({"backend_id": "a"}, {"scan": {"complete": False, "warnings": ["share B denies access"]}})

    def unreachable(self) -> Block:
        """The program says so by its exit code."""
        return self._script("unreachable", "echo 'no answer' >&2; exit 69")

    def hanging(self, timeout: float) -> Block:
        """The program waits, with a process of its own that would outlive it."""
        return self._script("hang", "sleep 1000 & sleep 1000", timeout=timeout)

    def invalid(self) -> Mapping[str, Block]:
        """What the settings tell, and what the program does."""
        return {
            "a program without its path": {"command": ["bin/list"]},
            "no such program": {"command": ["/nonexistent/list"]},
            "a program that says so": self._script("wrong", "exit 78"),
            "a line that is no record": self._script("bad", "echo '{}'"),
        }
