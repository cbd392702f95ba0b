"""CSV that comes from spreadsheets and goes to them."""

from pathlib import Path

import pytest

from waldur_import_agent.placement.table import read_table, write_table


def read(path: Path, text: str) -> list[tuple[int, dict[str, str]]]:
    """The lines of a file with this text, which needs the column `a`."""
    path.write_text(text)
    return [(row.line, dict(row.cells)) for row in read_table(path, "sheet", ("a",)).rows]


@pytest.mark.parametrize("cell", ["=1+1", "+49 30", "-5", "@SUM(A1)", "'=1", "''-x", "'quoted'", "plain", "ü;ö", 'a"b'])
def test_every_cell_survives(tmp_path: Path, cell: str) -> None:
    """What was written is read back, whatever was done to it on the way."""
    assert read(tmp_path / "sheet.csv", write_table(("a",), [(cell,)])) == [(2, {"a": cell})]


@pytest.mark.parametrize("cell", ["=cmd|'/C calc'!A0", "+1", "-1", "@x", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(cell: str) -> None:
    """A spreadsheet evaluates none of what users of the backend may have put into a name."""
    text = write_table(("a",), [(cell,)])
    assert text.splitlines()[1].lstrip('"').startswith("'")


def test_harmless_cells_stay_as_they_are() -> None:
    """Only what would be taken for a formula is changed; nothing becomes an empty cell."""
    assert write_table(("a", "b", "c"), [("hpc_1-x=2", None, 3)]) == "a,b,c\nhpc_1-x=2,,3\n"


def test_the_number_of_a_line_is_that_of_an_editor(tmp_path: Path) -> None:
    """A cell with a line break counts its lines: the number leads to the end of the record."""
    assert read(tmp_path / "sheet.csv", 'a,b\n1,"x\ny"\n2,z\n') == [
        (3, {"a": "1", "b": "x\ny"}),
        (4, {"a": "2", "b": "z"}),
    ]


def test_short_and_long_lines(tmp_path: Path) -> None:
    """A line with too few cells lacks the last ones; what is too much belongs to no column."""
    assert read(tmp_path / "sheet.csv", "a,b\n1\n2,x,y\n") == [(2, {"a": "1"}), (3, {"a": "2", "b": "x"})]
