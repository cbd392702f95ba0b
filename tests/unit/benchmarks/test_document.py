"""The documentation shows the stored result: what is written there was measured."""

import json
import re
import xml.etree.ElementTree as ET

import pytest

from benchmarks import document, plot

README = document.HERE.parent / "README.md"
RESULT = {
    "measured": "2026-11-30T02:00:00+00:00",
    "version": "0.1.0",
    "python": "3.11.7",
    "processors": 2,
    "load": [0.5, 1.25],
    "cases": {
        "100 new": {"requests": 111.0, "wall_seconds": 0.5, "floor_seconds": 0.3, "ratio": 1.7, "peak_mib": 60.0},
        "1000 new": {"requests": 1015.0, "wall_seconds": 3.4, "floor_seconds": 2.7, "ratio": 1.26, "peak_mib": 66.0},
        "100 known as records": {"requests": 9.0},
        "--help": {"cpu_seconds": 0.1},
    },
    "incumbent": {
        "versions": {"waldur-site-agent": "1.0.7"},
        "cases": {"1000 new": {"requests": 3007.0, "wall_seconds": 115.0, "peak_mib": 134.0}},
    },
}


def test_page_and_drawing_show_the_stored_result() -> None:
    """Both are those of benchmarks/baseline.json; `python -m benchmarks.document` writes them."""
    stored = json.loads(document.BASELINE.read_text())
    assert document.PAGE.read_text() == document.page(document.PAGE.read_text(), stored)
    assert document.DRAWING.read_text() == plot.drawing(stored)


def test_comparison_shows_the_stored_result() -> None:
    """The page that compares the agents, and the numbers that the README takes of it."""
    stored = json.loads(document.BASELINE.read_text())
    comparison = document.COMPARISON.read_text()
    assert comparison == document.page(comparison, stored, document.COMPARISON_TABLES)
    own, other = stored["cases"]["1000 new"], stored["incumbent"]["cases"]["1000 new"]
    version = stored["incumbent"]["versions"]["waldur-site-agent"]
    assert f"measured: {version} | this agent |" in README.read_text()
    row = " | ".join(f"{numbers['requests']:,.0f}; {numbers['process_starts']:,.0f}" for numbers in (other, own))
    assert f"| 1,000 new accounts: requests to Waldur; starts of SLURM's programs | {row} |" in README.read_text()


def test_a_number_that_was_not_measured_is_none_in_the_comparison() -> None:
    """Nothing is made up where one of the two was not run."""
    table = document.compared_table(RESULT)
    assert "| 1,000 new accounts: requests to Waldur | 3,007 | 1,015 |" in table
    assert "| processor time of `--help`, seconds | - | 0.1 |" in table


def test_growth_on_paper_is_what_was_measured() -> None:
    """The formulas of the page give the requests that were counted, for every number of accounts."""
    stored = json.loads(document.BASELINE.read_text())["cases"]
    page = document.PAGE.read_text()
    assert "6 + pages(N) + 2 pages(P)" in page
    assert "8 + N + pages(N) + 2 pages(P)" in page

    def pages(rows: int) -> int:
        return 1 if rows <= 300 else -(-rows // 300) + 1

    checked = 0
    for case, numbers in stored.items():
        accounts, _, kind = case.partition(" ")
        if not accounts.isdecimal() or "requests" not in numbers:
            continue
        found = int(accounts)
        known = 6 + pages(found) + 2 * pages(found // 10)
        new = 8 + found + pages(found) + 2 * pages(found // 10)
        assert numbers["requests"] == (new if kind.startswith("new") else known), case
        checked += 1
    assert checked >= 12


def test_tables_are_put_between_the_marks() -> None:
    """What stands between a mark and its end is replaced, the rest stays."""
    marks = "\n".join(f"<!-- measured: {name} -->\nold\n<!-- end -->" for name in document.TABLES)
    text = document.page(f"before\n{marks}\nafter\n", RESULT)
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    assert "| 1,000 new | agent | 1,015 | - | 3.4 | 1.26 | 66 |" in text
    assert "|  | waldur-site-agent | 3,007 | - | 115 | - | 134 |" in text
    assert "| 1,000 new | requests | at most 1,020 | 1,015 | met |" in text
    assert "| 10,000 new | peak MiB | at most 110 MiB | - | not measured |" in text
    assert "| `--help` | CPU seconds 0.1 |" in text
    assert "| beside it | waldur-site-agent 1.0.7 |" in text
    assert text.index("| 100 new |") < text.index("| 1,000 new | agent |") < text.index("| 100 known as records |")


def test_costs_are_worked_out_from_what_was_measured() -> None:
    """Memory of one more account or offering, time of one more request; nothing where a number is missing."""
    cases = {
        "1000 new": {"peak_mib": 60.0},
        "10000 new": {"peak_mib": 96.0, "requests": 10_000.0, "cpu_seconds": 20.0, "waldur_cpu_seconds": 2.5},
        "idle": {"peak_mib": 52.0},
        "50 offerings": {"peak_mib": 61.8, "idle_cpu_percent": 1.75},
    }
    table = document.costs_table({"cases": cases})
    for row in (
        "| a known account (1,000 to 10,000) | - KiB of memory |",
        "| a new account (1,000 to 10,000) | 4.1 KiB of memory |",
        "| a create | 2 ms of the agent's processor time |",
        "| creates that one processor can send | 500 in a second |",
        "| a thousand offerings that poll every 30 seconds | 35 % of a processor |",
        "| a thousand offerings beside one | 200 MiB of memory |",
        "| requests that the fake Waldur can answer | 4,000 in a second |",
        "| that many times what eight connections can ask of it | 10 times |",
    ):
        assert row in table


def test_page_without_a_mark_is_no_page() -> None:
    """A mark that somebody has removed is named."""
    with pytest.raises(ValueError, match="measured: run"):
        document.page("nothing", RESULT)


def test_drawing_has_a_line_for_each_that_was_measured() -> None:
    """Requests, seconds and memory: the agent in each, the floor in seconds alone, and each point once."""
    root = ET.fromstring(plot.drawing(RESULT))
    lines = root.findall("{http://www.w3.org/2000/svg}polyline")
    points = [len(line.get("points", "").split()) for line in lines]
    assert points == [2, 1, 1, 2, 1, 2, 2, 1]
    assert len(root.findall("{http://www.w3.org/2000/svg}circle")) == sum(points)


def test_drawing_follows_the_readers_colours() -> None:
    """Every class that is drawn has a colour, in light and in dark, and nothing has one of its own."""
    text = plot.drawing(RESULT)
    light, _, dark = plot.STYLE.partition("@media (prefers-color-scheme: dark)")
    used = set(re.findall(r'class="(\w+)"', text))
    assert used == {"ground", "grid", "quiet", "blue", "red", "green"}
    assert all(f".{name} {{" in light and f".{name} {{" in dark for name in used)
    assert not re.findall(r'(?:fill|stroke)="#', text)


def test_more_is_higher_and_further_right() -> None:
    """The axes go the usual way."""
    root = ET.fromstring(plot.drawing(RESULT))
    (first, second) = root.findall("{http://www.w3.org/2000/svg}polyline")[0].get("points", "").split()
    (x, y), (further, higher) = (tuple(map(float, point.split(","))) for point in (first, second))
    assert further > x
    assert higher < y
