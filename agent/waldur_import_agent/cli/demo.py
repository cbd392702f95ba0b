"""`demo`: the main job from request to answer, on an embedded Waldur."""

import argparse
from typing import TYPE_CHECKING

from waldur_import_agent.cli import arguments
from waldur_import_agent.cli.sandbox import require_extra
from waldur_import_agent.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    from waldur_import_agent.fulfilment import RoundReport
    from waldur_import_agent.redactor import Redactor
    from waldur_import_agent.waldur.models import BackendResource, BackendResourceRequest


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "demo",
        help="see the main job on an embedded Waldur",
        description="Starts a Waldur in memory with an offering and projects, creates a request as staff would, lets "
        "the agent answer it from a sample inventory, and shows what happened. Nothing is kept.",
    )
    arguments.add_output(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    import asyncio
    import tempfile
    from pathlib import Path

    from waldur_import_agent.cli import output
    from waldur_import_agent.cli.plan_table import print_plan
    from waldur_import_agent.cli.records import print_records
    from waldur_import_agent.log import configure_logging

    require_extra()
    configure_logging(args.redact, level="warning", form=args.log_format)
    with tempfile.TemporaryDirectory(prefix="waldur-demo-") as directory:
        request, report, records = asyncio.run(_play(Path(directory), args.redact))
    if args.output == "json":
        output.print_json(
            {
                "request": request.model_dump(mode="json"),
                "plan": report.plan,
                "records": [record.model_dump(mode="json") for record in records],
            }
        )
        return ExitCode.OK
    states = [
        ("Sent", request.created, "staff asked: what is on this backend?"),
        ("Processing", request.started, "the agent claimed it and read the backend"),
        (request.state, request.finished, request.error_message or "the agent reported all that it could place"),
    ]
    output.print_table(f"Request {request.uuid} ({request.offering_name})", ("state", "since (UTC)", "what"), states)
    if report.plan is not None:
        print_plan("What the agent did, and why", report.plan)
    print_records(records)
    output.say()
    output.say("Next: `waldur-import-agent sandbox` serves the same Waldur, to try each command by hand;")
    output.say("      `waldur-import-agent config init` writes a configuration for your own.")
    return ExitCode.OK if request.state == "Done" else ExitCode.FAILED


async def _play(
    directory: "Path", redact: "Redactor"
) -> "tuple[BackendResourceRequest, RoundReport, list[BackendResource]]":
    import asyncio

    from waldur_import_agent import app, loop
    from waldur_import_agent.cli import session
    from waldur_import_agent.cli.example import write_example
    from waldur_import_agent.cli.records import list_records
    from waldur_import_agent.sandbox import serving
    from waldur_import_agent.sandbox.example import example_sandbox
    from waldur_import_agent.waldur.effort import Effort

    sandbox, offering = example_sandbox()
    async with serving(sandbox) as url:
        configuration = app.load(write_example(directory, sandbox, offering, url))
        settings = configuration.settings
        staff = session.with_staff_token(settings.waldur, directory / "staff-token")
        async with app.make_client(staff, redact, read_only=False) as client:
            effort = Effort(settings.waldur.effort)
            asked = await client.create_request(offering.uuid)
            stop = asyncio.Event()
            async with app.open_answerers(configuration, app.Surroundings(stop, redact)) as answerers:
                reports = await loop.answer_once(answerers[0], stop)
            request = await effort.read(lambda: client.retrieve_request(asked.uuid))
            return request, reports[0], await list_records(client, effort, offering.uuid)
