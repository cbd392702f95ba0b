"""The optional HTTP listener: /metrics, /healthz and /readyz. It reads; nothing can be changed through it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

from waldur_import_agent.log import get_logger

HEAD_LIMIT = 8192
"""Bytes of a request's head that are read."""
PATIENCE = 5.0
"""Seconds that a client may take."""
TEXT = "text/plain; charset=utf-8"

Reply = tuple[HTTPStatus, str, bytes]
"""The status, the content type and the body."""
Page = Callable[[], Reply]


def plain(status: HTTPStatus, text: str) -> Reply:
    """A short answer for people and probes."""
    return status, TEXT, f"{text}\n".encode(errors="replace")


@asynccontextmanager
async def listening(host: str, port: int, pages: dict[str, Page]) -> AsyncIterator[int | None]:
    """Serve `pages` by their paths while the block runs; the port, which 0 leaves to the system.

    Where the address cannot be used, an error line says so and None is given: answering requests matters more.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, asyncio.LimitOverrunError, asyncio.IncompleteReadError):
            async with asyncio.timeout(PATIENCE):
                writer.write(_answer(await reader.readuntil(b"\r\n\r\n"), pages))
                await writer.drain()
        writer.close()

    try:
        server = await asyncio.start_server(serve, host, port, limit=HEAD_LIMIT)
    except OSError as error:
        get_logger().error(
            "metrics.listen cannot be used: there are no metrics until the agent is started again",
            host=host,
            port=port,
            reason=error.strerror,
        )
        yield None
        return
    try:
        chosen: int = server.sockets[0].getsockname()[1]
        get_logger().info("metrics are served", host=host, port=chosen)
        yield chosen
    finally:
        server.close()


def _answer(head: bytes, pages: dict[str, Page]) -> bytes:
    method, _, rest = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
    path = rest.partition(" ")[0].partition("?")[0]
    page = pages.get(path)
    if method not in {"GET", "HEAD"}:
        status, kind, body = plain(HTTPStatus.METHOD_NOT_ALLOWED, "only GET and HEAD")
    elif page is None:
        status, kind, body = plain(HTTPStatus.NOT_FOUND, f"there are {', '.join(sorted(pages))}")
    else:
        status, kind, body = page()
    lines = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        "Connection: close",
        "",
        "",
    ]
    return "\r\n".join(lines).encode() + (b"" if method == "HEAD" else body)
