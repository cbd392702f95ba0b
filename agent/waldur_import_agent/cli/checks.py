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
    from waldur_import_agent.cli.project_checks import check_projects
    from waldur_import_agent.fulfilment.waldur_side import WaldurSide
    from waldur_import_agent.waldur.effort import Effort

    settings = configuration.settings
    scanners = app.make_scanners(configuration)
    checks: list[Check] = []
    codes: list[ExitCode] = []
    async with app.make_client(settings.waldur, args.redact, read_only=True) as client:
        effort = Effort(settings.waldur.effort)
        try:
            checks.append(await _token(client, effort))
        except AgentError as error:
            checks.append(Check("token", CheckStatus.FAIL, str(error.args[0]), error.remedy))
            codes.append(error.exit_code)
        for offering, scanner in zip(settings.offerings, scanners, strict=True):
            side = WaldurSide(client, effort, offering.uuid)
            try:
                seen = await effort.read(partial(client.retrieve_offering, offering.uuid))
                checks.append(Check("offering", CheckStatus.PASS, f"{seen.name} ({offering.uuid}) is {seen.state}"))
                known = await side.offering()
            except AgentError as error:
                remedy = "Check offerings[].uuid, and that the token's user has a role on it"
                checks.append(Check("offering", CheckStatus.FAIL, str(error.args[0]), remedy))
                codes.append(error.exit_code)
                continue
            placing, failed = await check_projects(offering.projects, side, known, ignore_case=scanner.ids_ignore_case)
            checks += placing
            codes += failed
    for scanner in scanners:
        async with scanner:
            for check in await scanner.check():
                checks.append(Check(f"{scanner.kind}: {check.name}", check.status, check.detail, check.remedy))
                if check.status is CheckStatus.FAIL:
                    codes.append(ExitCode.FAILED)
    return checks, codes


async def _token(client: "WaldurClient", effort: "Effort") -> Check:
    user = await effort.read(client.me)
    return Check("token", CheckStatus.PASS, f"Waldur knows it as {user.username}")
