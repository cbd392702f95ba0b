"""`scan`: what the scanner sees. Waldur is not asked."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from waldur_import_agent.cli import arguments
from waldur_import_agent.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from waldur_import_agent.records import FoundResource, Scan
    from waldur_import_agent.scanners.base import Scanner


@runtime_checkable
class SavesAnswers(Protocol):
    """A scanner that can write what its backend answers into a directory, and read it from there later."""

    def save_answers(self, directory: Path) -> None:
        """Save the answers of the scans from now on."""
        ...


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "scan",
        help="show what the backend has",
        description="Reads the backend of an offering and shows what was found. Waldur is not asked; nothing is "
        "written, but for --save.",
    )
    arguments.add_offering(parser)
    arguments.add_config(parser)
    arguments.add_output(parser)
    parser.add_argument(
        "--save",
        metavar="DIR",
        type=Path,
        help="write what the backend answers into this directory, for the scanner's from_files or for a support case; "
        "it may hold users' names",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    import asyncio

    from waldur_import_agent import app
    from waldur_import_agent.cli import output, session

    configuration, redact = session.start(args)
    offering = session.choose_offering(configuration, args.offering)
    scanner = app.make_scanners(configuration, redact)[configuration.settings.offerings.index(offering)]
    if args.save is not None:
        if not isinstance(scanner, SavesAnswers):
            raise UsageError(f"the scanner {scanner.kind} cannot save its answers", remedy="Leave out --save")
        scanner.save_answers(args.save)
    with output.progress() as progress:
        progress("scanning the backend", 0, 0)
        scans: list[Scan] = []
        # as a result of the main task asyncio.run would turn it into text when it ends, which takes memory and time
        asyncio.run(_scan(scanner, offering.scan_timeout, scans.append))
    (scan,) = scans
    if args.output == "json":
        output.print_json(scan)
        return ExitCode.OK
    output.print_table(
        f"Found on the backend ({scanner.kind})",
        ("id", "name", "kind", "parent", "users", "limits", "problems"),
        [_row(resource) for resource in scan.resources],
    )
    for warning in scan.warnings:
        output.say(f"warning: {warning}")
    output.say(_summary(scan))
    if args.save is not None:
        output.say(f"The answers are in {args.save}. They may hold users' names: look before you pass them on.")
    output.say("Next: `waldur-import-agent plan` shows what would be reported, in which project.")
    return ExitCode.OK


async def _scan(scanner: "Scanner", seconds: float, keep: "Callable[[Scan], None]") -> None:
    from waldur_import_agent.fulfilment.survey import within_scan_timeout

    async with within_scan_timeout(seconds), scanner:
        keep(await scanner.scan())


def _row(resource: "FoundResource") -> tuple[object, ...]:
    from waldur_import_agent.cli import output

    limits = ", ".join(
        f"{name}={'unlimited' if value is None else value}" for name, value in sorted(resource.limits.items())
    )
    parent = resource.parents[0].name if resource.parents else None
    problems = "; ".join(resource.problems)
    return (
        output.short(resource.backend_id),
        output.short(resource.name),
        resource.kind,
        parent,
        resource.user_count,
        limits,
        problems,
    )


def _summary(scan: "Scan") -> str:
    left_out = [*scan.excluded.values(), *scan.absent.values()]
    text = f"{len(scan.resources)} found, {len(left_out)} not offered"
    reasons: dict[str, int] = {}
    for why in left_out:
        reasons[why] = reasons.get(why, 0) + 1
    if reasons:
        text += f" ({', '.join(f'{count} {why}' for why, count in reasons.items())})"
    return text if scan.complete else f"{text}; the scan is NOT complete: nothing would be withdrawn"
