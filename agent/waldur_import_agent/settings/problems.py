"""One problem of the configuration: its place, its key and plain words for it, never a value.

A value may be a secret that stands in the wrong place, so no text made here repeats one.
"""

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic import ValidationError
from pydantic_core import ErrorDetails

Location = tuple[str | int, ...]
"""The keys and list positions that lead to a value, as pydantic gives them: ("offerings", 1, "uuid")."""

WORDS = {
    "missing": "this key is needed, but missing",
    "string_type": "a text is needed (put it into quotes)",
    "path_type": "a path is needed",
    "bool_type": "true or false is needed",
    "bool_parsing": "true or false is needed",
    "int_type": "a whole number is needed",
    "int_parsing": "a whole number is needed",
    "int_from_float": "a whole number is needed",
    "float_type": "a number is needed",
    "float_parsing": "a number is needed",
    "finite_number": "a finite number is needed",
    "list_type": "a list is needed",
    "tuple_type": "a list is needed",
    "dict_type": "a mapping of keys to values is needed",
    "model_type": "a mapping of keys to values is needed",
    "model_attributes_type": "a mapping of keys to values is needed",
    "literal_error": "one of {expected} is needed",
    "enum": "one of {expected} is needed",
    "union_tag_invalid": "one of {expected_tags} is needed",
    "string_pattern_mismatch": "this does not match the pattern {pattern}",
    "too_short": "this is too short: the least is {min_length}",
    "string_too_short": "this is too short: the least is {min_length}",
    "too_long": "this is too long: the most is {max_length}",
    "string_too_long": "this is too long: the most is {max_length}",
}
"""Plain words for pydantic's error types (https://docs.pydantic.dev/latest/errors/validation_errors/).

What is not here keeps pydantic's own words, which hold no value either.
"""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """What is wrong at one place. `line` and `column` count from 1; a line of 0 means that `source` has no lines."""

    source: str
    line: int
    column: int
    key: str
    text: str

    def __str__(self) -> str:
        place = f"{self.source}:{self.line}:{self.column}" if self.line else self.source
        return ": ".join(part for part in (place, self.key, self.text) if part)


def details(error: ValidationError) -> list[ErrorDetails]:
    """Pydantic's errors without the values that caused them."""
    return error.errors(include_input=False, include_url=False)


def format_key(location: Sequence[str | int]) -> str:
    """The location as people write it: `offerings[1].uuid`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.removeprefix(".")


def plain_words(detail: ErrorDetails) -> str:
    """What pydantic found, in plain words and without the value."""
    words = WORDS.get(detail["type"])
    if words is not None:
        return words.format_map(detail.get("ctx", {}))
    return re.sub(r"^Input should be", "this must be", detail["msg"].removeprefix("Value error, "))


def unknown_key(name: str, known: Iterable[str]) -> str:
    """Words for a key that is not known, with the nearest known one or, failing that, all of them."""
    names = sorted(known)
    nearest = difflib.get_close_matches(name.lower(), names, 1)
    if nearest:
        return f"unknown key (did you mean '{nearest[0]}'?)"
    return f"unknown key (known are {', '.join(names)})" if names else "unknown key"
