"""What the sandbox stores: plain objects, UUIDs as 32 hexadecimal digits, times in UTC.

The facts about fields and roles come from Waldur's API documentation (/api/backend-resource-requests/ and
/api/backend-resources/) and from the answers of a real server that the contract suite replays.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias
from uuid import NAMESPACE_URL, uuid5


class RequestState(StrEnum):
    """The states of a backend resource request."""

    SENT = "Sent"
    PROCESSING = "Processing"
    DONE = "Done"
    ERRED = "Erred"


class ResourceState(StrEnum):
    """The states of a marketplace resource."""

    CREATING = "Creating"
    OK = "OK"
    ERRED = "Erred"
    UPDATING = "Updating"
    TERMINATING = "Terminating"
    TERMINATED = "Terminated"


@dataclass(frozen=True, slots=True, eq=False)
class Customer:
    """An organization. Any may be a service provider: the second UUID is that of its service provider profile."""

    uuid: str
    name: str
    slug: str
    service_provider_uuid: str


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A plan of an offering; an import needs one."""

    uuid: str
    name: str


@dataclass(slots=True, eq=False)
class Offering:
    """An offering of a provider. `backend_id_rules` are enforced by an import only."""

    uuid: str
    name: str
    slug: str
    customer: Customer
    components: tuple[str, ...]
    plans: list[Plan]
    backend_id_rules: dict[str, Any]
    created: datetime
    state: str = "Active"
    type: str = "Marketplace.Slurm"
    site_agents: dict[str, dict[str, str]] = field(default_factory=dict)
    """The waldur-site-agents that have registered: the name of each, and the state of each of its services."""


@dataclass(slots=True, eq=False)
class Project:
    """A project of a consumer. A slug is not unique."""

    uuid: str
    name: str
    slug: str
    customer: Customer
    backend_id: str
    created: datetime


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """A backend resource: what an agent reported as importable. Waldur never updates one, so it is frozen."""

    uuid: str
    name: str
    project: Project
    offering: Offering
    backend_id: str
    backend_metadata: Any
    created: datetime


@dataclass(slots=True, eq=False)
class Request:
    """A backend resource request."""

    uuid: str
    offering: Offering
    created: datetime
    modified: datetime
    state: RequestState = RequestState.SENT
    started: datetime | None = None
    finished: datetime | None = None
    error_message: str = ""
    error_traceback: str = ""


@dataclass(slots=True, eq=False)
class Resource:
    """A marketplace resource. Its state may be changed at any time; what it is found by (the rest) may not."""

    uuid: str
    name: str
    slug: str
    offering: Offering
    project: Project
    backend_id: str
    created: datetime
    state: str = ResourceState.OK
    plan: Plan | None = None
    limits: Any = field(default_factory=dict)
    backend_metadata: Any = field(default_factory=dict)


Scope: TypeAlias = Offering | Customer | Project


MANAGE = "OFFERING.MANAGE_BACKEND_RESOURCES"
"""The permission to answer an offering's requests and to report its backend resources."""


@dataclass(frozen=True, slots=True, eq=False)
class Role:
    """A role that a user has in an offering, a customer or a project."""

    name: str
    scope: Scope
    created: datetime
    permissions: frozenset[str] = frozenset()

    @property
    def uuid(self) -> str:
        """The UUID of the kind of role: the same for all who have it."""
        return role_uuid(self.name)


def role_uuid(name: str) -> str:
    """The UUID of the kind of role with this name."""
    return uuid5(NAMESPACE_URL, name).hex


@dataclass(slots=True, eq=False)
class User:
    """Somebody with a token. Change `token`, `active` or `expired` at any time to see what a client makes of it."""

    uuid: str
    username: str
    full_name: str
    slug: str
    token: str
    staff: bool = False
    support: bool = False
    active: bool = True
    expired: bool = False
    token_lifetime: int | None = None
    """Seconds without use after which the token ends; None: never."""
    scopes: tuple[str, ...] = ()
    """The permissions of a personal access token."""
    roles: list[Role] = field(default_factory=list)
