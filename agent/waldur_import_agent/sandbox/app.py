"""The ASGI application: the addresses, the log of requests, and the faults."""

from http import HTTPStatus
from typing import NamedTuple

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Match, Route, Router
from starlette.types import Message, Receive, Scope, Send

from waldur_import_agent.sandbox import marketplace_views, record_views, request_views
from waldur_import_agent.sandbox.access import authenticate
from waldur_import_agent.sandbox.answers import NOT_FOUND_HTML, RefusalError
from waldur_import_agent.sandbox.endpoint import ACTION, DETAIL, LIST_AND_CREATE, READ, Endpoint, Handler
from waldur_import_agent.sandbox.faults import Answer, Fault
from waldur_import_agent.sandbox.state import State

CUT_ANSWER: Message = {
    "type": "http.response.start",
    "status": HTTPStatus.OK,
    "headers": [(b"content-length", b"1")],
}
"""The beginning of an answer that promises a byte more than ever comes."""


class Logged(NamedTuple):
    """One request: `user` is "" where nobody was recognized, `status` 0 where the connection was dropped."""

    method: str
    path: str
    user: str
    status: int


class Application:
    """The sandbox as an ASGI application. `log` and `faults` are shared with whoever made it."""

    def __init__(self, state: State, log: list[Logged], faults: list[Fault]) -> None:
        self._state = state
        self._log = log
        self._faults = faults
        self._router = Router(_routes(state), redirect_slashes=False, default=self._unknown_address)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or do to it what the first fault that takes it says; log it either way."""
        method, path = scope["method"], scope["path"]
        if scope["query_string"]:
            path += f"?{scope['query_string'].decode('latin-1')}"
        self._state.transactions.request_came()
        fault = next((fault for fault in self._faults if fault.takes(method, path)), None)
        status = 0

        async def send_noting_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            if fault is not None and fault.handled:
                with self._state.transactions.committing_after(fault.late):
                    await self._router(scope, receive, _discard)
            if fault is None:
                await self._router(scope, receive, send_noting_status)
            elif fault.answer is not None:
                await _scripted(fault.answer)(scope, receive, send_noting_status)
            else:
                # Raised before the first byte, a server would make a tidy 500 of it: the answer is begun, and cut.
                await send(CUT_ANSWER)
                raise fault.error
        finally:
            self._log.append(Logged(method, path, self._user_name(scope), status))

    def _user_name(self, scope: Scope) -> str:
        try:
            user = authenticate(self._state.users, Headers(scope=scope).get("authorization"), self._state.now())
        except RefusalError:
            return ""
        return user.username

    async def _unknown_address(self, scope: Scope, receive: Receive, send: Send) -> None:
        """301 where only the slash at the end is missing, whatever the method; else an HTML page."""
        with_slash = f"{scope['path']}/"
        response: Response = HTMLResponse(NOT_FOUND_HTML, HTTPStatus.NOT_FOUND)
        if any(route.matches({**scope, "path": with_slash})[0] is Match.FULL for route in self._router.routes):
            query = scope["query_string"].decode("latin-1")
            location = f"{with_slash}?{query}" if query else with_slash
            response = HTMLResponse("", HTTPStatus.MOVED_PERMANENTLY, {"Location": location})
        await response(scope, receive, send)


async def _discard(message: Message) -> None:
    """Sends nothing: the client never sees this answer."""


def _scripted(answer: Answer) -> Response:
    kind = HTMLResponse if isinstance(answer.body, str) else JSONResponse
    response: Response = kind(answer.body, answer.status)
    response.headers.update(answer.headers)
    return response


def _routes(state: State) -> list[Route]:
    def route(path: str, allow: str, **handlers: Handler) -> Route:
        return Route(f"/api/{path}/", Endpoint(state, allow, handlers))

    requests, records, marketplace = request_views, record_views, marketplace_views
    return [
        route("backend-resource-requests", LIST_AND_CREATE, GET=requests.list_requests, POST=requests.create_request),
        route("backend-resource-requests/{uuid}", DETAIL, GET=requests.retrieve_request),
        route("backend-resource-requests/{uuid}/start_processing", ACTION, POST=requests.start_processing),
        route("backend-resource-requests/{uuid}/set_done", ACTION, POST=requests.set_done),
        route("backend-resource-requests/{uuid}/set_erred", ACTION, POST=requests.set_erred),
        route("backend-resources", LIST_AND_CREATE, GET=records.list_records, POST=records.create_record),
        route("backend-resources/{uuid}", DETAIL, GET=records.retrieve_record, DELETE=records.delete_record),
        route("backend-resources/{uuid}/import_resource", ACTION, POST=records.import_resource),
        route("projects", LIST_AND_CREATE, GET=marketplace.list_projects),
        route("projects/{uuid}", DETAIL, GET=marketplace.retrieve_project),
        route("marketplace-provider-resources", LIST_AND_CREATE, GET=marketplace.list_resources),
        route(
            "marketplace-provider-resources/{uuid}/set_backend_metadata",
            ACTION,
            POST=marketplace.set_backend_metadata,
        ),
        route("marketplace-provider-offerings/{uuid}", DETAIL, GET=marketplace.retrieve_offering),
        route("marketplace-service-providers", READ, GET=marketplace.list_service_providers),
        route("marketplace-service-providers/{uuid}/projects", READ, GET=marketplace.list_projects_of_provider),
        route("marketplace-site-agent-identities", LIST_AND_CREATE, GET=marketplace.list_site_agents),
        route("personal-access-tokens", LIST_AND_CREATE, GET=marketplace.list_personal_access_tokens),
        route("roles/{uuid}", DETAIL, GET=marketplace.retrieve_role),
        route("users/me", READ, GET=marketplace.retrieve_me),
        route("version", "OPTIONS, GET", GET=marketplace.retrieve_version),
        Route("/api/configuration/", marketplace.retrieve_configuration),
    ]
