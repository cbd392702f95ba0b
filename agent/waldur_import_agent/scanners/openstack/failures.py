"""What a failed call means, in words for the operator. The SDK's two families of exceptions end here.

Measured on Keystone 30, Nova 34, Cinder 29 and Neutron 29: the same 401 stands for a wrong secret, an expired
credential, a disabled user or project and a missing role; an unknown application credential is a 404.
"""

import json
import re
from collections.abc import Mapping
from html import unescape
from typing import Any

from waldur_import_agent.scanners.base import BackendError, BackendMisconfiguredError, BackendUnavailableError

SERVICES = {"identity": "Keystone", "compute": "Nova", "volume": "Cinder", "network": "Neutron"}
"""What people call the service of a kind."""
TOO_MANY = 429
SHOWN = 300
"""Characters of a service's own words that are shown."""
LOOKED_AT = 16 * 1024
"""Characters of an answer in which they are looked for: what takes half a second of these takes hours of more."""
NOT_JSON = "answers with something that is not its own (a login page or a proxy's?)"
CREDENTIAL = (
    "Keystone says the same for a wrong secret, an expired credential, a disabled user or project, and a role that was "
    "taken away: look with `openstack application credential show`, and make a new one if need be"
)
CERTIFICATES = (
    "Name the cloud's certificates (ca_file, or cacert in clouds.yaml), or correct http or https in its address"
)
CATALOG = (
    "Take it out of kinds and quotas, or correct the region or interface; a credential for the system or a domain is "
    "not shown services whose address holds a project"
)
NO_CONNECTION = "no connection to the cloud can be set up"
SETTINGS = "Correct `cloud`, or what clouds.yaml has under this name: `openstack --os-cloud NAME token issue` must work"
AUTH_URL = "Correct the address of Keystone (auth_url): it is what `openstack endpoint list --service identity` shows"


class RefusedError(BackendMisconfiguredError):
    """A service does not allow the call (403), or it takes the project for unknown (400, 404)."""

    def __init__(self, message: str, *, status: int, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.status = status


def words_of(text: str) -> str:
    """What an error's body says, in one line: the message of any of the services' forms, or a proxy's HTML."""
    text = text[:LOOKED_AT]
    try:
        found = _message(json.loads(text))
    except (ValueError, RecursionError):
        found = text
    found = unescape(re.sub(r"<(?:style|script).*?</(?:style|script)>|<[^>]*>", " ", found, flags=re.DOTALL))
    found = " ".join("".join(character if character.isprintable() else " " for character in found).split())
    return found.rstrip(".") if len(found) <= SHOWN else found[: SHOWN - 1] + "…"


def _message(body: Any) -> str:
    """The text under `message`: {"error": {...}}, {"forbidden": {...}}, {"NeutronError": {...}}, or at the top."""
    if isinstance(body, Mapping):
        inner = body.get("message")
        if isinstance(inner, str):
            return inner
        return next(filter(None, map(_message, body.values())), "")
    return ""


def refusal(service: str, what: str, status: int, text: str) -> BackendError:
    """The error for an answer with this status; `what` is what was asked for, like "the list of projects"."""
    name = SERVICES[service]
    words = words_of(text)
    said = f": {words}" if words else ""
    if status == 401:  # noqa: PLR2004 - the SDK has logged in once more by now
        return BackendUnavailableError(
            f"{name} does not accept the token that Keystone gave a moment ago{said}",
            remedy=f"Look at [keystone_authtoken] in {name}'s configuration, and at the clocks",
        )
    if status == 403:  # noqa: PLR2004
        return RefusedError(
            f"{name} refuses {what} to the credential{said}",
            status=status,
            remedy="Give it the role that docs/scanners/openstack.md names for this, or take out of the settings what "
            "needs it (kinds, quotas, scope)",
        )
    if status in {400, 404}:
        return RefusedError(f"{name} does not know {what}{said}", status=status)
    return BackendUnavailableError(
        f"{name} answered {status} when asked for {what}{said}",
        remedy="Set requests_per_second, or a smaller in_flight" if status == TOO_MANY else "",
    )


def not_its_own(service: str, what: str, detail: str) -> BackendUnavailableError:
    """The error for a 200 that is no answer of the service: the SDK would take it for one."""
    return BackendUnavailableError(
        f"{SERVICES[service]} {NOT_JSON} when asked for {what}: {detail}",
        remedy="Look at what stands between the agent and the service, and at its address in the catalog",
    )


def failure(service: str, what: str, error: Exception) -> BackendError:
    """The error for an exception of openstacksdk or keystoneauth1, in whichever of their families."""
    from keystoneauth1 import exceptions as auth  # noqa: PLC0415 - of an extra
    from openstack import exceptions as sdk  # noqa: PLC0415

    if isinstance(error, BackendError):
        return error
    name, said = SERVICES[service], words_of(str(error))
    if isinstance(error, auth.NotFound) and "pplication" in said:
        return BackendMisconfiguredError(
            f"Keystone does not know the credential: {said}", remedy="Correct its ID, or make a new one"
        )
    lasting: tuple[tuple[tuple[type[Exception], ...], str, str], ...] = (
        ((auth.Unauthorized,), "Keystone does not accept the credential", CREDENTIAL),
        ((auth.SSLError,), f"no secure connection to {name}", CERTIFICATES),
        (
            (sdk.ServiceDisabledException, auth.EndpointNotFound, auth.EmptyCatalog),
            f"the catalog has no {name} for this credential",
            CATALOG,
        ),
        ((auth.DiscoveryFailure, auth.InvalidResponse, auth.NotFound), f"there is no {name} at its address", AUTH_URL),
        ((sdk.ConfigException, auth.AuthPluginException), NO_CONNECTION, SETTINGS),
    )
    for kinds, text, remedy in lasting:
        if isinstance(error, kinds):
            return BackendMisconfiguredError(f"{text}: {said}", remedy=remedy)
    if isinstance(error, auth.ClientException | sdk.SDKException):
        return BackendUnavailableError(f"{name} could not be asked for {what}: {said}")
    return BackendMisconfiguredError(f"{NO_CONNECTION}: {said or type(error).__name__}", remedy=SETTINGS)
