"""The overrides file: what a person decided, as spreadsheets save it."""

from pathlib import Path

import pytest

from waldur_import_agent.errors import ConfigurationError
from waldur_import_agent.placement import Overrides, read_overrides


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file is."""
    return tmp_path / "projects.csv"


def read(path: Path, text: str, *, ignore_case: bool = False) -> Overrides:
    """What a file with this text says."""
    path.write_bytes(text.encode())
    return read_overrides(path, ignore_case=ignore_case)


def test_lines_are_read_with_their_numbers(path: Path) -> None:
    """Each line gives the project of one id; its number is kept for the reason."""
    overrides = read(path, "backend_id,project\nacct1,alpha\nacct2,beta\n")
    assert overrides.project_of("acct1") == ("alpha", 2)
    assert overrides.project_of("acct2") == ("beta", 3)
    assert overrides.project_of("acct3") is None
    assert overrides.problems == ()


def test_other_columns_and_their_order_do_not_matter(path: Path) -> None:
    """The worksheet has more columns, and people move them."""
    overrides = read(path, 'name,project,why,backend_id\n"Name, with comma",alpha,no rule,acct1\n')
    assert overrides.lines == {"acct1": ("alpha", 2)}


@pytest.mark.parametrize("line", ["acct1,", "acct1,  ", "acct1", ",", ""])
def test_line_that_nobody_filled_in_is_ignored(path: Path, line: str) -> None:
    """An empty project means that nobody has decided yet: no problem, and the rules apply."""
    assert read(path, f"backend_id,project\n{line}\n") == Overrides()


def test_blanks_around_a_value_do_not_count(path: Path) -> None:
    """A blank that nobody can see in a spreadsheet does not make another id or another project."""
    assert read(path, "backend_id,project\n acct1 , alpha \n").lines == {"acct1": ("alpha", 2)}


def test_line_that_ends_before_its_id_is_a_problem(path: Path) -> None:
    """A line may have fewer values than the header."""
    assert read(path, "project,backend_id\nalpha\n").problems == (f"{path}:2: no backend_id",)


@pytest.mark.parametrize("backend_id", ["", "  "])
def test_project_without_an_id_is_a_problem(path: Path, backend_id: str) -> None:
    """A project for nothing is named with the file and its line; the other lines are used."""
    overrides = read(path, f"backend_id,project\nacct1,alpha\n{backend_id},beta\nacct2,beta\n")
    assert overrides.problems == (f"{path}:3: no backend_id",)
    assert overrides.lines == {"acct1": ("alpha", 2), "acct2": ("beta", 4)}


def test_two_projects_for_one_id_are_a_problem(path: Path) -> None:
    """A second, different decision is named with both lines; the first one holds."""
    overrides = read(path, "backend_id,project\nacct1,alpha\nacct1,beta\n")
    assert overrides.problems == (f"{path}:3: 'acct1' has another project in line 2",)
    assert overrides.project_of("acct1") == ("alpha", 2)


def test_the_same_decision_twice_is_no_problem(path: Path) -> None:
    """A doubled line says nothing new; the first one is what is told."""
    overrides = read(path, "backend_id,project\nacct1,alpha\nacct1,alpha\n")
    assert overrides == Overrides({"acct1": ("alpha", 2)})


def test_every_problem_is_told(path: Path) -> None:
    """One reading names all bad lines."""
    overrides = read(path, "backend_id,project\n,alpha\nacct1,alpha\nacct1,beta\n")
    assert len(overrides.problems) == 2


def test_case_matters_where_the_backend_says_so(path: Path) -> None:
    """Ids that differ in case are two ids."""
    overrides = read(path, "backend_id,project\nAcct1,alpha\nacct1,beta\n")
    assert overrides.project_of("Acct1") == ("alpha", 2)
    assert overrides.project_of("acct1") == ("beta", 3)
    assert overrides.project_of("ACCT1") is None


def test_case_does_not_matter_where_the_backend_ignores_it(path: Path) -> None:
    """Where the backend takes both spellings for one id, the file does too, and a contradiction is seen."""
    overrides = read(path, "backend_id,project\nAcct1,alpha\nACCT1,beta\n", ignore_case=True)
    assert overrides.project_of("acct1") == overrides.project_of("ACCT1") == ("alpha", 2)
    assert overrides.problems == (f"{path}:3: 'ACCT1' has another project in line 2",)


@pytest.mark.parametrize("start", ["", "\ufeff"])
@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_forms_in_which_spreadsheets_save(path: Path, start: str, separator: str, end: str) -> None:
    """With or without a byte order mark, with commas or semicolons, with either line end."""
    text = start + separator.join(("backend_id", "project", "name")) + end
    text += separator.join(("acct1", "alpha", "über")) + end
    assert read(path, text).lines == {"acct1": ("alpha", 2)}


def test_the_header_tells_the_separator(path: Path) -> None:
    """Semicolons within the values of a file with commas are text."""
    assert read(path, "backend_id,project\na;b;c,alpha\n").lines == {"a;b;c": ("alpha", 2)}
    assert read(path, "backend_id,project,why;what;who\nacct1,alpha,\n").lines == {"acct1": ("alpha", 2)}


def test_missing_file(path: Path) -> None:
    """A missing file stops the round before it starts, with the path and the way out."""
    with pytest.raises(ConfigurationError, match=r"projects\.csv cannot be read: No such file") as raised:
        read_overrides(path, ignore_case=False)
    assert "header `backend_id,project`" in raised.value.remedy


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("", "no column backend_id and no column project"),
        ("backend_id,slug\n", "no column project in"),
        ("id,project\n", "no column backend_id in"),
        ("acct1,alpha\nacct2,beta\n", "no column backend_id and no column project"),
    ],
)
def test_missing_header(path: Path, header: str, said: str) -> None:
    """A file without its header is refused whole: its first decision would be lost silently."""
    with pytest.raises(ConfigurationError, match=said) as raised:
        read(path, header)
    assert str(path) in str(raised.value)
    assert "The first line must be `backend_id,project`" in raised.value.remedy


@pytest.mark.parametrize("name", ["kürzel", "x" * 20000 + "ü"])
def test_utf_16_is_refused(path: Path, name: str) -> None:
    """A file in an encoding that nobody can guess line by line is refused whole."""
    path.write_bytes(f"backend_id,project\n{name},alpha\n".encode("utf-16"))
    with pytest.raises(ConfigurationError, match="is not CSV in UTF-8: it is UTF-16") as raised:
        read_overrides(path, ignore_case=False)
    assert "Save it again" in raised.value.remedy


def test_windows_1252_is_read_and_told(path: Path) -> None:
    """What Excel saves as "CSV" in Europe: its ids are right, and its first strange line is a problem."""
    path.write_bytes("backend_id,project\nkürzel,alpha\n".encode("cp1252"))
    overrides = read_overrides(path, ignore_case=False)
    assert overrides.project_of("kürzel") == ("alpha", 2)
    assert overrides.problems[0].startswith(f"{path}:2: this is not UTF-8")


@pytest.mark.parametrize("line", ['"acct1,alpha', '"acct1"x,alpha'])
def test_line_that_is_no_csv_costs_no_other(path: Path, line: str) -> None:
    """It is named with its number, the good ones are used."""
    overrides = read(path, f"backend_id,project\n{line}\nacct2,beta\n")
    assert overrides.lines == {"acct2": ("beta", 3)}
    assert overrides.problems[0].startswith(f"{path}:2: this is no CSV")


def test_header_that_is_no_csv_is_refused(path: Path) -> None:
    """Without it nobody knows which column is which."""
    with pytest.raises(ConfigurationError, match="is not CSV in UTF-8"):
        read(path, '"backend_id"x,project\nacct2,beta\n')
