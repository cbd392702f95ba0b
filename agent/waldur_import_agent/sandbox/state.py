"""The objects of one sandbox: how they are made, found, and moved from state to state. Nothing of HTTP."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from waldur_import_agent.sandbox.objects import (
    Offering,
    Plan,
    Project,
    Record,
    Request,
    RequestState,
    Resource,
    ResourceState,
)
from waldur_import_agent.sandbox.people import People, hex_uuid, slugify
from waldur_import_agent.sandbox.table import Table
from waldur_import_agent.sandbox.transactions import Transactions


class WrongStateError(Exception):
    """A transition is not allowed from the present state; the text names the states from which it is."""


async def _no_pause() -> None: ...


class State(People):
    """All objects of one sandbox, in memory, and the four users that every sandbox has."""

    pause: Callable[[], Awaitable[None]]
    """Awaited where the real server can be overtaken: between two statements of a transition. By default never."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__(clock)
        self.pause = _no_pause
        self.transactions = Transactions()
        self.offerings: dict[str, Offering] = {}
        self.projects: dict[str, Project] = {}
        self.request_table: Table[Request] = Table(offering=lambda row: row.offering.uuid)
        self.record_table: Table[Record] = Table(
            offering=lambda row: row.offering.uuid, backend_id=lambda row: row.backend_id
        )
        self.resource_table: Table[Resource] = Table(
            offering=lambda row: row.offering.uuid,
            backend_id=lambda row: row.backend_id,
            project=lambda row: row.project.uuid,
        )
        self.staff = self.add_user("staff", staff=True)
        self.support = self.add_user("support", support=True)
        self.agent = self.add_user("agent")
        self.outsider = self.add_user("outsider")

    @property
    def requests(self) -> Mapping[str, Request]:
        """The backend resource requests by UUID, oldest first."""
        return self.request_table.by_uuid

    @property
    def records(self) -> Mapping[str, Record]:
        """The backend resources by UUID, oldest first."""
        return self.record_table.by_uuid

    @property
    def resources(self) -> Mapping[str, Resource]:
        """The marketplace resources by UUID, oldest first."""
        return self.resource_table.by_uuid

    def records_of(self, offering: Offering) -> list[Record]:
        """The backend resources of an offering, oldest first."""
        rows, _ = self.record_table.narrowest(offering=offering.uuid)
        return list(rows)

    # --- making objects

    def add_offering(
        self,
        name: str,
        *,
        components: Iterable[str] = ("cpu",),
        backend_id_pattern: str = "",
        backend_id_hint: str = "",
        uniqueness: str = "",
        include_terminated: bool = True,
        provider: str = "HPC Provider",
        uuid: str | None = None,
    ) -> Offering:
        """Add an active offering with one plan; the agent is its manager.

        With `backend_id_pattern` an import demands that the whole backend_id matches it, and says `backend_id_hint`.
        With `uniqueness` (offering, service_provider, ...) it demands that no resource in that scope has the id.
        """
        rules: dict[str, Any] = {}
        if backend_id_pattern:
            rules["format"] = {"regex": backend_id_pattern, "description": backend_id_hint}
        if uniqueness:
            rules["uniqueness"] = {"scope": uniqueness, "include_terminated": include_terminated}
        offering = Offering(
            uuid=hex_uuid(uuid),
            name=name,
            slug=slugify(name),
            customer=self.customer(provider),
            components=tuple(components),
            plans=[Plan(hex_uuid(None), "Standard")],
            backend_id_rules=rules,
            created=self.tick(),
        )
        self.offerings[offering.uuid] = offering
        self.grant(self.agent, offering)
        return offering

    def add_project(
        self,
        name: str,
        slug: str,
        *,
        backend_id: str = "",
        customer: str = "Consumer Org",
        visible_to_agent: bool = True,
        uuid: str | None = None,
    ) -> Project:
        """Add a project of the customer with that name. The agent is a member of it unless told otherwise.

        As a manager of the offering alone it would not see it: Waldur shows consumers' projects to members only.
        """
        project = Project(hex_uuid(uuid), name, slug, self.customer(customer), backend_id, self.tick())
        self.projects[project.uuid] = project
        if visible_to_agent:
            self.grant(self.agent, project)
        return project

    def add_resource(
        self,
        offering: Offering,
        project: Project,
        backend_id: str,
        *,
        name: str | None = None,
        state: str = ResourceState.OK,
        plan: Plan | None = None,
        limits: Any = None,
    ) -> Resource:
        """Add a marketplace resource, as if it had been ordered or imported."""
        name = name if name is not None else backend_id
        return self.resource_table.add(
            Resource(
                uuid=hex_uuid(None),
                name=name,
                slug=self.short_slug(name),
                offering=offering,
                project=project,
                backend_id=backend_id,
                created=self.tick(),
                state=state,
                plan=plan,
                limits=limits if limits is not None else {},
            )
        )

    def add_request(self, offering: Offering) -> Request:
        """Add a backend resource request in state Sent, as staff would."""
        now = self.tick()
        return self.request_table.add(Request(hex_uuid(None), offering, now, now))

    def add_record(
        self,
        offering: Offering,
        project: Project,
        backend_id: str,
        *,
        name: str | None = None,
        backend_metadata: Any = None,
    ) -> Record:
        """Add a backend resource, as any agent would. There is no uniqueness: the same again is a second one."""
        return self.record_table.add(
            Record(
                uuid=hex_uuid(None),
                name=name if name is not None else backend_id,
                project=project,
                offering=offering,
                backend_id=backend_id,
                backend_metadata=backend_metadata if backend_metadata is not None else {},
                created=self.tick(),
            )
        )

    def delete_record(self, record: Record) -> None:
        """Delete a backend resource; raises KeyError if it is gone already."""
        self.record_table.remove(record)

    # --- transitions

    def start_processing(self, request: Request) -> None:
        """Sent becomes Processing; raises WrongStateError from any other state."""
        if request.state is not RequestState.SENT:
            raise WrongStateError("Valid states for operation: Sent.")
        request.state = RequestState.PROCESSING
        request.started = self.tick()
        request.modified = self.tick()

    def set_done(self, request: Request) -> None:
        """Processing becomes Done; raises WrongStateError from any other state."""
        if request.state is not RequestState.PROCESSING:
            raise WrongStateError("Valid states for operation: Processing.")
        request.state = RequestState.DONE
        request.finished = self.tick()
        request.modified = self.tick()

    def set_erred(self, request: Request, message: str, traceback: str) -> None:
        """Any state becomes Erred, Done too: so the server has it."""
        request.state = RequestState.ERRED
        request.error_message = message
        request.error_traceback = traceback
        request.finished = self.tick()
        request.modified = self.tick()

    def import_record(self, record: Record, plan: Plan) -> Resource:
        """A backend resource becomes a marketplace resource with its name, project, backend_id and limits.

        Limits of components that the offering does not have are taken over as they are. Raises AttributeError where
        the metadata are no object, as the server does.
        """
        resource = Resource(
            uuid=hex_uuid(None),
            name=record.name,
            slug=self.short_slug(record.name),
            offering=record.offering,
            project=record.project,
            backend_id=record.backend_id,
            created=self.tick(),
            plan=plan,
            limits=record.backend_metadata.get("limits", {}),
        )

        def commit() -> None:
            self.resource_table.add(resource)
            with suppress(KeyError):  # the server deletes what is there, if anything
                self.delete_record(record)

        self.transactions.commit(commit)
        return resource
