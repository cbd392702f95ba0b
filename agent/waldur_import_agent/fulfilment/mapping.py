"""The mapping command: a program of the site's own that tells the projects of what was found."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, StrictStr, ValidationError

from waldur_import_agent.errors import AgentError, ExitCode
from waldur_import_agent.records import FoundResource
from waldur_import_agent.scanners.record_form import to_record
from waldur_import_agent.settings.models import MappingCommand
from waldur_import_agent.system import Completed, ProcessError, child_environment, run_process

LINES_SHOWN = 5
"""Lines of the command's stderr that stand in an error."""
WIDTH_SHOWN = 200
"""Characters of each of them."""
REMEDY = "Nothing was written. Mend the program, or take projects.mapping_command out of the configuration"


class MappingCommandError(AgentError):
    """The mapping command failed, or answered something that is not its form: nothing of it is used."""

    exit_code = ExitCode.CONFIGURATION


class Answer(BaseModel):
    """One line of its answer; without a project it knows none, and the rules are asked."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    backend_id: StrictStr
    project: StrictStr | None = None


@dataclass(frozen=True, slots=True)
class Mapped:
    """Slug or UUID of a project by backend_id, and what was strange about the answer."""

    projects: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


async def ask_mapping_command(settings: MappingCommand, resources: Sequence[FoundResource]) -> Mapped:
    """Run the command once for all resources. Where none is configured, or nothing was found, nothing is run.

    Raises MappingCommandError.
    """
    if not settings.command or not resources:
        return Mapped()
    done = await _run(settings, "".join(f"{json.dumps(to_record(resource))}\n" for resource in resources))
    return _answers(settings.command[0], done.stdout, resources)


async def try_mapping_command(settings: MappingCommand) -> None:
    """Run the command with nothing to map: whether it can be started and ends well. Raises MappingCommandError."""
    await _run(settings, "")


async def _run(settings: MappingCommand, lines: str) -> Completed:
    """Run the command with these lines on its standard input. Raises MappingCommandError."""
    try:
        done = await run_process(
            settings.command,
            timeout=settings.timeout,
            output_limit=settings.output_limit,
            environment=child_environment(),
            stdin=lines.encode(),
        )
    except ProcessError as error:
        raise MappingCommandError(f"the mapping command: {error.args[0]}", remedy=REMEDY) from error
    if done.returncode:
        raise MappingCommandError(
            f"the mapping command {settings.command[0]} failed with exit code {done.returncode}: {_words(done)}",
            remedy=REMEDY,
        )
    return done


def _answers(command: str, printed: bytes, resources: Iterable[FoundResource]) -> Mapped:
    found = {resource.backend_id for resource in resources}
    projects: dict[str, str] = {}
    unknown: list[str] = []
    for number, line in enumerate(printed.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            answer = Answer.model_validate_json(line)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))
            reason = f"{where}: {first['msg']}" if where else first["msg"]
            raise MappingCommandError(f"line {number} of what {command} printed: {reason}", remedy=REMEDY) from None
        project = (answer.project or "").strip()
        if answer.backend_id not in found:
            unknown.append(answer.backend_id)
        elif project and projects.setdefault(answer.backend_id, project) != project:
            raise MappingCommandError(
                f"line {number} of what {command} printed: {answer.backend_id!r} has another project above",
                remedy=REMEDY,
            )
    if not unknown:
        return Mapped(projects)
    warning = f"the mapping command answers for {len(unknown)} ids that were not found, like {unknown[0]!r}"
    return Mapped(projects, (warning,))


def _words(done: Completed) -> str:
    """The first lines of what the command said on stderr."""
    lines = [line.strip()[:WIDTH_SHOWN] for line in done.stderr.decode("utf-8", "backslashreplace").splitlines()]
    return "; ".join(list(filter(None, lines))[:LINES_SHOWN]) or "it gave no reason"
