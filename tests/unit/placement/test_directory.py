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
    """Every fact that placement needs, names that look like formulas included; its age is the file's."""
    path = tmp_path / "directory.csv"
    odd = Project("c" * 32, "odd", '=HYPERLINK("x"), "quoted"', backend_id="-7", customer="Ünï; Org")
    path.write_text(write_directory([ALPHA, BETA, odd]))
    os.utime(path, (1_700_000_000, 1_700_000_000))
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
