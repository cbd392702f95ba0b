"""`records`: what Waldur offers for import."""

import argparse
from typing import TYPE_CHECKING

from waldur_import_agent.cli import arguments
from waldur_import_agent.errors import ExitCode

if TYPE_CHECKING:
    from waldur_import_agent.waldur.client import WaldurClient
    from waldur_import_agent.waldur.effort import Effort
    from waldur_import_agent.waldur.models import BackendResource

COLUMNS = ("id", "name", "type", "project", "limits", "reported", "by")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands."""
    parser = subparsers.add_parser("records", help="what Waldur offers for import")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="the records of an offering, the oldest first")
    arguments.add_offering(listing)
    arguments.add_config(listing)
    arguments.add_output(listing)
    listing.set_defaults(run=run_list)


def run_list(args: argparse.Namespace) -> int:
    """List records."""
    from waldur_import_agent.cli import output, session

    configuration, redact = session.start(args)
    offering = session.choose_offering(configuration, args.offering)

    async def work(client: "WaldurClient", effort: "Effort") -> "list[BackendResource]":
        return await list_records(client, effort, offering.uuid)

    records = session.ask_waldur(configuration.settings.waldur, redact, work)
    if args.output == "json":
        output.print_json([record.model_dump(mode="json") for record in records])
        return ExitCode.OK
    print_records(records)
    output.say("Next: staff import them with POST /api/backend-resources/UUID/import_resource/ and a plan.")
    return ExitCode.OK


async def list_records(client: "WaldurClient", effort: "Effort", offering: str) -> "list[BackendResource]":
    """All records of an offering."""
    from waldur_import_agent.waldur.listing import read_whole

    return await read_whole(
        lambda page: client.list_records(offering_uuid=offering, page=page),
        effort,
        uuid_of=lambda record: record.uuid,
    )


def print_records(records: "list[BackendResource]") -> None:
    """The records as a table."""
    from waldur_import_agent.cli import output

    output.print_table("Waldur offers for import", COLUMNS, [_row(record) for record in records])
    output.say(f"{len(records)} records")


def _row(record: "BackendResource") -> tuple[object, ...]:
    from waldur_import_agent.cli import output
    from waldur_import_agent.records import Marker

    metadata = record.backend_metadata if isinstance(record.backend_metadata, dict) else {}
    limits = metadata.get("limits")
    text = ", ".join(f"{name}={value}" for name, value in limits.items()) if isinstance(limits, dict) else ""
    marker = Marker.from_metadata(metadata)
    who = f"{marker.instance} on {marker.host}" if marker else "somebody else"
    project = record.project_name or record.project
    return (
        output.short(record.backend_id),
        output.short(record.name),
        metadata.get("type"),
        project,
        text,
        record.created,
        who,
    )
