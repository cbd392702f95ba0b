"""`doctor`: everything that the agent needs, looked at in one go."""

import argparse
import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from waldur_import_agent.cli import arguments
from waldur_import_agent.errors import ConfigurationError, ExitCode

if TYPE_CHECKING:
    from waldur_import_agent.cli.checks.finding import Finding


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "doctor",
        help="look at everything that the agent needs, and say what to do",
        description="Looks at the configuration, the way to Waldur (DNS, proxy, TLS, clock), the token, the rights on "
        "each offering, the projects, the backends, and this host. It writes nothing, here or in Waldur, and scans "
        "each backend once. The exit code is that of the worst FAIL, 0 where nothing failed.",
    )
    arguments.add_config(parser)
    arguments.add_output(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> ExitCode:
    """Run the command."""
    from waldur_import_agent import app
    from waldur_import_agent.cli.checks.examine import examine, without_configuration
    from waldur_import_agent.cli.checks.finding import exit_code, failed, passed, warned
    from waldur_import_agent.log import configure_logging

    configure_logging(args.redact, level="error", form=args.log_format)
    try:
        configuration = app.load(args.config)
    except ConfigurationError as error:
        remedy = error.remedy or f"`waldur-import-agent config check {args.config}` lists each problem on its own line"
        findings = [failed("configuration", str(error.args[0]), remedy, error.exit_code)]
        findings += asyncio.run(without_configuration())
    else:
        app.register_secrets(configuration, args.redact)
        findings = [passed("configuration", f"{args.config} is good")]
        findings += [warned("configuration", str(warning)) for warning in configuration.warnings]
        findings += asyncio.run(examine(configuration, args.redact))
    show(findings, args)
    return exit_code(findings)


def show(findings: Sequence["Finding"], args: argparse.Namespace) -> None:
    """The findings, without secrets, as a table or JSON."""
    from waldur_import_agent.cli import output

    rows = [
        {
            "status": str(finding.status),
            "check": finding.name,
            "offering": finding.offering,
            "found": args.redact(finding.detail),
            "remedy": args.redact(finding.remedy),
        }
        for finding in findings
    ]
    if getattr(args, "output", "table") == "json":
        output.print_json(rows)
        return
    several = len({row["offering"] for row in rows} - {""}) > 1
    columns = ("status", "check", *(("offering",) if several else ()), "found", "what to do")
    cells = [[row[key] for key in row if key != "offering" or several] for row in rows]
    output.print_table("Checks", columns, cells)
