"""One offering in Waldur: seen, permitted, its records listed, its projects known, and no second agent on it."""

from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

from waldur_import_agent.cli.checks.finding import (
    Finding,
    Status,
    failed,
    failed_with,
    of_offering,
    passed,
    skipped,
    warned,
)
from waldur_import_agent.cli.checks.projects import check_projects
from waldur_import_agent.cli.checks.token import NEEDED
from waldur_import_agent.errors import AgentError
from waldur_import_agent.waldur.errors import WaldurError

if TYPE_CHECKING:
    from waldur_import_agent.settings.models import OfferingSettings
    from waldur_import_agent.waldur.client import WaldurClient
    from waldur_import_agent.waldur.effort import Effort
    from waldur_import_agent.waldur.models import ProviderOffering, User

MANAGING_ROLES = ("OFFERING.MANAGER", "CUSTOMER.OWNER", "CUSTOMER.MANAGER")
"""Those of Waldur's own roles that carry the permission, unless a site took it away from them."""
IMPORT_SERVICE = "importable_resources"
"""In the name of waldur-site-agent's service that answers requests: event_process-importable_resources."""
NAMES = ("permission", "backend resources", "projects", "other agent")


async def check_offering(
    settings: "OfferingSettings", client: "WaldurClient", effort: "Effort", user: "User | None", *, ignore_case: bool
) -> list[Finding]:
    """All of one offering; `user` is None where the token is of no use."""
    if user is None:
        return of_offering(settings.uuid, [skipped(name, "the token is refused") for name in ("offering", *NAMES)])
    return of_offering(settings.uuid, await _check(settings, client, effort, user, ignore_case=ignore_case))


async def _check(
    settings: "OfferingSettings", client: "WaldurClient", effort: "Effort", user: "User", *, ignore_case: bool
) -> list[Finding]:
    from waldur_import_agent.fulfilment.waldur_side import WaldurSide

    side = WaldurSide(client, effort, settings.uuid)
    try:
        seen = await effort.read(partial(client.retrieve_offering, settings.uuid))
        offering = await side.offering()
    except AgentError as error:
        remedy = "Check offerings[].uuid, and that the token's user has a role on it"
        return [failed_with("offering", error, remedy), *(skipped(name, "the offering is not seen") for name in NAMES)]
    findings = [passed("offering", f"{seen.name} ({seen.uuid}) is {seen.state}")]
    findings.append(await _permission(seen, user, client, effort))
    try:
        known = await side.known()
    except AgentError as error:
        findings += [failed_with("backend resources", error), skipped("projects", "backend resources are not listed")]
    else:
        found = f"{len(known.records)} records and {len(known.resources)} resources are listed"
        findings.append(passed("backend resources", found))
        findings += await check_projects(settings.projects, side, offering, known, ignore_case=ignore_case)
    return [*findings, await _other_agent(settings.uuid, client)]


async def _permission(offering: "ProviderOffering", user: "User", client: "WaldurClient", effort: "Effort") -> Finding:
    """By what each role there lets do: only a write would prove more, and a check writes nothing.

    Where Waldur does not show a role, its name must do.
    """
    name = "permission"
    if user.is_staff:
        return warned(
            name,
            "the token is a staff user's, who may do everything",
            f"A service account with {MANAGING_ROLES[0]} on the offering is enough",
        )
    scopes = {offering.uuid, offering.customer_uuid}
    roles = {role.role_name: role.role_uuid for role in user.permissions if role.scope_uuid in scopes}
    remedy = f"Give {user.username} the role {MANAGING_ROLES[0]} on the offering"
    if not roles:
        return failed(name, f"no role on the offering or its organization, so {NEEDED} is missing", remedy)
    carries = {role: await _carries(role, uuid, client, effort) for role, uuid in sorted(roles.items())}
    if True in carries.values():
        carrying = ", ".join(role for role, does in carries.items() if does)
        return passed(name, f"{carrying} carries {NEEDED}")
    doubtful = [role for role, does in carries.items() if does is None]
    if doubtful:
        return warned(name, f"Waldur does not tell whether {', '.join(doubtful)} carries {NEEDED}", remedy)
    return failed(name, f"{', '.join(carries)} does not carry {NEEDED}", f"{remedy}, or let staff add it to the role")


async def _carries(role: str, uuid: str | None, client: "WaldurClient", effort: "Effort") -> bool | None:
    """Whether a role carries the permission; None where Waldur does not show the role and its name is none of ours."""
    if uuid is not None:
        try:
            return NEEDED in (await effort.read(partial(client.retrieve_role, uuid))).permissions
        except WaldurError:
            pass  # its name remains
    return True if role in MANAGING_ROLES else None


async def _other_agent(offering: str, client: "WaldurClient") -> Finding:
    """Whether waldur-site-agent answers the offering's requests too."""
    name = "other agent"
    try:
        page = await client.list_site_agents(offering)
    except WaldurError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return skipped(name, "this release does not tell which site agents serve the offering")
        return Finding(name, Status.SKIP, str(error.args[0]), "See that resource_import_enabled is off there")
    services = [
        f"{agent.name} ({service.state})"
        for agent in page.items
        if agent.offering in {None, offering}
        for service in agent.services
        if IMPORT_SERVICE in service.name
    ]
    if services:
        return failed(
            name,
            f"waldur-site-agent answers import requests too: {', '.join(services)}",
            "Set resource_import_enabled: false for this offering in its configuration and restart it; where it is "
            "off already, let staff remove the old service (cleanup_stale)",
        )
    if page.items:
        return passed(name, "waldur-site-agent serves the offering, but does not answer import requests")
    return passed(name, "no waldur-site-agent has registered for the offering")
