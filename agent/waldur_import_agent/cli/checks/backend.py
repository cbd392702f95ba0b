"""The backend: what its scanner says of itself, and for how much of what is there a project is found."""

import asyncio
from typing import TYPE_CHECKING

from waldur_import_agent.cli.checks.finding import (
    Finding,
    Status,
    failed,
    failed_with,
    of_offering,
    passed,
    skipped,
    warned,
)
from waldur_import_agent.errors import AgentError, ExitCode
from waldur_import_agent.scanners.base import CheckStatus

if TYPE_CHECKING:
    from waldur_import_agent.app import Surroundings
    from waldur_import_agent.fulfilment import Surveyor
    from waldur_import_agent.scanners.base import Scanner
    from waldur_import_agent.settings.load import Configuration
    from waldur_import_agent.settings.models import OfferingSettings
    from waldur_import_agent.waldur.client import WaldurClient

PLACEMENT = "placement"


async def check_scanner(settings: "OfferingSettings", scanner: "Scanner") -> list[Finding]:
    """The scanner's own check, within scan_timeout."""
    deadline = asyncio.timeout(settings.scan_timeout)
    try:
        async with deadline, scanner:
            checks = await scanner.check()
    except TimeoutError as error:
        if not deadline.expired():
            return of_offering(settings.uuid, [_mistake(scanner.kind, error)])
        found = f"its check did not end within {settings.scan_timeout:g} seconds (scan_timeout)"
        return of_offering(settings.uuid, [failed(scanner.kind, found, "See whether the backend hangs")])
    except AgentError as error:
        return of_offering(settings.uuid, [failed_with(scanner.kind, error)])
    except Exception as error:  # noqa: BLE001 - a plug-in's mistake must not hide what the other checks found
        return of_offering(settings.uuid, [_mistake(scanner.kind, error)])
    return of_offering(
        settings.uuid,
        (
            Finding(
                f"{scanner.kind}: {check.name}",
                Status(check.status),
                check.detail,
                check.remedy,
                code=ExitCode.FAILED if check.status is CheckStatus.FAIL else ExitCode.OK,
            )
            for check in checks
        ),
    )


def _mistake(name: str, error: Exception) -> Finding:
    found = f"the scanner itself failed: {type(error).__name__}: {error}"
    return failed(name, found, "Report it to whoever wrote this scanner", ExitCode.BUG)


async def check_placement(
    configuration: "Configuration", client: "WaldurClient", around: "Surroundings", findings: list[Finding]
) -> list[Finding]:
    """Scan each backend and count what gets a project; an offering of which something failed before is left out."""
    from waldur_import_agent import app

    placements: list[Finding] = []
    broken = {finding.offering for finding in findings if finding.status is Status.FAIL}
    needed = {finding.offering for finding in findings if finding.name == "offering" and finding.status is Status.PASS}
    async with app.open_surveyors(configuration, client, around) as surveyors:
        for surveyor in surveyors:
            uuid = surveyor.settings.uuid
            if uuid in broken or uuid not in needed:
                finding = skipped(PLACEMENT, "what failed above comes first")
            else:
                finding = await _placed(surveyor)
            placements += of_offering(uuid, [finding])
    return placements


async def _placed(surveyor: "Surveyor") -> Finding:
    try:
        survey = await surveyor.look()
    except AgentError as error:
        return failed_with(PLACEMENT, error)
    except Exception as error:  # noqa: BLE001 - as in check_scanner
        return _mistake(PLACEMENT, error)
    found = survey.scan.resources
    placed = [placement for resource in found if (placement := survey.placer.place(resource)).project is not None]
    holding = sum(placement.holding for placement in placed)
    text = f"{len(found)} found on the backend, {len(placed)} of them get a project"
    if holding:
        text += f", {holding} only the holding project"
    remedy = "`waldur-import-agent plan` lists them, `waldur-import-agent explain BACKEND_ID` tells why"
    if found and not placed:
        return failed(PLACEMENT, text, remedy, ExitCode.CONFIGURATION)
    if not survey.scan.complete:
        return warned(PLACEMENT, f"{text}; the scan was not complete: {'; '.join(survey.scan.warnings)}")
    return warned(PLACEMENT, text, remedy) if len(placed) < len(found) or holding else passed(PLACEMENT, text)
