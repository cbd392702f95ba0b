"""Texts for a person: those of others on a terminal, and commands to type."""

import sys
import unicodedata


def how_to_install(extra: str) -> str:
    """The command that adds an extra's packages to those that this agent runs with; it finds the agent there."""
    return f"Install what it needs: {sys.executable} -m pip install 'waldur-import-agent[{extra}]'"


def printable(text: str) -> str:
    """`text` for a terminal: a control character (but the line end), or one that turns the writing, becomes a `�`."""
    return "".join(
        "�" if unicodedata.category(character) in {"Cc", "Cf", "Cs"} and character != "\n" else character
        for character in text
    )
