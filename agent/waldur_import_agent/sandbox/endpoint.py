"""One address of the API: content negotiation, authentication, methods and errors, in the order of the server."""

import html
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Receive, Scope, Send

from waldur_import_agent.sandbox.access import authenticate
from waldur_import_agent.sandbox.answers import SERVER_ERROR_HTML, CrashError, RefusalError, refusal
from waldur_import_agent.sandbox.listing import Filters
from waldur_import_agent.sandbox.objects import User
from waldur_import_agent.sandbox.rows import Rows
from waldur_import_agent.sandbox.state import State

LIST_AND_CREATE = "GET, POST, HEAD, OPTIONS"
DETAIL = "GET, PUT, PATCH, DELETE, HEAD, OPTIONS"
ACTION = "POST, OPTIONS"
READ = "GET, HEAD, OPTIONS"
MEDIA_TYPES = ("application/json", "text/html")


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated request on its way to a handler."""

    state: State
    user: User
    http: Request

    @property
    def rows(self) -> Rows:
        """Makes JSON with the addresses as this client wrote them."""
        return Rows(f"{self.http.base_url}api/")

    @property
    def uuid(self) -> str:
        """What stands in the address where a UUID belongs."""
        return str(self.http.path_params["uuid"])

    def filters(self) -> Filters:
        """The query parameters."""
        return Filters(self.http.query_params)


Handler: TypeAlias = Callable[[Call], Awaitable[Response]]


class Endpoint:
    """An ASGI application for one address. `allow` is what the server names, not what it really accepts."""

    def __init__(self, state: State, allow: str, handlers: Mapping[str, Handler]) -> None:
        self._state = state
        self._allow = allow
        self._handlers = handlers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except CrashError:
            response = HTMLResponse(SERVER_ERROR_HTML, HTTPStatus.INTERNAL_SERVER_ERROR)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        as_page = False
        try:
            as_page = _media_type(request.headers.get("accept", "*/*")) == "text/html"
            user = authenticate(self._state.users, request.headers.get("authorization"), self._state.now())
            handler = self._handlers.get("GET" if request.method == "HEAD" else request.method)
            if handler is None:
                raise refusal(HTTPStatus.METHOD_NOT_ALLOWED, f'Method "{request.method}" not allowed.')
            response = await handler(Call(self._state, user, request))
        except RefusalError as error:
            response = JSONResponse(error.body, error.status, error.headers)
        if as_page:
            response = _page(response)
        response.headers["allow"] = self._allow
        return response


def _media_type(accept: str) -> str:
    """JSON or the browsable page, whichever `accept` names more exactly; JSON where both are as good.

    Raises RefusalError (406) where it names neither.
    """
    accepted = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    for form in ("{0}/{1}", "{0}/*", "*/*"):
        for media_type in MEDIA_TYPES:
            if form.format(*media_type.split("/")) in accepted:
                return media_type
    raise refusal(HTTPStatus.NOT_ACCEPTABLE, "Could not satisfy the request Accept header.")


def _page(response: Response) -> Response:
    """The answer as a page for people: who accepts text/html gets HTML where JSON was meant."""
    headers = {
        name: value for name, value in response.headers.items() if name not in {"content-length", "content-type"}
    }
    text = html.escape(bytes(response.body).decode())
    return HTMLResponse(f"<!doctype html>\n<pre>{text}</pre>\n", response.status_code, headers)
