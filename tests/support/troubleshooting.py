"""The entries of docs/troubleshooting.md: under each heading its messages, and what to do."""

import re
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "troubleshooting.md"
BULLET = re.compile(r"^- (`+) ?(.*?) ?\1$")


@dataclass(frozen=True)
class Entry:
    """One heading, which is the anchor of all messages below it."""

    heading: str
    messages: tuple[str, ...]
    advice: str


def entries(text: str) -> list[Entry]:
    """All entries of the page, in its order."""
    found = []
    for part in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
        heading, _, rest = re.split(r"^## ", part, maxsplit=1, flags=re.MULTILINE)[0].partition("\n")
        lines = rest.strip().splitlines()
        messages = tuple(match[2] for line in lines if (match := BULLET.match(line)))
        advice = "\n".join(line for line in lines if not line.startswith("- "))
        found.append(Entry(heading.strip(), messages, advice))
    return found
