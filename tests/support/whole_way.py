"""The whole way of a site, from a backend full of accounts to marketplace resources, through the real command."""

import asyncio
import csv
import io
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from support.station import Ended, Station
from waldur_import_agent.errors import ExitCode
from waldur_import_agent.journal import Journal
from waldur_import_agent.sandbox import Project, Request

WORKSHEET = "worksheet.csv"
DIRECTORY = "projects.csv"


@dataclass
class WholeWay:
    """One way: `station` with the settings of its offering, and what must come of it.

    `expected` maps each account to its project and limits; `unplaceable` are those that no rule can place.
    """

    station: Station
    offering: Mapping[str, Any]
    expected: Mapping[str, tuple[Project, Mapping[str, int]]]
    unplaceable: frozenset[str]

    def configure(self, **projects: Any) -> None:
        """Write the configuration; keywords are added to the offering's settings of placement."""
        settings = {"uuid": self.station.offering.uuid, **self.offering}
        settings["projects"] = {**self.offering["projects"], **projects}
        self.station.configure(offerings=[settings])

    async def answered(self) -> tuple[dict[str, Any], Request]:
        """Ask, let a single run answer, and give its report and the request."""
        request = self.station.ask()
        ended = await self.station.run("run", "--once", "-o", "json")
        (report,) = ended.json()
        return report, request

    async def directory_is_needed_and_written(self) -> dict[str, str]:
        """A token that sees no project ends Erred with the remedy; then staff write the directory."""
        _, request = await self.answered()
        assert request.state == "Erred"
        assert "the token can see no project" in request.error_message
        assert "projects export --token-file STAFF" in request.error_message
        assert not self.station.sandbox.records
        token = ("--token-file", str(self.station.staff_token))
        ended = await self.station.run("projects", "export", *token, "--file", DIRECTORY)
        assert ended.code == ExitCode.OK, ended.err
        return {"directory_file": DIRECTORY}

    async def first_request_places_what_rules_can(self) -> None:
        """Done, with a reason for each account that could not be placed."""
        report, request = await self.answered()
        assert (request.state, request.error_message) == ("Done", "")
        counts = report["counts"]
        assert counts["found"] == len(self.expected)
        assert (counts["reported"], counts["unplaced"]) == (
            len(self.expected) - len(self.unplaceable),
            len(self.unplaceable),
        )
        with Journal.open(self.station.directory / "state") as journal:
            reasons = {reason.backend_id: reason for reason in journal.reasons(report["run"])}
        assert set(reasons) == self.unplaceable
        assert all(reason.action == "unplaced" and reason.why for reason in reasons.values())

    async def worksheet_is_filled(self) -> None:
        """The worksheet has a line for each that could not be placed; the test fills it, by slug and by UUID."""
        ended = await self.station.run("plan", "-o", "csv", "--file", WORKSHEET)
        assert ended.code == ExitCode.OK, ended.err
        path = self.station.directory / WORKSHEET
        lines = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
        assert {line["backend_id"] for line in lines} == self.unplaceable
        assert not any(line["project"] for line in lines)
        for number, line in enumerate(lines):
            project, _ = self.expected[line["backend_id"]]
            line["project"] = project.slug if number % 2 else project.uuid
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, lines[0].keys())
            writer.writeheader()
            writer.writerows(lines)

    async def next_request_places_the_rest(self) -> None:
        """All accounts have one record each."""
        report, request = await self.answered()
        assert (request.state, report["counts"]["reported"]) == ("Done", len(self.unplaceable)), request.error_message
        assert report["counts"]["unplaced"] == 0
        records = self.station.sandbox.records_of(self.station.offering)
        assert sorted(record.backend_id for record in records) == sorted(self.expected)

    async def import_is_killed_and_run_again(self) -> None:
        """Killed at a random place and run again: each account is one resource in its project with its limits."""
        kill_at, seen = random.randint(1, len(self.expected) - 1), 0

        def hold(method: str, path: str) -> bool:
            nonlocal seen
            seen += method == "POST" and "import_resource" in path
            return seen > kill_at

        self.station.gate.holds = hold
        process = await self.station.start(*self._import())
        async with asyncio.timeout(self.station.limit):
            await self.station.gate.reached.wait()
        process.kill()
        await process.communicate()
        self.station.gate.holds = lambda method, path: False
        self.station.gate.opened.set()
        ended = await self.station.run(*self._import())
        assert ended.code == ExitCode.OK, f"killed at {kill_at}: {ended.err}"
        self.assert_imported(ended)

    def assert_imported(self, ended: Ended) -> None:
        """Each account is one resource, as it must be."""
        resources = list(self.station.sandbox.resources.values())
        assert sorted(resource.backend_id for resource in resources) == sorted(self.expected), ended.err
        for resource in resources:
            project, limits = self.expected[resource.backend_id]
            assert (resource.project, resource.limits) == (project, limits), resource.backend_id
            assert resource.plan in self.station.offering.plans
        assert not self.station.sandbox.records

    async def further_request_reports_nothing(self) -> None:
        """All is a resource: a further request writes nothing but its own states."""
        self.station.sandbox.log.clear()
        report, request = await self.answered()
        assert (request.state, report["counts"]["reported"]) == ("Done", 0)
        assert report["counts"]["kept"] == len(self.expected)
        writes = [entry.path for entry in self.station.sandbox.log if entry.method != "GET"]
        assert len(writes) == 2, "the claim and the end"

    async def go(self, *, with_directory: bool) -> None:
        """All of it, in order."""
        self.configure()
        projects = await self.directory_is_needed_and_written() if with_directory else {}
        self.configure(**projects)
        await self.first_request_places_what_rules_can()
        await self.worksheet_is_filled()
        self.configure(**projects, overrides_file=WORKSHEET)
        await self.next_request_places_the_rest()
        await self.import_is_killed_and_run_again()
        await self.further_request_reports_nothing()

    def _import(self) -> tuple[str, ...]:
        return "records", "import", "--plan", "Standard", "--yes", "--token-file", str(self.station.staff_token)
