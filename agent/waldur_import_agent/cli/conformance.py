"""`conformance run`: whether a configured scanner keeps what the agent relies on, tried on its backend."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waldur_import_agent.cli import arguments
from waldur_import_agent.errors import ExitCode

if TYPE_CHECKING:
    from waldur_import_agent.scanners.testing import Report

TIMEOUT = 600.0
"""Seconds; the default of scan_timeout."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command `conformance` and what stands beneath it."""
    parser = subparsers.add_parser("conformance", help="test a scanner: does it keep what the agent relies on?")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    run = commands.add_parser(
        "run",
        help="test a configured scanner on its backend",
        description="Tests a configured scanner of any kind as it runs: it scans a dozen times, and some of the scans "
        "are cancelled. Nothing is written, and Waldur is not asked. Exit code 1 if a check fails.",
    )
    run.add_argument(
        "file",
        metavar="FILE",
        type=Path,
        help="the configuration of the scanner: a YAML file with its block (`type: ...` and its settings), or a whole "
        "configuration of the agent",
    )
    arguments.add_offering(run)
    arguments.add_output(run)
    run.add_argument(
        "--timeout",
        metavar="DURATION",
        type=arguments.seconds,
        default=TIMEOUT,
        help="how long the scans of one check may take (default: 10m)",
    )
    run.set_defaults(run=run_run)


def run_run(args: argparse.Namespace) -> ExitCode:
    """Run all checks, and show the report."""
    from waldur_import_agent.cli import output
    from waldur_import_agent.log import configure_logging
    from waldur_import_agent.scanners.registry import scanner_class
    from waldur_import_agent.scanners.testing import run_conformance
    from waldur_import_agent.scanners.testing.configured import ConfiguredScanner

    configure_logging(args.redact, level="error", form=args.log_format)
    kind, block = _block(args)
    report = run_conformance(ConfiguredScanner(scanner_class(kind), block, patience=args.timeout))
    if args.output == "json":
        output.print_json({"scanner": report.scanner, "failed": report.failed, "results": report.results})
    else:
        _print(report)
    return ExitCode.FAILED if report.failed else ExitCode.OK


def _block(args: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """The scanner's name and its settings. Raises ConfigurationError where they are wrong."""
    from waldur_import_agent.cli import session
    from waldur_import_agent.scanners.registry import settings_model
    from waldur_import_agent.settings.load import load_configuration, load_scanner

    alone = load_scanner(args.file, settings_model)
    if alone is not None:
        return alone
    configuration = load_configuration(args.file, settings_model)
    block = dict(session.choose_offering(configuration, args.offering).scanner)
    return block.pop("type"), block


def _print(report: "Report") -> None:
    from waldur_import_agent.cli import output
    from waldur_import_agent.scanners.testing import Status

    output.print_table(
        f"Conformance of the scanner {report.scanner}",
        ("result", "check", "promise", "remark"),
        [(result.status, result.check, result.promise, result.detail) for result in report.results],
    )
    counts = [f"{sum(result.status is status for result in report.results)} {status.lower()}" for status in Status]
    output.say(", ".join(counts))
    output.say(
        "What is not checked here needs control over the backend: docs/conformance.md shows how a test gives it."
    )
