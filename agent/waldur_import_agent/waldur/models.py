"""The wire forms: what of Waldur's answers the agent reads.

Fields that are not named here are ignored, and states that are not known are kept. UUIDs come with or without dashes
and are kept as 32 hexadecimal digits. Where Waldur may send null for a text, it is read as the empty text.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

from waldur_import_agent.settings.values import HexUuid, parse_uuid


class RequestState(StrEnum):
    """The states of a request that this agent knows. A row may have another one."""

    SENT = "Sent"
    PROCESSING = "Processing"
    DONE = "Done"
    ERRED = "Erred"


LIVE_STATES = ("Creating", "OK", "Erred", "Updating", "Terminating")
"""The states of a marketplace resource that is there: all but Terminated."""
ALL_STATES = (*LIVE_STATES, "Terminated")


def _empty_for_null(value: Any) -> Any:
    return "" if value is None else value


def _nothing_for_null(value: Any) -> Any:
    return () if value is None else value


def _in_utc(value: datetime) -> datetime:
    """Waldur sends UTC; where a zone is missing, UTC is meant."""
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Text = Annotated[str, BeforeValidator(_empty_for_null)]
State = Annotated[str, BeforeValidator(lambda value: "" if value is None else str(value))]
Moment = Annotated[datetime, AfterValidator(_in_utc)]
OptionalUuid = Annotated[str | None, BeforeValidator(lambda value: parse_uuid(value) if value else None)]
Flag = Annotated[bool, BeforeValidator(bool)]


class Wire(BaseModel):
    """The base of all: errors never repeat the values."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class BackendResourceRequest(Wire):
    """A row of /api/backend-resource-requests/: someone asks what is on the backend of an offering."""

    uuid: HexUuid
    created: Moment
    modified: Moment | None = None
    started: Moment | None = None
    finished: Moment | None = None
    state: State
    offering: HexUuid
    offering_name: Text = ""
    error_message: Text = ""
    error_traceback: Text = ""


class BackendResource(Wire):
    """A row of /api/backend-resources/: a record. `backend_metadata` may be any JSON."""

    uuid: HexUuid
    name: Text = ""
    created: Moment
    modified: Moment | None = None
    project: HexUuid
    project_name: Text = ""
    offering: HexUuid
    offering_name: Text = ""
    backend_id: Text = ""
    backend_metadata: Any = None


class OfferingComponent(Wire):
    """What an offering is measured in; `type` is the key in a resource's limits."""

    type: str
    name: Text = ""
    measured_unit: Text = ""


class OfferingPlan(Wire):
    """A plan of an offering: importing into a shared offering needs one."""

    uuid: HexUuid
    name: Text = ""


class ProviderOffering(Wire):
    """An offering as its provider sees it."""

    uuid: HexUuid
    name: Text = ""
    slug: Text = ""
    state: State = ""
    type: Text = ""
    customer_uuid: OptionalUuid = None
    customer_name: Text = ""
    components: Annotated[tuple[OfferingComponent, ...], BeforeValidator(_nothing_for_null)] = ()
    plans: Annotated[tuple[OfferingPlan, ...], BeforeValidator(_nothing_for_null)] = ()
    category_uuid: OptionalUuid = None
    backend_id_rules: Any = None

    @property
    def backend_id_pattern(self) -> str:
        """The regular expression that an id must match as a whole before Waldur imports it, or empty."""
        return self._id_format("regex")

    @property
    def backend_id_hint(self) -> str:
        """What the provider says about that pattern, or empty."""
        return self._id_format("description")

    @property
    def uniqueness_scope(self) -> str:
        """Within what an imported id must not be there twice (offering, service_provider, ...), or empty."""
        scope = self._rule("uniqueness").get("scope")
        return scope if isinstance(scope, str) else ""

    @property
    def uniqueness_includes_terminated(self) -> bool:
        """Whether the ids of terminated resources count there; they do where nothing is said."""
        return self._rule("uniqueness").get("include_terminated") is not False

    def _id_format(self, key: str) -> str:
        """A text of the rule in {"format": {"regex": ..., "description": ...}}."""
        text = self._rule("format").get(key)
        return text if isinstance(text, str) else ""

    def _rule(self, name: str) -> Mapping[str, Any]:
        """One of the rules; the field may be any JSON."""
        rules = self.backend_id_rules
        rule = rules.get(name) if isinstance(rules, Mapping) else None
        return rule if isinstance(rule, Mapping) else {}


class ProviderResource(Wire):
    """A marketplace resource of the provider's offering. Not every release tells `project_slug`."""

    uuid: HexUuid
    name: Text = ""
    slug: Text = ""
    backend_id: Text = ""
    state: State = ""
    project_uuid: OptionalUuid = None
    project_slug: Text = ""
    project_name: Text = ""
    customer_name: Text = ""


class Project(Wire):
    """A project; slugs are not unique across customers."""

    uuid: HexUuid
    slug: Text = ""
    name: Text = ""
    backend_id: Text = ""
    customer_name: Text = ""


class ServiceProvider(Wire):
    """The provider's side of an organization; its UUID is another one than the organization's."""

    uuid: HexUuid


class Permission(Wire):
    """A role that a user has, and where."""

    role_name: Text = ""
    role_uuid: OptionalUuid = None
    scope_type: Text = ""
    scope_uuid: OptionalUuid = None
    scope_name: Text = ""
    customer_uuid: OptionalUuid = None


class Role(Wire):
    """A kind of role, Waldur's own or one that a site made; `permissions` are the names of what it lets do."""

    name: Text = ""
    permissions: Annotated[tuple[str, ...], BeforeValidator(_nothing_for_null)] = ()


class User(Wire):
    """Whose the token is. `token_lifetime` is in seconds without use, None without end."""

    uuid: HexUuid
    username: Text = ""
    full_name: Text = ""
    is_staff: Flag = False
    is_support: Flag = False
    token_lifetime: int | None = None
    permissions: Annotated[tuple[Permission, ...], BeforeValidator(_nothing_for_null)] = ()


class PersonalAccessToken(Wire):
    """A personal access token of the caller, without its secret; `scopes` are names of permissions."""

    name: Text = ""
    token_prefix: Text = ""
    scopes: Annotated[tuple[str, ...], BeforeValidator(_nothing_for_null)] = ()


class SiteAgentService(Wire):
    """What a waldur-site-agent does; Idle where it has done nothing for ten minutes."""

    name: Text = ""
    state: State = ""


class SiteAgentIdentity(Wire):
    """A waldur-site-agent that has registered itself for an offering."""

    name: Text = ""
    offering: OptionalUuid = None
    services: Annotated[tuple[SiteAgentService, ...], BeforeValidator(_nothing_for_null)] = ()


class ResourceDetails(ProviderResource):
    """A marketplace resource with what an import has made of it. `limits` and `backend_metadata` may be any JSON."""

    plan_uuid: OptionalUuid = None
    plan_name: Text = ""
    limits: Any = None
    backend_metadata: Any = None
    offering_uuid: OptionalUuid = None
    offering_name: Text = ""
    provider_uuid: OptionalUuid = None
    category_uuid: OptionalUuid = None
