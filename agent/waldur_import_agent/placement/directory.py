"""The directory file: all projects as somebody who sees them all has written them down."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from waldur_import_agent.errors import ConfigurationError
from waldur_import_agent.placement.table import read_table, write_table
from waldur_import_agent.records import Project
from waldur_import_agent.settings.values import parse_uuid
from waldur_import_agent.system import modified

COLUMNS = ("uuid", "slug", "backend_id", "name", "customer")
NEEDED = ("uuid", "slug")


@dataclass(frozen=True, slots=True)
class Directory:
    """The projects of a directory file, when it was written, and what is wrong with its other lines."""

    projects: tuple[Project, ...]
    written: datetime
    problems: tuple[str, ...] = ()


def read_directory(path: Path) -> Directory:
    """Read the file (CSV with a header; uuid and slug are needed, the other columns may be missing).

    A line without a UUID is named with its number, the good ones are used. Raises ConfigurationError where the file or
    its header cannot be read.
    """
    table = read_table(path, "directory file", NEEDED)
    projects: list[Project] = []
    problems: list[str] = []
    for row in table.rows:
        if not any(row.cells.values()):
            continue
        slug, backend_id, name, customer = (row.cells.get(column, "") for column in COLUMNS[1:])
        try:
            uuid = str(parse_uuid(row.cells.get("uuid", "")))
        except ValueError as error:
            problems.append(f"{path}:{row.line}: uuid: {error}")
            continue
        projects.append(Project(uuid, slug, name, backend_id, customer))
    try:
        written = modified(path)
    except OSError as error:
        raise ConfigurationError(f"the directory file {path} has vanished while it was read") from error
    return Directory(tuple(projects), written, tuple(problems))


def write_directory(projects: Iterable[Project]) -> str:
    """The text of a directory file."""
    return write_table(
        COLUMNS,
        ((project.uuid, project.slug, project.backend_id, project.name, project.customer) for project in projects),
    )
