"""One HTTP exchange with Waldur: the token, TLS, the proxy, the size of answers, and dry runs."""

import asyncio
import contextlib
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies

import httpx

from waldur_import_agent import __version__
from waldur_import_agent.errors import ConfigurationError
from waldur_import_agent.redactor import Redactor
from waldur_import_agent.settings import models
from waldur_import_agent.waldur.answers import SMALLER_PAGES, Answer, read_answer
from waldur_import_agent.waldur.auth import TokenSource, authorization_header
from waldur_import_agent.waldur.errors import (
    ReadOnlyError,
    WaldurInvalidError,
    WaldurUnavailableError,
    WaldurUndecodableError,
)
from waldur_import_agent.waldur.tls import ssl_context

BODY_LIMIT = 16 * 1024 * 1024
"""Bytes of an answer that are read: 300 records with all their metadata are far below. As text it may take four times
as much memory."""
READING = frozenset({"GET", "HEAD"})
ENCODINGS = frozenset({"", "identity", "gzip", "deflate"})
"""How an answer may be packed. Not twice: 64 KiB of that unpack to gigabytes before anybody can count."""
ESCAPED_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")

Parameters = Mapping[str, str | int | Sequence[str] | None]
OnExchange = Callable[[str, str, int | None, float], None]
"""Is told the method, the path, the status (None: no answer came) and how many seconds it took."""


class Reply(NamedTuple):
    """A 2xx answer: the decoded JSON (None for a 204), the headers, the status, the whole path asked for, and bytes."""

    data: Any
    headers: Mapping[str, str]
    status: int
    path: str
    size: int


class WaldurTransport:
    """Sends one request and gives the JSON of the answer, or raises one of waldur.errors.

    `read_only` lets nothing but GET and HEAD out. `transport` takes the place of the
    network, in tests and for a server in the same process. `on_exchange` is told of each exchange when it has ended.
    """

    def __init__(
        self,
        settings: models.Waldur,
        tokens: TokenSource,
        *,
        read_only: bool = False,
        transport: httpx.AsyncBaseTransport | None = None,
        body_limit: int = BODY_LIMIT,
        on_exchange: OnExchange | None = None,
    ) -> None:
        self._on_exchange = on_exchange
        self._url = settings.url
        self._base_path = urlsplit(settings.url).path
        self._tokens = tokens
        self._token: str | None = None
        self._redact = Redactor()
        self._read_only = read_only
        self._body_limit = body_limit
        self._retry_after_max = settings.effort.retry_after_max
        self._slow_timeout = httpx.Timeout(settings.effort.import_resource.within, connect=settings.connect_timeout)
        self._direct = transport or _direct_transport(settings)
        self._http = http_client(settings, self._direct)

    def __repr__(self) -> str:
        return f"WaldurTransport({self._url})"

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def renew_token(self) -> None:
        """Read the token again. Raises ConfigurationError if there is none; the one in use is then kept."""
        self._token = await self._tokens.read()
        self._redact.add(self._token)

    async def request(
        self, method: str, path: str, params: Parameters | None = None, json: Any = None, *, slow: bool = False
    ) -> Reply:
        """Send one request and read the answer.

        `path` begins after /api, with a slash. Parameters that are None are left out, a list repeats its name. To a
        `slow` one the answer may take as long as an import, whatever read_timeout says. After
        a 401 the token is read again and, if it is another one, the request is sent once more: Waldur has not carried
        it out. Raises ConfigurationError if there is no token.
        """
        full_path = self._base_path + path
        if self._read_only and method not in READING:
            raise ReadOnlyError(f"{method} {full_path} was not sent: this is a dry run")
        content = None if json is None else _encode(method, full_path, json)
        query = {name: value for name, value in (params or {}).items() if value is not None}
        if self._token is None:
            await self.renew_token()
        token = self._token or ""
        answer = await self._measured_exchange(method, path, query, content, token, slow=slow)
        if answer.status == HTTPStatus.UNAUTHORIZED and (token_now := await self._token_other_than(token)):
            token = token_now
            answer = await self._measured_exchange(method, path, query, content, token, slow=slow)
        data = read_answer(method, full_path, answer, redact=self._redact, retry_after_max=self._retry_after_max)
        return Reply(data, answer.headers, answer.status, full_path, len(answer.body))

    async def _token_other_than(self, refused: str) -> str | None:
        """The token as it is now, if it is not the one that was refused."""
        # of no token, the 401 tells more, and the next round reads the file again and says so
        with contextlib.suppress(ConfigurationError):
            await self.renew_token()
        return None if self._token == refused else self._token

    async def _measured_exchange(
        self, method: str, path: str, query: Mapping[str, Any], content: bytes | None, token: str, *, slow: bool
    ) -> Answer:
        """One exchange, of which `on_exchange` is told however it ends."""
        began, status = time.monotonic(), None
        try:
            answer = await self._exchange(method, path, query, content, token, slow=slow)
            status = answer.status
        finally:
            if self._on_exchange is not None:
                self._on_exchange(method, self._base_path + path, status, time.monotonic() - began)
        return answer

    async def _exchange(
        self, method: str, path: str, query: Mapping[str, Any], content: bytes | None, token: str, *, slow: bool
    ) -> Answer:
        """Send one request and read the whole answer, up to the limit."""
        headers = {"Authorization": authorization_header(token)}
        if content is not None:
            headers["Content-Type"] = "application/json"
        full_path = self._base_path + path
        try:
            request = self._http.build_request(
                method,
                self._url + path,
                params=query,
                content=content,
                headers=headers,
                timeout=self._slow_timeout if slow else httpx.USE_CLIENT_DEFAULT,
            )
            response = await self._send(request)
            try:
                body = await self._body(method, full_path, response)
            finally:
                await response.aclose()
            return Answer(response.status_code, response.headers, body)
        except httpx.DecodingError as error:
            raise WaldurUndecodableError(method, full_path, None, f"broken compression: {error}") from error
        except (httpx.RequestError, OSError) as error:  # an OSError can slip through httpx when TLS breaks off
            raise unreachable(method, full_path, error) from error
        except asyncio.CancelledError as error:
            error.add_note(f"{method} {full_path}")  # effort names the call whose time ran out
            raise

    async def _send(self, request: httpx.Request) -> httpx.Response:
        """The answer, its body unread. Past the client where no proxy is to be chosen.

        With each request it would look for cookies, redirects and logins, none of which there are: a fifth of the cost.
        """
        if self._direct is not None:
            return await self._direct.handle_async_request(request)
        return await self._http.send(request, stream=True)

    async def _body(self, method: str, path: str, response: httpx.Response) -> bytes:
        """The whole body, up to the limit. Raises WaldurUndecodableError."""
        status = response.status_code
        if response.headers.get("content-encoding", "").strip().lower() not in ENCODINGS:
            raise WaldurUndecodableError(method, path, status, "packed in a way that was not asked for")
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > self._body_limit:
                what = f"more than {self._body_limit} bytes"
                raise WaldurUndecodableError(method, path, status, what, remedy=SMALLER_PAGES)
        return bytes(body)


