"""The floor: how fast anybody could create N records here, by bare sockets and nothing else."""

import json
import selectors
import socket
import time

from benchmarks import world
from benchmarks.waldur import FakeWaldur

OFFERING = world.offering_uuid(0xF100)
"""An offering of its own, so that the agent never meets these records."""


def floor(waldur: FakeWaldur, records: int) -> float:
    """Seconds for `records` creates over eight connections that stay open."""
    requests = (_create(number) for number in range(records))
    selector = selectors.DefaultSelector()
    answered = 0
    began = time.monotonic()
    for _ in range(min(world.IN_FLIGHT, records)):
        connection = socket.create_connection(("127.0.0.1", waldur.port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(connection, selectors.EVENT_READ, (connection, bytearray()))
        connection.sendall(next(requests))
    while answered < records:
        for key, _ in selector.select():
            connection, buffer = key.data
            buffer += connection.recv(65536)
            if not _whole(buffer):
                continue
            buffer.clear()
            answered += 1
            following = next(requests, None)
            if following is not None:
                connection.sendall(following)
    seconds = time.monotonic() - began
    for key in list(selector.get_map().values()):
        key.data[0].close()
    selector.close()
    return seconds


def _create(number: int) -> bytes:
    """A request like the agent's own."""
    metadata = {
        "limits": {"cpu": number + 1, "gpu": 0},
        "import_agent": {"instance": "default", "content": "0" * 64, "host": "bench", "version": "0", "run": "0" * 32},
    }
    body = json.dumps(
        {
            "name": world.account(number),
            "project": world.project_uuid(world.project_of(number)),
            "offering": OFFERING,
            "backend_id": world.account(number),
            "backend_metadata": metadata,
        }
    ).encode()
    head = (
        "POST /api/backend-resources/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Authorization: Token {world.TOKEN}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _whole(answer: bytearray) -> bool:
    """Whether all of an answer is there. Raises ConnectionError for anything but a 201."""
    head, there, body = bytes(answer).partition(b"\r\n\r\n")
    if not there:
        return False
    if not head.startswith(b"HTTP/1.1 201"):
        raise ConnectionError(f"the fake Waldur answered: {head[:60]!r}")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return len(body) >= int(length.partition(b":")[2])
