"""Ids that a spreadsheet has changed on the way are told, each with the one that it was."""

from pathlib import Path

import pytest

from waldur_import_agent.placement import changed_ids, read_overrides


def told(tmp_path: Path, text: str, *there: str, more: str = "", ignore_case: bool = False) -> list[str]:
    """What is said of a file whose first line names the id `text`, where `there` are found."""
    path = tmp_path / "projects.csv"
    path.write_text(f"backend_id,project\n{text},alpha\n{more}")
    return list(changed_ids(read_overrides(path, ignore_case=ignore_case), there))


@pytest.mark.parametrize(
    ("was", "became"),
    [
        ("007", "7"),
        ("1E5", "1E+05"),
        ("1E5", "100000"),
        ("1.50", "1.5"),
        ("123456789012", "1.23457E+11"),
        ("1-3", "01-Mar"),
        ("1-3", "2024-03-01"),
        ("MAR1", "01-Mar"),
        ("SEPT2", "2. Sep"),
        ("mar-24", "Mar-24"),
    ],
)
def test_what_it_was_is_named(tmp_path: Path, was: str, became: str) -> None:
    """Leading zeros, scientific form, short numbers and dates lead back to the id that is there."""
    (warning,) = told(tmp_path, became, "physics", was)
    assert warning.startswith(
        f"{tmp_path / 'projects.csv'}:2: {became!r} was not found on the backend; was it changed by a spreadsheet?"
    )
    assert f"{was!r} is there, and has no line" in warning


@pytest.mark.parametrize("text", ["01-Mar", "1.23457E+11"])
def test_what_no_id_looks_like_is_told_without_one(tmp_path: Path, text: str) -> None:
    """A form that only a spreadsheet writes is strange also where nothing like it is there."""
    (warning,) = told(tmp_path, text, "physics", "x-1-2", "13E", "Feb")
    assert "changed by a spreadsheet?. Let the column" in warning


@pytest.mark.parametrize("text", ["physics_old", "8", "2024", "gone-1"])
def test_what_has_merely_gone_is_no_warning(tmp_path: Path, text: str) -> None:
    """People keep lines of accounts that are no longer there."""
    assert told(tmp_path, text, "physics", "007") == []


def test_what_is_there_or_has_a_line_is_no_warning(tmp_path: Path) -> None:
    """An id that is found is right; one that has a line of its own was not changed into another."""
    assert told(tmp_path, "7", "7", "007") == []
    assert told(tmp_path, "7", "007", more="007,beta\n") == []
    assert told(tmp_path, "1e5", "1E5", ignore_case=True) == []
    assert told(tmp_path, "", "007") == []
