"""CSV as spreadsheets read and write it: separators, byte order marks, and cells that would be taken for formulas."""

import csv
import io
import os
import re
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from waldur_import_agent.errors import ConfigurationError
from waldur_import_agent.spreadsheet import dialect

FILE_MAX = 64 * 1024 * 1024
"""Bytes of a file: 100,000 lines have some ten million."""
FORMULA = re.compile(r"'*[=+\-@\t\r]")
"""How a cell begins that a spreadsheet would take for a formula, or one that was kept from it."""
KEPT_FROM_IT = re.compile(r"'+[=+\-@\t\r]")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a file: its number, and its cells by column, without blanks at their ends."""

    line: int
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """A whole file."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def read_table(path: Path, what: str, needed: Sequence[str]) -> Table:
    """Read a CSV file in UTF-8 with a header; comma or semicolon, with or without a byte order mark, any line end.

    Blanks around a value do not count, and what `write_table` did to a cell is undone. `what` names the file in errors,
    `needed` are the columns that it must have.

    Raises ConfigurationError where the file or its header cannot be read.
    """
    header = ",".join(needed)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            there = os.fstat(file.fileno())
            if not stat.S_ISREG(there.st_mode) or there.st_size > FILE_MAX:
                raise ConfigurationError(
                    f"the {what} {path} is no file of at most {FILE_MAX} bytes",
                    remedy=f"Create it with the header `{header}`, or take it out of the configuration",
                )
            table = _parse(file)
    except OSError as error:
        raise ConfigurationError(
            f"the {what} {path} cannot be read: {error.strerror}",
            remedy=f"Create it with the header `{header}`, or take it out of the configuration",
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigurationError(
            f"the {what} {path} is not CSV in UTF-8: {error}", remedy="Save it again as CSV with UTF-8"
        ) from error
    missing = [column for column in needed if column not in table.columns]
    if missing:
        raise ConfigurationError(
            f"the {what} {path} has no column {' and no column '.join(missing)} in its first line",
            remedy=f"The first line must be `{header}`; more columns may stand beside these",
        )
    return table


def write_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """CSV with a header. A cell that a spreadsheet would take for a formula gets an apostrophe before it."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(_defused(column) for column in columns)
    writer.writerows([_defused("" if cell is None else str(cell)) for cell in row] for row in rows)
    return file.getvalue()


def _defused(cell: str) -> str:
    return f"'{cell}" if FORMULA.match(cell) else cell


def _parse(file: TextIO) -> Table:
    header = file.readline()
    file.seek(0)
    lines = csv.reader(file, dialect=dialect(header))
    columns = tuple(_cell(cell) for cell in next(lines, []))
    return Table(
        columns, tuple(Row(lines.line_num, dict(zip(columns, map(_cell, cells), strict=False))) for cells in lines)
    )


def _cell(text: str) -> str:
    text = text.strip()
    return text[1:] if KEPT_FROM_IT.match(text) else text
