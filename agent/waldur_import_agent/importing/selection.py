"""Which of the records a person means: by patterns, or by the ids in a file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from waldur_import_agent.errors import ConfigurationError
from waldur_import_agent.placement.table import read_table
from waldur_import_agent.waldur.models import BackendResource

COLUMN = "backend_id"


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
        texts = [row.cells.get(COLUMN, "") for row in read_table(path, "file", [COLUMN]).rows]
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
