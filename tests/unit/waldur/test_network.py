"""The client on real sockets: TLS, client certificates, proxies, connections that break."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from unit.waldur.scripted import ScriptedWaldur
from waldur_import_agent.errors import ConfigurationError
from waldur_import_agent.waldur.client import WaldurClient
from waldur_import_agent.waldur.errors import WaldurUnavailableError

CERTIFICATES = Path(__file__).parent / "certificates"
CERTIFICATE = CERTIFICATES / "localhost.pem"
KEY = CERTIFICATES / "localhost.key"
UUID = "a8ab92dee8ec425bb3bd1e22a9a89883"
BODY = b'{"uuid": "a8ab92dee8ec425bb3bd1e22a9a89883"}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)


class Server:
    """Gives the same bytes to each request, or says nothing; `heads` are the requests that came."""

    def __init__(self, answer: bytes | None) -> None:
        self.answer = answer
        self.heads: list[str] = []
        self.connections: set[asyncio.Task[None]] = set()
        self.port = 0

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection, and remember it."""
        self.connections.add(asyncio.create_task(self.serve(reader, writer)))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer until the other side, or the answer, ends the connection."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
                if self.answer is None:
                    continue
                writer.write(self.answer)
                await writer.drain()
                if self.answer is not ANSWER:
                    break
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def serving(
    answer: bytes | None = ANSWER, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    """A server on this machine, with all its connections ended afterwards."""
    server = Server(answer)
    listener = await asyncio.start_server(server.connected, host, ssl=tls)
    server.port = listener.sockets[0].getsockname()[1]
    async with listener:
        yield server
    await asyncio.gather(*server.connections)


def server_tls(*, client_certificate: bool = False) -> ssl.SSLContext:
    """TLS of the server, which may ask for the client's certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE, KEY)
    if client_certificate:
        context.load_verify_locations(CERTIFICATE)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


async def ask(waldur: ScriptedWaldur, url: str, **settings: Any) -> str:
    """One request on the network."""
    async with WaldurClient.from_settings(waldur.settings(url=url, **settings)) as client:
        return (await client.me()).uuid


async def test_a_certificate_of_an_unknown_authority_is_refused(waldur: ScriptedWaldur) -> None:
    """Verification is on: nothing is sent, and the error says which setting helps."""
    async with serving(tls=server_tls()) as server:
        with pytest.raises(WaldurUnavailableError, match=r"CERTIFICATE_VERIFY_FAILED.*waldur\.ca_file"):
            await ask(waldur, f"https://localhost:{server.port}")
    assert server.heads == []


async def test_ca_file_names_whom_to_trust(waldur: ScriptedWaldur) -> None:
    """With the authority's certificate, Waldur is reached."""
    async with serving(tls=server_tls()) as server:
        assert await ask(waldur, f"https://localhost:{server.port}", ca_file=CERTIFICATE) == UUID


async def test_the_certificate_must_be_for_the_host(waldur: ScriptedWaldur) -> None:
    """A trusted certificate for another name is refused, unless any certificate is accepted."""
    async with serving(host="127.0.0.2", tls=server_tls()) as server:
        url = f"https://127.0.0.2:{server.port}"
        with pytest.raises(WaldurUnavailableError, match="CERTIFICATE_VERIFY_FAILED"):
            await ask(waldur, url, ca_file=CERTIFICATE)
        assert await ask(waldur, url, accept_any_certificate=True) == UUID


async def test_a_client_certificate_is_shown(waldur: ScriptedWaldur) -> None:
    """A proxy that asks for one gets it; without it there is no connection."""
    async with serving(tls=server_tls(client_certificate=True)) as server:
        url = f"https://localhost:{server.port}"
        with pytest.raises(WaldurUnavailableError):
            await ask(waldur, url, ca_file=CERTIFICATE)
        found = await ask(waldur, url, ca_file=CERTIFICATE, client_certificate=CERTIFICATE, client_key=KEY)
    assert found == UUID


def both_in_one(directory: Path) -> Path:
    """A file with the certificate and its key."""
    file = directory / "both.pem"
    file.write_bytes(CERTIFICATE.read_bytes() + KEY.read_bytes())
    return file


async def test_certificate_and_key_may_be_one_file(waldur: ScriptedWaldur, tmp_path: Path) -> None:
    """`client_key` is then not needed."""
    async with serving(tls=server_tls(client_certificate=True)) as server:
        url = f"https://localhost:{server.port}"
        assert await ask(waldur, url, ca_file=CERTIFICATE, client_certificate=both_in_one(tmp_path)) == UUID


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"ca_file": "/missing.pem"}, "waldur.ca_file /missing.pem cannot be used: No such file"),
        ({"ca_file": KEY}, "waldur.ca_file .*localhost.key cannot be used"),
        ({"client_certificate": "/missing.pem"}, "waldur.client_certificate /missing.pem cannot be used: No such file"),
        ({"client_certificate": CERTIFICATE}, "waldur.client_certificate .*localhost.pem cannot be used"),
        (
            {"client_certificate": CERTIFICATE, "client_key": CERTIFICATES / "encrypted.key"},
            "localhost.pem with client_key .*encrypted.key cannot be used.*has no password",
        ),
    ],
    ids=["no authority", "authority that is none", "no certificate", "no key", "encrypted key"],
)
def test_certificates_of_no_use_are_errors_of_the_configuration(
    waldur: ScriptedWaldur, settings: dict[str, Any], text: str
) -> None:
    """The error names the setting, the file and the reason; no password is ever asked for."""
    with pytest.raises(ConfigurationError, match=text):
        WaldurClient.from_settings(waldur.settings(**settings))