def _direct_transport(settings: models.Waldur) -> httpx.AsyncBaseTransport | None:
    """The network without a proxy; None where there may be one. Raises ConfigurationError for TLS files of no use."""
    proxies = getproxies()
    if settings.proxy or any(proxies.get(scheme) for scheme in ("http", "https", "all")):
        return None
    return httpx.AsyncHTTPTransport(verify=ssl_context(settings), limits=_limits(settings))


def _limits(settings: models.Waldur) -> httpx.Limits:
    connections = settings.max_in_flight + 8  # the creates and the reads of some offerings beside them
    return httpx.Limits(max_connections=None, max_keepalive_connections=connections)


def http_client(settings: models.Waldur, transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """The HTTP client that the settings describe, without a token. Raises ConfigurationError."""
    # whoever brings the transport brings its TLS and proxy too; reading the system's certificates takes a while
    verify = ssl_context(settings) if transport is None else True
    try:
        return httpx.AsyncClient(
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "gzip, deflate",
                "User-Agent": f"waldur-import-agent/{__version__}",
            },
            timeout=httpx.Timeout(settings.read_timeout, connect=settings.connect_timeout),
            limits=_limits(settings),
            verify=verify,
            proxy=settings.proxy if transport is None else None,
            follow_redirects=False,
            transport=transport,
        )
    except (ValueError, httpx.InvalidURL, ImportError) as error:
        place = (
            "waldur.proxy" if settings.proxy else "the proxy in the environment (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY)"
        )
        reason = (
            "SOCKS needs the package socksio" if isinstance(error, ImportError) else "its address cannot be understood"
        )
        # without the cause: its text repeats the address, which may hold a password
        raise ConfigurationError(
            f"{place} cannot be used: {reason}", remedy="It looks like http://proxy.example.com:3128."
        ) from None


def _encode(method: str, path: str, body: Any) -> bytes:
    """The body as JSON. Raises WaldurInvalidError for what Waldur cannot store.

    PostgreSQL keeps no NUL in text and answers 500, which would look like an outage and be tried again for ever.
    """
    try:
        text = json.dumps(body, ensure_ascii=False, allow_nan=False)
        content = text.encode()
    except ValueError as error:  # NaN, or bytes that were no text
        raise WaldurInvalidError(method, path, None, f"not sent, it cannot be stored: {error}") from error
    if "\\u0000" in text and ESCAPED_NUL.search(text):
        raise WaldurInvalidError(method, path, None, "not sent, it cannot be stored: a NUL character")
    return content


def unreachable(method: str, path: str, error: Exception) -> WaldurUnavailableError:
    """The error for a request to which no answer came."""
    reason = str(error) or type(error).__name__
    if isinstance(error, httpx.ConnectTimeout):
        reason = "no connection in time"
    elif isinstance(error, httpx.TimeoutException):
        reason = "no answer in time"
    remedy = ""
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        remedy = "Set waldur.ca_file to the certificates that signed Waldur's."
    return WaldurUnavailableError(method, path, None, reason, remedy=remedy)
