"""The measuring process's hold on the fake Waldur: starts it, asks it what it saw, ends it."""

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks import world


@dataclass(frozen=True, slots=True)
class FakeWaldur:
    """A fake Waldur that serves at `port`."""

    port: int
    pid: int

    @property
    def url(self) -> str:
        """The address for a configuration."""
        return f"http://127.0.0.1:{self.port}/api/"

    def ask(self, offering: str) -> str:
        """Create a request, as staff would; its UUID."""
        return str(self._control("ask", offering=offering))

    def requests(self, offerings: Sequence[str]) -> dict[str, dict[str, Any]]:
        """What became of all requests of these offerings: fake_state.Asked.told()."""
        told: dict[str, dict[str, Any]] = self._control("requests", offerings=list(offerings))
        return told

    def records(self, offering: str) -> int:
        """How many records the offering has."""
        return int(self._control("records", offering=offering))

    def make_resources(self, offering: str) -> int:
        """Import all records; how many resources there are then."""
        return int(self._control("make_resources", offering=offering))

    def set_latency(self, seconds: float) -> None:
        """Answer faster or more slowly from now on."""
        self._control("latency", seconds=seconds)

    def counts(self, *, offerings: Sequence[str] = (), reset: bool = False) -> dict[str, Any]:
        """Requests of agents since the last reset: `total`, `kinds` by verb and path, `peak` at the same time.

        `longest_gap` is the longest time, in seconds, that one of `offerings` was without a list of its requests: from
        the reset to the first, between two, or from the last until now.
        """
        counts: dict[str, Any] = self._control("counts", offerings=list(offerings), reset=reset)
        return counts

    def _control(self, command: str, **sent: Any) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("POST", f"/_bench/{command}", json.dumps(sent))
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()


@contextmanager
def fake_waldur(projects: int, latency: float = world.LATENCY) -> Iterator[FakeWaldur]:
    """A fake Waldur with so many projects, in a process of its own."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.fake_waldur", str(projects), str(latency)],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None  # noqa: S101 - it was asked for
            yield FakeWaldur(int(process.stdout.readline()), process.pid)
        finally:
            process.terminate()
