"""The exchange itself: headers, tokens that change, dry runs, limits."""

import gzip
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from unit.waldur.scripted import ScriptedWaldur
from waldur_import_agent import __version__
from waldur_import_agent.errors import ConfigurationError
from waldur_import_agent.settings.models import Waldur
from waldur_import_agent.waldur.auth import TokenSource
from waldur_import_agent.waldur.client import WaldurClient
from waldur_import_agent.waldur.errors import (
    ReadOnlyError,
    WaldurGoneError,
    WaldurNotAuthenticatedError,
    WaldurUnavailableError,
    WaldurUndecodableError,
)
from waldur_import_agent.waldur.transport import WaldurTransport

UUID = "a8ab92dee8ec425bb3bd1e22a9a89883"
ME = httpx.Response(200, json={"uuid": UUID})
INVALID_TOKEN = httpx.Response(401, json={"detail": "Invalid token."})


async def test_requests_say_who_asks_and_want_json(waldur: ScriptedWaldur) -> None:
    """Accept is JSON alone, since Waldur answers HTML to whoever accepts it; the agent names itself."""
    waldur.answer(ME)
    async with waldur.client() as client:
        await client.me()
    headers = waldur.requests[0].headers
    assert headers["authorization"] == f"Token {waldur.token}"
    assert headers["accept"] == "application/json"
    assert headers["user-agent"] == f"waldur-import-agent/{__version__}"
    assert headers["connection"] == "keep-alive"


async def test_no_cookie_is_kept(waldur: ScriptedWaldur) -> None:
    """The token says who asks; to look for cookies with each of many requests would only cost time."""
    waldur.answer(httpx.Response(200, json={"uuid": UUID}, headers={"Set-Cookie": "session=1; Path=/"}))
    async with waldur.client() as client:
        await client.me()
        await client.me()
    assert "cookie" not in waldur.requests[1].headers


async def test_personal_access_tokens_are_sent_as_bearer(waldur: ScriptedWaldur) -> None:
    """The header follows the token's form."""
    waldur.answer(ME)
    async with waldur.client(token="w_1795000000_abc") as client:
        await client.me()
    assert waldur.requests[0].headers["authorization"] == "Bearer w_1795000000_abc"


async def test_timeouts_are_those_of_the_settings(waldur: ScriptedWaldur) -> None:
    """Connecting and waiting for an answer have limits of their own."""
    waldur.answer(ME)
    async with waldur.client(connect_timeout="3s", read_timeout="7s") as client:
        await client.me()
    assert waldur.requests[0].extensions["timeout"] == {"connect": 3, "read": 7, "write": 7, "pool": 7}


# --- the token


async def test_the_token_file_is_read_again_when_asked(waldur: ScriptedWaldur, tmp_path: Path) -> None:
    """Within a round the token stays; `renew_token` at the start of the next one takes the new one."""
    file = tmp_path / "token"
    file.write_text("first")
    waldur.answer(ME)
    async with waldur.client(token_file=file) as client:
        await client.me()
        file.write_text("second")
        await client.me()
        await client.renew_token()
        await client.me()
    assert [request.headers["authorization"] for request in waldur.requests] == [
        "Token first",
        "Token first",
        "Token second",
    ]


async def test_after_a_401_a_replaced_token_is_tried_once(waldur: ScriptedWaldur, tmp_path: Path) -> None:
    """A rotation in the middle of a round is not noticed: the refused request is sent again, body and all."""
    file = tmp_path / "token"
    file.write_text("first")
    waldur.answer(ME, INVALID_TOKEN, httpx.Response(200, json={"status": "ok"}))
    async with waldur.client(token_file=file) as client:
        await client.me()
        file.write_text("second")
        await client.set_erred(UUID, "message", "traceback")
        await client.set_done(UUID)
    assert [request.headers["authorization"] for request in waldur.requests] == [
        "Token first",
        "Token first",
        "Token second",
        "Token second",
    ]
    assert waldur.body(1) == waldur.body(2) == {"error_message": "message", "error_traceback": "traceback"}


