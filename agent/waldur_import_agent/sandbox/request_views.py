"""/api/backend-resource-requests/: list, create, retrieve, start_processing, set_done, set_erred."""

import copy
import dataclasses
from collections.abc import Callable
from http import HTTPStatus
from uuid import UUID

from starlette.responses import JSONResponse, Response

from waldur_import_agent.sandbox.access import manages, seen_offerings, sees_offering
from waldur_import_agent.sandbox.answers import CrashError, forbidden, not_found, refusal
from waldur_import_agent.sandbox.body import Fields, decoded
from waldur_import_agent.sandbox.endpoint import Call
from waldur_import_agent.sandbox.listing import page_response
from waldur_import_agent.sandbox.objects import Request, RequestState
from waldur_import_agent.sandbox.state import WrongStateError


async def list_requests(call: Call) -> Response:
    """Requests of the offerings that the caller manages, newest first; filters as documented, times inclusive."""
    filters = call.filters()
    offering = filters.uuid("offering_uuid")
    states = filters.choices("state", RequestState)
    created, modified = filters.since("created"), filters.since("modified")
    started, finished = filters.since("started"), filters.since("finished")
    newest_first = filters.newest_first()
    filters.check()
    seen = seen_offerings(call.user, call.state.offerings.values())
    candidates, _ = call.state.request_table.narrowest(offering=offering)
    rows = [
        row
        for row in candidates
        if (states is None or row.state in states)
        and (created is None or row.created >= created)
        and (modified is None or row.modified >= modified)
        and (started is None or (row.started is not None and row.started >= started))
        and (finished is None or (row.finished is not None and row.finished >= finished))
        and row.offering.uuid in seen
    ]
    return page_response(call.http.url, rows, call.rows.request, newest_first=newest_first)


async def create_request(call: Call) -> Response:
    """Staff asks what is on a backend. The permission is looked at before the body."""
    if not call.user.staff:
        raise forbidden()
    fields = Fields(await decoded(call.http))
    offering = fields.related("offering", call.state.offerings)
    fields.check()
    assert offering is not None  # noqa: S101 - for the type checker: checked above
    row = call.rows.request(call.state.add_request(offering))
    return JSONResponse(row, HTTPStatus.CREATED, {"Location": row["url"]})


async def retrieve_request(call: Call) -> Response:
    """One request."""
    return JSONResponse(call.rows.request(_visible(call)))


async def start_processing(call: Call) -> Response:
    """Claim a request that is Sent."""
    return await _moved(call, call.state.start_processing, "processing")


async def set_done(call: Call) -> Response:
    """End a request that is Processing."""
    return await _moved(call, call.state.set_done, "done")


async def set_erred(call: Call) -> Response:
    """End a request in any state. Where one of the two keys is missing, optional by the documentation, it is a 500."""
    request = _manageable(call)
    fields = Fields(await decoded(call.http))
    message = fields.text("error_message")
    traceback = fields.text("error_traceback")
    fields.check()
    if "error_message" not in fields or "error_traceback" not in fields:
        raise CrashError
    row = copy.copy(request)
    call.state.set_erred(row, message, traceback)
    await _save(call, row, request)
    return JSONResponse({"status": "Request state set to erred."})


async def _moved(call: Call, transition: Callable[[Request], None], name: str) -> Response:
    """Move a request as the server does, which is no atomic step.

    It reads the row for the check (409), reads it again for the transition (a 500 where that is no longer allowed), and
    then saves all columns, whatever others have saved since.
    """
    request = _manageable(call)
    try:
        transition(copy.copy(request))
    except WrongStateError as error:
        raise refusal(HTTPStatus.CONFLICT, str(error)) from error
    await call.state.pause()
    row = copy.copy(request)
    try:
        transition(row)
    except WrongStateError as error:
        raise CrashError from error
    await _save(call, row, request)
    return JSONResponse({"status": f"Request state set to {name}."})


async def _save(call: Call, row: Request, request: Request) -> None:
    await call.state.pause()
    for column in dataclasses.fields(Request):
        setattr(request, column.name, getattr(row, column.name))


def _manageable(call: Call) -> Request:
    """The request, if the caller may move it; what cannot be seen is not found, what can is forbidden."""
    request = _visible(call)
    if not manages(call.user, request.offering):
        raise forbidden()
    return request


def _visible(call: Call) -> Request:
    try:
        request = call.state.requests.get(UUID(call.uuid).hex)
    except ValueError:
        request = None
    if request is None or not sees_offering(call.user, request.offering):
        raise not_found("BackendResourceRequest")
    return request
