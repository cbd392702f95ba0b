"""What a request to Waldur costs beside the network."""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

import httpcore
import pytest

ANSWER = [b"HTTP/1.1 200 OK\r\n", b"Content-Length: 2\r\n", b"\r\n", b"{}"]


class Recorder:
    """Finds nothing, and remembers what was looked for."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Another finder may know it."""
        del path, target
        self.names.append(name)
        return None


async def test_a_request_looks_for_no_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """The HTTP library imports sniffio with each: where that is missing, all of the path is searched each time."""
    recorder = Recorder()
    async with httpcore.AsyncConnectionPool(network_backend=httpcore.AsyncMockBackend(ANSWER * 2)) as pool:
        await pool.request("POST", "http://waldur.test/", content=b"{}")  # the first loads what it needs
        monkeypatch.setattr(sys, "meta_path", [recorder, *sys.meta_path])
        assert (await pool.request("POST", "http://waldur.test/", content=b"{}")).status == 200
    assert recorder.names == []