async def test_after_a_401_the_same_token_is_not_sent_again(waldur: ScriptedWaldur, tmp_path: Path) -> None:
    """What was refused stays refused."""
    file = tmp_path / "token"
    file.write_text("first")
    waldur.answer(INVALID_TOKEN)
    async with waldur.client(token_file=file) as client:
        with pytest.raises(WaldurNotAuthenticatedError, match="Invalid token"):
            await client.me()
    assert len(waldur.requests) == 1


async def test_a_replaced_token_that_is_refused_too_is_the_end(waldur: ScriptedWaldur, tmp_path: Path) -> None:
    """There is one more attempt, not a loop; the new token stays out of the error as well."""
    file = tmp_path / "token"
    file.write_text("first")

    def refuse(request: httpx.Request) -> httpx.Response:
        file.write_text(f"token-number-{len(waldur.requests)}")
        return httpx.Response(401, json={"detail": f"Bad: {request.headers['authorization']}"})

    waldur.answer(refuse)
    async with waldur.client(token_file=file) as client:
        with pytest.raises(WaldurNotAuthenticatedError) as raised:
            await client.me()
    assert len(waldur.requests) == 2
    assert raised.value.detail == "Bad: Token [secret]"


async def test_a_token_file_that_is_gone_after_a_401_leaves_the_401(waldur: ScriptedWaldur, tmp_path: Path) -> None:
    """Waldur's answer tells more than the missing file does at that moment."""
    file = tmp_path / "token"
    file.write_text("first")
    waldur.answer(INVALID_TOKEN)
    async with waldur.client(token_file=file) as client:
        await client.renew_token()
        file.unlink()
        with pytest.raises(WaldurNotAuthenticatedError):
            await client.me()
        with pytest.raises(ConfigurationError, match=str(file)):
            await client.renew_token()


async def test_without_a_token_nothing_is_sent(waldur: ScriptedWaldur, tmp_path: Path) -> None:
    """An empty token file is an error of the configuration."""
    (tmp_path / "token").touch()
    async with waldur.client(token_file=tmp_path / "token") as client:
        with pytest.raises(ConfigurationError, match="is empty"):
            await client.me()
    assert waldur.requests == []


async def test_whoever_wants_to_know_is_told_the_token(waldur: ScriptedWaldur) -> None:
    """The logs can leave out a token from the first request on."""
    told: list[str] = []
    waldur.answer(ME)
    client = WaldurClient.from_settings(
        waldur.settings(), on_token=told.append, transport=httpx.MockTransport(waldur.handle)
    )
    async with client:
        await client.me()
    assert told == [waldur.token]


def test_neither_client_nor_transport_shows_the_token(waldur: ScriptedWaldur) -> None:
    """Their reprs give Waldur's address."""
    client = waldur.client()
    assert repr(client) == "WaldurClient(WaldurTransport(https://waldur.test/api))"


# --- dry runs


@pytest.mark.parametrize(
    "write",
    [
        lambda client: client.create_request(UUID),
        lambda client: client.start_processing(UUID),
        lambda client: client.set_done(UUID),
        lambda client: client.set_erred(UUID, "", ""),
        lambda client: client.create_record(
            name="", project_uuid=UUID, offering_uuid=UUID, backend_id="", backend_metadata={}
        ),
        lambda client: client.delete_record(UUID),
    ],
)
async def test_a_dry_run_sends_nothing_that_changes_something(
    waldur: ScriptedWaldur, write: Callable[[WaldurClient], Awaitable[Any]]
) -> None:
    """The transport holds it back, whoever calls."""
    waldur.answer(ME)
    async with waldur.client(read_only=True) as client:
        with pytest.raises(ReadOnlyError, match="was not sent: this is a dry run"):
            await write(client)
    assert waldur.requests == []


async def test_a_dry_run_reads(waldur: ScriptedWaldur) -> None:
    """GET goes out as ever."""
    waldur.answer(ME)
    async with waldur.client(read_only=True) as client:
        assert (await client.me()).uuid == UUID


# --- limits


def limited(waldur: ScriptedWaldur, limit: int) -> WaldurClient:
    """A client that reads answers up to `limit` bytes."""
    transport = WaldurTransport(
        waldur.settings(),
        TokenSource(token=SecretStr(waldur.token)),
        transport=httpx.MockTransport(waldur.handle),
        body_limit=limit,
    )
    return WaldurClient(transport)


