"""The manual page and the completion of bash and zsh, from the parser: they ship with the wheel."""

import argparse
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import shtab
from argparse_manpage.manpage import Manpage

from documentation.command_line import arguments, subcommands
from documentation.docstrings import of_class
from waldur_import_agent import __version__
from waldur_import_agent.cli import make_parser
from waldur_import_agent.cli.arguments import CONFIG_VARIABLE, DEFAULT_CONFIG
from waldur_import_agent.errors import ExitCode
from waldur_import_agent.settings.environment import DELIMITER, PREFIX

PROGRAM = "waldur-import-agent"
COMPLETED = {"FILE": shtab.FILE, "DIR": shtab.DIRECTORY}
"""What a value is completed with, by the name that the help gives it."""
VARIABLES = {
    CONFIG_VARIABLE: "The configuration, where --config names none.",
    f"{PREFIX}SECTION{DELIMITER}KEY": "Any setting outside of a list; wins over the file. Lists and mappings are JSON.",
    "HTTPS_PROXY, NO_PROXY": "The way to Waldur, where waldur.proxy is not set.",
}
FILES = {
    str(DEFAULT_CONFIG): "The configuration; `waldur-import-agent config init` writes one with comments.",
    "/var/lib/waldur-import-agent/journal.sqlite3": "What the agent has claimed, and its last rounds (state_dir).",
    "/run/waldur-import-agent/status.json": "What it is doing; `waldur-import-agent status` shows it (runtime_dir).",
    "/run/lock/waldur-import-agent": "Locks: one agent on a host answers an offering (lock_dir).",
}


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """A parser and those of its subcommands."""
    yield parser
    for _, inner, _ in subcommands(parser):
        yield from parsers(inner)


def completion(shell: str) -> str:
    """The script for bash or zsh."""
    top = make_parser()
    for parser in parsers(top):
        for action in arguments(parser):
            if action.metavar in COMPLETED:
                action.complete = COMPLETED[str(action.metavar)]  # type: ignore[attr-defined]  # shtab's own
    return shtab.complete(top, shell=shell).rstrip() + "\n"


@contextmanager
def columns(number: int) -> Iterator[None]:
    """The width of the terminal that argparse writes for."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(number)
    try:
        yield
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before


def roff(words: str) -> str:
    """A text for the manual page: a hyphen that can be copied, no line that begins with a request."""
    return words.replace("\\", "\\\\").replace("-", "\\-").replace("\n.", "\n\\&.").replace("`", "")


def described(rows: Mapping[str, str]) -> str:
    """Paragraphs with a bold head."""
    return "\n".join(f".TP\n\\fB{roff(head)}\\fR\n{roff(words)}" for head, words in rows.items())


def manual_page() -> str:
    """The page for man(1)."""
    top = make_parser()
    top.man_short_description = "answer Waldur's backend resource requests"  # type: ignore[attr-defined]  # its own
    steps = (
        (top.epilog or "")
        .partition("first steps, each after `waldur-import-agent`:\n")[2]
        .partition("exit codes:")[0]
        .strip("\n")
    )
    top.epilog = None
    meanings = of_class(ExitCode)
    with columns(100):
        page = Manpage(top, format="pretty")
        page.date = ""  # the same text from the same sources
        page.source = f"{PROGRAM} {__version__}"
        page.manual = "User Commands"
        page.add_section("first steps", "=", f"Each after \\fB{roff(PROGRAM)}\\fR:\n.PP\n.nf\n{roff(steps)}\n.fi")
        page.add_section("exit status", "=", described({str(code.value): meanings[code.name] for code in ExitCode}))
        page.add_section("environment", "=", described(VARIABLES))
        page.add_section("files", "=", described(FILES))
        head, _, rest = str(page).partition("\n")
        # no option's name is broken over two lines, and no line is filled up with blanks
        return f"{head}\n.nh\n.ad l\n{rest}"
