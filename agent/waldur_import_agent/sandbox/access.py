"""Who is asking, and what they may see and do.

The permission is OFFERING.MANAGE_BACKEND_RESOURCES; by default these roles have it: OFFERING.MANAGER in the offering,
CUSTOMER.OWNER and CUSTOMER.MANAGER in its provider. `State.define_role` makes others.
"""

import re
from collections.abc import Iterable
from datetime import datetime

from waldur_import_agent.sandbox.answers import unauthenticated
from waldur_import_agent.sandbox.objects import MANAGE, Customer, Offering, Project, User

PERSONAL_ACCESS_TOKEN = re.compile(r"w_(?P<expiry>\d+)_\S+")


def authenticate(users: Iterable[User], authorization: str | None, now: datetime) -> User:
    """The user that an Authorization header names. Raises RefusalError (401) with the server's text.

    `Token x` is for API tokens, `Bearer w_<expiry>_<random>` for personal access tokens; a `Bearer` of another form
    is taken for a JWT, of which the sandbox knows none.
    """
    scheme, *credentials = (authorization or "none").split()
    scheme = scheme.lower()
    if scheme not in {"token", "bearer"}:
        raise unauthenticated("Authentication credentials were not provided.")
    if not credentials:
        raise unauthenticated("Invalid token. No credentials provided.")
    if len(credentials) > 1:
        raise unauthenticated("Invalid token. Token string should not contain spaces.")
    key = credentials[0]
    personal = PERSONAL_ACCESS_TOKEN.fullmatch(key)
    if scheme == "bearer" and personal is None:
        raise unauthenticated("Invalid JWT token.")
    if scheme == "token" and personal is not None:
        raise unauthenticated("Invalid token.")
    user = next((user for user in users if user.token == key), None)
    if user is None or (personal is not None and int(personal["expiry"]) <= now.timestamp()):
        raise unauthenticated("Invalid token.")
    if not user.active:
        raise unauthenticated("User inactive or deleted.")
    if user.expired:
        raise unauthenticated("Invalid token." if personal else "Token has expired.")
    return user


def sees_all(user: User) -> bool:
    """Staff and global support see every object."""
    return user.staff or user.support


def manages(user: User, offering: Offering) -> bool:
    """Whether a user may answer the requests of an offering and report its backend resources."""
    return user.staff or any(
        MANAGE in role.permissions and (role.scope is offering or role.scope is offering.customer)
        for role in user.roles
    )


def sees_offering(user: User, offering: Offering) -> bool:
    """Whether a user sees an offering as a provider does, with its requests, backend resources and resources."""
    return user.support or manages(user, offering)


def seen_offerings(user: User, offerings: Iterable[Offering]) -> frozenset[str]:
    """The UUIDs of the offerings that a user sees as a provider does: asked once for a list, not for each row."""
    return frozenset(offering.uuid for offering in offerings if sees_offering(user, offering))


def sees_project(user: User, project: Project) -> bool:
    """Whether a user sees a project. A role at the provider does not show the consumers' projects."""
    return sees_all(user) or any(role.scope is project or role.scope is project.customer for role in user.roles)


def lists_projects_of_provider(user: User, provider: Customer) -> bool:
    """Whether a user may list the projects that use a provider.

    Waldur's documentation gives CUSTOMER.MANAGER the permission too; the recorded server refused it, and so do we.
    """
    return user.staff or any(role.name == "CUSTOMER.OWNER" and role.scope is provider for role in user.roles)
