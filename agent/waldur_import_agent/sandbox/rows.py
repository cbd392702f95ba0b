"""Objects as the JSON that Waldur sends. What the sandbox does not model has the value of a fresh server."""

from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from waldur_import_agent.sandbox.objects import Customer, Offering, Plan, Project, Record, Request, Resource, Role, User

CATEGORY_UUID = "b1d3a6f0c2e94b7a8d5f60718293a4b5"
CATEGORY_TITLE = "HPC"


def timestamp(moment: datetime | None) -> str | None:
    """UTC with microseconds and a Z; without microseconds where they are 0, as the server has it."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment is not None else None


class Rows:
    """Makes the JSON; `base` is the address of the API as the client wrote it, ending in /api/."""

    def __init__(self, base: str) -> None:
        self._base = base

    def request(self, request: Request) -> dict[str, Any]:
        """A row of /backend-resource-requests/."""
        return {
            "url": f"{self._base}backend-resource-requests/{request.uuid}/",
            "uuid": request.uuid,
            "created": timestamp(request.created),
            "modified": timestamp(request.modified),
            "started": timestamp(request.started),
            "finished": timestamp(request.finished),
            "state": request.state,
            "offering": request.offering.uuid,
            "offering_name": request.offering.name,
            "offering_url": self._offering_url(request.offering),
            "error_message": request.error_message,
            "error_traceback": request.error_traceback,
        }

    def record(self, record: Record) -> dict[str, Any]:
        """A row of /backend-resources/."""
        return {
            "url": f"{self._base}backend-resources/{record.uuid}/",
            "uuid": record.uuid,
            "name": record.name,
            "created": timestamp(record.created),
            "modified": timestamp(record.created),
            "project": record.project.uuid,
            "project_name": record.project.name,
            "project_url": self._project_url(record.project),
            "offering": record.offering.uuid,
            "offering_name": record.offering.name,
            "offering_url": self._offering_url(record.offering),
            "backend_id": record.backend_id,
            "backend_metadata": record.backend_metadata,
        }

    def project(self, project: Project, resources_count: int) -> dict[str, Any]:
        """A row of /projects/ and of /marketplace-service-providers/{uuid}/projects/."""
        customer = project.customer
        return {
            "url": self._project_url(project),
            "uuid": project.uuid,
            "name": project.name,
            "slug": project.slug,
            "customer": f"{self._base}customers/{customer.uuid}/",
            "customer_uuid": customer.uuid,
            "customer_name": customer.name,
            "customer_slug": customer.slug,
            "customer_native_name": "",
            "customer_abbreviation": "",
            "description": "",
            "created": timestamp(project.created),
            "type": None,
            "backend_id": project.backend_id,
            "start_date": None,
            "end_date": None,
            "end_date_requested_by": None,
            "oecd_fos_2007_code": None,
            "oecd_fos_2007_label": None,
            "is_industry": False,
            "image": None,
            "resources_count": resources_count,
            "billing_price_estimate": {"total": 0.0, "current": 0, "tax": 0, "tax_current": 0},
            "marketplace_resource_count": {CATEGORY_UUID: resources_count} if resources_count else {},
        }

    def service_provider(self, customer: Customer) -> dict[str, Any]:
        """A row of /marketplace-service-providers/, as far as an agent asks for it."""
        return {
            "url": f"{self._base}marketplace-service-providers/{customer.service_provider_uuid}/",
            "uuid": customer.service_provider_uuid,
            "customer": f"{self._base}customers/{customer.uuid}/",
            "customer_uuid": customer.uuid,
            "customer_name": customer.name,
            "customer_slug": customer.slug,
        }

    def resource(self, resource: Resource) -> dict[str, Any]:
        """A row of /marketplace-provider-resources/, and the answer to import_resource.

        There is no project_slug: the recorded server does not send one.
        """
        return {
            **self._offering_of_resource(resource.offering),
            **self._plan_of_resource(resource.offering, resource.plan),
            **self._project_of_resource(resource.project),
            "attributes": {},
            "limits": resource.limits,
            "uuid": resource.uuid,
            "created": timestamp(resource.created),
            "modified": timestamp(resource.created),
            "url": f"{self._base}marketplace-resources/{resource.uuid}/",
            "scope": None,
            "description": "",
            "state": resource.state,
            "resource_uuid": None,
            "backend_id": resource.backend_id,
            "effective_id": "",
            "resource_type": None,
            "backend_metadata": resource.backend_metadata,
            "is_usage_based": False,
            "is_limit_based": True,
            "name": resource.name,
            "slug": resource.slug,
            "current_usages": {},
            "can_terminate": True,
            "report": None,
            "end_date": None,
            "end_date_requested_by": None,
            "username": None,
            "limit_usage": dict.fromkeys(resource.offering.components),
            "downscaled": False,
            "restrict_member_access": False,
            "paused": False,
            "endpoints": [],
            "error_message": "",
            "error_traceback": "",
            "options": None,
            "available_actions": [],
        }

    def offering(self, offering: Offering) -> dict[str, Any]:
        """The answer of /marketplace-provider-offerings/{uuid}/, as far as an agent asks for it."""
        return {
            "url": f"{self._base}marketplace-provider-offerings/{offering.uuid}/",
            "uuid": offering.uuid,
            "created": timestamp(offering.created),
            "name": offering.name,
            "slug": offering.slug,
            "description": "",
            "customer": f"{self._base}customers/{offering.customer.uuid}/",
            "customer_uuid": offering.customer.uuid,
            "customer_name": offering.customer.name,
            "category_title": CATEGORY_TITLE,
            "category_uuid": CATEGORY_UUID,
            "state": offering.state,
            "type": offering.type,
            "shared": True,
            "billable": True,
            "backend_id_rules": offering.backend_id_rules,
            "components": [
                {
                    "type": component,
                    "name": component,
                    "description": "",
                    "measured_unit": "",
                    "billing_type": "limit",
                    "limit_amount": None,
                    "is_builtin": False,
                }
                for component in offering.components
            ],
            "plans": [
                {"url": self._plan_url(offering, plan), "uuid": plan.uuid, "name": plan.name, "unit": "month"}
                for plan in offering.plans
            ],
        }

    def site_agent(self, offering: Offering, name: str) -> dict[str, Any]:
        """A row of /marketplace-site-agent-identities/, as far as an agent asks for it."""
        services = offering.site_agents[name]
        return {
            "uuid": uuid5(NAMESPACE_URL, f"{offering.uuid}/{name}").hex,
            "offering": offering.uuid,
            "name": name,
            "version": "1.0.7",
            "services": [{"name": service, "state": state, "mode": None} for service, state in services.items()],
        }

    def personal_access_token(self, user: User) -> dict[str, Any]:
        """A row of /personal-access-tokens/: how the token begins, and never the whole of it."""
        return {
            "uuid": uuid5(NAMESPACE_URL, user.token).hex,
            "name": "sandbox",
            "token_prefix": user.token[:14],
            "scopes": list(user.scopes),
            "allowed_networks": [],
            "is_active": user.active,
        }

    def user(self, user: User) -> dict[str, Any]:
        """The answer of /users/me/; it holds the token, and the flags only where they are set."""
        flags = {"is_staff": user.staff, "is_support": user.support} if user.staff or user.support else {}
        return {
            "url": f"{self._base}users/{user.uuid}/",
            "uuid": user.uuid,
            "username": user.username,
            "slug": user.slug,
            "full_name": user.full_name,
            "email": f"{user.username}@example.com",
            "is_active": user.active,
            **flags,
            "token": user.token,
            "token_lifetime": user.token_lifetime,
            "permissions": [_permission(user, role) for role in user.roles],
        }

    def _offering_of_resource(self, offering: Offering) -> dict[str, Any]:
        return {
            "offering": self._offering_url(offering),
            "offering_name": offering.name,
            "offering_uuid": offering.uuid,
            "offering_description": "",
            "offering_image": None,
            "offering_thumbnail": None,
            "offering_type": offering.type,
            "offering_terms_of_service": "",
            "offering_shared": True,
            "offering_billable": True,
            "offering_plugin_options": {},
            "offering_customer_uuid": offering.customer.uuid,
            "provider_name": offering.customer.name,
            "provider_uuid": offering.customer.uuid,
            "category_title": CATEGORY_TITLE,
            "category_uuid": CATEGORY_UUID,
            "category_icon": None,
        }

    def _plan_of_resource(self, offering: Offering, plan: Plan | None) -> dict[str, Any]:
        return {
            "plan": self._plan_url(offering, plan) if plan else None,
            "plan_unit": "month" if plan else None,
            "plan_name": plan.name if plan else None,
            "plan_uuid": plan.uuid if plan else None,
            "plan_description": "" if plan else None,
        }

    def _project_of_resource(self, project: Project) -> dict[str, Any]:
        return {
            "project": self._project_url(project),
            "project_uuid": project.uuid,
            "project_name": project.name,
            "project_description": "",
            "project_end_date": None,
            "project_end_date_requested_by": None,
            "customer_uuid": project.customer.uuid,
            "customer_name": project.customer.name,
        }

    def _offering_url(self, offering: Offering) -> str:
        return f"{self._base}marketplace-public-offerings/{offering.uuid}/"

    def _plan_url(self, offering: Offering, plan: Plan) -> str:
        return f"{self._offering_url(offering)}plans/{plan.uuid}/"

    def _project_url(self, project: Project) -> str:
        return f"{self._base}projects/{project.uuid}/"


def _permission(user: User, role: Role) -> dict[str, Any]:
    """One entry of a user's permissions; the customer is named where the scope is none itself."""
    scope = role.scope
    row = {
        "user_uuid": user.uuid,
        "user_name": user.full_name,
        "user_slug": user.slug,
        "created": timestamp(role.created),
        "expiration_time": None,
        "role_name": role.name,
        "role_description": "",
        "role_uuid": role.uuid,
        "scope_type": type(scope).__name__.lower(),
        "scope_uuid": scope.uuid,
        "scope_name": scope.name,
    }
    if isinstance(scope, Customer):
        return row
    return {**row, "customer_uuid": scope.customer.uuid, "customer_name": scope.customer.name}
