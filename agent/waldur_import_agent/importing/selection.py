"""Which of the records a person means: by patterns, or by the ids in a file."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from waldur_import_agent.errors import ConfigurationError
from waldur_import_agent.waldur.models import BackendResource

COLUMN = "backend_id"
FORMULA_STARTS = ("=", "+", "-", "@")
"""How a cell begins that a spreadsheet would take for a formula: it is written with an apostrophe before it."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Patterns as a shell has them (`hpc_*`), capital and small letters alike. An empty one matches everything.

    `project` is compared with the project's name, or is its UUID.
    """

    backend_id: str = ""
    name: str = ""
    kind: str = ""
    project: str = ""

    def __call__(self, record: BackendResource) -> bool:
        """Whether all patterns match."""
        return (
            _matches(self.backend_id, record.backend_id)
            and _matches(self.name, record.name)
            and _matches(self.kind, str(metadata_of(record).get("type", "")))
            and (_matches(self.project, record.project_name) or self.project.replace("-", "").lower() == record.project)
        )


def metadata_of(record: BackendResource) -> Mapping[str, Any]:
    """The record's metadata, empty where it is no object."""
    return record.backend_metadata if isinstance(record.backend_metadata, dict) else {}


def read_ids(path: Path) -> list[str]:
    """The backend ids in a file, in its order: CSV with a column backend_id, or one id per line.

    Empty lines do not count, and lines that begin with # neither where it is no CSV. Raises ConfigurationError where
    the file cannot be read or has no id.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        ids = _parse(text.splitlines(keepends=True))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigurationError(f"{path} is neither CSV nor plain text in UTF-8: {error}") from error
    if not ids:
        raise ConfigurationError(
            f"{path} names no backend id",
            remedy="Write one per line, or take what `waldur-import-agent records list --output csv` wrote",
        )
    return ids


def _parse(lines: list[str]) -> list[str]:
    header = lines[0] if lines else ""
    delimiter = ";" if header.count(";") > header.count(",") else ","
    columns = next(csv.reader([header], delimiter=delimiter), [])
    if COLUMN in columns:
        rows: Iterable[str] = (
            _unguarded(row[COLUMN] or "") for row in csv.DictReader(lines, delimiter=delimiter, strict=True)
        )
    else:
        rows = (line for line in lines if not line.startswith("#"))
    return list(dict.fromkeys(text for row in rows if (text := row.strip())))


def guarded(text: str) -> str:
    """A text as a cell of a CSV file that no spreadsheet takes for a formula; `read_ids` takes that back."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _unguarded(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA_STARTS) else cell


def _matches(pattern: str, text: str) -> bool:
    return not pattern or fnmatchcase(text.casefold(), pattern.casefold())
