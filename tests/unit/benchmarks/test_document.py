"""The documentation shows the stored result: what is written there was measured."""

import json
import xml.etree.ElementTree as ET

import pytest

from benchmarks import document, plot

RESULT = {
    "cases": {
        "100 new": {"requests": 111.0, "wall_seconds": 0.5, "floor_seconds": 0.3, "ratio": 1.7, "peak_mib": 60.0},
        "1000 new": {"requests": 1015.0, "wall_seconds": 3.4, "floor_seconds": 2.7, "ratio": 1.26, "peak_mib": 66.0},
        "--help": {"cpu_seconds": 0.1},
    },
    "incumbent": {"cases": {"1000 new": {"requests": 3007.0, "wall_seconds": 115.0, "peak_mib": 134.0}}},
}


def test_page_and_drawing_show_the_stored_result() -> None:
    """Both are those of benchmarks/baseline.json; `python -m benchmarks.document` writes them."""
    stored = json.loads(document.BASELINE.read_text())
    assert document.PAGE.read_text() == document.page(document.PAGE.read_text(), stored)
    assert document.DRAWING.read_text() == plot.drawing(stored)


def test_tables_are_put_between_the_marks() -> None:
    """What stands between a mark and its end is replaced, the rest stays."""
    marks = "\n".join(f"<!-- measured: {name} -->\nold\n<!-- end -->" for name in document.TABLES)
    text = document.page(f"before\n{marks}\nafter\n", RESULT)
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    assert "| 1,000 new | agent | 1,015 | - | 3.4 | 1.26 | 66 |" in text
    assert "|  | waldur-site-agent | 3,007 | - | 115 | - | 134 |" in text
    assert "| 1,000 new | requests | 1020  | 1,015 | met |" in text
    assert "| `--help` | cpu seconds 0.1 |" in text


def test_page_without_a_mark_is_no_page() -> None:
    """A mark that somebody has removed is named."""
    with pytest.raises(ValueError, match="measured: targets"):
        document.page("nothing", RESULT)


def test_drawing_has_a_line_for_each_that_was_measured() -> None:
    """Requests, seconds and memory: the agent in each, the floor in seconds alone, and each point once."""
    root = ET.fromstring(plot.drawing(RESULT))
    lines = root.findall("{http://www.w3.org/2000/svg}polyline")
    points = [len(line.get("points", "").split()) for line in lines]
    assert points == [2, 1, 2, 1, 2, 2, 1]
    assert len(root.findall("{http://www.w3.org/2000/svg}circle")) == sum(points)


def test_more_is_higher_and_further_right() -> None:
    """The axes go the usual way."""
    root = ET.fromstring(plot.drawing(RESULT))
    (first, second) = root.findall("{http://www.w3.org/2000/svg}polyline")[0].get("points", "").split()
    (x, y), (further, higher) = (tuple(map(float, point.split(","))) for point in (first, second))
    assert further > x
    assert higher < y
