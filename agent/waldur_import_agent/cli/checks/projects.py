"""Where projects come from and what else places: each source of projects, the overrides file, the mapping command."""

from typing import TYPE_CHECKING

from waldur_import_agent.cli.checks.finding import Finding, failed_with, passed, warned
from waldur_import_agent.errors import AgentError

if TYPE_CHECKING:
    from pathlib import Path

    from waldur_import_agent.fulfilment.waldur_side import WaldurSide
    from waldur_import_agent.records import Known, Offering
    from waldur_import_agent.settings.models import MappingCommand, Projects

TRY_WITHIN = 10.0
"""Seconds that the mapping command may take with nothing to map."""


async def check_projects(
    settings: "Projects", side: "WaldurSide", offering: "Offering", known: "Known", *, ignore_case: bool
) -> list[Finding]:
    """Gather the projects as a round does, and try what else places."""
    findings: list[Finding] = []
    parts = [("projects", _sources(settings, side, offering, known))]
    if settings.overrides_file is not None:
        parts.append(("overrides file", _overrides(settings.overrides_file, ignore_case=ignore_case)))
    if settings.mapping_command.command:
        parts.append(("mapping command", _mapping_command(settings.mapping_command)))
    for name, part in parts:
        try:
            findings += await part
        except AgentError as error:
            findings.append(failed_with(name, error))
    return findings


async def _sources(settings: "Projects", side: "WaldurSide", offering: "Offering", known: "Known") -> list[Finding]:
    """Each source with what it gives. Raises ConfigurationError and WaldurError."""
    from waldur_import_agent.fulfilment.projects import ProjectSources

    gathered = await ProjectSources(settings, side).gather(offering, known)
    findings = [
        warned("projects", *_parted(source.refusal))
        if source.refusal
        else passed("projects", f"{source.name}: {source.said}")
        for source in gathered.sources
    ]
    return findings + [warned("projects", *_parted(warning)) for warning in gathered.warnings]


async def _overrides(path: "Path", *, ignore_case: bool) -> list[Finding]:
    """Whether the file can be read, and each bad line. Raises ConfigurationError."""
    from functools import partial

    from waldur_import_agent.placement import read_in_time, read_overrides

    overrides = await read_in_time(path, "overrides file", partial(read_overrides, ignore_case=ignore_case))
    found = f"{path}: {len(overrides.lines)} lines name a project"
    return [
        passed("overrides file", found),
        *(warned("overrides file", problem) for problem in overrides.problems),
    ]


async def _mapping_command(settings: "MappingCommand") -> list[Finding]:
    """Whether the program is there, may be run, and ends well with nothing to map. Raises MappingCommandError."""
    from waldur_import_agent.fulfilment.mapping import try_mapping_command

    within = min(settings.timeout, TRY_WITHIN)
    await try_mapping_command(settings.model_copy(update={"timeout": within}))
    return [passed("mapping command", f"{settings.command[0]} runs, with nothing to map")]


def _parted(warning: str) -> tuple[str, str]:
    """What is wrong, and what to do about it."""
    what, separator, remedy = warning.partition(". ")
    return (what, remedy) if separator else (warning, "")
