"""The token: whose it is, of which kind, what it may do, and whether a weekend's stop would end it."""

from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING

from waldur_import_agent.cli.checks.finding import Finding, Status, failed, failed_with, passed, warned
from waldur_import_agent.errors import AgentError
from waldur_import_agent.system import now
from waldur_import_agent.waldur.errors import WaldurError

if TYPE_CHECKING:
    from waldur_import_agent.redactor import Redactor
    from waldur_import_agent.settings.models import Waldur
    from waldur_import_agent.waldur.client import WaldurClient
    from waldur_import_agent.waldur.effort import Effort
    from waldur_import_agent.waldur.models import User

WEEKEND = timedelta(hours=72)
"""From Friday afternoon to Monday afternoon."""
SOON = timedelta(days=30)
NEEDED = "OFFERING.MANAGE_BACKEND_RESOURCES"
FOR_PROJECTS = "SERVICE_PROVIDER.LIST_PROJECTS"
LASTING = "Set the token lifetime of the service account to none, or use a personal access token"


async def check_token(
    settings: "Waldur", client: "WaldurClient", effort: "Effort", redact: "Redactor"
) -> tuple["User | None", list[Finding]]:
    """Whose the token is (None where Waldur does not say), and the findings."""
    from waldur_import_agent.waldur.auth import TokenSource, expiry

    try:
        token = await TokenSource(settings.token_file, settings.token, on_token=redact.add).read()
    except AgentError as error:
        return None, [failed_with("token", error)]
    ends = expiry(token)
    try:
        user = await effort.read(client.me)
    except AgentError as error:
        remedy = ""
        if ends is not None:
            late = ends <= now()
            remedy = (
                f"It ended on {ends:%Y-%m-%d %H:%M} UTC: make a new personal access token"
                if late
                else f"{error.remedy} A personal access token is also refused from an address that it does not allow."
            )
        return None, [failed_with("token", error, remedy)]
    kind = "an API token" if ends is None else "a personal access token"
    rights = ", staff" * user.is_staff + ", support" * user.is_support
    findings = [passed("token", f"Waldur knows it as {user.username}{rights}; it is {kind}")]
    if ends is None:
        return user, [*findings, _idle(user)]
    left = ends - now()
    found = f"it ends on {ends:%Y-%m-%d %H:%M} UTC, in {left.days} days"
    remedy = (
        "Make a new personal access token and put it into the token's file; where systemd hands the token over "
        "(LoadCredential), restart the service then"
    )
    if left < WEEKEND:
        findings.append(failed("token's life", found, remedy))
    else:
        findings.append(warned("token's life", found, remedy) if left < SOON else passed("token's life", found))
    return user, [*findings, await _scopes(client, token)]


def _idle(user: "User") -> Finding:
    """An API token ends when it is not used for `token_lifetime` seconds; each use starts that time anew."""
    name = "token's life"
    if "token_lifetime" not in user.model_fields_set:
        return warned(name, "Waldur does not tell after what time without use the token ends", LASTING)
    if user.token_lifetime is None:
        return passed(name, "it does not end, however long it is not used")
    lifetime = timedelta(seconds=user.token_lifetime)
    found = f"it ends when it is not used for {_said(lifetime)}"
    if lifetime < WEEKEND:
        return failed(name, f"{found}: an agent that is stopped over a weekend comes back to a dead token", LASTING)
    return passed(name, found)


def _said(time: timedelta) -> str:
    hours = time.total_seconds() / 3600
    return f"{hours / 24:.0f} days" if hours >= 48 else f"{hours:g} hours"  # noqa: PLR2004 - two days


async def _scopes(client: "WaldurClient", token: str) -> Finding:
    """A personal access token may do what both its scopes and its user's roles allow."""
    name = "token's scopes"
    try:
        page = await client.list_personal_access_tokens()
    except WaldurError as error:
        what = "this release" if error.status == HTTPStatus.NOT_FOUND else "Waldur"
        return warned(name, f"{what} does not tell them", f"See that {NEEDED} is among them")
    own = [row for row in page.items if row.token_prefix and token.startswith(row.token_prefix)]
    if len(own) != 1:
        return warned(name, "which of the user's tokens this is cannot be told", f"See that it has the scope {NEEDED}")
    scopes = own[0].scopes
    if NEEDED not in scopes:
        has = ", ".join(scopes) or "none"
        return failed(name, f"{NEEDED} is not among them ({has})", f"Make a token with the scope {NEEDED}")
    if FOR_PROJECTS not in scopes:
        remedy = "Only needed where projects come from the service provider: see `projects` below"
        return Finding(name, Status.PASS, f"{NEEDED}, without {FOR_PROJECTS}", remedy)
    return passed(name, ", ".join(scopes))
