"""`plan`: what the next round would write. Nothing is written."""

import argparse
from typing import TYPE_CHECKING

from waldur_import_agent.cli import arguments
from waldur_import_agent.errors import ExitCode

if TYPE_CHECKING:
    from waldur_import_agent.fulfilment.survey import Progress
    from waldur_import_agent.records import Plan
    from waldur_import_agent.redactor import Redactor
    from waldur_import_agent.settings.load import Configuration


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "plan",
        help="show what would be written to Waldur; nothing is",
        description="Reads the backend and Waldur and shows what the next round would write, in which project, and "
        "what would be left out and why. Nothing is written: the connection does not let a write out.",
    )
    arguments.add_offering(parser)
    arguments.add_config(parser)
    arguments.add_output(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    import asyncio

    from waldur_import_agent.cli import output, session
    from waldur_import_agent.cli.plan_table import print_plan

    configuration, redact = session.start(args)
    offering = session.choose_offering(configuration, args.offering)
    index = configuration.settings.offerings.index(offering)
    with output.progress() as progress:
        name, plan, warnings = asyncio.run(_plan(configuration, redact, progress, index))
    if args.output == "json":
        output.print_json({"offering": offering.uuid, "warnings": warnings, "plan": plan})
        return ExitCode.OK
    for warning in warnings:
        output.say(f"warning: {warning}")
    print_plan(f"Plan for {name} (nothing was written)", plan)
    output.say("Next: `waldur-import-agent requests create --token-file STAFF` asks, `run --once` answers.")
    return ExitCode.OK


async def _plan(
    configuration: "Configuration", redact: "Redactor", progress: "Progress", index: int
) -> "tuple[str, Plan, tuple[str, ...]]":
    import asyncio

    from waldur_import_agent import app

    around = app.Surroundings(stop=asyncio.Event(), redact=redact, progress=progress, scan_waits=())
    async with (
        app.make_client(configuration.settings.waldur, redact, read_only=True) as client,
        app.open_surveyors(configuration, client, around) as surveyors,
    ):
        survey = await surveyors[index].look()
        return survey.offering.name, surveyors[index].plan(survey), survey.warnings
