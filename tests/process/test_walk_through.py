"""The tutorial and the walk-through in the documentation show what the commands print."""

import re
from pathlib import Path

import pytest

from support import tutorial, walk_through


def without_layout(text: str) -> list[str]:
    """The lines of a page, without what the width of a host's name changes in a table."""
    return [re.sub(r" +", " ", re.sub(r"─+", "─", line)).strip() for line in text.splitlines()]


@pytest.mark.parametrize("page", walk_through.PAGES)
async def test_a_page_shows_what_the_commands_print(page: str, tmp_path: Path) -> None:
    """Each command of the page, run in order, prints what the page says.

    `python tests/support/walk_through.py` writes the pages again.
    """
    text = (walk_through.DOCS / page).read_text()
    assert "\n$ waldur-import-agent" in text
    assert without_layout(await walk_through.regenerated(text, tmp_path)) == without_layout(text)


async def test_tutorial_is_what_the_commands_print(tmp_path: Path) -> None:
    """Each command of docs/tutorial.md, from the demo to a plan after a change, prints what the page says.

    `PYTHONPATH=tests python tests/support/tutorial.py` writes the page again.
    """
    text = tutorial.PAGE.read_text()
    assert text.count("\n$ waldur-import-agent") > 12
    assert without_layout(await tutorial.regenerated(text, tmp_path)) == without_layout(text)
