"""Staff with an offering whose agent has reported something."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from support.site import SandboxTransport
from waldur_import_agent.importing import Importer, ImportNotes, ImportPlan, Result, make_import_plan, metadata_changes
from waldur_import_agent.sandbox import Offering, Project, Record, Sandbox
from waldur_import_agent.settings.models import Waldur
from waldur_import_agent.waldur.client import WaldurClient
from waldur_import_agent.waldur.effort import Effort


@dataclass
class Desk:
    """Where staff sit: the sandbox, and an importer on it. `waits` are what the effort would have slept."""

    directory: Path
    sandbox: Sandbox = field(default_factory=Sandbox)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    waits: list[float] = field(default_factory=list)
    user: str = "staff"

    def __post_init__(self) -> None:
        self.offering: Offering = self.sandbox.add_offering("SLURM cluster", components=("cpu", "gpu"))
        self.alpha: Project = self.sandbox.add_project("Project Alpha", "alpha")

    @property
    def notes(self) -> ImportNotes:
        """The notes, as a run finds them."""
        return ImportNotes(self.directory / "state", self.offering.uuid)

    def reported(self, backend_id: str, **metadata: Any) -> Record:
        """The agent has reported this account of Alpha."""
        values = {"limits": {"cpu": 10, "gpu": 1}, "type": "SLURM account"} | metadata
        return self.sandbox.add_record(self.offering, self.alpha, backend_id, backend_metadata=values)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[WaldurClient]:
        """A client with the token of `user`."""
        token = {"staff": self.sandbox.staff_token, "agent": self.sandbox.agent_token}[self.user]
        settings = Waldur.model_validate({"url": "https://waldur.test", "token": token})
        async with WaldurClient.from_settings(settings, transport=SandboxTransport(self.sandbox)) as client:
            yield client

    async def preview(self) -> ImportPlan:
        """What an import of all records would do."""
        async with self.client() as client:
            offering = await client.retrieve_offering(self.offering.uuid)
            records = (await client.list_records(offering_uuid=self.offering.uuid)).items
            resources = (await client.list_resource_details(self.offering.uuid)).items
        plan = make_import_plan(offering, offering.plans[0], records, resources)
        return replace(plan, metadata=metadata_changes(self.notes.metadata(), resources))

    async def carry_out(
        self, plan: ImportPlan, *, with_metadata: bool = False, progress: Any = lambda phase, done, total: None
    ) -> tuple[list[Result], Importer]:
        """Carry out a plan."""
        async with self.client() as client:
            effort = Effort(Waldur(url="https://waldur.test", token="x").effort, stop=self.stop, sleep=self._sleep)
            importer = Importer(client, effort, self.stop, progress, self.notes, with_metadata=with_metadata)
            return await importer.carry_out(plan), importer

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        await asyncio.sleep(0)

    def sent(self, part: str) -> int:
        """How many POST requests with this text in the path Waldur has got."""
        return sum(entry.method == "POST" and part in entry.path for entry in self.sandbox.log)

    def ids(self) -> list[str]:
        """The backend ids of all resources, sorted: one that was imported twice is there twice."""
        return sorted(resource.backend_id for resource in self.sandbox.resources.values())


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A sandbox with an offering of two components and the project Alpha."""
    return Desk(tmp_path)
