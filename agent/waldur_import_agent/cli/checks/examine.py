"""The checks in their order: what fails early leaves out what depends on it."""

import asyncio
from typing import TYPE_CHECKING

from waldur_import_agent.cli.checks.finding import Finding, Status, of_offering, skipped

if TYPE_CHECKING:
    from waldur_import_agent.redactor import Redactor
    from waldur_import_agent.settings.load import Configuration

NEED_A_CONNECTION = ("permission", "backend resources", "projects", "other agent")
NEED_A_CONFIGURATION = (
    *("proxy", "dns", "connection", "tls", "clock", "token", "offering", *NEED_A_CONNECTION, "scanner", "placement"),
    *("state directory", "last round", "lock directory", "lock", "agent"),
)


async def examine_waldur_and_backends(configuration: "Configuration", redact: "Redactor") -> list[Finding]:
    """What `config check --online` shows: the token, each offering, each scanner's own check."""
    from waldur_import_agent import app
    from waldur_import_agent.cli.checks.backend import check_scanner
    from waldur_import_agent.cli.checks.offering import check_offering
    from waldur_import_agent.cli.checks.token import check_token
    from waldur_import_agent.waldur.effort import Effort

    settings = configuration.settings
    scanners = app.make_scanners(configuration, redact)
    async with app.make_client(settings.waldur, redact, read_only=True) as client:
        effort = Effort(settings.waldur.effort)
        user, findings = await check_token(settings.waldur, client, effort, redact)
        for offering, scanner in zip(settings.offerings, scanners, strict=True):
            findings += await check_offering(offering, client, effort, user, ignore_case=scanner.ids_ignore_case)
    for offering, scanner in zip(settings.offerings, scanners, strict=True):
        findings += await check_scanner(offering, scanner)
    return findings


async def examine(configuration: "Configuration", redact: "Redactor") -> list[Finding]:
    """All that `doctor` shows, but the configuration itself."""
    from waldur_import_agent import app
    from waldur_import_agent.cli.checks.backend import check_placement
    from waldur_import_agent.cli.checks.host import check_host
    from waldur_import_agent.cli.checks.network import check_network
    from waldur_import_agent.cli.checks.service import check_service

    settings = configuration.settings
    findings = await check_network(settings.waldur)
    reached = not any(finding.status is Status.FAIL and finding.name != "clock" for finding in findings)
    if reached:
        findings += await examine_waldur_and_backends(configuration, redact)
        async with app.make_client(settings.waldur, redact, read_only=True) as client:
            around = app.Surroundings(stop=asyncio.Event(), redact=redact, scan_waits=())
            findings += await check_placement(configuration, client, around, findings)
    else:
        findings += await _backends_alone(configuration, redact)
    return [*findings, *check_host(settings), await check_service()]


async def _backends_alone(configuration: "Configuration", redact: "Redactor") -> list[Finding]:
    """Without Waldur the scanners can still be asked."""
    from waldur_import_agent import app
    from waldur_import_agent.cli.checks.backend import PLACEMENT, check_scanner

    why = "Waldur is not reached"
    findings = [skipped("token", why)]
    offerings = configuration.settings.offerings
    for offering, scanner in zip(offerings, app.make_scanners(configuration, redact), strict=True):
        names = ("offering", *NEED_A_CONNECTION, PLACEMENT)
        findings += of_offering(offering.uuid, (skipped(name, why) for name in names))
        findings += await check_scanner(offering, scanner)
    return findings


async def without_configuration() -> list[Finding]:
    """What is left where the configuration is of no use: systemd's service."""
    from waldur_import_agent.cli.checks.service import check_service

    return [*(skipped(name, "the configuration comes first") for name in NEED_A_CONFIGURATION), await check_service()]
