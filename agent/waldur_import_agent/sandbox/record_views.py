"""/api/backend-resources/: list, create, retrieve, delete, import_resource."""

import re
from http import HTTPStatus
from uuid import UUID

from starlette.responses import JSONResponse, Response

from waldur_import_agent.sandbox.access import manages, seen_offerings, sees_offering
from waldur_import_agent.sandbox.answers import CrashError, RefusalError, forbidden, not_found
from waldur_import_agent.sandbox.body import Fields, decoded, storable
from waldur_import_agent.sandbox.endpoint import Call
from waldur_import_agent.sandbox.listing import page_response
from waldur_import_agent.sandbox.objects import Record, ResourceState
from waldur_import_agent.sandbox.state import State

NAME_MAX_LENGTH = 150
BACKEND_ID_MAX_LENGTH = 255


async def list_records(call: Call) -> Response:
    """Backend resources of the offerings that the caller manages, newest first."""
    filters = call.filters()
    offering, project = filters.uuid("offering_uuid"), filters.uuid("project_uuid")
    backend_id, name, name_exact = filters.text("backend_id"), filters.text("name"), filters.text("name_exact")
    created, modified = filters.since("created"), filters.since("modified")
    newest_first = filters.newest_first()
    filters.check()
    candidates, is_whole = call.state.record_table.narrowest(offering=offering, backend_id=backend_id)
    since = max((moment for moment in (created, modified) if moment is not None), default=None)
    seen = seen_offerings(call.user, call.state.offerings.values())
    sees_whole = offering in seen if offering is not None else len(seen) == len(call.state.offerings)
    if is_whole and sees_whole and not any((project, name, name_exact, since)):
        # Nothing is left to compare: the page is cut out of the index, however many rows it has.
        return page_response(call.http.url, candidates, call.rows.record, newest_first=newest_first)
    rows = [
        row
        for row in candidates
        if (offering is None or row.offering.uuid == offering)
        and (backend_id is None or row.backend_id == backend_id)
        and (project is None or row.project.uuid == project)
        and (name is None or name.lower() in row.name.lower())
        and (name_exact is None or row.name == name_exact)
        and (since is None or row.created >= since)
        and row.offering.uuid in seen
    ]
    return page_response(call.http.url, rows, call.rows.record, newest_first=newest_first)


async def create_record(call: Call) -> Response:
    """Report something importable. The body is looked at before the permission; the same again is a second row."""
    fields = Fields(await decoded(call.http))
    name = fields.text("name", max_length=NAME_MAX_LENGTH, required=True)
    project = fields.related("project", call.state.projects)
    offering = fields.related("offering", call.state.offerings)
    backend_id = fields.text("backend_id", max_length=BACKEND_ID_MAX_LENGTH)
    metadata = fields.anything("backend_metadata")
    fields.check()
    assert offering is not None  # noqa: S101 - for the type checker: both checked above
    assert project is not None  # noqa: S101
    if not manages(call.user, offering):
        raise forbidden()
    if not storable(metadata):
        raise CrashError
    record = call.state.add_record(offering, project, backend_id, name=name, backend_metadata=metadata)
    row = call.rows.record(record)
    return JSONResponse(row, HTTPStatus.CREATED, {"Location": row["url"]})


async def retrieve_record(call: Call) -> Response:
    """One backend resource."""
    return JSONResponse(call.rows.record(_manageable(call)))


async def delete_record(call: Call) -> Response:
    """Delete a backend resource."""
    call.state.delete_record(_manageable(call))
    return Response(status_code=HTTPStatus.NO_CONTENT)


async def import_resource(call: Call) -> Response:
    """Staff makes a marketplace resource of a backend resource, which is gone afterwards.

    The texts for a backend_id that the offering's rules refuse are not the server's: they were never recorded.
    """
    record = _manageable(call)
    if not call.user.staff:
        raise forbidden()
    fields = Fields(await decoded(call.http))
    plan = fields.related("plan", {plan.uuid: plan for plan in record.offering.plans}, required=False)
    fields.check()
    if plan is None:
        raise RefusalError(HTTPStatus.BAD_REQUEST, {"plan": "Plan is required when importing resources."})
    _check_backend_id(record)
    _check_uniqueness(call.state, record)
    candidates, _ = call.state.resource_table.narrowest(offering=record.offering.uuid, backend_id=record.backend_id)
    if any(
        row.state == ResourceState.OK and row.backend_id == record.backend_id and row.offering is record.offering
        for row in candidates
    ):
        raise RefusalError(HTTPStatus.BAD_REQUEST, ["Resource has been imported already."])
    if not isinstance(record.backend_metadata, dict):
        raise CrashError
    return JSONResponse(call.rows.resource(call.state.import_record(record, plan)), HTTPStatus.CREATED)


def _check_backend_id(record: Record) -> None:
    """Raises RefusalError (400) where the offering's rule of format does not fit; an empty id passes."""
    rule = record.offering.backend_id_rules.get("format", {})
    pattern = rule.get("regex")
    if pattern and record.backend_id and not re.fullmatch(pattern, record.backend_id):
        raise RefusalError(HTTPStatus.BAD_REQUEST, {"backend_id": [rule.get("description") or pattern]})


def _check_uniqueness(state: State, record: Record) -> None:
    """Raises RefusalError (400) where a resource in the scope of the offering's rule has the id; an empty id passes.

    All offerings here have one category, and an offering group has one offering.
    """
    rule = record.offering.backend_id_rules.get("uniqueness", {})
    scope = rule.get("scope")
    if not scope or not record.backend_id:
        return
    whole_provider = scope in {"service_provider", "service_provider_category"}
    candidates, _ = state.resource_table.narrowest(backend_id=record.backend_id)
    if any(
        (row.offering.customer is record.offering.customer if whole_provider else row.offering is record.offering)
        and (row.state != ResourceState.TERMINATED or rule.get("include_terminated", True))
        for row in candidates
    ):
        reason = f"A resource with this backend ID exists already in the scope {scope}."
        raise RefusalError(HTTPStatus.BAD_REQUEST, {"backend_id": [reason]})


def _manageable(call: Call) -> Record:
    """The backend resource, if the caller may have it. Support sees it in the list only."""
    try:
        record = call.state.records.get(UUID(call.uuid).hex)
    except ValueError:
        record = None
    if record is None or not sees_offering(call.user, record.offering):
        raise not_found("BackendResource")
    if not manages(call.user, record.offering):
        raise forbidden()
    return record
