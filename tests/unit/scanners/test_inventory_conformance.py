"""The inventory scanner keeps what the agent relies on."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from waldur_import_agent.records import Limit
from waldur_import_agent.scanners.inventory import InventoryScanner
from waldur_import_agent.scanners.testing import Block, ScannerConformance


class TestInventoryConformance(ScannerConformance):
    """A file in the record form."""

    scanner = InventoryScanner
    exemptions: ClassVar = {
        "one-row pages": "a file has no pages",
        "timeout": "reading a local file needs no time limit: scan_timeout ends it",
        "secrets": "the settings have none",
    }

    @pytest.fixture(autouse=True)
    def _directory(self, tmp_path: Path) -> None:
        self.directory = tmp_path

    def _write(self, *lines: Any) -> Block:
        path = self.directory / "inventory.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return {"path": str(path)}

    def backend(self, numbers: Sequence[int]) -> Block:
        """A line for each; one that says so where there is none."""
        end = {"scan": {"complete": True}}
        return self._write(*({"backend_id": f"share-{number}", "parents": ["lab"]} for number in numbers), end)

    def some(self) -> Block:
        """So many lines that a scan can be cancelled while it reads them."""
        return self.backend(range(5000))

    def texts(self, texts: Sequence[str]) -> Block:
        """Each is a name."""
        return self._write(*({"backend_id": str(number), "name": text} for number, text in enumerate(texts)))

    def limits(self) -> tuple[Block, Mapping[str, Mapping[str, Limit]]]:
        """What the file says, as it says it."""
        limits = {"a": {"whole": 1, "part": 0.5, "none": 0, "unlimited": None}}
        return self._write({"backend_id": "a", "limits": limits["a"]}), limits

    def denied_part(self) -> Block:
        """The program that wrote the file says so."""
        return self._write({"scan": {"complete": False, "warnings": ["share B did not answer"]}})

    def unreachable(self) -> Block:
        """A loop of links stands for a file system that does not answer."""
        loop = self.directory / "loop.jsonl"
        loop.unlink(missing_ok=True)
        loop.symlink_to(loop)
        return {"path": str(loop)}

    def invalid(self) -> Mapping[str, Block]:
        """What is wrong with the settings, and with the file."""
        return {
            "no such file": {"path": str(self.directory / "none.jsonl")},
            "an ending that tells no format": {"path": "x.txt"},
            "a line that is no record": self._write({"name": "without an id"}),
        }
