"""CSV as spreadsheets read and write it: separators, byte order marks, and cells that would be taken for formulas."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice, zip_longest
from pathlib import Path
from typing import TypeVar

from waldur_import_agent.errors import ConfigurationError
from waldur_import_agent.spreadsheet import dialect
from waldur_import_agent.system import read_in_thread, read_regular

FILE_MAX = 64 * 1024 * 1024
"""Bytes of a file: 100,000 lines have some ten million."""
BEGINS = r"(^|[;,\t\r\n])"
"""Where a cell begins, for a spreadsheet that splits at another separator too."""
FORMULA = re.compile(BEGINS + r"('*[=+\-@\t\r])")
"""How a cell begins that a spreadsheet would take for a formula, or one that was kept from it."""
KEPT_FROM_IT = re.compile(BEGINS + r"'('*[=+\-@\t\r])")
LINES_MAX = 200
"""Lines of one record: a quote that is not closed within them was never meant to be."""
SEPARATORS = ",;\t"
T = TypeVar("T")
UTF_16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Row:
    """One record of a file: the number of its first line, and its cells by column, without blanks at their ends."""

    line: int
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """A whole file. `unreadable` names each line that is no CSV, `warnings` say what was read by guess.

    `unheaded` names the first cell of each line that stands under no heading: it is in no row.
    """

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    unreadable: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    unheaded: tuple[str, ...] = ()
    delimiter: str = field(default=",", compare=False)

    @property
    def problems(self) -> tuple[str, ...]:
        """All that is to be told of it."""
        return (*self.warnings, *self.unreadable)


def read_table(path: Path, what: str, needed: Sequence[str]) -> Table:
    """Read a CSV file with a header; comma or semicolon, with or without a byte order mark, any line end.

    Blanks around a value do not count, and what `write_table` did to a cell is undone. A line that is no CSV, or that
    is separated otherwise than the first line, is named in the table with its number, and the others are there; lines
    that are not UTF-8 are read as Windows-1252, which is how Excel saves "CSV" in Europe, and named too. `what` names
    the file in errors, `needed` are the columns that it must have.

    Raises ConfigurationError where the file or its header cannot be read.
    """
    header = ",".join(needed)
    try:
        data = read_regular(path, FILE_MAX)
    except OSError as error:
        raise ConfigurationError(
            f"the {what} {path} cannot be read: {error.strerror}",
            remedy=f"Create it with the header `{header}`, or take it out of the configuration",
        ) from error
    try:
        table = _parse(path, data, needed)
    except (ValueError, csv.Error) as error:
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


async def read_in_time(path: Path, what: str, read: Callable[[Path], T]) -> T:
    """What `read` makes of the file at `path`, read in a thread: a file server may hang.

    `what` names the file in errors. Raises ConfigurationError where it cannot be read, or not in time.
    """
    try:
        return await read_in_thread(path, partial(read, path))
    except TimeoutError as error:
        raise ConfigurationError(
            f"the {what} {path} cannot be read: {error.strerror}", remedy="Look at the file server that it is on"
        ) from error


def write_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, delimiter: str = ",") -> str:
    """CSV with a header. A cell that a spreadsheet would take for a formula gets an apostrophe before it.

    So does what would become such a cell where a spreadsheet splits at the other separator, as half of Europe's do.
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n", delimiter=delimiter)
    writer.writerow(_defused(column) for column in columns)
    writer.writerows([_defused("" if cell is None else str(cell)) for cell in row] for row in rows)
    return file.getvalue()


def _defused(cell: str) -> str:
    return FORMULA.sub(r"\1'\2", cell)


def _parse(path: Path, data: bytes, needed: Sequence[str]) -> Table:
    """The table in `data`. Raises ValueError or csv.Error where its header cannot be read."""
    if data.startswith(UTF_16):
        raise ValueError("it is UTF-16")
    lines, guessed = _lines(data)
    form = dialect(lines[0] if lines else "")
    columns: tuple[str, ...] = ()
    rows: list[Row] = []
    unreadable: list[str] = []
    unheaded: list[str] = []
    for number, cells in _records(lines, form):
        if isinstance(cells, csv.Error):
            if not columns:
                raise cells
            unreadable.append(f"{path}:{number}: this is no CSV, and is left out: {cells}")
        elif not columns:
            columns = tuple(_cell(cell) for cell in cells)
        elif _separated_otherwise(cells, [column for column in needed if column in columns[len(cells) :]], form):
            unreadable.append(
                f"{path}:{number}: this is not separated by {form.delimiter!r} like the first line, and is left out"
            )
        else:
            rows.append(Row(number, dict(zip(columns, map(_cell, cells), strict=False))))
            outside = (text for column, text in zip_longest(columns, cells, fillvalue="") if not column and text)
            unheaded += [f"{path}:{number}: {text!r} stands under no heading" for text in islice(outside, 1)]
    warnings = []
    if guessed:
        more = f", like {len(guessed) - 1} more lines" if len(guessed) > 1 else ""
        warnings.append(
            f"{path}:{guessed[0]}: this is not UTF-8{more}, and was read as Windows-1252: save it as CSV with UTF-8"
        )
    return Table(columns, tuple(rows), tuple(unreadable), tuple(warnings), tuple(unheaded), form.delimiter)


def _separated_otherwise(cells: Sequence[str], absent: Sequence[str], form: type[csv.Dialect]) -> bool:
    """Whether a line that has no cell for the `absent` columns would have one with another separator.

    A line that is merely short is no mistake: spreadsheets leave out the empty cells at its end.
    """
    others = set(SEPARATORS) - {form.delimiter}
    return bool(absent) and any(other in cell for cell in cells for other in others)


def _lines(data: bytes) -> tuple[list[str], list[int]]:
    """The lines with their ends, and the numbers of those that are no UTF-8."""
    lines: list[str] = []
    guessed: list[int] = []
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").splitlines(keepends=True), start=1):
        try:
            lines.append(line.decode())
        except UnicodeDecodeError:
            lines.append(line.decode("cp1252", errors="replace"))
            guessed.append(number)
    return lines, guessed


def _records(lines: Sequence[str], form: type[csv.Dialect]) -> Iterator[tuple[int, list[str] | csv.Error]]:
    """Each record with the number of its first line, or why that line begins none; the next line may begin one."""
    start = 0
    while start < len(lines):
        length, found = _record(lines[start : start + LINES_MAX], form)
        yield start + 1, found
        start += length


def _record(lines: Sequence[str], form: type[csv.Dialect]) -> tuple[int, list[str] | csv.Error]:
    """The record that begins with the first of `lines`, and how many of them it has."""
    reader = csv.reader(lines, dialect=form)
    try:
        cells = next(reader)
    except csv.Error as error:
        return 1, error
    return reader.line_num, cells


def _cell(text: str) -> str:
    return KEPT_FROM_IT.sub(r"\1\2", text.strip())
