"""`projects`: the directory of all projects, for an agent whose own token sees few of them."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from waldur_import_agent.cli import arguments
from waldur_import_agent.errors import AgentError, ExitCode

if TYPE_CHECKING:
    from waldur_import_agent.waldur.client import WaldurClient
    from waldur_import_agent.waldur.effort import Effort
    from waldur_import_agent.waldur.models import Project, User


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands."""
    parser = subparsers.add_parser("projects", help="write the directory of projects that an agent may place into")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    export = actions.add_parser(
        "export",
        help="all projects as CSV; needs a staff or support token",
        description="Writes uuid, slug, backend_id, name and customer of all projects as CSV. Named as "
        "projects.directory_file, it is what the agent places into, so that its own token needs to see no project.",
    )
    export.add_argument(
        "--token-file",
        type=Path,
        required=True,
        metavar="FILE",
        help="a token that sees all projects: staff or support",
    )
    export.add_argument("--file", type=Path, metavar="FILE", help="replace this file, not stdout; never a part of it")
    arguments.add_config(export)
    export.set_defaults(run=run_export)


class NotStaffError(AgentError):
    """The token is not of a user who sees all projects."""

    exit_code = ExitCode.AUTHENTICATION


def run_export(args: argparse.Namespace) -> int:
    """Write the directory."""
    from waldur_import_agent.cli import output, session
    from waldur_import_agent.cli.worksheet import write_text
    from waldur_import_agent.placement import write_directory
    from waldur_import_agent.records import Project
    from waldur_import_agent.system import now

    configuration, redact = session.start(args)
    settings = session.with_staff_token(configuration.settings.waldur, args.token_file)
    user, projects = session.ask_waldur(settings, redact, _read)
    if not (user.is_staff or user.is_support):
        # a part would silently take the place of a good directory
        raise NotStaffError(
            f"{user.username} is neither staff nor support and sees only a part of the projects: nothing was written",
            remedy="Name a file with the token of staff or support with --token-file",
        )
    text = write_directory(
        (
            Project(project.uuid, project.slug, project.name, project.backend_id, project.customer_name)
            for project in projects
        ),
        now(),
    )
    write_text(args.file, text)
    output.say(f"{len(projects)} projects")
    output.say("Next: name the file as projects.directory_file in the configuration, then `waldur-import-agent plan`.")
    return ExitCode.OK


async def _read(client: "WaldurClient", effort: "Effort") -> "tuple[User, list[Project]]":
    from waldur_import_agent.waldur.listing import read_whole

    user = await effort.read(client.me)
    projects = await read_whole(
        lambda page: client.list_projects(page=page), effort, uuid_of=lambda project: project.uuid
    )
    return user, projects