class Endless(httpx.AsyncByteStream):
    """A body without end; `sent` counts its pieces."""

    sent = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """One KiB after the other."""
        while True:
            self.sent += 1
            yield b"x" * 1024


async def test_an_endless_answer_is_left_at_the_limit(waldur: ScriptedWaldur) -> None:
    """Reading stops with the piece that crosses the limit; the error says so."""
    body = Endless()
    waldur.answer(httpx.Response(200, stream=body))
    async with limited(waldur, 10_000) as client:
        with pytest.raises(WaldurUndecodableError, match="more than 10000 bytes"):
            await client.me()
    assert body.sent == 10


async def test_an_answer_of_just_the_limit_is_read(waldur: ScriptedWaldur) -> None:
    """The limit itself is allowed."""
    content = b'{"uuid": "a8ab92dee8ec425bb3bd1e22a9a89883"}'
    waldur.answer(httpx.Response(200, content=content))
    async with limited(waldur, len(content)) as client:
        assert (await client.me()).uuid == UUID
    async with limited(waldur, len(content) - 1) as client:
        with pytest.raises(WaldurUndecodableError):
            await client.me()


async def test_the_limit_counts_what_is_unpacked(waldur: ScriptedWaldur) -> None:
    """A small compressed answer that unpacks to a large one is stopped too."""
    content = gzip.compress(b" " * 1_000_000)
    waldur.answer(httpx.Response(200, content=content, headers={"content-encoding": "gzip"}))
    async with limited(waldur, 10_000) as client:
        with pytest.raises(WaldurUndecodableError, match="more than 10000 bytes"):
            await client.me()


async def test_errors_of_a_call_do_not_outlive_it(waldur: ScriptedWaldur) -> None:
    """The same client goes on after an error."""
    waldur.answer(httpx.Response(404, json={"detail": "No User matches."}), ME)
    async with waldur.client() as client:
        with pytest.raises(WaldurGoneError):
            await client.me()
        assert (await client.me()).uuid == UUID


# --- proxies whose address is of no use


@pytest.mark.parametrize(
    ("proxy", "reason"),
    [
        ("nonsense://user:secret@proxy.test", "its address cannot be understood"),
        ("http://user:secret@proxy.test:port", "its address cannot be understood"),
        ("socks5://user:secret@proxy.test", "SOCKS needs the package socksio"),
    ],
)
def test_a_proxy_of_no_use_is_an_error_of_the_configuration(
    waldur: ScriptedWaldur, monkeypatch: pytest.MonkeyPatch, proxy: str, reason: str
) -> None:
    """The error says where the proxy comes from, and does not repeat an address that may hold a password."""
    monkeypatch.setitem(sys.modules, "socksio", None)
    with pytest.raises(ConfigurationError, match=rf"waldur\.proxy cannot be used: {reason}") as raised:
        WaldurClient.from_settings(waldur.settings(proxy=proxy))
    assert "secret" not in str(raised.value)
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(ConfigurationError, match=rf"the proxy in the environment .* cannot be used: {reason}"):
        WaldurClient.from_settings(waldur.settings())


async def test_each_exchange_is_told() -> None:
    """With its status, or none where no answer came, and how long it took; also those that failed."""
    told: list[tuple[str, str, int | None]] = []

    def note(method: str, path: str, status: int | None, seconds: float) -> None:
        assert seconds >= 0
        told.append((method, path, status))

    answers = iter([httpx.Response(200, json=[]), httpx.Response(503), httpx.ConnectError("away")])

    def handle(request: httpx.Request) -> httpx.Response:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    settings = Waldur.model_validate({"url": "https://waldur.test", "token": "x" * 40})
    transport = WaldurTransport(
        settings, TokenSource(None, settings.token), transport=httpx.MockTransport(handle), on_exchange=note
    )
    await transport.request("GET", "/projects/")
    for _ in range(2):
        with pytest.raises(WaldurUnavailableError):
            await transport.request("GET", "/projects/")
    await transport.aclose()
    assert told == [("GET", "/api/projects/", status) for status in (200, 503, None)]
