"""Asking a person before something is done that cannot be undone."""

import sys

from waldur_import_agent.errors import UsageError


def confirm(question: str, *, yes: bool) -> bool:
    """Whether to go on: `--yes`, or an answer on the terminal that begins with y.

    Raises UsageError where nobody can be asked: standard input is no terminal.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError(
            "this needs a confirmation, and standard input is no terminal", remedy="Nothing was done; add --yes"
        )
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
