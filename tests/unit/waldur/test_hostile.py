"""A Waldur, or what answers in its place, that answers too much: limits and an error, not memory."""

import asyncio
import gzip
import json
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from unit.waldur.scripted import TOKEN, ScriptedWaldur
from waldur_import_agent.settings.models import Effort as EffortSettings
from waldur_import_agent.settings.models import Waldur
from waldur_import_agent.waldur import listing
from waldur_import_agent.waldur.answers import VALUES_MAX
from waldur_import_agent.waldur.client import Page, WaldurClient
from waldur_import_agent.waldur.effort import Effort
from waldur_import_agent.waldur.errors import (
    WaldurError,
    WaldurInvalidError,
    WaldurUnavailableError,
    WaldurUndecodableError,
)
from waldur_import_agent.waldur.listing import read_whole
from waldur_import_agent.waldur.transport import BODY_LIMIT

MIB = 1024 * 1024
PEAK = 200 * MIB
"""Memory that one hostile answer may take, that of the test itself included: twelve times the largest body."""
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Result-Count: 1\r\n"

Speaker = Callable[[asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def speaking(speak: Speaker, **settings: Any) -> AsyncIterator[WaldurClient]:
    """A client of a server on a real socket that says what `speak` writes to each request."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await speak(writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has had enough
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    waldur = Waldur.model_validate({"url": f"http://127.0.0.1:{port}", "token": TOKEN, **settings})
    async with server, WaldurClient.from_settings(waldur) as client:
        yield client


@pytest.fixture
def bounded() -> Iterator[None]:
    """The test's memory stays below PEAK."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < PEAK


async def refusal(client: WaldurClient) -> WaldurError:
    """How a list's first page fails."""
    with pytest.raises(WaldurError) as raised:
        await client.list_projects()
    return raised.value


# --- one answer


@pytest.mark.usefixtures("bounded")
async def test_body_without_end() -> None:
    """Reading stops soon after the limit; the error says what to do where it is a list of large records."""
    sent = 0

    async def speak(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(HEAD + b"\r\n[")
        while True:
            writer.write(b'"x",' * 16384)
            await writer.drain()
            sent += 65536

    async with speaking(speak) as client:
        error = await refusal(client)
    assert isinstance(error, WaldurUndecodableError)
    assert f"more than {BODY_LIMIT} bytes" in error.detail
    assert "waldur.page_size" in error.remedy
    assert sent < 2 * BODY_LIMIT


def packed(times: int) -> bytes:
    """A gibibyte of blanks, packed so many times."""
    body = gzip.compress(b" " * (64 * MIB), mtime=0) * 16
    for _ in range(times - 1):
        body = gzip.compress(body, mtime=0)
    return body


@pytest.mark.parametrize(
    ("encoding", "times", "words"),
    [
        ("gzip", 1, f"more than {BODY_LIMIT} bytes"),
        ("gzip, gzip", 2, "packed in a way that was not asked for"),
        ("br", 1, "packed in a way that was not asked for"),
    ],
)
async def test_bomb(request: pytest.FixtureRequest, encoding: str, times: int, words: str) -> None:
    """A megabyte that unpacks to a gibibyte, or a few bytes that unpack to a megabyte that unpacks further."""
    body = packed(times)
    request.getfixturevalue("bounded")

    async def speak(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + f"Content-Encoding: {encoding}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)

    async with speaking(speak) as client:
        error = await refusal(client)
    assert isinstance(error, WaldurUndecodableError)
    assert words in error.detail


@pytest.mark.usefixtures("bounded")
@pytest.mark.parametrize("piece", [b"[],", b"{},", b"1.5,", b'"\xf0\x9f\x98\x80",'])
async def test_body_of_countless_values(waldur: ScriptedWaldur, piece: bytes) -> None:
    """Small values take many times their text in memory: more than a million are not decoded."""
    waldur.answer(httpx.Response(200, content=b"[" + piece * (BODY_LIMIT // len(piece) - 1) + b"1]"))
    async with waldur.client() as client:
        error = await refusal(client)
    assert isinstance(error, WaldurUndecodableError)
    assert f"more than {VALUES_MAX} values" in error.detail


@pytest.mark.usefixtures("bounded")
async def test_one_enormous_text(waldur: ScriptedWaldur) -> None:
    """Sixteen megabytes in one text, of the characters that take most room in memory."""
    text = "😀".encode() + b"x" * (BODY_LIMIT - 20)
    waldur.answer(httpx.Response(200, content=b'["' + text + b'"]', headers={"X-Result-Count": "1"}))
    async with waldur.client() as client:
        error = await refusal(client)
    assert len(str(error)) < 1000


async def test_drip_without_end() -> None:
    """A byte now and then keeps every read timeout away; the time for the whole call ends it."""

    async def speak(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"\r\n[")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.01)

    effort = Effort(EffortSettings.model_validate({"read": {"attempts": 1, "within": "300ms"}}))
    async with speaking(speak, read_timeout="10s") as client:
        with pytest.raises(WaldurUnavailableError, match=r"/api/projects/.*no answer within 0\.\d+ seconds"):
            await effort.read(client.list_projects)


async def test_headers_without_end() -> None:
    """Headers are bounded too, and the connection counts as broken."""

    async def speak(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD)
        while True:
            writer.write(b"X-Filler: " + b"x" * 1000 + b"\r\n")
            await writer.drain()

    async with speaking(speak) as client:
        assert isinstance(await refusal(client), WaldurUnavailableError)


def nested(depth: int, inner: str = '"deep"') -> bytes:
    """Lists in lists."""
    return ("[" * depth + inner + "]" * depth).encode()


@pytest.mark.parametrize("status", [200, 400, 403, 409, 500])
@pytest.mark.parametrize("depth", [19, 100, 450, 900, 5_000_000])
@pytest.mark.parametrize("form", ["lists", "objects"])
async def test_deep_json(waldur: ScriptedWaldur, status: int, depth: int, form: str) -> None:
    """However deep an answer is nested, and whatever its status, it is one of Waldur's errors and nothing overflows."""
    body = nested(depth)
    if form == "objects":
        body = b'{"detail": ' + b'{"a": ' * depth + b"1" + b"}" * depth + b"}"
    waldur.answer(httpx.Response(status, content=body, headers={"X-Result-Count": "1"}))
    async with waldur.client() as client:
        assert len(str(await refusal(client))) < 1000


async def test_messages_of_a_refusal_are_found_in_shallow_lists_only(waldur: ScriptedWaldur) -> None:
    """Lists in lists are read as Waldur nests them; what is nested on purpose is named."""
    waldur.answer(httpx.Response(400, json={"name": [[["too long"]]], "other": json.loads(nested(30))}))
    async with waldur.client() as client:
        error = await refusal(client)
    assert isinstance(error, WaldurInvalidError)
    assert error.fields == {"name": ("too long",), "other": ("nested too deeply",)}


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe\x00", "[]".encode("utf-16"), b"\x00" * 100, b"9" * 100_000, b"[" + b"9" * 5000 + b"]", b'"\\ud800"'],
)
async def test_wrong_encodings_and_numbers(waldur: ScriptedWaldur, content: bytes) -> None:
    """Bytes that are no text and numbers without end are foreign JSON, not a crash."""
    waldur.answer(httpx.Response(200, content=content))
    async with waldur.client() as client:
        assert isinstance(await refusal(client), WaldurUndecodableError)


# --- a whole list


def effort() -> Effort:
    """As by default; nothing here is tried again."""
    return Effort(EffortSettings())


async def test_count_that_promises_without_end() -> None:
    """X-Result-Count is not believed beyond what any site has: only the first page is asked for."""
    asked = []

    async def fetch(number: int) -> Page[str]:
        asked.append(number)
        return Page([f"row{number}"], 10**17, "/api/projects/")

    with pytest.raises(WaldurUndecodableError, match="X-Result-Count is 100000000000000000, and 200000 are the most"):
        await read_whole(fetch, effort(), uuid_of=str)
    assert asked == [1]


async def test_pages_that_are_too_large_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each page is within its limit; their sum is bounded as well."""
    monkeypatch.setattr(listing, "BYTES_MAX", 1000)
    asked = []

    async def fetch(number: int) -> Page[str]:
        asked.append(number)
        return Page([f"row{number}"], 100, "/api/projects/", size=300)

    with pytest.raises(WaldurUndecodableError, match="the list has more than 1000 bytes"):
        await read_whole(fetch, effort(), uuid_of=str)
    assert len(asked) == 4


async def test_size_of_a_page_is_that_of_its_body(waldur: ScriptedWaldur) -> None:
    """What the sum is made of."""
    waldur.answer(httpx.Response(200, content=b"[ ]", headers={"X-Result-Count": "0"}))
    async with waldur.client() as client:
        assert (await client.list_projects()).size == 3


async def test_pages_that_come_too_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each page is in time; the whole list has a time of its own."""
    monkeypatch.setattr(listing, "SECONDS_MAX", 0.05)

    async def fetch(number: int) -> Page[str]:
        await asyncio.sleep(0.001)
        return Page([f"row{number}"], 150_000, "/api/projects/")

    with pytest.raises(WaldurUnavailableError, match=r"the list could not be read within 0\.05 seconds"):
        await read_whole(fetch, effort(), uuid_of=str)
