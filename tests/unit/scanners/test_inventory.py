"""The inventory scanner: a file in the record form or as CSV."""

import asyncio
import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from waldur_import_agent import cli
from waldur_import_agent.records import Ancestor, FoundResource, Scan
from waldur_import_agent.scanners.base import BackendMisconfiguredError, BackendUnavailableError, Check, CheckStatus
from waldur_import_agent.scanners.inventory import InventoryScanner, InventorySettings

NO_HEADER = (
    "inventory.csv:1: the first line must name the columns, backend_id among them "
    "(backend_id, name, kind, parent, user_count, attributes.X, ...)"
)


def write(path: Path, text: str | bytes) -> None:
    """Write a file just as given."""
    path.write_bytes(text.encode() if isinstance(text, str) else text)


async def scan(path: Path, **settings: str) -> Scan:
    """One scan of a file."""
    async with InventoryScanner(InventorySettings.model_validate({"path": path, **settings})) as scanner:
        return await scanner.scan()


async def check(path: Path) -> Check:
    """The one check of a file."""
    async with InventoryScanner(InventorySettings(path=path)) as scanner:
        (found,) = await scanner.check()
        return found


async def problems(path: Path) -> list[str]:
    """The lines of the error of a file with bad lines, its head and the directory left out."""
    with pytest.raises(BackendMisconfiguredError) as caught:
        await scan(path)
    return str(caught.value).replace(f"{path.parent}/", "").splitlines()[1:]


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    """Where a CSV file goes."""
    return tmp_path / "inventory.csv"


@pytest.fixture
def jsonl(tmp_path: Path) -> Path:
    """Where a file in the record form goes."""
    return tmp_path / "inventory.jsonl"


async def test_the_record_form_is_read(jsonl: Path) -> None:
    """One record a line, with or without a byte order mark, in the order of the ids."""
    lines = '{"backend_id": "b", "limits": {"x": null}}\n{"backend_id": "a"}\n'
    expected = Scan((FoundResource("a", "a", "resource"), FoundResource("b", "b", "resource", limits={"x": None})))
    for encoding in ("utf-8", "utf-8-sig"):
        write(jsonl, lines.encode(encoding))
        assert await scan(jsonl) == expected


async def test_csv_is_read(csv: Path) -> None:
    """Columns in any order; an empty cell says nothing, `unlimited` is a stated limit, attributes stay text."""
    write(
        csv,
        "name,backend_id,kind,parent,user_count,attributes.owner,attributes.number,limits.storage,limits.a.b\r\n"
        '"Group\nA",a,share,physics,3,Ada,007,1.5,7\r\n'
        ",b,,,,,,unlimited,\r\n"
        "\r\n".encode("utf-8-sig"),
    )
    assert await scan(csv) == Scan(
        (
            FoundResource(
                backend_id="a",
                name="Group\nA",
                kind="share",
                parents=(Ancestor("physics", "physics"),),
                attributes={"owner": "Ada", "number": "007"},
                limits={"storage": 1.5, "a.b": 7},
                user_count=3,
            ),
            FoundResource("b", "b", "resource", limits={"storage": None}),
        )
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("backend_id,nam\na,b\n", ["inventory.csv:1: column nam: unknown key (did you mean 'name'?)"]),
        (
            "backend_id,attributes.\na,b\n",
            ["inventory.csv:1: column attributes.: unknown key (did you mean 'attributes.'?)"],
        ),
        ("backend_id,name,name\na,b,c\n", ["inventory.csv:1: column name: this name stands twice"]),
        (
            "id\na\n",
            [NO_HEADER],
        ),
        (
            "",
            [NO_HEADER],
        ),
        (
            "backend_id,name\na\nb,c,d\n",
            [
                "inventory.csv:2: 1 cells, but the first line names 2 columns",
                "inventory.csv:3: 3 cells, but the first line names 2 columns",
            ],
        ),
        ("backend_id,name\n,b\n", ["inventory.csv:2: backend_id: this must not be empty"]),
        (
            "backend_id,limits.x\na,many\nb,1_0\nc,NaN\n",
            [f"inventory.csv:{line}: limits.x: a finite number is needed, or null for unlimited" for line in (2, 3, 4)],
        ),
        ("backend_id,user_count\na,few\n", ["inventory.csv:2: user_count: a whole number is needed"]),
        ('backend_id,name\na,"x\ny"\na,z\n', ["inventory.csv:4: backend_id: line 3 has the same"]),
        ('backend_id\n"a" b\n', ["inventory.csv:2: this is not CSV: ',' expected after '\"'"]),
        ('backend_id\n"a\n', ["inventory.csv:2: this is not CSV: unexpected end of data"]),
        (b"backend_id\na\n\xff\n", ["inventory.csv:3: this is not UTF-8 text"]),
    ],
)
async def test_wrong_csv_is_told_with_its_line(csv: Path, text: str | bytes, expected: list[str]) -> None:
    """Columns that are not known, rows of another length, wrong numbers, doubled ids, bad quotes, other encodings."""
    write(csv, text)
    assert await problems(csv) == expected


