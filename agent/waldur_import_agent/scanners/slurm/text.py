"""Bytes that sacctmgr printed as text: what is not valid UTF-8 is neither lost nor sent on."""

from collections.abc import Iterator


class UnreadableError(ValueError):
    """An answer is not what sacctmgr prints; the text says what was read."""


def decode(printed: bytes) -> str:
    """The text; bytes that are not valid UTF-8 come as lone surrogates, see is_valid."""
    return printed.decode("utf-8", "surrogateescape")


def lines(printed: bytes) -> Iterator[bytes]:
    """Lines as sacctmgr ends them, one at a time; splitlines would also break at what may stand within a text."""
    start = 0
    while (end := printed.find(b"\n", start)) >= 0:
        yield printed[start:end]
        start = end + 1


def is_valid(text: str) -> bool:
    """Whether the text was valid UTF-8 when it was read."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def readable(text: str) -> str:
    r"""The text with `\xff` for what was not valid UTF-8: it can be shown and sent, but not looked up."""
    return text if is_valid(text) else text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
