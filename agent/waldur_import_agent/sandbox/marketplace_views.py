"""What an agent reads besides: projects, the provider's offerings and resources, itself, the version."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from waldur_import_agent.sandbox.access import (
    PERSONAL_ACCESS_TOKEN,
    lists_projects_of_provider,
    manages,
    seen_offerings,
    sees_all,
    sees_offering,
    sees_project,
)
from waldur_import_agent.sandbox.answers import CrashError, forbidden, not_found
from waldur_import_agent.sandbox.body import Fields, decoded, storable
from waldur_import_agent.sandbox.endpoint import Call
from waldur_import_agent.sandbox.listing import chosen, page_response
from waldur_import_agent.sandbox.objects import Customer, Offering, Project, Resource, ResourceState, role_uuid

VERSION = "7.6.8"


async def list_projects(call: Call) -> Response:
    """Projects that the caller sees: all for staff and support, else those in which it has a role."""
    return _project_page(call, (row for row in call.state.projects.values() if sees_project(call.user, row)))


async def retrieve_project(call: Call) -> Response:
    """One project."""
    try:
        project = call.state.projects.get(UUID(call.uuid).hex)
    except ValueError:
        project = None
    if project is None or not sees_project(call.user, project):
        raise not_found("Project")
    return JSONResponse(_project_row(call, project))


async def list_service_providers(call: Call) -> Response:
    """The service providers: everybody sees them all."""
    filters = call.filters()
    customer = filters.uuid("customer_uuid")
    filters.check()
    rows = [row for row in call.state.customers.values() if customer is None or row.uuid == customer]

    def serialize(row: Customer) -> dict[str, Any]:
        return chosen(call.rows.service_provider(row), call.http.query_params)

    return page_response(call.http.url, rows, serialize)


async def list_projects_of_provider(call: Call) -> Response:
    """Projects that have a resource of a service provider; for the provider's owner and staff."""
    try:
        uuid = UUID(call.uuid).hex
    except ValueError:
        uuid = ""
    provider = next((row for row in call.state.customers.values() if row.service_provider_uuid == uuid), None)
    if provider is None:
        raise not_found("ServiceProvider")
    if not lists_projects_of_provider(call.user, provider):
        raise forbidden()
    projects = {
        row.project.uuid: row.project
        for row in call.state.resources.values()
        if row.offering.customer is provider and row.state != ResourceState.TERMINATED
    }
    return _project_page(call, projects.values())


async def list_resources(call: Call) -> Response:
    """The marketplace resources of the offerings that the caller manages, oldest first."""
    filters = call.filters()
    offering, backend_id = filters.uuid("offering_uuid"), filters.text("backend_id")
    provider = filters.uuid("provider_uuid")
    states = filters.choices("state", ResourceState)
    filters.check()
    seen = seen_offerings(call.user, call.state.offerings.values())
    candidates, _ = call.state.resource_table.narrowest(offering=offering, backend_id=backend_id)
    rows = [
        row
        for row in candidates
        if (states is None or row.state in states)
        and (offering is None or row.offering.uuid == offering)
        and (provider is None or row.offering.customer.uuid == provider)
        and (backend_id is None or row.backend_id == backend_id)
        and row.offering.uuid in seen
    ]

    def serialize(row: Resource) -> dict[str, Any]:
        return chosen(call.rows.resource(row), call.http.query_params)

    return page_response(call.http.url, rows, serialize)


async def set_backend_metadata(call: Call) -> Response:
    """Replace a resource's backend metadata; for staff and whoever manages the offering.

    The text of the answer is not the server's: it was never recorded.
    """
    try:
        resource = call.state.resources.get(UUID(call.uuid).hex)
    except ValueError:
        resource = None
    if resource is None or not sees_offering(call.user, resource.offering):
        raise not_found("Resource")
    if not manages(call.user, resource.offering):
        raise forbidden()
    fields = Fields(await decoded(call.http))
    metadata = fields.anything("backend_metadata")
    fields.check()
    if not storable(metadata):
        raise CrashError
    resource.backend_metadata = metadata
    return JSONResponse({"status": "Resource backend metadata has been changed."})


async def retrieve_offering(call: Call) -> Response:
    """An offering as its provider sees it."""
    try:
        offering = call.state.offerings.get(UUID(call.uuid).hex)
    except ValueError:
        offering = None
    if offering is None or not sees_offering(call.user, offering):
        raise not_found("Offering")
    return JSONResponse(chosen(call.rows.offering(offering), call.http.query_params))


async def retrieve_me(call: Call) -> Response:
    """The caller, the token included unless `field=` leaves it out."""
    return JSONResponse(chosen(call.rows.user(call.user), call.http.query_params))


async def list_site_agents(call: Call) -> Response:
    """The site agents of the offerings that the caller sees as a provider does."""
    filters = call.filters()
    wanted = filters.uuid("offering_uuid")
    filters.check()
    rows = [
        (offering, name)
        for offering in call.state.offerings.values()
        if wanted in {None, offering.uuid} and sees_offering(call.user, offering)
        for name in offering.site_agents
    ]

    def serialize(row: tuple[Offering, str]) -> dict[str, Any]:
        return call.rows.site_agent(*row)

    return page_response(call.http.url, rows, serialize)


async def list_personal_access_tokens(call: Call) -> Response:
    """The caller's own."""
    rows = [call.user] if PERSONAL_ACCESS_TOKEN.fullmatch(call.user.token) else []
    return page_response(call.http.url, rows, call.rows.personal_access_token)


async def retrieve_role(call: Call) -> Response:
    """A kind of role and what it lets do: everybody may read it."""
    for name, permissions in call.state.roles.items():
        if role_uuid(name) == call.uuid:
            return JSONResponse({"uuid": role_uuid(name), "name": name, "permissions": sorted(permissions)})
    raise not_found("Role")


async def retrieve_version(call: Call) -> Response:
    """The version, for staff and support."""
    if not sees_all(call.user):
        raise forbidden()
    return JSONResponse({"version": VERSION})


async def retrieve_configuration(_: Request) -> Response:
    """Some public settings; needs no token."""
    return JSONResponse({"WALDUR_CORE": {"SITE_NAME": "Waldur sandbox"}}, HTTPStatus.OK)


def _project_page(call: Call, projects: Iterable[Project]) -> Response:
    filters = call.filters()
    slug, backend_id = filters.text("slug"), filters.text("backend_id")
    name, name_exact = filters.text("name"), filters.text("name_exact")
    rows = [
        row
        for row in projects
        if (slug is None or row.slug == slug)
        and (backend_id is None or row.backend_id == backend_id)
        and (name is None or name.lower() in row.name.lower())
        and (name_exact is None or row.name == name_exact)
    ]

    def serialize(row: Project) -> dict[str, Any]:
        return _project_row(call, row)

    return page_response(call.http.url, rows, serialize)


def _project_row(call: Call, project: Project) -> dict[str, Any]:
    resources, _ = call.state.resource_table.narrowest(project=project.uuid)
    return chosen(call.rows.project(project, len(resources)), call.http.query_params)
