"""The directory file: all projects as somebody who sees them all has written them down."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from waldur_import_agent.errors import ConfigurationError
from waldur_import_agent.placement.table import read_table, write_table
from waldur_import_agent.records import Project
from waldur_import_agent.settings.values import parse_uuid
from waldur_import_agent.system import modified

COLUMNS = ("uuid", "slug", "backend_id", "name", "customer")
NEEDED = ("uuid", "slug")
EXPORTED = "exported "
"""How the header of an empty column begins that says when the file was written."""


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
    problems = list(table.problems)
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
    return Directory(tuple(projects), _exported(table.columns) or _modified(path), tuple(problems))


def write_directory(projects: Iterable[Project], exported: datetime) -> str:
    """The text of a directory file. When it was written stands in the header, where no spreadsheet changes it."""
    return write_table(
        (*COLUMNS, f"{EXPORTED}{exported.isoformat(timespec='seconds')}"),
        ((project.uuid, project.slug, project.backend_id, project.name, project.customer) for project in projects),
    )


def _exported(columns: Iterable[str]) -> datetime | None:
    """When the file says that it was written; None where it does not."""
    for column in columns:
        if column.startswith(EXPORTED):
            try:
                moment = datetime.fromisoformat(column.removeprefix(EXPORTED))
            except ValueError:
                return None
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None


def _modified(path: Path) -> datetime:
    try:
        return modified(path)
    except OSError as error:
        raise ConfigurationError(f"the directory file {path} has vanished while it was read") from error
