"""`records`: what Waldur offers for import."""

import argparse
from typing import TYPE_CHECKING

from waldur_import_agent.cli import arguments, records_import
from waldur_import_agent.errors import ExitCode

if TYPE_CHECKING:
    from datetime import datetime

    from waldur_import_agent.waldur.client import WaldurClient
    from waldur_import_agent.waldur.effort import Effort
    from waldur_import_agent.waldur.models import BackendResource

COLUMNS = ("id", "name", "type", "project", "limits", "reported", "by")
CSV_COLUMNS = ("backend_id", "name", "type", "project", "project_uuid", "limits", "reported", "by", "record")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands."""
    parser = subparsers.add_parser("records", help="what Waldur offers for import, and importing it")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    listing = actions.add_parser(
        "list",
        help="the records of an offering, the oldest first",
        description="Shows what Waldur offers for import. PATTERN is a shell's, like 'hpc_*'; case does not count.",
    )
    listing.add_argument("--project", metavar="PATTERN", default="", help="only of projects with this name or UUID")
    listing.add_argument("--type", metavar="PATTERN", default="", help="only of this type, like 'SLURM account'")
    listing.add_argument("--name", metavar="PATTERN", default="", help="only with this name")
    listing.add_argument("--id", metavar="PATTERN", default="", help="only with this backend id")
    listing.add_argument(
        "--since",
        metavar="TIME",
        type=arguments.moment,
        help="only those reported since then: 2026-11-24, 2026-11-24T10:00+02:00, or 2h for the last two hours",
    )
    arguments.add_offering(listing)
    arguments.add_config(listing)
    listing.add_argument("-o", "--output", choices=("table", "json", "csv"), default="table", help="default: table")
    listing.set_defaults(run=run_list)
    records_import.add_parser(actions)


def run_list(args: argparse.Namespace) -> int:
    """List records."""
    from waldur_import_agent.cli import output, session
    from waldur_import_agent.importing import Selection
    from waldur_import_agent.placement.table import write_table

    configuration, redact = session.start(args)
    offering = session.choose_offering(configuration, args.offering)
    selected = Selection(backend_id=args.id, name=args.name, kind=args.type, project=args.project)

    async def work(client: "WaldurClient", effort: "Effort") -> "list[BackendResource]":
        return await list_records(client, effort, offering.uuid, since=args.since)

    records = list(filter(selected, session.ask_waldur(configuration.settings.waldur, redact, work)))
    if args.output == "json":
        output.print_json([record.model_dump(mode="json") for record in records])
        return ExitCode.OK
    if args.output == "csv":
        output.print_csv(write_table(CSV_COLUMNS, map(_csv_row, records)))
    else:
        print_records(records)
    output.say(
        "Next: `waldur-import-agent records import --plan PLAN --token-file STAFF --dry-run` shows what would be "
        "imported."
        if records
        else "Next: `waldur-import-agent plan` shows what a request would report."
    )
    return ExitCode.OK


async def list_records(
    client: "WaldurClient", effort: "Effort", offering: str, *, since: "datetime | None" = None
) -> "list[BackendResource]":
    """All records of an offering, or those reported since then."""
    from waldur_import_agent.waldur.listing import read_whole

    return await read_whole(
        lambda page: client.list_records(offering_uuid=offering, created=since, page=page),
        effort,
        uuid_of=lambda record: record.uuid,
    )


def print_records(records: "list[BackendResource]") -> None:
    """The records as a table."""
    from waldur_import_agent.cli import output

    output.print_table("Waldur offers for import", COLUMNS, [_row(record) for record in records])
    output.say(f"{len(records)} record{'' if len(records) == 1 else 's'}")


def _row(record: "BackendResource") -> tuple[object, ...]:
    from waldur_import_agent.cli import output
    from waldur_import_agent.importing import metadata_of

    return (
        output.short(record.backend_id),
        output.short(record.name),
        metadata_of(record).get("type"),
        record.project_name or record.project,
        _limits(record),
        record.created,
        _who(record),
    )


def _csv_row(record: "BackendResource") -> tuple[object, ...]:
    from waldur_import_agent.importing import metadata_of

    return (
        record.backend_id,
        record.name,
        metadata_of(record).get("type", ""),
        record.project_name,
        record.project,
        _limits(record),
        record.created.isoformat(),
        _who(record),
        record.uuid,
    )


def _limits(record: "BackendResource") -> str:
    from waldur_import_agent.importing import metadata_of

    limits = metadata_of(record).get("limits")
    return ", ".join(f"{name}={value}" for name, value in limits.items()) if isinstance(limits, dict) else ""


def _who(record: "BackendResource") -> str:
    from waldur_import_agent.records import Marker

    marker = Marker.from_metadata(record.backend_metadata)
    return f"{marker.instance} on {marker.host}" if marker else "somebody else"
