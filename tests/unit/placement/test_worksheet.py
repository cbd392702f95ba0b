"""The worksheet: written for a person, read as the overrides file, and never losing what was filled in."""

from dataclasses import replace
from pathlib import Path

from support.builders import ALPHA, BETA, found
from waldur_import_agent.placement import read_overrides, write_worksheet
from waldur_import_agent.placement.table import Row, Table, read_table
from waldur_import_agent.records import Ancestor, FoundResource, LeftOut, Project

HEADER = "backend_id,project,name,parents,organization,description,user_count,reason,candidates"
ONE = found(
    "one",
    name="First",
    parents=(Ancestor("g", "group"), Ancestor("t", "top")),
    attributes={"organization": "physics", "description": "Lab, 1st floor"},
    user_count=3,
)


def sheet(
    *undecided: FoundResource,
    placed: tuple[FoundResource, ...] = (),
    filled: tuple[Table, ...] = (),
    projects: tuple[Project, ...] = (ALPHA, BETA),
    ignore_case: bool = False,
) -> list[str]:
    """The lines of the worksheet, where the reason of all that is undecided is `no rule`."""
    text = write_worksheet(
        [LeftOut(thing, "no rule") for thing in undecided],
        (*undecided, *placed),
        projects,
        filled,
        ignore_case=ignore_case,
    )
    return text.splitlines()


def table(header: str, *lines: str) -> Table:
    """A file that a person has filled in."""
    columns = tuple(header.split(","))
    rows = [Row(number, dict(zip(columns, line.split(","), strict=True))) for number, line in enumerate(lines, start=2)]
    return Table(columns, tuple(rows))


def test_all_that_helps_to_decide() -> None:
    """One line per undecided resource: an empty project, the parents upwards, organization, users and the reason."""
    assert sheet(ONE) == [HEADER, 'one,,First,group < top,physics,"Lab, 1st floor",3,no rule,']


def test_candidates_are_what_may_be_copied() -> None:
    """The nearest projects, each by its slug with score and name; by its UUID where the slug is empty or not unique."""
    (_, line) = sheet(found("alpha", parents=()), projects=(ALPHA, BETA))
    assert line.endswith('no rule,"alpha 1.00 (Project Alpha, Org A)"')
    twin = replace(ALPHA, uuid="c" * 32)
    nameless = Project("d" * 32, "", "alpha")
    (_, line) = sheet(found("alpha", parents=()), projects=(ALPHA, twin, nameless))
    assert all(f"{letter * 32} 1.00 (" in line for letter in "acd")
    assert line.count(" | ") == 2


def test_filled_lines_are_kept() -> None:
    """Placed by it, still undecided, or gone from the backend: what a person decided stays, with the facts of now."""
    before = table(
        "backend_id,project,name,reason", "placed,alpha,old name,no rule", "one,typo,,no rule", "gone,beta,Gone,no rule"
    )
    assert sheet(ONE, found("two", parents=()), placed=(found("placed", parents=()),), filled=(before,)) == [
        HEADER,
        "placed,alpha,placed,,,,,,",
        'one,typo,First,group < top,physics,"Lab, 1st floor",3,no rule,',
        "gone,beta,Gone,,,,,not found on the backend,",
        "two,,two,,,,,no rule,",
    ]


def test_empty_lines_that_are_no_longer_undecided_go() -> None:
    """A line that nobody filled in is written again only while it is needed."""
    before = table("backend_id,project", "placed,", "one,")
    assert [line.split(",")[0] for line in sheet(ONE, placed=(found("placed"),), filled=(before,))] == [
        "backend_id",
        "one",
    ]


def test_columns_of_peoples_own_are_kept() -> None:
    """A comment beside a line stays beside it, whether the line is filled in or not."""
    before = table("backend_id,who,project", "one,ask Ann,", "gone,Bob,beta")
    header, gone, one = sheet(ONE, filled=(before,))
    assert header == f"{HEADER},who"
    assert gone.endswith(",Bob")
    assert one.endswith(",ask Ann")


def test_lines_that_contradict_each_other_are_both_kept() -> None:
    """Nothing that a person wrote is thrown away; the same decision from two files is one line."""
    first, second = table("backend_id,project", "one,alpha"), table("backend_id,project", "one,alpha", "one,beta")
    assert [line.split(",")[:2] for line in sheet(ONE, filled=(first, second))[1:]] == [
        ["one", "alpha"],
        ["one", "beta"],
    ]


def test_case_is_ignored_where_the_backend_does() -> None:
    """A line in another case is the decision on the same resource there, and on another one elsewhere."""
    before = table("backend_id,project", "ONE,alpha")
    assert len(sheet(ONE, filled=(before,), ignore_case=True)) == 2
    assert len(sheet(ONE, filled=(before,))) == 3


def test_filled_in_it_is_the_overrides_file(tmp_path: Path) -> None:
    """Ids and texts that a spreadsheet would take for formulas come back as they were."""
    path = tmp_path / "sheet.csv"
    odd = replace(ONE, backend_id="-odd;id", name='=HYPERLINK("http://x")', attributes={"description": "@x\r\ny"})
    text = write_worksheet([LeftOut(odd, "why")], [odd], [ALPHA], ignore_case=False)
    assert not any(cell.startswith(("=", "@", "-")) for cell in text.replace('"', "").split(","))
    path.write_text("\ufeff" + text.replace("'-odd;id,,", "'-odd;id,alpha,"), newline="")
    assert read_overrides(path, ignore_case=False).lines == {"-odd;id": ("alpha", 2)}
    (row,) = read_table(path, "sheet", ("name",)).rows
    assert (row.cells["name"], row.cells["description"]) == (odd.name, odd.attributes["description"])


def test_semicolons_stay_semicolons() -> None:
    """A file that a spreadsheet saved with semicolons is written with them again."""
    before = replace(table("backend_id,project", "one,alpha"), delimiter=";")
    header, line = sheet(ONE, filled=(before,))
    assert header == HEADER.replace(",", ";")
    assert line.startswith("one;alpha;First;group < top;physics;Lab, 1st floor;3;")
