"""The scanner `inventory`: a file that another program writes, in the record form or as CSV."""

import codecs
import csv
import itertools
import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from waldur_import_agent.records import Scan
from waldur_import_agent.scanners.base import (
    BackendError,
    BackendMisconfiguredError,
    BackendUnavailableError,
    Check,
    CheckStatus,
    ScannerSettings,
)
from waldur_import_agent.scanners.record_form import RecordReader
from waldur_import_agent.settings.problems import unknown_key
from waldur_import_agent.spreadsheet import dialect
from waldur_import_agent.system import modified, open_regular, read_in_thread

ENDINGS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
COLUMNS = ("backend_id", "name", "kind", "parent", "user_count")
MAPPINGS = ("attributes.", "limits.")
UNLIMITED = "unlimited"
FILE_MAX = 256 * 1024 * 1024
"""Bytes of the file: a resource needs some 300."""


class InventorySettings(ScannerSettings):
    """Where the file is and how to read it."""

    path: Path = Field(
        examples=["storage.jsonl"], description="the file; whoever writes it should write another one and rename it"
    )
    format: Literal["auto", "jsonl", "csv"] = Field(
        default="auto", description="jsonl (the record form), csv, or auto: by the ending .jsonl, .ndjson or .csv"
    )

    @model_validator(mode="after")
    def _format_is_known(self) -> Self:
        if self.format == "auto" and self.path.suffix.lower() not in ENDINGS:
            raise ValueError(f"`format` is needed: the file's ending is none of {', '.join(ENDINGS)}")
        return self


