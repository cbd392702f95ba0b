"""The tutorial and the walk-through in the documentation show what the commands print."""

import re
from pathlib import Path

from support import tutorial, walk_through


def without_layout(text: str) -> list[str]:
    """The lines of a page, without what the width of a host's name changes in a table."""
    return [re.sub(r" +", " ", re.sub(r"─+", "─", line)).strip() for line in text.splitlines()]


async def test_walk_through_is_what_the_commands_print(tmp_path: Path) -> None:
    """Each command of docs/from-a-full-cluster-to-waldur.md, run in order, prints what the page says.

    `python tests/support/walk_through.py` writes the page again.
    """
    text = walk_through.PAGE.read_text()
    assert text.count("\n$ waldur-import-agent") > 15
    assert without_layout(await walk_through.regenerated(text, tmp_path)) == without_layout(text)


async def test_tutorial_is_what_the_commands_print(tmp_path: Path) -> None:
    """Each command of docs/tutorial.md, from the demo to a plan after a change, prints what the page says.

    `PYTHONPATH=tests python tests/support/tutorial.py` writes the page again.
    """
    text = tutorial.PAGE.read_text()
    assert text.count("\n$ waldur-import-agent") > 12
    assert without_layout(await tutorial.regenerated(text, tmp_path)) == without_layout(text)
