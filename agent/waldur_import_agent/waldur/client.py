"""Waldur's endpoints: one method is one HTTP request.

The source is Waldur's API documentation, page "Backend Resource Requests" and the pages beside it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import httpx
from pydantic import ValidationError

from waldur_import_agent.settings import models as settings_models
from waldur_import_agent.settings.values import parse_uuid
from waldur_import_agent.waldur.auth import TokenSource
from waldur_import_agent.waldur.errors import WaldurUndecodableError
from waldur_import_agent.waldur.models import (
    LIVE_STATES,
    BackendResource,
    BackendResourceRequest,
    PersonalAccessToken,
    Project,
    ProviderOffering,
    ProviderResource,
    ResourceDetails,
    Role,
    ServiceProvider,
    SiteAgentIdentity,
    User,
    Wire,
)
from waldur_import_agent.waldur.transport import OnExchange, Parameters, Reply, WaldurTransport

LARGEST_PAGE = 300
"""Waldur's maximum of rows per page; it silently gives no more."""
REQUESTS = "/backend-resource-requests/"
RECORDS = "/backend-resources/"

T = TypeVar("T")
W = TypeVar("W", bound=Wire)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list; `total` is how many rows all pages have, as X-Result-Count says.

    `path` is the list's, `size` the bytes of the answer.
    """

    items: list[T]
    total: int
    path: str = ""
    size: int = 0


class WaldurClient:
    """Speaks to Waldur's API. An async context manager.

    UUIDs are taken with or without dashes. All methods raise one of waldur.errors, ConfigurationError where there is
    no token, and those that change something ReadOnlyError in a dry run.
    """

    def __init__(self, transport: WaldurTransport, *, page_size: int = LARGEST_PAGE) -> None:
        self._transport = transport
        self._page_size = page_size

    @classmethod
    def from_settings(
        cls,
        settings: settings_models.Waldur,
        *,
        read_only: bool = False,
        on_token: Callable[[str], None] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        on_exchange: OnExchange | None = None,
    ) -> Self:
        """The client that the settings describe. Raises ConfigurationError for certificates or a proxy of no use.

        `on_token` is told each token that is read, so that logs can leave it out; `on_exchange` each exchange.
        """
        tokens = TokenSource(settings.token_file, settings.token, on_token=on_token)
        exchanges = WaldurTransport(settings, tokens, read_only=read_only, transport=transport, on_exchange=on_exchange)
        return cls(exchanges, page_size=settings.page_size)

    def __repr__(self) -> str:
        return f"WaldurClient({self._transport!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._transport.aclose()

    async def renew_token(self) -> None:
        """Read the token file again, at the start of a round. Raises ConfigurationError if there is no token."""
        await self._transport.renew_token()

    # --- requests

    async def list_requests(
        self,
        *,
        offering_uuid: str | None = None,
        state: Sequence[str] = (),
        created: datetime | None = None,
        modified: datetime | None = None,
        started: datetime | None = None,
        finished: datetime | None = None,
        o: Sequence[str] = ("created",),
        page: int = 1,
        page_size: int | None = None,
    ) -> Page[BackendResourceRequest]:
        """One page of the requests, the oldest first unless `o` is ["-created"].

        The times are aware and mean: at or after. A row without `started` or `finished` matches no such filter. Older
        releases list the requests of other providers too: compare each row's `offering`.
        """
        return await self._page(
            BackendResourceRequest,
            REQUESTS,
            {
                "offering_uuid": _hex(offering_uuid),
                "state": list(state),
                "created": _iso(created),
                "modified": _iso(modified),
                "started": _iso(started),
                "finished": _iso(finished),
                "o": o,
                "page": page,
                "page_size": page_size or self._page_size,
            },
        )

    async def retrieve_request(self, uuid: str) -> BackendResourceRequest:
        """A request as it is now."""
        return await self._one(BackendResourceRequest, "GET", f"{REQUESTS}{_hex(uuid)}/")

    async def create_request(self, offering_uuid: str) -> BackendResourceRequest:
        """Ask for the importable resources of an offering; only staff may. Each call makes another request."""
        return await self._one(BackendResourceRequest, "POST", REQUESTS, json={"offering": _hex(offering_uuid)})

    async def start_processing(self, uuid: str) -> None:
        """Sent to Processing. Success does not prove that nobody else has done it at the same time."""
        await self._transition(f"{REQUESTS}{_hex(uuid)}/start_processing/")

    async def set_done(self, uuid: str) -> None:
        """Processing to Done."""
        await self._transition(f"{REQUESTS}{_hex(uuid)}/set_done/")

    async def set_erred(self, uuid: str, message: str, traceback: str) -> None:
        """To Erred, from any state: Waldur does not ask whose the request is.

        Both texts are always sent, since the server answers 500 where one is missing. Characters that Waldur cannot
        store are replaced: this call must not fail for what it has to say.
        """
        await self._transition(
            f"{REQUESTS}{_hex(uuid)}/set_erred/",
            {"error_message": _storable(message), "error_traceback": _storable(traceback)},
        )

    # --- records

    async def list_records(
        self,
        *,
        offering_uuid: str | None = None,
        project_uuid: str | None = None,
        backend_id: str | None = None,
        name: str | None = None,
        name_exact: str | None = None,
        created: datetime | None = None,
        modified: datetime | None = None,
        o: Sequence[str] = ("created",),
        page: int = 1,
        page_size: int | None = None,
    ) -> Page[BackendResource]:
        """One page of the records, the oldest first. `backend_id` is compared exactly, `name` is a part of the name."""
        return await self._page(
            BackendResource,
            RECORDS,
            {
                "offering_uuid": _hex(offering_uuid),
                "project_uuid": _hex(project_uuid),
                "backend_id": backend_id,
                "name": name,
                "name_exact": name_exact,
                "created": _iso(created),
                "modified": _iso(modified),
                "o": o,
                "page": page,
                "page_size": page_size or self._page_size,
            },
        )

    async def retrieve_record(self, uuid: str) -> BackendResource:
        """A record as it is now."""
        return await self._one(BackendResource, "GET", f"{RECORDS}{_hex(uuid)}/")

    async def create_record(
        self, *, name: str, project_uuid: str, offering_uuid: str, backend_id: str, backend_metadata: Any
    ) -> BackendResource:
        """Store a record. The server knows no uniqueness: the same call again makes a second row."""
        return await self._one(
            BackendResource,
            "POST",
            RECORDS,
            json={
                "name": name,
                "project": _hex(project_uuid),
                "offering": _hex(offering_uuid),
                "backend_id": backend_id,
                "backend_metadata": backend_metadata,
            },
        )

    async def delete_record(self, uuid: str) -> None:
        """Remove a record. WaldurGoneError means that it was removed or imported before."""
        await self._transport.request("DELETE", f"{RECORDS}{_hex(uuid)}/")

    # --- what is around them

    async def retrieve_offering(self, uuid: str) -> ProviderOffering:
        """The offering with its components, plans and rules for backend ids."""
        return await self._one(
            ProviderOffering,
            "GET",
            f"/marketplace-provider-offerings/{_hex(uuid)}/",
            {"field": list(ProviderOffering.model_fields)},
        )

    async def list_resources(
        self,
        offering_uuid: str,
        *,
        state: Sequence[str] = LIVE_STATES,
        backend_id: str | None = None,
        page: int = 1,
        page_size: int | None = None,
    ) -> Page[ProviderResource]:
        """One page of the offering's marketplace resources, without the terminated ones unless asked for."""
        return await self._page(
            ProviderResource,
            "/marketplace-provider-resources/",
            {
                "offering_uuid": _hex(offering_uuid),
                "state": list(state),
                "backend_id": backend_id,
                "field": list(ProviderResource.model_fields),
                "page": page,
                "page_size": page_size or self._page_size,
            },
        )

    async def list_projects(
        self,
        *,
        slug: str | None = None,
        backend_id: str | None = None,
        page: int = 1,
        page_size: int | None = None,
    ) -> Page[Project]:
        """One page of the projects that the token's user may see: an empty list does not mean that there are none."""
        return await self._page(
            Project,
            "/projects/",
            {
                "slug": slug,
                "backend_id": backend_id,
                "field": list(Project.model_fields),
                "page": page,
                "page_size": page_size or self._page_size,
            },
        )

    async def list_service_providers(self, customer_uuid: str) -> Page[ServiceProvider]:
        """The service provider of an organization: one or none."""
        return await self._page(
            ServiceProvider,
            "/marketplace-service-providers/",
            {"customer_uuid": _hex(customer_uuid), "field": list(ServiceProvider.model_fields)},
        )

    async def list_projects_of_provider(
        self, provider_uuid: str, *, page: int = 1, page_size: int | None = None
    ) -> Page[Project]:
        """One page of the projects that use a service provider; needs SERVICE_PROVIDER.LIST_PROJECTS in it."""
        return await self._page(
            Project,
            f"/marketplace-service-providers/{_hex(provider_uuid)}/projects/",
            {"field": list(Project.model_fields), "page": page, "page_size": page_size or self._page_size},
        )

    async def me(self) -> User:
        """Whose the token is. The fields are named, since the whole answer holds the token."""
        return await self._one(User, "GET", "/users/me/", {"field": list(User.model_fields)})

    async def retrieve_role(self, uuid: str) -> Role:
        """What a role lets do: everybody may read roles, but for those that another organization made for itself (404).

        Source: RoleViewSet of waldur_core/permissions/views.py.
        """
        return await self._one(Role, "GET", f"/roles/{_hex(uuid)}/")

    async def list_personal_access_tokens(self) -> Page[PersonalAccessToken]:
        """The caller's own personal access tokens. Releases before 2026 have none and answer 404."""
        return await self._page(PersonalAccessToken, "/personal-access-tokens/", {"page_size": self._page_size})

    async def list_site_agents(self, offering_uuid: str) -> Page[SiteAgentIdentity]:
        """The waldur-site-agents that have registered for an offering. Releases before 2026 answer 404."""
        return await self._page(
            SiteAgentIdentity,
            "/marketplace-site-agent-identities/",
            {"offering_uuid": _hex(offering_uuid), "page_size": self._page_size},
        )

    # --- what staff do

    async def import_resource(self, record_uuid: str, plan_uuid: str) -> None:
        """Make a marketplace resource of a record; only staff may. The record is gone afterwards, and its metadata.

        Any 2xx is success: newer releases document no body. Raises WaldurGoneError where the record has gone.
        """
        path = f"{RECORDS}{_hex(record_uuid)}/import_resource/"
        await self._transport.request("POST", path, json={"plan": _hex(plan_uuid)}, slow=True)

    async def set_backend_metadata(self, resource_uuid: str, metadata: Mapping[str, Any]) -> None:
        """Replace what a marketplace resource shows as its backend metadata."""
        path = f"/marketplace-provider-resources/{_hex(resource_uuid)}/set_backend_metadata/"
        await self._transport.request("POST", path, json={"backend_metadata": dict(metadata)})

    async def list_resource_details(
        self,
        offering_uuid: str | None,
        *,
        provider_uuid: str | None = None,
        state: Sequence[str] = LIVE_STATES,
        backend_id: str | None = None,
        page: int = 1,
    ) -> Page[ResourceDetails]:
        """One page of the offering's live resources with their projects, plans and limits.

        Without an offering: those of all its provider's. A release that does not know that filter lists more.
        """
        return await self._page(
            ResourceDetails,
            "/marketplace-provider-resources/",
            {
                "offering_uuid": _hex(offering_uuid),
                "provider_uuid": _hex(provider_uuid),
                "state": list(state),
                "backend_id": backend_id,
                "field": list(ResourceDetails.model_fields),
                "page": page,
                "page_size": self._page_size,
            },
        )

    # --- the forms of answers

    async def _one(
        self, model: type[W], method: str, path: str, params: Parameters | None = None, *, json: Any = None
    ) -> W:
        reply = await self._transport.request(method, path, params, json)
        return _parsed(model, reply.data, method, reply)

    async def _transition(self, path: str, json: Any = None) -> None:
        reply = await self._transport.request("POST", path, json=json)
        if not isinstance(reply.data, dict):
            raise WaldurUndecodableError("POST", reply.path, reply.status, "JSON that is not Waldur's: no object")

    async def _page(self, model: type[W], path: str, params: Parameters) -> Page[W]:
        reply = await self._transport.request("GET", path, params)
        if not isinstance(reply.data, list):
            raise WaldurUndecodableError("GET", reply.path, reply.status, "JSON that is not Waldur's: no list")
        count = reply.headers.get("x-result-count", "")
        if not re.fullmatch("[0-9]{1,18}", count):
            raise WaldurUndecodableError(
                "GET",
                reply.path,
                reply.status,
                f"the header X-Result-Count {'is no number' if count else 'is missing'}",
                remedy="A proxy may strip it; without it nobody knows whether the list is whole. Let it through.",
            )
        items = [_parsed(model, row, "GET", reply, f"[{index}]") for index, row in enumerate(reply.data)]
        return Page(items, int(count), reply.path, reply.size)


def _parsed(model: type[W], data: Any, method: str, reply: Reply, place: str = "") -> W:
    """`data` in its form. Raises WaldurUndecodableError with the place, never with a value."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(part for part in (place, *map(str, first["loc"])) if part)
        reason = first["msg"].removeprefix("Value error, ")
        what = f"{where}: {reason}" if where else reason
        raise WaldurUndecodableError(method, reply.path, reply.status, f"JSON that is not Waldur's: {what}") from None


def _hex(uuid: str | None) -> str | None:
    """A UUID as Waldur writes it. Raises ValueError for what is none: it must not become another path."""
    return None if uuid is None else str(parse_uuid(uuid))


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat()


def _storable(text: str) -> str:
    """`text` without what PostgreSQL or UTF-8 cannot hold: NUL, and bytes that were no text (lone surrogates)."""
    return text.replace("\x00", "\\x00").encode(errors="backslashreplace").decode()
