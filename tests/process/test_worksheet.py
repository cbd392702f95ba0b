"""The worksheet from the command: written, filled in, read by the next plan, and written again."""

import csv
import stat
from pathlib import Path
from typing import Any

import pytest

from support.station import Station
from waldur_import_agent.errors import ExitCode


def configure(station: Station, **projects: Any) -> None:
    """The station's offering with these further settings of `projects`."""
    offering = {
        "uuid": station.offering.uuid,
        "scanner": {"type": "inventory", "path": "inventory.jsonl"},
        "projects": {"rules": [{"from": "parent", "match": "^hpc_(?P<slug>.+)$", "value": "{slug}"}], **projects},
    }
    station.configure(offerings=[offering])


def rows(path: Path) -> list[dict[str, str]]:
    """The lines of a worksheet."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


async def test_from_the_worksheet_to_placed(station: Station) -> None:
    """All that has no project is in it; filled in and configured, the next plan places it and keeps the line."""
    station.has("one", "two", parent="alfa")
    path = station.directory / "projects.csv"
    ended = await station.run("plan", "--output", "csv", "--file", "projects.csv")
    assert ended.code == ExitCode.OK
    assert ended.out == ""
    assert "projects.overrides_file" in ended.err
    assert [(row["backend_id"], row["project"], row["parents"]) for row in rows(path)] == [
        ("one", "", "alfa"),
        ("two", "", "alfa"),
    ]
    assert "no rule matches" in rows(path)[0]["reason"]
    assert rows(path)[0]["candidates"].startswith("alpha 0.")
    assert stat.S_IMODE(path.stat().st_mode) & stat.S_IRUSR
    path.write_text(path.read_text(encoding="utf-8").replace("one,,", "one,alpha,"), encoding="utf-8")
    path.chmod(0o640)
    configure(station, overrides_file="projects.csv")
    again = await station.run("plan", "--output", "csv", "--file", "projects.csv")
    assert "fill in the column `project` in" in again.err
    assert [(row["backend_id"], row["project"]) for row in rows(path)] == [("one", "alpha"), ("two", "")]
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    plan = (await station.run("plan", "--output", "json")).json()["plan"]
    assert [wanted["backend_id"] for wanted in plan["report"]] == ["one"]
    assert [item["resource"]["backend_id"] for item in plan["unplaced"]] == ["two"]
    assert [file.name for file in station.directory.iterdir() if file.name.startswith(".")] == []


async def test_to_stdout(station: Station) -> None:
    """Without a file the worksheet is the result on stdout, and nothing else is."""
    station.has("one", parent="other")
    ended = await station.run("plan", "--output", "csv")
    assert [line.split(",")[0] for line in ended.out.splitlines()] == ["backend_id", "one"]


async def test_filled_lines_of_the_file_itself_are_kept(station: Station) -> None:
    """A file that is filled in but not configured yet is not overwritten with an empty one."""
    station.has("one", parent="other")
    path = station.directory / "projects.csv"
    path.write_text("project;backend_id\r\nalpha;one\r\n")
    await station.run("plan", "--output", "csv", "--file", "projects.csv")
    header, line = path.read_text(encoding="utf-8-sig").splitlines()
    assert header.startswith("backend_id;project;"), "semicolons stay semicolons"
    assert line.startswith("one;alpha;")


async def test_worksheet_with_a_line_that_cannot_be_read_is_not_overwritten(station: Station) -> None:
    """Writing it again would lose what somebody has put into that line; the plan itself uses the others."""
    path = station.directory / "projects.csv"
    path.write_text('backend_id,project\n"one,alpha\nhpc_two,alpha\n')
    before = path.read_bytes()
    ended = await station.run("plan", "--output", "csv", "--file", "projects.csv")
    assert ended.code == ExitCode.FAILED
    assert "projects.csv:2: this is no CSV" in ended.err
    assert "Mend this line first" in ended.err
    assert path.read_bytes() == before
    configure(station, overrides_file="projects.csv")
    ended = await station.run("plan")
    assert ended.code == ExitCode.OK
    assert "projects.csv:2: this is no CSV" in ended.err
    assert "line 3 of the overrides file" in ended.out


@pytest.mark.parametrize(
    ("line", "why", "remedy"),
    [
        ("one;alpha", "projects.csv:2: this is not separated by ','", "Mend this line first"),
        ("one,,ask Jane", "projects.csv:2: 'ask Jane' stands under no heading", "Give its column a name"),
    ],
)
async def test_worksheet_is_not_overwritten_where_something_would_be_lost(
    station: Station, line: str, why: str, remedy: str
) -> None:
    """A decision with the wrong separator, or a note beside the columns, is said and stays."""
    station.has("one", parent="other")
    path = station.directory / "projects.csv"
    path.write_text(f"backend_id,project\n{line}\n")
    before = path.read_bytes()
    ended = await station.run("plan", "--output", "csv", "--file", "projects.csv")
    assert ended.code == ExitCode.FAILED
    assert why in ended.err
    assert remedy in ended.err
    assert path.read_bytes() == before


async def test_what_is_no_worksheet_is_not_overwritten(station: Station) -> None:
    """A wrong file name costs nobody his file."""
    path = station.directory / "notes.txt"
    path.write_text("mine\n")
    ended = await station.run("plan", "--output", "csv", "--file", "notes.txt")
    assert ended.code == ExitCode.FAILED
    assert "left as it is" in ended.err
    assert path.read_text() == "mine\n"


@pytest.mark.parametrize("output", ["table", "json"])
async def test_file_is_for_csv(station: Station, output: str) -> None:
    """Only the worksheet is written into a file."""
    ended = await station.run("plan", "--output", output, "--file", "x")
    assert ended.code == ExitCode.USAGE


async def test_directory_that_cannot_be_written(station: Station) -> None:
    """Told with the path, not with a traceback."""
    ended = await station.run("plan", "--output", "csv", "--file", "missing/projects.csv")
    assert ended.code == ExitCode.FAILED
    assert "missing/projects.csv cannot be written" in ended.err


async def test_plan_tells_from_where_the_projects_are(station: Station) -> None:
    """The sources with their counts, the age of the directory, and the way to the worksheet."""
    (station.directory / "directory.csv").write_text(f"uuid,slug\n{'a' * 32},alpha\n")
    configure(station, directory_file="directory.csv")
    station.has("one", parent="other")
    ended = await station.run("plan")
    assert "1 projects are known (the directory file 1, written 0 minutes ago)" in ended.err
    assert "--output csv" in ended.err


async def test_what_the_holding_project_holds_is_for_a_person_too(station: Station) -> None:
    """The plan shows it as held, with the warning; the worksheet has a line for it; config check warns as well."""
    station.sandbox.add_project("Holding", "holding")
    configure(station, holding_project="holding")
    station.has("one", parent="other")
    ended = await station.run("plan")
    assert "held by the holding project" in " ".join(ended.out.split())
    assert "1 resources are held by the holding project holding. waldur-site-agent takes users off" in ended.err
    assert "move_resource" in ended.err
    sheet = await station.run("plan", "--output", "csv")
    assert [line.split(",")[:2] for line in sheet.out.splitlines()[1:]] == [["one", ""]]
    assert "move_resource" in (await station.run("config", "check")).err
