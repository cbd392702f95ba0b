"""The HTTP listener, on real sockets."""

import asyncio
import socket
from collections.abc import AsyncIterator
from http import HTTPStatus

import pytest

from waldur_import_agent.health import listener
from waldur_import_agent.health.listener import listening, plain

PAGES = {
    "/healthz": lambda: plain(HTTPStatus.OK, "ok"),
    "/readyz": lambda: plain(HTTPStatus.SERVICE_UNAVAILABLE, "Waldur is away"),
}


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """A listener with two pages."""
    async with listening("127.0.0.1", 0, PAGES) as chosen:
        assert chosen is not None
        yield chosen


async def ask(port: int, head: str) -> tuple[str, str]:
    """Send a head; the answer's head and body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head.encode())
    async with asyncio.timeout(30):
        answer = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    first, _, body = answer.partition("\r\n\r\n")
    return first, body


async def test_pages(port: int) -> None:
    """Each path has its answer; the query does not count, and the connection is closed."""
    head, body = await ask(port, "GET /healthz?x=1 HTTP/1.1\r\nHost: x\r\n\r\n")
    assert head.splitlines()[0] == "HTTP/1.1 200 OK"
    assert body == "ok\n"
    assert "Connection: close" in head
    assert "Content-Length: 3" in head
    head, body = await ask(port, "GET /readyz HTTP/1.1\r\n\r\n")
    assert head.splitlines()[0] == "HTTP/1.1 503 Service Unavailable"
    assert body == "Waldur is away\n"


async def test_head_has_no_body(port: int) -> None:
    """A probe may ask for the head alone."""
    head, body = await ask(port, "HEAD /healthz HTTP/1.1\r\n\r\n")
    assert ("200 OK" in head, body) == (True, "")


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("GET / HTTP/1.1", "404"),
        ("POST /healthz HTTP/1.1", "405"),
        ("nonsense", "405"),
        ("GET", "404"),
        ("\x7f\xff \x00", "405"),
    ],
)
async def test_everything_else_is_refused(port: int, line: str, status: str) -> None:
    """Other paths and methods, and what is no HTTP."""
    head, body = await ask(port, f"{line}\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status}")
    assert body


async def test_a_client_that_floods_is_cut_off(port: int) -> None:
    """More head than any client has: no answer, and the next one is served."""
    assert await ask(port, "x" * (3 * listener.HEAD_LIMIT)) == ("", "")
    assert (await ask(port, "GET /healthz HTTP/1.1\r\n\r\n"))[1] == "ok\n"


async def test_a_client_that_says_nothing_is_cut_off(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets its time and no more."""
    monkeypatch.setattr(listener, "PATIENCE", 0.01)
    assert await ask(port, "GET /healthz") == ("", "")


async def test_an_address_in_use_is_told_and_no_end(caplog: pytest.LogCaptureFixture) -> None:
    """Answering requests matters more than metrics."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        async with listening("127.0.0.1", taken.getsockname()[1], PAGES) as port:
            assert port is None
    assert "metrics.listen" in caplog.text
    assert caplog.records[0].levelname == "ERROR"


def test_what_is_no_text_is_shown_nevertheless() -> None:
    """Waldur's words may hold half a character of JSON's escapes: a probe gets an answer all the same."""
    assert plain(HTTPStatus.SERVICE_UNAVAILABLE, "Waldur says \ud800!")[2] == b"Waldur says ?!\n"