async def test_a_bad_line_of_the_record_form_is_told_with_its_line(jsonl: Path) -> None:
    """The file's name stands before it, so that an editor can jump there."""
    write(jsonl, '{"backend_id": "a"}\n\n{"backend_id": ""}\n')
    assert await problems(jsonl) == ["inventory.jsonl:3: backend_id: this must not be empty"]


async def test_an_empty_file_is_not_an_empty_backend(jsonl: Path) -> None:
    """A full disk leaves an empty file; all records would be withdrawn for it. Nothing there is said explicitly."""
    write(jsonl, "\n")
    (problem,) = await problems(jsonl)
    assert problem.startswith("inventory.jsonl:1: the file is empty")
    write(jsonl, '{"scan": {"complete": true}}\n')
    assert await scan(jsonl) == Scan(())


async def test_csv_with_nothing_but_its_header_is_an_error(csv: Path) -> None:
    """An export that failed leaves just that, and an empty backend would withdraw records."""
    write(csv, "backend_id\n")
    with pytest.raises(BackendMisconfiguredError, match="no record follows"):
        await scan(csv)


async def test_csv_as_spreadsheets_write_it(csv: Path) -> None:
    """Semicolons, blank rows, and empty cells at the ends of lines are how spreadsheets write."""
    write(csv, "backend_id;name;;\nacct;Name;;\n;;;\n\nother;;;\n")
    assert [(found.backend_id, found.name) for found in (await scan(csv)).resources] == [
        ("acct", "Name"),
        ("other", "other"),
    ]


@pytest.mark.parametrize(
    ("name", "line"),
    [("x.jsonl", '{"backend_id": "a", "limits": {"cpu": DIGITS}}'), ("x.csv", "backend_id,limits.cpu\na,DIGITS")],
)
@pytest.mark.parametrize("digits", ["9" * 5000, "[" * 100_000], ids=["many", "nested"])
async def test_number_with_too_many_digits_is_told(tmp_path: Path, name: str, line: str, digits: str) -> None:
    """Python refuses to read thousands of digits, or what is nested without end: the line is named, nothing crashes."""
    path = tmp_path / name
    path.write_text(line.replace("DIGITS", digits) + "\n")
    with pytest.raises(BackendMisconfiguredError, match=rf"{name}:\d"):
        await scan(path)


@pytest.mark.parametrize("suffix", [".CSV", ".csv"])
async def test_the_format_follows_the_ending(tmp_path: Path, suffix: str) -> None:
    """Capitals do not matter."""
    path = tmp_path / f"x{suffix}"
    path.write_text("backend_id\na\n")
    assert len((await scan(path)).resources) == 1


@pytest.mark.parametrize("suffix", [".jsonl", ".ndjson"])
async def test_both_endings_of_json_lines_are_known(tmp_path: Path, suffix: str) -> None:
    """They mean the same."""
    path = tmp_path / f"x{suffix}"
    path.write_text('{"backend_id": "a"}\n')
    assert len((await scan(path)).resources) == 1


async def test_a_format_that_is_set_wins_over_the_ending(csv: Path) -> None:
    """And a file with another ending needs one."""
    write(csv, '{"backend_id": "a"}\n')
    assert len((await scan(csv, format="jsonl")).resources) == 1
    with pytest.raises(
        ValidationError, match=r"`format` is needed: the file's ending is none of \.csv, \.jsonl, \.ndjson"
    ):
        InventorySettings(path=Path("x.txt"))


