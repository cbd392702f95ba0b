"""`plan`: what the next round would write. Nothing is written."""

import argparse
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from waldur_import_agent.cli import arguments
from waldur_import_agent.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from waldur_import_agent.fulfilment.survey import Progress, Survey
    from waldur_import_agent.records import Plan
    from waldur_import_agent.redactor import Redactor
    from waldur_import_agent.settings.load import Configuration


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "plan",
        help="show what would be written to Waldur; nothing is",
        description="Reads the backend and Waldur and shows what the next round would write, in which project, and "
        "what would be left out and why. Nothing is written: the connection does not let a write out. With --output "
        "csv: a worksheet of all that has no project. Fill in its column `project` (slugs or UUIDs) and name it as "
        "projects.overrides_file; writing it again keeps what was filled in.",
    )
    arguments.add_offering(parser)
    arguments.add_config(parser)
    parser.add_argument("-o", "--output", choices=("table", "json", "csv"), default="table", help="default: table")
    parser.add_argument(
        "--file", type=Path, metavar="FILE", help="for --output csv: replace this file, not stdout; never a part of it"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    import asyncio

    from waldur_import_agent.cli import output, session
    from waldur_import_agent.cli.plan_table import print_plan

    if args.file is not None and args.output != "csv":
        raise UsageError("--file is for --output csv")
    configuration, redact = session.start(args)
    offering = session.choose_offering(configuration, args.offering)
    index = configuration.settings.offerings.index(offering)
    with output.progress() as progress:
        survey, plan = asyncio.run(_plan(configuration, redact, progress, index))
    warnings = (*survey.remarks, *survey.warnings)
    if args.output == "json":
        output.print_json({"offering": offering.uuid, "notes": survey.notes, "warnings": warnings, "plan": plan})
        return ExitCode.OK
    for warning in warnings:
        output.say(f"warning: {warning}")
    if args.output == "csv":
        return _write_worksheet(configuration, args.file, index, survey, plan)
    print_plan(f"Plan for {survey.offering.name} (nothing was written)", plan)
    for note in survey.notes:
        output.say(note)
    undecided = len(plan.unplaced) + len(plan.holding)
    if undecided:
        file = configuration.settings.offerings[index].projects.overrides_file or "worksheet.csv"
        writes = f"plan --output csv --file {quote(str(file))}"
        output.say(f"Next: `waldur-import-agent {writes}` writes {undecided} line{'s' * (undecided != 1)} to fill in.")
    output.say(
        "Next: `waldur-import-agent requests create --token-file STAFF` asks, `waldur-import-agent run --once` answers."
    )
    return ExitCode.OK


async def _plan(
    configuration: "Configuration", redact: "Redactor", progress: "Progress", index: int
) -> "tuple[Survey, Plan]":
    import asyncio

    from waldur_import_agent import app

    around = app.Surroundings(stop=asyncio.Event(), redact=redact, progress=progress, scan_waits=())
    async with (
        app.make_client(configuration.settings.waldur, redact, read_only=True) as client,
        app.open_surveyors(configuration, client, around) as surveyors,
    ):
        survey = await surveyors[index].look()
        return survey, surveyors[index].plan(survey)


def _write_worksheet(
    configuration: "Configuration", path: Path | None, index: int, survey: "Survey", plan: "Plan"
) -> int:
    from waldur_import_agent.cli import output
    from waldur_import_agent.cli.worksheet import read_filled, write_text
    from waldur_import_agent.placement import write_worksheet
    from waldur_import_agent.scanners.registry import scanner_class

    overrides = configuration.settings.offerings[index].projects.overrides_file
    filled = read_filled(path, overrides)
    undecided = (*plan.unplaced, *plan.holding)
    text = write_worksheet(
        undecided,
        survey.scan.resources,
        survey.projects,
        filled,
        ignore_case=scanner_class(configuration.settings.offerings[index].scanner["type"]).ids_ignore_case,
    )
    write_text(path, text)
    output.say(f"{len(undecided)} without a project of their own")
    if overrides is None:
        output.say(
            "Next: fill in the column `project`, name the file as projects.overrides_file, and look at "
            "`waldur-import-agent plan` again."
        )
    else:
        output.say(f"Next: fill in the column `project` in {overrides}, and look at `waldur-import-agent plan` again.")
    return ExitCode.OK
