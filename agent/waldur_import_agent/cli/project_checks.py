"""What `config check --online` says of placement: each source of projects, the overrides file, the mapping command."""

from typing import TYPE_CHECKING

from waldur_import_agent.errors import AgentError, ExitCode
from waldur_import_agent.scanners.base import Check, CheckStatus

if TYPE_CHECKING:
    from pathlib import Path

    from waldur_import_agent.fulfilment.waldur_side import WaldurSide
    from waldur_import_agent.records import Offering
    from waldur_import_agent.settings.models import MappingCommand, Projects

TRY_WITHIN = 10.0
"""Seconds that the mapping command may take with nothing to map."""


async def check_projects(
    settings: "Projects", side: "WaldurSide", offering: "Offering", *, ignore_case: bool
) -> tuple[list[Check], list[ExitCode]]:
    """Gather the projects as a round does, and try what else places: the checks, and the codes of what failed."""
    checks: list[Check] = []
    codes: list[ExitCode] = []
    parts = [("projects", _sources(settings, side, offering))]
    if settings.overrides_file is not None:
        parts.append(("overrides file", _overrides(settings.overrides_file, ignore_case=ignore_case)))
    if settings.mapping_command.command:
        parts.append(("mapping command", _mapping_command(settings.mapping_command)))
    for name, part in parts:
        try:
            checks += await part
        except AgentError as error:
            checks.append(Check(name, CheckStatus.FAIL, str(error.args[0]), error.remedy))
            codes.append(error.exit_code)
    return checks, codes


async def _sources(settings: "Projects", side: "WaldurSide", offering: "Offering") -> list[Check]:
    """Each source with what it gives. Raises ConfigurationError and WaldurError."""
    from waldur_import_agent.fulfilment.projects import ProjectSources

    gathered = await ProjectSources(settings, side).gather(offering, await side.known())
    checks = [
        Check("projects", CheckStatus.WARN, *_parted(source.refusal))
        if source.refusal
        else Check("projects", CheckStatus.PASS, f"{source.name}: {source.said}")
        for source in gathered.sources
    ]
    return checks + [Check("projects", CheckStatus.WARN, *_parted(warning)) for warning in gathered.warnings]


async def _overrides(path: "Path", *, ignore_case: bool) -> list[Check]:
    """Whether the file can be read, and each bad line. Raises ConfigurationError."""
    from waldur_import_agent.placement import read_overrides

    overrides = read_overrides(path, ignore_case=ignore_case)
    found = f"{path}: {len(overrides.lines)} lines name a project"
    return [
        Check("overrides file", CheckStatus.PASS, found),
        *(Check("overrides file", CheckStatus.WARN, problem, "") for problem in overrides.problems),
    ]


async def _mapping_command(settings: "MappingCommand") -> list[Check]:
    """Whether the program is there, may be run, and ends well with nothing to map. Raises MappingCommandError."""
    from waldur_import_agent.fulfilment.mapping import try_mapping_command

    within = min(settings.timeout, TRY_WITHIN)
    await try_mapping_command(settings.model_copy(update={"timeout": within}))
    return [Check("mapping command", CheckStatus.PASS, f"{settings.command[0]} runs, with nothing to map")]


def _parted(warning: str) -> tuple[str, str]:
    """What is wrong, and what to do about it."""
    what, separator, remedy = warning.partition(". ")
    return (what, remedy) if separator else (warning, "")
