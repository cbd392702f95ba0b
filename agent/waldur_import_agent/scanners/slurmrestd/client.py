"""slurmrestd over HTTP: one request after the other, the token, TLS, time and size."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

import httpx

from waldur_import_agent import __version__
from waldur_import_agent.scanners.base import BackendError, BackendMisconfiguredError, BackendUnavailableError
from waldur_import_agent.scanners.slurmrestd.document import Document
from waldur_import_agent.scanners.slurmrestd.failures import TokenRefusedError, doubts, failure
from waldur_import_agent.scanners.slurmrestd.settings import SlurmrestdSettings
from waldur_import_agent.scanners.slurmrestd.token import Token, read_token
from waldur_import_agent.system import read_in_thread

CONNECT_TIMEOUT = 10.0
"""Seconds to wait for a connection."""
ERROR_LIMIT = 64 * 1024
"""Bytes of an answer with another status than 200 that are read."""
BEGINNING = 200
"""Characters of such an answer that are shown where it is not slurmrestd's."""
NEW_TOKEN = "Put a new one there: `scontrol token username=USER lifespan=SECONDS` makes one"  # noqa: S105 - no password


@dataclass(slots=True)
class Rest:
    """What an answer holds beside its rows: `doubts` say what leaves open whether it is the whole."""

    document: dict[str, Any] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)


class Slurmrestd:
    """A connection for one scan or one check, to be entered. Nothing but GET is sent.

    All methods, and entering it, raise BackendUnavailableError or BackendMisconfiguredError.
    """

    def __init__(self, settings: SlurmrestdSettings, on_token: Callable[[str], None] = lambda _: None) -> None:
        """`on_token` is told each token that is read."""
        self._settings = settings
        self._on_token = on_token
        self._token: Token | None = None
        self._http: httpx.AsyncClient

    async def __aenter__(self) -> Self:
        settings = self._settings
        self._http = httpx.AsyncClient(
            base_url=settings.url or "http://localhost",
            # packed answers would have to be unpacked before anybody can count, and slurmrestd packs none
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                "User-Agent": f"waldur-import-agent/{__version__}",
            },
            # an answer may take as long as it wants to begin: the time is for all of it
            timeout=httpx.Timeout(None, connect=CONNECT_TIMEOUT),
            transport=httpx.AsyncHTTPTransport(
                uds=str(settings.socket) if settings.socket else None, verify=await _tls(settings)
            ),
            trust_env=False,  # neither a password of .netrc nor a proxy: slurmrestd is beside the agent
            follow_redirects=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def token(self) -> Token:
        """The token in use; it is read once for each connection, and again when it is refused."""
        if self._token is None:
            self._token = await self._read_token()
        return self._token

    async def _read_token(self) -> Token:
        token = await read_token(self._settings)
        self._on_token(token.value)
        return token

    async def user(self) -> str | None:
        """The user whose token it is, where the settings or the token say so."""
        return self._settings.user or (await self.token()).user

    async def get(self, path: str, key: str = "", take: Callable[[list[Any]], None] = lambda _: None) -> Rest:
        """Ask for `path` (with its query, as it stands in a URL); the rows under `key` go to `take` as they come.

        That nothing was found is an answer without rows. A token that is refused is read again, and where it is
        another one by now, asked once more.
        """
        token = await self.token()
        try:
            return await self._asked(token, path, key, take)
        except TokenRefusedError as refused:
            renewed = await self._read_token()
            if renewed.value == token.value:
                raise _not_accepted(refused, token) from None
        self._token = renewed
        try:
            return await self._asked(renewed, path, key, take)
        except TokenRefusedError as refused:
            raise _not_accepted(refused, renewed) from None

    async def _asked(self, token: Token, path: str, key: str, take: Callable[[list[Any]], None]) -> Rest:
        what = f"GET /{path} of {self._settings.where}"
        headers = {"X-SLURM-USER-TOKEN": token.value}
        if name := self._settings.user or token.user:  # SLURM before 23.11 accepts no token without it
            headers["X-SLURM-USER-NAME"] = name
        try:
            async with (
                asyncio.timeout(self._settings.timeout),
                self._http.stream("GET", f"/{path}", headers=headers) as response,
            ):
                if response.status_code == HTTPStatus.OK:
                    return await self._read(what, response, key, take)
                raise await _failed(what, response)
        except _NothingFoundError:
            return Rest()
        except TimeoutError as error:
            raise BackendUnavailableError(
                f"{what} did not end within {self._settings.timeout:g} seconds",
                remedy="Look whether slurmdbd and its database answer; a large database needs a longer scanner.timeout",
            ) from error
        except (httpx.RequestError, OSError) as error:  # an OSError can slip through httpx when TLS breaks off
            raise _unreachable(what, error, self._settings) from error

    async def _read(self, what: str, response: httpx.Response, key: str, take: Callable[[list[Any]], None]) -> Rest:
        """An answer with status 200, which may hold errors all the same."""
        document, size, beginning = Document(key, take), 0, b""
        try:
            async for chunk in response.aiter_raw():
                size += len(chunk)
                beginning = beginning or chunk[:BEGINNING]
                if size > self._settings.answer_limit:
                    raise BackendMisconfiguredError(
                        f"{what} has more than {self._settings.answer_limit} bytes",
                        remedy="A large database needs a higher scanner.answer_limit",
                    )
                document.feed(chunk)
                await asyncio.sleep(0)  # other tasks have their turn, also where all has arrived already
            rest = document.end()
        except ValueError as error:
            shown = " ".join(beginning.decode("utf-8", "backslashreplace").split())
            raise BackendUnavailableError(
                f"{what} cannot be read: {error.args[0]!s:.200}; it begins with {shown!r}",
                remedy="Let scanner.url or scanner.socket lead to slurmrestd itself, and look at its log",
            ) from error
        failed = failure(what, response.status_code, _entries(rest, "errors"), "")
        if failed is not None:
            raise failed
        return Rest(rest, doubts(what, _entries(rest, "warnings")))


