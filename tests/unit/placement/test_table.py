"""CSV that comes from spreadsheets and goes to them."""

from pathlib import Path

import pytest

from waldur_import_agent.placement.table import read_table, write_table

WITHIN = ("x;=1", "x,'-2;;+3", "x\n=1")
"""What would be a formula where a spreadsheet splits elsewhere."""


def read(path: Path, text: str) -> list[tuple[int, dict[str, str]]]:
    """The lines of a file with this text, which needs the column `a`."""
    path.write_text(text)
    return [(row.line, dict(row.cells)) for row in read_table(path, "sheet", ("a",)).rows]


@pytest.mark.parametrize(
    "cell", ["=1+1", "+49 30", "-5", "@SUM(A1)", "'=1", "''-x", "'quoted'", "plain", "ü;ö", 'a"b', *WITHIN]
)
def test_every_cell_survives(tmp_path: Path, cell: str) -> None:
    """What was written is read back, whatever was done to it on the way."""
    assert read(tmp_path / "sheet.csv", write_table(("a",), [(cell,)])) == [(2, {"a": cell})]


@pytest.mark.parametrize("cell", ["=cmd|'/C calc'!A0", "+1", "-1", "@x", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(cell: str) -> None:
    """A spreadsheet evaluates none of what users of the backend may have put into a name."""
    text = write_table(("a",), [(cell,)])
    assert text.splitlines()[1].lstrip('"').startswith("'")


@pytest.mark.parametrize(("cell", "other"), [("x;=1+1;y", ";"), ("x,@y", ","), ("x\n=1", ";"), ("x\t-1", "\t")])
def test_no_part_of_a_cell_is_a_formula_where_another_separator_is_used(cell: str, other: str) -> None:
    """Opened where semicolons separate, a file with commas is split elsewhere, and so are quoted line breaks."""
    text = write_table(("a", "b"), [("1", cell)])
    parts = [part for line in text.splitlines() for part in line.split(other)]
    assert not [part for part in parts if part.startswith(("=", "+", "-", "@"))]


def test_harmless_cells_stay_as_they_are() -> None:
    """Only what would be taken for a formula is changed; nothing becomes an empty cell."""
    assert write_table(("a", "b", "c"), [("hpc_1-x=2", None, 3)]) == "a,b,c\nhpc_1-x=2,,3\n"


def test_the_number_of_a_line_is_that_of_an_editor(tmp_path: Path) -> None:
    """A cell with a line break counts its lines: the number leads to the beginning of the record."""
    assert read(tmp_path / "sheet.csv", 'a,b\n1,"x\ny"\n2,z\n') == [
        (2, {"a": "1", "b": "x\ny"}),
        (4, {"a": "2", "b": "z"}),
    ]


@pytest.mark.parametrize("bad", ['"1,x', '"1"x,y', '1,"x'])
def test_line_that_is_no_csv_is_named_and_the_others_are_read(tmp_path: Path, bad: str) -> None:
    """A quote that is never closed, or closed too early, costs its own line and no other."""
    path = tmp_path / "sheet.csv"
    path.write_text(f'a,b\n0,"p\nq"\n{bad}\n2,z\n3,"u, v"\n')
    table = read_table(path, "sheet", ("a",))
    assert [(row.line, row.cells["a"]) for row in table.rows] == [(2, "0"), (5, "2"), (6, "3")]
    (problem,) = table.unreadable
    assert problem.startswith(f"{path}:4: this is no CSV, and is left out: ")
    assert table.problems == (problem,)


@pytest.mark.parametrize(("header", "bad"), [("a,b", "1;x"), ("a;b", "1,x"), ("a,b", "1\tx")])
def test_line_with_another_separator_is_named(tmp_path: Path, header: str, bad: str) -> None:
    """What a person decided in such a line would else count as not filled in; a short line is only that."""
    path = tmp_path / "sheet.csv"
    path.write_text(f"{header}\n{bad}\n2\n")
    table = read_table(path, "sheet", ("a", "b"))
    assert [dict(row.cells) for row in table.rows] == [{"a": "2"}]
    (problem,) = table.unreadable
    assert problem.startswith(f"{path}:2: this is not separated by {header[1]!r} like the first line")


@pytest.mark.parametrize("text", ["a,\n1,\n2,mine\n", "a\n1\n2,mine,more\n"])
def test_cell_under_no_heading_is_named(tmp_path: Path, text: str) -> None:
    """A note beside the columns is in no row: who writes the file again has to know."""
    path = tmp_path / "sheet.csv"
    path.write_text(text)
    table = read_table(path, "sheet", ("a",))
    assert [row.cells["a"] for row in table.rows] == ["1", "2"]
    assert table.unheaded == (f"{path}:3: 'mine' stands under no heading",)
    assert table.problems == (), "for who only reads, nothing is wrong"


def test_quote_that_is_closed_far_below(tmp_path: Path) -> None:
    """Nobody means a cell of two hundred lines: the first is named, the others are read."""
    path = tmp_path / "sheet.csv"
    path.write_text('a\n"x\n' + "y\n" * 300 + 'z"\n')
    table = read_table(path, "sheet", ("a",))
    assert [row.cells["a"] for row in table.rows] == ["y"] * 300 + ['z"']
    assert table.unreadable[0].startswith(f"{path}:2: ")


def test_windows_1252_is_read_and_named(tmp_path: Path) -> None:
    """How Excel saves "CSV" in Europe: the letters are right, the first such line is named, the others stay UTF-8."""
    path = tmp_path / "sheet.csv"
    path.write_bytes("a;b\nü;1\n".encode() + "Müller;€\nö;2\n".encode("cp1252"))
    table = read_table(path, "sheet", ("a",))
    assert [tuple(row.cells.values()) for row in table.rows] == [("ü", "1"), ("Müller", "€"), ("ö", "2")]
    (warning,) = table.problems
    assert warning.startswith(f"{path}:3: this is not UTF-8, like 1 more lines, and was read as Windows-1252")


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_the_separator_is_known_and_can_be_kept(tmp_path: Path, delimiter: str) -> None:
    """What was read with semicolons can be written with them, and comes back."""
    path = tmp_path / "sheet.csv"
    path.write_text(write_table(("a", "b"), [("1,5", "x;y")], delimiter=delimiter))
    table = read_table(path, "sheet", ("a",))
    assert (table.delimiter, table.rows[0].cells) == (delimiter, {"a": "1,5", "b": "x;y"})


def test_short_and_long_lines(tmp_path: Path) -> None:
    """A line with too few cells lacks the last ones; what is too much belongs to no column."""
    assert read(tmp_path / "sheet.csv", "a,b\n1\n2,x,y\n") == [(2, {"a": "1"}), (3, {"a": "2", "b": "x"})]
