"""The reference of the command line, from the parser."""

import argparse
from collections.abc import Iterator

from documentation import markdown
from waldur_import_agent.cli import make_parser

USAGE = "usage: "
HEAD = """\
Results go to stdout, logs and errors to stderr. Every table can be had as JSON with `--output json`. The exit codes
are explained [on a page of their own](exit-codes.md)."""


def subcommands(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser, str]]:
    """The commands of a parser: name, parser and the line that its help has for it."""
    for action in parser._actions:  # noqa: SLF001 - argparse has no public way to walk a parser
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}  # noqa: SLF001
            for name, inner in action.choices.items():
                yield name, inner, helps.get(name, "")


def arguments(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """What may be given to one command, its subcommands left out."""
    for action in parser._actions:  # noqa: SLF001
        if not isinstance(action, argparse._SubParsersAction | argparse._HelpAction):  # noqa: SLF001
            yield action


def spelled(action: argparse.Action) -> str:
    """How an argument is written: `-c`, `--config FILE`."""
    value = ""
    if action.nargs != 0:
        choices = "{" + ",".join(map(str, action.choices)) + "}" if action.choices else action.dest.upper()
        value = str(action.metavar or choices)
    if not action.option_strings:
        return f"`{value}`"
    *short, last = action.option_strings
    return ", ".join([*(f"`{option}`" for option in short), f"`{last} {value}`" if value else f"`{last}`"])


def explained(parser: argparse.ArgumentParser) -> Iterator[str]:
    """What one command is, how it is called, and each of its arguments."""
    if parser.description:
        yield markdown.text(" ".join(parser.description.split()))
    usage = parser.format_usage().replace("\n" + " " * len(USAGE), "\n").removeprefix(USAGE)
    yield markdown.block(usage, "text")
    lines = []
    for action in arguments(parser):
        words = " ".join((action.help or "").split()) % {"prog": parser.prog, "default": action.default}
        needed = " Needed." if action.required and action.option_strings else ""
        about = f"{markdown.text(words)}{'.' if needed else ''}{needed}"
        lines.append(f"- {spelled(action)}: {about}" if about else f"- {spelled(action)}")
    if lines:
        yield "\n".join(lines)
    if parser.epilog:
        lined = parser.formatter_class is argparse.RawDescriptionHelpFormatter
        yield markdown.block(parser.epilog, "text") if lined else markdown.text(" ".join(parser.epilog.split()))


def sentence(words: str) -> str:
    """A help's line with a capital and a full stop."""
    return markdown.text(words[:1].upper() + words[1:]) + ("" if words.endswith("?") else ".")


def command_line() -> str:
    """The page."""
    top = make_parser()
    parts = [HEAD, *explained(top)]
    for name, command, line in subcommands(top):
        parts += [f"## `{name}`", sentence(line), *explained(command)]
        for part, inner, about in subcommands(command):
            parts += [f"### `{name} {part}`", sentence(about), *explained(inner)]
    return markdown.page("Command line", parts)