async def test_the_setting_names_a_proxy(waldur: ScriptedWaldur) -> None:
    """Requests go to the proxy, with Waldur's whole address."""
    async with serving() as proxy:
        assert await ask(waldur, "http://waldur.test/", proxy=f"http://127.0.0.1:{proxy.port}") == UUID
    assert proxy.heads[0].startswith("GET http://waldur.test/api/users/me/?")


async def test_the_environment_names_a_proxy(waldur: ScriptedWaldur, monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP_PROXY holds where the setting is empty; NO_PROXY takes hosts out of it."""
    async with serving() as proxy, serving() as direct:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        await ask(waldur, "http://waldur.test/")
        await ask(waldur, f"http://127.0.0.1:{direct.port}/")
    assert (len(proxy.heads), len(direct.heads)) == (1, 1)


async def test_connections_are_kept(waldur: ScriptedWaldur) -> None:
    """Two requests in a row take one connection."""
    async with serving() as server:
        settings = waldur.settings(url=f"http://127.0.0.1:{server.port}")
        async with WaldurClient.from_settings(settings) as client:
            await client.me()
            await client.me()
    assert (len(server.heads), len(server.connections)) == (2, 1)


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Le", ANSWER[:-5], b"SSH-2.0-OpenSSH_9.2\r\n"],
    ids=["closed at once", "cut head", "cut body", "another protocol"],
)
async def test_a_connection_that_breaks_is_an_outage(waldur: ScriptedWaldur, answer: bytes) -> None:
    """Whatever breaks off, and whatever speaks no HTTP, is Waldur being unavailable, with the call's name."""
    async with serving(answer) as server:
        with pytest.raises(WaldurUnavailableError, match=r"could not answer GET /api/users/me/: \w"):
            await ask(waldur, f"http://127.0.0.1:{server.port}")


async def test_nobody_listening_is_an_outage(waldur: ScriptedWaldur) -> None:
    """A refused connection too."""
    async with serving() as server:
        port = server.port
    with pytest.raises(WaldurUnavailableError, match="All connection attempts failed"):
        await ask(waldur, f"http://127.0.0.1:{port}")


async def test_a_silent_server_is_left_after_the_read_timeout(waldur: ScriptedWaldur) -> None:
    """The settings' limit ends the wait for an answer."""
    async with serving(answer=None) as server:
        with pytest.raises(WaldurUnavailableError, match="no answer in time"):
            await ask(waldur, f"http://127.0.0.1:{server.port}", read_timeout=0.01)