class InventoryScanner:
    """Reads the whole file in each scan; nothing of a file with a bad line is used."""

    kind: ClassVar[str] = "inventory"
    settings_model: ClassVar[type[ScannerSettings]] = InventorySettings
    ids_ignore_case: ClassVar[bool] = False

    def __init__(self, settings: ScannerSettings) -> None:
        assert isinstance(settings, InventorySettings)  # noqa: S101 - its own settings_model made them
        self._path = settings.path
        self._format = ENDINGS[settings.path.suffix.lower()] if settings.format == "auto" else settings.format

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Nothing is held between scans."""

    async def check(self) -> Sequence[Check]:
        """Read the file and say what is in it."""
        name = "inventory file"
        try:
            scan = await self.scan()
            written = await read_in_thread(self._path, partial(modified, self._path))
        except (BackendError, OSError) as error:
            return [Check(name, CheckStatus.FAIL, str(error), "mend the file, or `path` in the configuration")]
        detail = f"{self._path} holds {len(scan.resources)} records, written {written:%Y-%m-%d %H:%M} UTC"
        if not scan.complete:
            warnings = "; ".join(scan.warnings) or "it gives no reason"
            remedy = "see to it that the program that writes it can read everything"
            return [Check(name, CheckStatus.WARN, f"{detail}; it is not complete: {warnings}", remedy)]
        return [Check(name, CheckStatus.PASS, detail)]

    async def scan(self) -> Scan:
        """Read the file. Raises BackendMisconfiguredError if it is not there or wrong."""
        ended = threading.Event()
        try:
            # as long as the scan may take: the whole of it is bounded
            return await read_in_thread(self._path, partial(self._read, ended), seconds=None)
        except (FileNotFoundError, PermissionError, NotADirectoryError) as error:
            raise BackendMisconfiguredError(
                f"the inventory {self._path} cannot be read: {error.strerror}",
                remedy="See to it that the agent's user can read it, or correct `path` in the configuration",
            ) from error
        except OSError as error:
            raise BackendUnavailableError(f"the inventory {self._path} cannot be read: {error.strerror}") from error
        finally:
            ended.set()

    def _read(self, ended: threading.Event) -> Scan:
        """The scan, in a thread, which ends when nobody waits for it any more."""
        reader = RecordReader(str(self._path))
        if self._path.exists() and not self._path.is_file():
            raise BackendMisconfiguredError(f"{self._path} is not a file")
        with open_regular(self._path) as file:
            if os.fstat(file.fileno()).st_size > FILE_MAX:
                raise BackendMisconfiguredError(
                    f"the inventory {self._path} has more than {FILE_MAX} bytes: it cannot be a list of resources"
                )
            lines = itertools.takewhile(lambda _: not ended.is_set(), file)
            (_read_csv if self._format == "csv" else _read_jsonl)(lines, reader)
        return reader.scan()


def _read_jsonl(file: Iterable[bytes], reader: RecordReader) -> None:
    for number, line in enumerate(file, 1):
        reader.read_line(number, line.removeprefix(codecs.BOM_UTF8) if number == 1 else line)
    if reader.is_empty:
        reader.reject(1, 'the file is empty; if there really is nothing, it says so by {"scan": {"complete": true}}')


def _read_csv(file: Iterable[bytes], reader: RecordReader) -> None:
    lines = _decoded(file)
    rows = csv.reader(())
    header: list[str] = []
    try:
        first = next(lines, "")
        rows = csv.reader(itertools.chain([first], lines), dialect(first))
        header = _without_empty_end([name.strip() for name in next(rows, [])])
        wrong = _wrong_header(header)
        for problem in wrong:
            reader.reject(1, problem)
        if wrong:
            return
        for row in rows:
            cells = _without_empty_end(row)
            if not cells:
                continue
            if len(row) < len(header) or len(cells) > len(header):
                reader.reject(rows.line_num, f"{len(row)} cells, but the first line names {len(header)} columns")
            else:
                reader.read_record(rows.line_num, _record(dict(zip(header, cells, strict=False))))
    except csv.Error as error:
        reader.reject(rows.line_num, f"this is not CSV: {error}")
    except UnicodeDecodeError:
        reader.reject(rows.line_num + 1, "this is not UTF-8 text")
    if reader.is_empty:
        reader.reject(1, "no record follows; that there really is nothing can only be said in JSON lines")


def _without_empty_end(row: Sequence[str]) -> list[str]:
    """The cells up to the last one that says something: spreadsheets fill lines up."""
    filled = [number for number, cell in enumerate(row, 1) if cell.strip()]
    return list(row[: filled[-1]]) if filled else []


def _decoded(file: Iterable[bytes]) -> Iterator[str]:
    """The lines as text, their ends kept: a cell may hold more than one line."""
    for number, line in enumerate(file, 1):
        yield line.decode("utf-8-sig" if number == 1 else "utf-8")


def _wrong_header(header: Sequence[str]) -> list[str]:
    """What is wrong with the names of the columns."""
    if "backend_id" not in header:
        return [
            f"the first line must name the columns, backend_id among them ({', '.join(COLUMNS)}, attributes.X, ...)"
        ]
    known = [*COLUMNS, *MAPPINGS]
    wrong = [
        f"column {name}: {unknown_key(name, known)}"
        for name in header
        if name not in COLUMNS and not any(name.startswith(prefix) and name != prefix for prefix in MAPPINGS)
    ]
    return wrong + [f"column {name}: this name stands twice" for name in sorted(set(header)) if header.count(name) > 1]


def _record(row: Mapping[str, str]) -> dict[str, Any]:
    """A row in the record form. An empty cell says nothing; attributes stay text."""
    record: dict[str, Any] = {}
    for column, cell in row.items():
        mapping, _, name = column.partition(".")
        value: Any = cell.strip()
        if not value:
            continue
        if mapping == "limits":
            value = None if value.lower() == UNLIMITED else _number(value)
        if name:
            record.setdefault(mapping, {})[name] = value
        elif column == "parent":
            record["parents"] = [value]
        else:
            record[column] = _number(value) if column == "user_count" else value
    return {"backend_id": "", **record}


def _number(text: str) -> Any:
    """A number as JSON writes it, or the text for the record form to refuse."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # no JSON, more digits than Python takes, or nested without end
        return text
