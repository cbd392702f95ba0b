"""Parts of a page in Markdown."""

import re
from collections.abc import Iterable, Sequence

NOTE = "<!-- Made by `make generated`: what stands here is changed where it comes from. -->"
"""Stands at the top of each generated page; no reader of the site sees it."""


def page(title: str, parts: Iterable[str]) -> str:
    """A generated page."""
    return "\n\n".join([NOTE, f"# {title}", *(part.rstrip() for part in parts)]) + "\n"


def text(words: str) -> str:
    """A text from the product as it is: no character of it means something to Markdown, but for `code`."""
    parts = re.split(r"(`[^`]+`)", words)
    return "".join(part if part.startswith("`") else re.sub(r"([*<>\\]|(?<!\w)_)", r"\\\1", part) for part in parts)


def code(words: str) -> str:
    """A text in the letters of code, on one line."""
    fence = "``" if "`" in words else "`"
    return f"{fence}{words}{fence}"


def block(words: str, language: str = "") -> str:
    """Lines in the letters of code."""
    return f"```{language}\n{words.rstrip()}\n```"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; its cells are Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
