"""`scanners`: which kinds of backend this installation can read."""

import argparse

from waldur_import_agent.cli import arguments, output
from waldur_import_agent.errors import ExitCode


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command `scanners`."""
    parser = subparsers.add_parser("scanners", help="list the installed scanners, plug-ins included")
    arguments.add_output(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> ExitCode:
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
