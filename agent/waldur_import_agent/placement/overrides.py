"""The overrides file: what a person decided, one line per found resource."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from waldur_import_agent.placement.table import Row, read_table
from waldur_import_agent.records import id_key

COLUMNS = ("backend_id", "project")


@dataclass(frozen=True, slots=True)
class Overrides:
    """Projects (slug or UUID) by backend_id, each with the line that says so, and what is wrong with other lines.

    `written` has the ids as they stand in the file, `path` is where it is.
    """

    lines: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    ignore_case: bool = False
    problems: tuple[str, ...] = ()
    written: Mapping[str, str] = field(default_factory=dict, compare=False)
    path: Path | None = field(default=None, compare=False)

    def project_of(self, backend_id: str) -> tuple[str, int] | None:
        """The project's slug or UUID for `backend_id` and its line number, or None."""
        return self.lines.get(id_key(backend_id, ignore_case=self.ignore_case))


def read_overrides(path: Path, *, ignore_case: bool) -> Overrides:
    """Read the file (CSV with a header; the columns backend_id and project, others are ignored).

    A line with an empty project is a line that nobody filled in yet. Blanks around a value do not count: Waldur keeps
    no id that has them. A bad line is named with its number, the good ones are used. Raises ConfigurationError where
    the file or its header cannot be read.
    """
    lines: dict[str, tuple[str, int]] = {}
    table = read_table(path, "overrides file", COLUMNS)
    problems = list(table.problems)
    written: dict[str, str] = {}
    for row in table.rows:
        backend_id, project = decision(row)
        key = id_key(backend_id, ignore_case=ignore_case)
        if not project:
            continue
        if not backend_id:
            problems.append(f"{path}:{row.line}: no backend_id")
        elif key in lines and lines[key][0] != project:
            problems.append(f"{path}:{row.line}: {backend_id!r} has another project in line {lines[key][1]}")
        else:
            lines.setdefault(key, (project, row.line))
            written.setdefault(key, backend_id)
    return Overrides(lines, ignore_case, tuple(problems), written, path)


def decision(row: Row) -> tuple[str, str]:
    """What a line decides: its backend_id and its project, each empty where the line has none."""
    backend_id, project = (row.cells.get(column, "") for column in COLUMNS)
    return backend_id, project
