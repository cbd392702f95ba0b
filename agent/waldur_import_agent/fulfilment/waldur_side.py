"""Waldur as one offering's round sees it: the client's rows as our records, each call with its effort."""

from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from sys import intern
from typing import Any

from waldur_import_agent.records import (
    MARKER_KEY,
    Known,
    KnownRecord,
    KnownResource,
    Marker,
    Offering,
    Project,
    WantedRecord,
)
from waldur_import_agent.system import now
from waldur_import_agent.waldur.client import WaldurClient
from waldur_import_agent.waldur.effort import Effort
from waldur_import_agent.waldur.errors import WaldurError, WaldurGoneError, WaldurUnavailableError
from waldur_import_agent.waldur.listing import read_whole
from waldur_import_agent.waldur.models import BackendResource, ProviderResource
from waldur_import_agent.waldur.models import Project as WaldurProject


class RecordsCannotBeListedError(WaldurError):
    """Waldur answers 500 to every list of backend resources: nothing can be compared, so nothing is written.

    `outage` is that answer.
    """

    def __init__(self, outage: WaldurUnavailableError) -> None:
        super().__init__(
            outage.method,
            outage.path,
            outage.status,
            "backend resources cannot be listed although other reads work, a fault of some Waldur releases of 2025; "
            "nothing was written, since nothing could be compared",
            remedy="Upgrade Waldur",
        )
        self.outage = outage


class WaldurSide:
    """Reads and writes of one offering."""

    def __init__(self, client: WaldurClient, effort: Effort, offering: str) -> None:
        self._client = client
        self._effort = effort
        self._offering = offering

    async def renew_token(self) -> None:
        """Read the token file again. Raises ConfigurationError where there is no token."""
        await self._client.renew_token()

    async def offering(self) -> Offering:
        """The offering's components and the rule for its ids."""
        found = await self._effort.read(lambda: self._client.retrieve_offering(self._offering))
        return Offering(
            uuid=found.uuid,
            name=found.name,
            components=frozenset(component.type for component in found.components),
            backend_id_pattern=found.backend_id_pattern,
            backend_id_hint=found.backend_id_hint,
            customer=found.customer_uuid or "",
        )

    async def visible_projects(self) -> list[Project]:
        """The projects that the token can see."""
        return await read_whole(
            lambda page: self._client.list_projects(page=page),
            self._effort,
            uuid_of=lambda project: project.uuid,
            convert=_project,
        )

    async def provider_projects(self, customer: str) -> list[Project]:
        """The projects that use the service provider of an organization; none where it is no service provider."""
        providers = await self._effort.read(lambda: self._client.list_service_providers(customer))
        if not providers.items:
            return []
        (provider, *_) = providers.items
        return await read_whole(
            lambda page: self._client.list_projects_of_provider(provider.uuid, page=page),
            self._effort,
            uuid_of=lambda project: project.uuid,
            convert=_project,
        )

    async def known(self) -> Known:
        """The records first, the resources second: an import moves a row from one to the other, so none is missed."""
        try:
            records = await read_whole(
                lambda page: self._client.list_records(offering_uuid=self._offering, page=page),
                self._effort,
                uuid_of=lambda record: record.uuid,
                convert=_known_record,
            )
        except WaldurUnavailableError as error:
            if error.status == HTTPStatus.INTERNAL_SERVER_ERROR:
                await self._tell_whether_only_records_fail(error)
            raise
        resources = await read_whole(
            lambda page: self._client.list_resources(self._offering, page=page),
            self._effort,
            uuid_of=lambda resource: resource.uuid,
            convert=_known_resource,
        )
        return Known(tuple(records), tuple(resources))

    async def _tell_whether_only_records_fail(self, error: WaldurUnavailableError) -> None:
        await self.offering()
        raise RecordsCannotBeListedError(error) from error

    async def create(self, wanted: WantedRecord, marker: Callable[[str, datetime], Marker]) -> str:
        """Create a record and return its UUID. A lost answer is looked up before it is sent again."""
        mark = marker(wanted.content, now())
        metadata: Mapping[str, Any] = {**wanted.metadata, MARKER_KEY: mark.to_json()}

        async def send() -> BackendResource:
            return await self._client.create_record(
                name=wanted.name,
                project_uuid=wanted.project.uuid,
                offering_uuid=self._offering,
                backend_id=wanted.backend_id,
                backend_metadata=metadata,
            )

        async def look_up() -> BackendResource | None:
            page = await self._client.list_records(offering_uuid=self._offering, backend_id=wanted.backend_id)
            for record in page.items:
                found = Marker.from_metadata(record.backend_metadata)
                if found is not None and (found.run, found.content) == (mark.run, mark.content):
                    return record
            return None

        return (await self._effort.create(send, look_up)).uuid

    async def exists(self, record: str) -> bool:
        """Whether the record is still there."""
        try:
            await self._effort.read(lambda: self._client.retrieve_record(record))
        except WaldurGoneError:
            return False
        return True

    async def delete(self, record: str) -> bool:
        """Delete a record; whether it was still there."""
        try:
            await self._effort.repeat(lambda: self._client.delete_record(record))
        except WaldurGoneError:
            return False
        return True

    async def is_resource(self, backend_id: str) -> bool:
        """Whether a live resource of the offering has this id."""
        page = await self._effort.read(lambda: self._client.list_resources(self._offering, backend_id=backend_id))
        return page.total > 0


def _known_record(record: BackendResource) -> KnownRecord:
    return KnownRecord(
        uuid=record.uuid,
        backend_id=record.backend_id,
        name=record.name,
        project_uuid=intern(record.project),  # one text for all records of a project
        created=record.created,
        marker=Marker.from_metadata(record.backend_metadata),
    )


def _known_resource(resource: ProviderResource) -> KnownResource:
    project = None
    if resource.project_uuid:
        project = Project(
            resource.project_uuid, resource.project_slug, resource.project_name, customer=resource.customer_name
        )
    return KnownResource(
        resource.uuid, resource.backend_id, resource.name, resource.state, slug=resource.slug, project=project
    )


def _project(project: WaldurProject) -> Project:
    return Project(project.uuid, project.slug, project.name, project.backend_id, project.customer_name)
