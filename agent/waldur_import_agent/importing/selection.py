"""Which of the records a person means: by patterns, or by the ids in a file."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from waldur_import_agent.errors import ConfigurationError, UsageError
from waldur_import_agent.placement.table import read_table
from waldur_import_agent.records import id_key
from waldur_import_agent.waldur.models import BackendResource

COLUMN = "backend_id"
SHOWN = 10
"""So many of the ids that are there are named where none is meant."""


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


class Chosen:
    """What an import is told to take: ids that match a `pattern` (empty: all), or those of a list."""

    def __init__(self, pattern: str = "", ids: Sequence[str] | None = None, *, ignore_case: bool = False) -> None:
        self.ids = ids
        self._pattern = pattern
        self._ignore_case = ignore_case
        self._keys = frozenset(map(self._key, ids or ()))

    def __call__(self, backend_id: str) -> bool:
        """Whether an id is meant; those of the list are compared as the backend does."""
        return _matches(self._pattern, backend_id) if self.ids is None else self._key(backend_id) in self._keys

    def require_some(self, there: Sequence[str]) -> None:
        """Raises UsageError, naming some of what is `there`, where a pattern or a list means none of it."""
        if not (self._pattern or self.ids) or any(map(self, there)):
            return
        what = f"the file, whose first id is {self.ids[0]!r}," if self.ids else f"the pattern {self._pattern!r}"
        more = f" and {len(there) - SHOWN} more" if len(there) > SHOWN else ""
        raise UsageError(
            f"{what} names none of the offering's records and resources",
            remedy=f"There are: {', '.join(sorted(there)[:SHOWN])}{more}" if there else "There are none yet",
        )

    def _key(self, backend_id: str) -> str:
        return id_key(backend_id, ignore_case=self._ignore_case)


def metadata_of(record: BackendResource) -> Mapping[str, Any]:
    """The record's metadata, empty where it is no object."""
    return record.backend_metadata if isinstance(record.backend_metadata, dict) else {}


def read_ids(path: Path) -> list[str]:
    """The backend ids in a file, in its order, each once: CSV with a column backend_id, or one id per line.

    Empty lines do not count, and lines that begin with # neither where it is no CSV. Raises ConfigurationError where
    the file cannot be read or has no id.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path} is neither CSV nor plain text in UTF-8: {error}") from error
    if COLUMN in re.split(r"[,;]", lines[0].replace('"', "") if lines else ""):
        table = read_table(path, "file", [COLUMN])
        if table.unreadable:
            raise ConfigurationError(table.unreadable[0], remedy="Mend it: nobody knows which id it names")
        texts = [row.cells.get(COLUMN, "") for row in table.rows]
    else:
        texts = [line.strip() for line in lines if not line.startswith("#")]
    ids = list(dict.fromkeys(filter(None, texts)))
    if not ids:
        raise ConfigurationError(
            f"{path} names no backend id",
            remedy="Write one per line, or take what `waldur-import-agent records list --output csv` wrote",
        )
    return ids


def _matches(pattern: str, text: str) -> bool:
    return not pattern or fnmatchcase(text.casefold(), pattern.casefold())
