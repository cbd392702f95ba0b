"""Texts of others on a terminal."""

import unicodedata


def printable(text: str) -> str:
    """`text` for a terminal: a control character (but the line end), or one that turns the writing, becomes a `�`."""
    return "".join(
        "�" if unicodedata.category(character) in {"Cc", "Cf", "Cs"} and character != "\n" else character
        for character in text
    )
