"""The directory file: all projects, written by those who see them for those who do not."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from support.builders import ALPHA, BETA
from waldur_import_agent.errors import ConfigurationError
from waldur_import_agent.placement import read_directory, write_directory
from waldur_import_agent.records import Project


def test_what_was_exported_is_read_back(tmp_path: Path) -> None:
    """Every fact that placement needs, names that look like formulas included, and when it was written."""
    path = tmp_path / "directory.csv"
    odd = Project("c" * 32, "odd", '=HYPERLINK("x"), "quoted"', backend_id="-7", customer="Ünï; Org")
    path.write_text(write_directory([ALPHA, BETA, odd], datetime.fromtimestamp(1_700_000_000, tz=UTC)))
    directory = read_directory(path)
    assert directory.projects == (ALPHA, BETA, odd)
    assert directory.written == datetime.fromtimestamp(1_700_000_000, tz=UTC)
    assert directory.problems == ()


def test_columns_that_nobody_needs_may_be_missing(tmp_path: Path) -> None:
    """The columns uuid and slug are enough, a UUID may have dashes, and an empty line says nothing."""
    path = tmp_path / "directory.csv"
    path.write_text("slug;uuid\nalpha;AAAAAAAA-aaaa-aaaa-aaaa-aaaaaaaaaaaa\n;\n")
    assert read_directory(path).projects == (Project("a" * 32, "alpha", ""),)
    assert read_directory(path).problems == ()


@pytest.mark.parametrize("line", ["nonsense,gone", ",gone"])
def test_line_without_a_uuid_is_named(tmp_path: Path, line: str) -> None:
    """A bad line is named with its number, the good ones are used."""
    path = tmp_path / "directory.csv"
    path.write_text(f"uuid,slug\n{line}\n{'a' * 32},alpha\n")
    directory = read_directory(path)
    assert [project.slug for project in directory.projects] == ["alpha"]
    assert directory.problems == (f"{path}:2: uuid: this is not a UUID",)


def test_missing_file_or_column(tmp_path: Path) -> None:
    """Without the file, or without its header, nothing can be said: the error names file and column."""
    with pytest.raises(ConfigurationError, match=r"the directory file .*directory\.csv cannot be read"):
        read_directory(tmp_path / "directory.csv")
    (tmp_path / "directory.csv").write_text("uuid,name\n")
    with pytest.raises(ConfigurationError, match="has no column slug"):
        read_directory(tmp_path / "directory.csv")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("uuid;slug;exported 2023-11-14T22:13:20+00:00", 1_700_000_000),
        ("uuid;exported 2023-11-14 22:13:20;slug", 1_700_000_000),
        ("uuid;slug;exported yesterday", 1_600_000_000),
        ("uuid;slug", 1_600_000_000),
    ],
)
def test_when_it_was_written(tmp_path: Path, header: str, seconds: int) -> None:
    """The header says it, wherever the column stands and whatever a copy did to the file; else its modification."""
    path = tmp_path / "directory.csv"
    path.write_text(f"{header}\n{'a' * 32};alpha\n")
    os.utime(path, (1_600_000_000, 1_600_000_000))
    assert read_directory(path).written == datetime.fromtimestamp(seconds, tz=UTC)


def test_line_that_is_no_csv_is_named(tmp_path: Path) -> None:
    """The projects of the others are there."""
    path = tmp_path / "directory.csv"
    path.write_text(f'uuid,slug\n"{"b" * 32},beta\n{"a" * 32},alpha\n')
    directory = read_directory(path)
    assert [project.slug for project in directory.projects] == ["alpha"]
    assert directory.problems[0].startswith(f"{path}:2: this is no CSV")
