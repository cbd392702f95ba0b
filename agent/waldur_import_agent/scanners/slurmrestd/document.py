"""One JSON document of slurmrestd, read as it arrives: a list of rows that may be large, and what stands around it."""

import codecs
from collections.abc import Callable
from typing import Any

from waldur_import_agent.scanners.base import BackendMisconfiguredError
from waldur_import_agent.system import how_to_install

_INVALID = range(0xDC80, 0xDD00)
_MARK = 0xF700 - 0xDC00
_TO_MARKS = {code: code + _MARK for code in _INVALID}
_FROM_MARKS = {code + _MARK: code for code in _INVALID}
"""Bytes that are not valid UTF-8 pass the parser, which refuses them, as characters of Unicode's private use area."""


class Document:
    """Takes the rows under `key` out of the document while it is parsed, so that never all are in memory.

    Rows go to `take`, in order. What else is in the document is small and stays in `rest` when it has ended. Raises
    ValueError for what is no JSON object.
    """

    def __init__(self, key: str, take: Callable[[list[Any]], None]) -> None:
        try:
            # not needed by who uses other scanners
            import ijson  # noqa: PLC0415
        except ImportError as error:
            raise BackendMisconfiguredError(
                "the package ijson is not installed, which the scanner slurmrestd needs",
                remedy=how_to_install("slurmrestd"),
            ) from error
        self._key = key
        self._take = take
        self._decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode
        self._marked = False
        self._root: dict[str, Any] | None = None
        self._ended: list[Any] = ijson.sendable_list()
        self._errors = ijson.JSONError
        self._parser = ijson.items_coro(self._ended, "", map_type=self._new_map)

    def _new_map(self) -> dict[str, Any]:
        """A new object of the document. The first one is the root, which fills while it is parsed."""
        made: dict[str, Any] = {}
        if self._root is None:
            self._root = made
        return made

    def feed(self, chunk: bytes) -> None:
        """The next part of the document."""
        self._send(self._decode(chunk))
        self._take_rows()

    def end(self) -> dict[str, Any]:
        """The document has ended; what else was in it."""
        self._send(self._decode(b"", final=True))
        try:
            self._parser.close()
        except self._errors as error:
            raise ValueError(str(error)) from error
        if not self._ended or self._ended[0] is not self._root or self._root is None:
            raise ValueError("it is no JSON object")
        self._take_rows()
        root: dict[str, Any] = self._root
        return root

    def _send(self, text: str) -> None:
        if not text:  # the parser takes nothing for the end
            return
        try:
            encoded = text.encode()
        except UnicodeEncodeError:
            encoded = text.translate(_TO_MARKS).encode()
            self._marked = True
        try:
            self._parser.send(encoded)
        except StopIteration:  # nothing but blanks may follow the root
            if encoded.strip():
                raise ValueError("something follows the end of the document") from None
        except self._errors as error:
            raise ValueError(str(error)) from error

    def _take_rows(self) -> None:
        """Hand on the rows that are whole: all but the last, which may still be filling."""
        rows = self._root.get(self._key) if self._root is not None else None
        if not isinstance(rows, list):
            return
        whole = rows if self._ended else rows[:-1]
        if whole:
            self._take([_restored(row) for row in whole] if self._marked else list(whole))
            del rows[: len(whole)]


def _restored(value: Any) -> Any:
    """A row with lone surrogates for the bytes that were not valid, as scanners.slurm.text has them."""
    if isinstance(value, str):
        return value.translate(_FROM_MARKS)
    if isinstance(value, list):
        return [_restored(item) for item in value]
    if isinstance(value, dict):
        return {_restored(key): _restored(item) for key, item in value.items()}
    return value