async def test_a_missing_file_is_a_matter_of_configuration(tmp_path: Path) -> None:
    """Trying again would not bring it."""
    with pytest.raises(
        BackendMisconfiguredError, match=r"none\.csv cannot be read: No such file or directory\. See to it"
    ):
        await scan(tmp_path / "none.csv")
    (tmp_path / "file").write_text("")
    with pytest.raises(BackendMisconfiguredError, match="Not a directory"):
        await scan(tmp_path / "file" / "x.csv")


async def test_only_a_file_is_read(tmp_path: Path) -> None:
    """A directory has no lines, and a pipe without a writer would hold the agent for ever."""
    (tmp_path / "x.csv").mkdir()
    with pytest.raises(BackendMisconfiguredError, match=r"x\.csv is not a file"):
        await scan(tmp_path / "x.csv")


async def test_an_error_of_the_file_system_may_pass(tmp_path: Path) -> None:
    """A loop of links stands here for a stale file handle or an I/O error: the round tries again."""
    (tmp_path / "x.csv").symlink_to("x.csv")
    with pytest.raises(BackendUnavailableError, match="Too many levels of symbolic links"):
        await scan(tmp_path / "x.csv")


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
async def test_others_get_their_turn_while_a_long_file_is_read(tmp_path: Path, suffix: str) -> None:
    """A file of many lines does not hold up the loop until its end."""
    path = tmp_path / f"long{suffix}"
    if suffix == ".csv":
        path.write_text("backend_id\n" + "".join(f"{number}\n" for number in range(2500)))
    else:
        path.write_text("".join(json.dumps({"backend_id": str(number)}) + "\n" for number in range(2500)))
    task = asyncio.create_task(scan(path))
    turns = 0
    while not task.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 2
    assert len(task.result().resources) == 2500


async def test_check_says_what_is_in_the_file(jsonl: Path) -> None:
    """How many records, and when it was written."""
    write(jsonl, '{"backend_id": "a"}\n')
    found = await check(jsonl)
    assert found.status == CheckStatus.PASS
    assert f"{jsonl} holds 1 records, written 2" in found.detail


async def test_check_warns_of_a_file_that_is_not_complete(jsonl: Path) -> None:
    """With the reasons that the file gives."""
    for warnings, text in (('["B is down", "C too"]', "B is down; C too"), ("[]", "it gives no reason")):
        write(jsonl, '{"scan": {"complete": false, "warnings": ' + warnings + "}}")
        found = await check(jsonl)
        assert found.status == CheckStatus.WARN
        assert found.detail.endswith(f"it is not complete: {text}")
        assert found.remedy


async def test_check_fails_without_raising(tmp_path: Path) -> None:
    """For a missing file and for a bad one, with the same words as a scan."""
    missing = await check(tmp_path / "none.csv")
    assert missing.status == CheckStatus.FAIL
    assert "No such file" in missing.detail
    assert missing.remedy


async def test_ids_of_a_file_differ_by_case() -> None:
    """What another program calls two things are two."""
    assert not InventoryScanner.ids_ignore_case
    assert InventoryScanner.kind == "inventory"


async def test_the_inventory_of_the_demo_has_what_the_demo_shows() -> None:
    """Accounts like those of a real cluster, and one of each kind that needs a person."""
    found = {
        resource.backend_id: resource
        for resource in (await scan(Path(cli.__path__[0]) / "demo_inventory.jsonl")).resources
    }
    assert len(found) == 14
    assert {resource.kind for resource in found.values()} == {"SLURM account"}
    slugs = {resource.parents[0].name.removeprefix("hpc_") for resource in found.values()}
    assert slugs == {"genomics", "climate", "cfd", "astro", "proteins", "materials", "robotics"}
    assert all(resource.backend_id.startswith(f"{resource.parents[0].name}_") for resource in found.values())
    assert "hpc_genomics_legacy" in found
    assert [len(backend_id) > 255 for backend_id in found].count(True) == 1
    assert [len(resource.name) > 150 and len(resource.backend_id) < 150 for resource in found.values()].count(True) == 1
    assert [not resource.limits for resource in found.values()].count(True) == 1
    cpu = [resource.limits["GrpTRESMins.cpu"] for resource in found.values() if resource.limits]
    assert [bool(limit is not None and limit % 60) for limit in cpu].count(True) == 1
