"""The overrides file: what a person decided, one line per found resource."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from waldur_import_agent.errors import ConfigurationError
from waldur_import_agent.spreadsheet import dialect

COLUMNS = ("backend_id", "project")


@dataclass(frozen=True, slots=True)
class Overrides:
    """Projects (slug or UUID) by backend_id, each with the line that says so, and what is wrong with other lines."""

    lines: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    ignore_case: bool = False
    problems: tuple[str, ...] = ()

    def project_of(self, backend_id: str) -> tuple[str, int] | None:
        """The project's slug or UUID for `backend_id` and its line number, or None."""
        return self.lines.get(backend_id.lower() if self.ignore_case else backend_id)


def read_overrides(path: Path, *, ignore_case: bool) -> Overrides:
    """Read the file (CSV with a header; the columns backend_id and project, others are ignored).

    A line with an empty project is a line that nobody filled in yet. Blanks around a value do not count: Waldur keeps
    no id that has them. A bad line is named with its number, the good ones are used. Raises ConfigurationError where
    the file or its header cannot be read.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _parse(file, path, ignore_case=ignore_case)
    except OSError as error:
        raise ConfigurationError(
            f"the overrides file {path} cannot be read: {error.strerror}",
            remedy="Create it with the header `backend_id,project`, or take overrides_file out of the configuration",
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigurationError(
            f"the overrides file {path} is not CSV in UTF-8: {error}", remedy="Save it again as CSV with UTF-8"
        ) from error


def _parse(file: TextIO, path: Path, *, ignore_case: bool) -> Overrides:
    header = file.readline()
    file.seek(0)
    rows = csv.DictReader(file, dialect=dialect(header))
    missing = [column for column in COLUMNS if column not in (rows.fieldnames or ())]
    if missing:
        raise ConfigurationError(
            f"the overrides file {path} has no column {' and no column '.join(missing)} in its first line",
            remedy="The first line must be `backend_id,project`",
        )
    lines: dict[str, tuple[str, int]] = {}
    problems: list[str] = []
    for row in rows:
        backend_id, project = (row["backend_id"] or "").strip(), (row["project"] or "").strip()
        key = backend_id.lower() if ignore_case else backend_id
        if not project:
            continue
        if not backend_id:
            problems.append(f"{path}:{rows.line_num}: no backend_id")
        elif key in lines and lines[key][0] != project:
            problems.append(f"{path}:{rows.line_num}: {backend_id!r} has another project in line {lines[key][1]}")
        else:
            lines.setdefault(key, (project, rows.line_num))
    return Overrides(lines, ignore_case, tuple(problems))