class _NothingFoundError(Exception):
    """22.05's way to say that a list is empty."""


async def _failed(what: str, response: httpx.Response) -> Exception:
    """The error of an answer with another status than 200."""
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > ERROR_LIMIT:
            break
    errors: list[dict[str, Any]] = []
    document = Document("", lambda _: None)
    try:
        document.feed(bytes(body))
        errors = _entries(document.end(), "errors")
    except ValueError:  # not slurmrestd's, or one of its texts
        pass
    beginning = bytes(body[:BEGINNING]).decode("utf-8", "backslashreplace")
    return failure(what, response.status_code, errors, beginning) or _NothingFoundError()


def _entries(document: dict[str, Any], key: str) -> list[dict[str, Any]]:
    entries = document.get(key)
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _not_accepted(refused: TokenRefusedError, token: Token) -> TokenRefusedError:
    return TokenRefusedError(f"SLURM does not accept {token}: {refused.args[0]}", remedy=NEW_TOKEN)


async def _tls(settings: SlurmrestdSettings) -> ssl.SSLContext | bool:
    """How slurmrestd's certificate is verified.

    Raises BackendMisconfiguredError where ca_file cannot be used, BackendUnavailableError where its file server hangs.
    """
    if settings.url is None or not settings.url.startswith("https://"):
        return False
    if settings.ca_file is None:
        return ssl.create_default_context()
    try:
        return await read_in_thread(settings.ca_file, partial(ssl.create_default_context, cafile=settings.ca_file))
    except TimeoutError as error:
        raise BackendUnavailableError(
            f"scanner.ca_file {settings.ca_file} cannot be read: {error.strerror}",
            remedy="Look at the file server that it is on",
        ) from error
    except OSError as error:
        raise BackendMisconfiguredError(
            f"scanner.ca_file {settings.ca_file} cannot be used: {error.strerror or error}",
            remedy="It holds certificates in PEM",
        ) from error


def _unreachable(what: str, error: Exception, settings: SlurmrestdSettings) -> BackendError:
    reason = str(error) or type(error).__name__
    remedy = "Start slurmrestd, or correct " + ("scanner.url" if settings.url else "scanner.socket")
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        remedy = "Set scanner.ca_file to the certificates that signed slurmrestd's"
    elif isinstance(error, httpx.ConnectTimeout):
        reason = f"no connection within {CONNECT_TIMEOUT:g} seconds"
    elif not isinstance(error, httpx.ConnectError):
        remedy = "Look at slurmrestd's log: it broke off"
    return BackendUnavailableError(f"{what} failed: {reason}", remedy=remedy)
