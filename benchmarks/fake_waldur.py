"""A fake Waldur in a process of its own: bare asyncio, no framework, so that what is measured is the agent.

    python -m benchmarks.fake_waldur PROJECTS [LATENCY]

Prints its port, serves until it is ended. What begins with /_bench/ is for the measuring process: it is answered at
once and not counted.
"""

import asyncio
import json
import sys
from http import HTTPStatus
from typing import Any

from benchmarks import world
from benchmarks.fake_state import Answer, State

CONTROL = "/_bench/"
HEAD_END = b"\r\n\r\n"


class Server:
    """The state, the latency, and what the measuring process may ask for."""

    def __init__(self, projects: int, latency: float) -> None:
        self.state = State(projects)
        self.latency = latency

    def control(self, command: str, sent: dict[str, Any]) -> Any:
        """Carry out a command of the measuring process."""
        state = self.state
        if command == "ask":
            return state.ask(sent["offering"])
        if command == "make_resources":
            return state.make_resources(sent["offering"])
        if command == "requests":
            return {
                uuid: asked.told() for name in sent["offerings"] for uuid, asked in state.offered(name).requests.items()
            }
        if command == "records":
            return len(state.offered(sent["offering"]).records)
        if command == "latency":
            self.latency = sent["seconds"]
            return None
        if command == "counts":
            told = {"kinds": dict(state.counts), "total": state.counts.total(), "peak": state.peak}
            told["longest_gap"] = state.longest_gap(sent["offerings"])
            if sent.get("reset"):
                state.reset()
            return told
        raise ValueError(command)


class Connection(asyncio.Protocol):
    """One connection of HTTP/1.1: one request after the other, each answered after the latency."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._buffer = bytearray()
        self._transport: asyncio.Transport
        self._busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a TCP connection is one
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Collect what was sent."""
        self._buffer += data
        self._next()

    def _next(self) -> None:
        """Begin the next request, if all of it is there."""
        end = self._buffer.find(HEAD_END)
        if self._busy or end < 0:
            return
        head = bytes(self._buffer[:end]).decode("latin-1")
        length = _content_length(head)
        whole = end + len(HEAD_END) + length
        if len(self._buffer) < whole:
            return
        body = bytes(self._buffer[whole - length : whole])
        del self._buffer[:whole]
        method, target, _ = head.split("\r\n", 1)[0].split(" ")
        if target.startswith(CONTROL):
            result = self._server.control(target.removeprefix(CONTROL), json.loads(body or b"{}"))
            self._write(Answer(200, json.dumps(result).encode()), target)
            return
        state = self._server.state
        self._busy = True
        state.in_flight += 1
        state.peak = max(state.peak, state.in_flight)
        answer = state.answer(method, target, body)
        asyncio.get_running_loop().call_later(self._server.latency, self._answered, method, target, answer)

    def _answered(self, method: str, target: str, answer: Answer) -> None:
        self._busy = False
        self._server.state.in_flight -= 1
        self._write(answer, target)
        self._server.state.sent(method, target)
        self._next()

    def _write(self, answer: Answer, target: str) -> None:
        if self._transport.is_closing():
            return
        head = [
            f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}",
            "Content-Type: application/json",
            f"Content-Length: {len(answer.body)}",
        ]
        if answer.total is not None:
            head.append(f"X-Result-Count: {answer.total}")
        if answer.next_page is not None:
            head.append(f'Link: <{_page_address(target, answer.next_page)}>; rel="next"')
        self._transport.write("\r\n".join(head).encode() + HEAD_END + answer.body)


def _content_length(head: str) -> int:
    for line in head.split("\r\n")[1:]:
        name, _, value = line.partition(":")
        if name.lower() == "content-length":
            return int(value)
    return 0


def _page_address(target: str, page: int) -> str:
    path, _, query = target.partition("?")
    kept = [pair for pair in query.split("&") if pair and not pair.startswith("page=")]
    return f"http://waldur.example.com{path}?{'&'.join([*kept, f'page={page}'])}"


async def serve(projects: int, latency: float) -> None:
    """Serve until the process ends."""
    server = Server(projects, latency)
    listening = await asyncio.get_running_loop().create_server(lambda: Connection(server), "127.0.0.1", 0, backlog=512)
    sys.stdout.write(f"{listening.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await listening.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2]) if sys.argv[2:] else world.LATENCY))
