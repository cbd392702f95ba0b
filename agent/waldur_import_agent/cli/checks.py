"""`config check --online`: whether Waldur and the backends of a good configuration can be worked with."""

import argparse
from typing import TYPE_CHECKING

from waldur_import_agent.errors import AgentError, ExitCode
from waldur_import_agent.scanners.base import Check, CheckStatus

if TYPE_CHECKING:
    from waldur_import_agent.settings.load import Configuration
    from waldur_import_agent.waldur.client import WaldurClient
    from waldur_import_agent.waldur.effort import Effort


def check_online(args: argparse.Namespace, configuration: "Configuration") -> ExitCode:
    """Ask Waldur and each backend, show what was found, and give the exit code of the worst."""
    import asyncio

    from waldur_import_agent.cli import output
    from waldur_import_agent.log import configure_logging

    configure_logging(args.redact, level="error", form=args.log_format)
    checks, codes = asyncio.run(_checks(args, configuration))
    output.print_table(
        "Checks",
        ("status", "what", "found", "what to do"),
        [(check.status, check.name, check.detail, check.remedy) for check in checks],
    )
    return max(codes, default=ExitCode.OK)


async def _checks(args: argparse.Namespace, configuration: "Configuration") -> tuple[list[Check], list[ExitCode]]:
    from functools import partial

    from waldur_import_agent import app
    from waldur_import_agent.waldur.effort import Effort

    settings = configuration.settings
    checks: list[Check] = []
    codes: list[ExitCode] = []
    async with app.make_client(settings.waldur, args.redact, read_only=True) as client:
        effort = Effort(settings.waldur.effort)
        looks = [("token", _token), ("projects", _projects)]
        for name, look in looks:
            try:
                checks.append(await look(client, effort))
            except AgentError as error:
                checks.append(Check(name, CheckStatus.FAIL, str(error.args[0]), error.remedy))
                codes.append(error.exit_code)
        for offering in settings.offerings:
            try:
                found = await effort.read(partial(client.retrieve_offering, offering.uuid))
                checks.append(Check("offering", CheckStatus.PASS, f"{found.name} ({offering.uuid}) is {found.state}"))
            except AgentError as error:
                remedy = "Check offerings[].uuid, and that the token's user has a role on it"
                checks.append(Check("offering", CheckStatus.FAIL, str(error.args[0]), remedy))
                codes.append(error.exit_code)
    for scanner in app.make_scanners(configuration):
        async with scanner:
            for check in await scanner.check():
                checks.append(Check(f"{scanner.kind}: {check.name}", check.status, check.detail, check.remedy))
                if check.status is CheckStatus.FAIL:
                    codes.append(ExitCode.FAILED)
    return checks, codes


async def _token(client: "WaldurClient", effort: "Effort") -> Check:
    user = await effort.read(client.me)
    return Check("token", CheckStatus.PASS, f"Waldur knows it as {user.username}")


async def _projects(client: "WaldurClient", effort: "Effort") -> Check:
    total = (await effort.read(lambda: client.list_projects(page_size=1))).total
    if total:
        return Check("projects", CheckStatus.PASS, f"the token sees {total}")
    remedy = "OFFERING.MANAGER alone sees none: give the service account a role in the projects or their organizations"
    return Check("projects", CheckStatus.WARN, "the token sees none, so that nothing can be placed", remedy)
