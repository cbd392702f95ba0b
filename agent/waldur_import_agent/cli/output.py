"""Results on stdout: tables for people, JSON for programs; progress on stderr, on a terminal only."""

import argparse
import dataclasses
import json
import re
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from waldur_import_agent.cli.arguments import default_config
from waldur_import_agent.system import printable

if TYPE_CHECKING:
    from waldur_import_agent.fulfilment.survey import Progress

NAME = "waldur-import-agent"
COMMAND = re.compile(rf"`{NAME} ([^`]*)`")
OF_AN_OFFERING = ("scan", "plan", "explain", "records", "requests list", "requests create")
"""The commands that have --offering."""
OF_A_CONFIGURATION = (
    *("run", "doctor", "status", "history", "scan", "plan", "explain", "projects", "requests", "records", "config"),
)
"""Those that have --config."""
SHORT = 60
"""Characters of an id or a name in a table; --output json has all of it."""
PIPED_WIDTH = 160
"""Columns of a table that goes into a pipe or a file; programs read --output json."""


def plain(value: object) -> str:
    """A value as text for a terminal: no control character of a name reaches it."""
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    return printable(str(value))


def short(text: str) -> str:
    """A text that fits beside others in a table: the middle of a long one is left out."""
    half = SHORT // 2
    return text if len(text) <= SHORT else f"{text[:half]}…{text[-half:]}"


def print_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], *, stream: TextIO | None = None
) -> None:
    """A table on stdout, or on `stream`; as wide as the terminal, or PIPED_WIDTH where it is none."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    target = stream or sys.stdout
    console = Console(highlight=False, file=target, width=None if target.isatty() else PIPED_WIDTH)
    table = Table(title=Text(plain(title)), title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(plain(value)) for value in row))
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        print(line.rstrip(), file=target)


def print_json(value: object) -> None:
    """A value as JSON on stdout; dataclasses as objects. What could steer a terminal is escaped: the value stays."""
    text = json.dumps(value, default=_jsonable, indent=2, ensure_ascii=False)
    # json.dumps by itself escapes the first 32 control characters only
    pairs = zip(text, printable(text), strict=True)
    print("".join(shown if shown == there else json.dumps(there)[1:-1] for there, shown in pairs))


def print_csv(text: str) -> None:
    """CSV on stdout, exactly; on a terminal without control characters."""
    if sys.stdout.isatty():
        text = printable(text)
    sys.stdout.buffer.write(text.encode(errors="backslashreplace"))
    sys.stdout.flush()


def _jsonable(value: object) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (frozenset, set)):
        return sorted(value)
    return str(value)


def command() -> str:
    """How the command was started: by its name where the shell finds it, else by its path."""
    started = Path(sys.argv[0])
    if started.name != NAME:
        return f"{sys.executable} -m waldur_import_agent"
    return NAME if shutil.which(NAME) else str(started)


@dataclasses.dataclass
class Asked:
    """How the command was called: what commands in its texts repeat."""

    words: Sequence[str] = ()
    config: Path | None = None
    offering: str | None = None
    token_file: Path | None = None

    def remember(self, words: Sequence[str], arguments: argparse.Namespace) -> None:
        """Keep what was said, but for a configuration that is the default anyway."""
        config = getattr(arguments, "config", None)
        self.words = words
        self.config = config if config != default_config() else None
        self.offering = getattr(arguments, "offering", None)
        self.token_file = getattr(arguments, "token_file", None)


asked = Asked()


def again(without: str = "") -> str:
    """The command as it was called, without one of its words."""
    return f"{command()} {shlex.join(word for word in asked.words if word != without)}"


def say(text: str = "") -> None:
    """A line for people on stderr: not part of the result.

    Commands in it (`waldur-import-agent ...` between backticks) are written so that they can be pasted: with the
    configuration, the offering and the staff token's file that this one was given.
    """
    print(plain(COMMAND.sub(_to_paste, text)), file=sys.stderr)


def _to_paste(match: re.Match[str]) -> str:
    words = match[1]
    if asked.token_file is not None:
        words = words.replace("--token-file STAFF", f"--token-file {shlex.quote(str(asked.token_file))}")
    begins = " ".join(words.split()[:2])
    if asked.offering is not None and begins.startswith(OF_AN_OFFERING) and "--offering" not in words:
        words += f" --offering {asked.offering}"
    if asked.config is not None and begins.startswith(OF_A_CONFIGURATION) and "--config" not in words:
        words += f" --config {shlex.quote(str(asked.config))}"
    return f"`{command()} {words}`"


@contextmanager
def silence() -> "Iterator[Progress]":
    """No progress: for a daemon."""
    from waldur_import_agent.fulfilment.survey import no_progress

    yield no_progress


@contextmanager
def progress() -> "Iterator[Progress]":
    """Shows progress on stderr while the block runs, where that is a terminal."""
    if not sys.stderr.isatty():
        with silence() as nothing:
            yield nothing
        return
    import rich.console
    import rich.progress

    columns = (
        rich.progress.SpinnerColumn(),
        rich.progress.TextColumn("{task.description}"),
        rich.progress.BarColumn(),
        rich.progress.MofNCompleteColumn(),
        rich.progress.TimeElapsedColumn(),
    )
    with rich.progress.Progress(*columns, console=rich.console.Console(stderr=True), transient=True) as bars:
        task = bars.add_task("starting", total=None)

        def show(phase: str, done: int, total: int) -> None:
            bars.update(task, description=phase, completed=done, total=total or None)

        yield show
