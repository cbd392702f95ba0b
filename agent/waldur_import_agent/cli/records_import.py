"""`records import`: staff make marketplace resources of records, after having seen what becomes what."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from waldur_import_agent.cli import arguments
from waldur_import_agent.errors import AgentError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from waldur_import_agent.importing import ImportNotes, ImportPlan, Result
    from waldur_import_agent.redactor import Redactor
    from waldur_import_agent.settings.models import OfferingSettings, Waldur
    from waldur_import_agent.waldur.client import WaldurClient
    from waldur_import_agent.waldur.effort import Effort
    from waldur_import_agent.waldur.models import ProviderOffering, ResourceDetails


class NotStaffError(AgentError):
    """The token is not a staff user's."""

    exit_code = ExitCode.AUTHENTICATION


def add_parser(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = actions.add_parser(
        "import",
        help="make resources of records; needs a staff token",
        description="Shows what would become of each record, asks, and imports one after the other. Interrupted at "
        "any time it can be run again: what is a resource already is not imported a second time. "
        "PATTERN is a shell's, like 'hpc_*'; case does not count.",
        epilog="exit codes: 0 all are resources   1 some were refused or are not as they should be   2 no "
        "confirmation   69 Waldur could not answer   75 interrupted, or not confirmed   77 not a staff token",
    )
    parser.add_argument("--plan", required=True, metavar="NAME|UUID", help="the offering's plan for the new resources")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--select", metavar="PATTERN", help="only records with such a backend id (default: all)")
    which.add_argument(
        "--from",
        dest="ids",
        type=Path,
        metavar="FILE",
        help="only the backend ids in this file: one per line, or CSV with the column backend_id",
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would be done, and do nothing")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument(
        "--metadata",
        action="store_true",
        help="set each new resource's backend metadata from its record; the import itself drops them",
    )
    parser.add_argument(
        "--token-file", type=Path, required=True, metavar="FILE", help="a staff user's token: only staff may import"
    )
    arguments.add_offering(parser)
    arguments.add_config(parser)
    arguments.add_output(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Preview, ask, import, and tell."""
    import asyncio

    from waldur_import_agent.cli import output, session
    from waldur_import_agent.cli.confirm import confirm
    from waldur_import_agent.cli.import_tables import print_preview, print_results
    from waldur_import_agent.importing import ImportNotes

    configuration, redact = session.start(args)
    offering = session.choose_offering(configuration, args.offering)
    settings = session.with_staff_token(configuration.settings.waldur, args.token_file)
    notes = ImportNotes(configuration.settings.state_dir, offering.uuid)
    plan = _preview(args, settings, offering, redact, notes)
    to_do = bool(plan.imports or plan.metadata) and not args.dry_run
    if args.output == "table":
        print_preview(plan)
    elif to_do and not args.yes:
        print_preview(plan, stream=sys.stderr)  # nobody is to say yes to what was not seen
    results: list[Result] = []
    code, ended_by = ExitCode.FAILED if plan.refused else ExitCode.OK, None
    if to_do:
        if not confirm(_question(plan), yes=args.yes):
            output.say(f"Nothing was imported. Next: `{output.again()}` asks again.")
            return ExitCode.LEFT
        results, ended_by = asyncio.run(_carry_out(args, settings, redact, plan, notes))
        code = _exit_code(results, ended_by, code)
    if args.output == "json":
        output.print_json(_as_json(plan, results, dry_run=args.dry_run))
    elif results:
        print_results(results)
    if ended_by is not None:
        output.say(f"Ended early: {redact(str(ended_by))}")
    output.say(_next(args, plan, code))
    return code


def _question(plan: "ImportPlan") -> str:
    from waldur_import_agent.cli.import_tables import count

    if not plan.imports:
        return f"Set the metadata of {len(plan.metadata)} resources of {plan.offering.name}?"
    return f"Import {count(len(plan.imports))} into {plan.offering.name} with the plan {plan.plan.name}?"


def _preview(
    args: argparse.Namespace,
    settings: "Waldur",
    offering: "OfferingSettings",
    redact: "Redactor",
    notes: "ImportNotes",
) -> "ImportPlan":
    """What the import would do: read with a client that cannot write. Raises NotStaffError, UsageError, StateError."""
    from dataclasses import replace

    from waldur_import_agent.cli import session
    from waldur_import_agent.cli.records import list_records
    from waldur_import_agent.id_pattern import misfits
    from waldur_import_agent.importing import Chosen, choose_plan, make_import_plan, metadata_changes, read_ids
    from waldur_import_agent.scanners.registry import scanner_class

    ignore_case = scanner_class(offering.scanner["type"]).ids_ignore_case
    ids = None if args.ids is None else read_ids(args.ids)
    chosen = Chosen(args.select or "", ids, ignore_case=ignore_case)

    async def work(client: "WaldurClient", effort: "Effort") -> "ImportPlan":
        user = await effort.read(client.me)
        if not user.is_staff:
            raise NotStaffError(
                f"{args.token_file} holds the token of {user.username}, who is not staff",
                remedy="Only staff may import: give a staff user's token with --token-file",
            )
        found = await effort.read(lambda: client.retrieve_offering(offering.uuid))
        plan = choose_plan(found, args.plan)
        # the records first: an import moves a row from them to the resources, so none is missed
        records = await list_records(client, effort, offering.uuid)
        resources = await _list_resources(client, effort, offering.uuid)
        chosen.require_some([row.backend_id for row in records] + [row.backend_id for row in resources])
        made = make_import_plan(
            found,
            plan,
            [record for record in records if chosen(record.backend_id)],
            resources,
            same_scope=await _same_scope(client, effort, found),
            misfits=await misfits(found.backend_id_pattern, (record.backend_id for record in records)),
            ids=ids,
            ignore_case=ignore_case,
        )
        if not args.metadata:
            return made
        changes = metadata_changes(
            notes.metadata(),
            [resource for resource in resources if chosen(resource.backend_id)],
        )
        if not args.dry_run:
            notes.forget_metadata(change.backend_id for change in changes if not change.needed)
        return replace(made, metadata=tuple(change for change in changes if change.needed))

    return session.ask_waldur(settings, redact, work)


async def _same_scope(
    client: "WaldurClient", effort: "Effort", offering: "ProviderOffering"
) -> "list[ResourceDetails]":
    """The resources, terminated ones too, that a rule of uniqueness may be about: none is read where there is none."""
    from waldur_import_agent.importing import SEEN_SCOPES

    scope = offering.uniqueness_scope
    if scope not in SEEN_SCOPES:
        return []
    from waldur_import_agent.waldur.models import ALL_STATES

    if scope == "offering":
        return await _list_resources(client, effort, offering.uuid, state=ALL_STATES)
    return await _list_resources(client, effort, None, provider=offering.customer_uuid, state=ALL_STATES)


async def _list_resources(
    client: "WaldurClient",
    effort: "Effort",
    offering: str | None,
    *,
    provider: str | None = None,
    state: "Sequence[str]" = (),
) -> "list[ResourceDetails]":
    from waldur_import_agent.waldur.listing import read_whole
    from waldur_import_agent.waldur.models import LIVE_STATES

    return await read_whole(
        lambda page: client.list_resource_details(
            offering, provider_uuid=provider, state=state or LIVE_STATES, page=page
        ),
        effort,
        uuid_of=lambda resource: resource.uuid,
    )


async def _carry_out(
    args: argparse.Namespace,
    settings: "Waldur",
    redact: "Redactor",
    plan: "ImportPlan",
    notes: "ImportNotes",
) -> "tuple[list[Result], AgentError | None]":
    """Import. The first SIGINT or SIGTERM lets the record in hand end, a second one ends the command as usual."""
    import asyncio
    import signal

    from waldur_import_agent import app
    from waldur_import_agent.cli import output
    from waldur_import_agent.importing import Importer
    from waldur_import_agent.waldur.effort import Effort

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def interrupted(number: signal.Signals) -> None:
        loop.remove_signal_handler(number)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupted, number)
    with output.progress() as progress:
        async with app.make_client(settings, redact, read_only=False) as client:
            effort = Effort(settings.effort, stop=stop)
            importer = Importer(client, effort, stop, progress, notes, with_metadata=args.metadata)
            return await importer.carry_out(plan), importer.ended_by


def _exit_code(results: "Sequence[Result]", ended_by: AgentError | None, before: ExitCode) -> ExitCode:
    from waldur_import_agent.importing import FINE

    if ended_by is not None:
        return ended_by.exit_code
    fine = all(result.outcome in FINE for result in results)
    return before if fine else ExitCode.FAILED


def _as_json(plan: "ImportPlan", results: "Sequence[Result]", *, dry_run: bool) -> dict[str, object]:
    return {
        "offering": plan.offering.uuid,
        "plan": {"uuid": plan.plan.uuid, "name": plan.plan.name},
        "dry_run": dry_run,
        "imports": [
            {
                "backend_id": item.record.backend_id,
                "record": item.record.uuid,
                "name": item.record.name,
                "project": item.record.project,
                "project_name": item.record.project_name,
                "limits": item.limits,
                "notes": item.notes,
            }
            for item in plan.imports
        ],
        "left_out": plan.left_out,
        "metadata": plan.metadata,
        "notes": plan.notes,
        "results": results,
    }


def _next(args: argparse.Namespace, plan: "ImportPlan", code: ExitCode) -> str:
    from waldur_import_agent.cli import output

    if not plan.imports and not plan.metadata:
        return "Next: `waldur-import-agent requests create --token-file STAFF` asks the agent for what is there now."
    if args.dry_run:
        return f"Next: `{output.again(without='--dry-run')}` imports them."
    if code in {ExitCode.OK, ExitCode.FAILED}:
        return (
            "Next: `waldur-import-agent requests create --token-file STAFF` asks again; what was imported is not "
            "reported a second time."
        )
    return f"Next: `{output.again()}`; what is a resource already is not imported a second time."
