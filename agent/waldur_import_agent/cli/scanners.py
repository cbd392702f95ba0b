"""`scanners`: which kinds of backend this installation can read, their settings, and the record form's schema."""

import argparse

from waldur_import_agent.cli import arguments, output
from waldur_import_agent.errors import ExitCode


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command `scanners` and what stands beneath it."""
    parser = subparsers.add_parser(
        "scanners",
        help="list the installed scanners, plug-ins included",
        description="Without a command: lists the installed scanners. One that is broken is shown with its error, "
        "which matters only where it is configured.",
    )
    arguments.add_output(parser)
    parser.set_defaults(run=run_list)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    show = commands.add_parser("show", help="print what can be set for one scanner, as YAML with comments")
    show.add_argument("scanner", metavar="NAME", help="as `scanners` lists it")
    show.set_defaults(run=run_show)

    schema = commands.add_parser(
        "schema",
        help="print the JSON Schema of the record form",
        description="Prints the JSON Schema of one line of the record form, which the scanners `command` and "
        "`inventory` read.",
    )
    schema.set_defaults(run=run_schema)


def run_list(args: argparse.Namespace) -> ExitCode:
    """List every scanner with its package; a broken one with its error, which matters only where it is configured."""
    from waldur_import_agent.scanners.registry import available

    found = available()
    if args.output == "json":
        output.print_json(
            [{"kind": entry.name, "distribution": entry.distribution, "error": entry.error or None} for entry in found]
        )
    else:
        rows = [(entry.name, entry.distribution, entry.error or "ready") for entry in found]
        output.print_table("Scanners", ("kind", "from", "state"), rows)
    return ExitCode.OK


def run_show(args: argparse.Namespace) -> ExitCode:
    """Print a scanner's block as it stands in the configuration. Raises ConfigurationError if there is none."""
    from waldur_import_agent.scanners.registry import settings_model
    from waldur_import_agent.settings.describe import describe

    print(f"scanner:\n  type: {args.scanner}\n{describe(settings_model(args.scanner), indent=2)}", end="")
    return ExitCode.OK


def run_schema(args: argparse.Namespace) -> ExitCode:  # noqa: ARG001 - all commands are called alike
    """Print the schema."""
    from waldur_import_agent.scanners.record_form import json_schema

    output.print_json(json_schema())
    return ExitCode.OK
