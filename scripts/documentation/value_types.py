"""What a value of the configuration may be, in words."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from waldur_import_agent.settings import values
from waldur_import_agent.settings.shape import alternatives
from waldur_import_agent.settings.values import InputFile

BY_CHECK = {
    values.parse_duration: "duration",
    values.parse_uuid: "UUID",
    values.check_url: "address (https:// or http://)",
    values.check_pattern: "regular expression",
    values.check_template: "text with {names} in braces",
    values.check_source: "name of an attribute, or parent or ancestor with one",
    values.check_listen: "HOST:PORT",
    values.check_scanner: "mapping",
}
PLAIN: Mapping[Any, str] = {
    str: "text",
    bool: "true or false",
    int: "whole number",
    float: "number",
    Path: "path",
    SecretStr: "text",
}


def is_model(part: Any) -> bool:
    """Whether an annotation's part is a model: a mapping with keys of its own."""
    return isinstance(part, type) and issubclass(part, BaseModel)


def inner_model(annotation: Any) -> tuple[type[BaseModel], str] | None:
    """The model in an annotation and what follows its key in a path: nothing, [] in a list, .NAME in a mapping."""
    for part in alternatives(annotation):
        if is_model(part):
            return part, ""
        origin, arguments = get_origin(part), get_args(part)
        if isinstance(origin, type) and arguments:
            if issubclass(origin, Sequence) and is_model(arguments[0]):
                return arguments[0], "[]"
            if issubclass(origin, Mapping) and is_model(arguments[1]):
                return arguments[1], ".NAME"
    return None


def in_words(field: FieldInfo) -> str:
    """The type of a field with its bounds. Raises KeyError for a type that has no words yet."""
    return _words(field.rebuild_annotation()) + _bounds(field)


def _words(annotation: Any) -> str:
    parts = list(alternatives(annotation))
    if any(isinstance(part, InputFile) for part in parts):
        return "file, which must be there"
    for check, words in BY_CHECK.items():
        if any(getattr(part, "func", None) is check for part in parts):
            return words
    return " or ".join(
        _plain(part)
        for part in parts
        if part is not type(None) and (isinstance(part, type) or get_origin(part) is not None)
    )


def _plain(part: Any) -> str:
    origin, arguments = get_origin(part), get_args(part)
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in arguments)
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return f"list of {_items(arguments[0])}"
    return PLAIN[part]


def _items(annotation: Any) -> str:
    words = _words(annotation)
    return {"text": "texts"}.get(words, words)


def _bounds(field: FieldInfo) -> str:
    """The bounds of a number, where there are any; that a duration is more than nothing goes without saying."""
    found = {name: getattr(part, name) for part in field.metadata for name in ("ge", "gt", "le") if hasattr(part, name)}
    if any(getattr(part, "func", None) is values.parse_duration for part in field.metadata):
        found.pop("gt", None)
    words = {"ge": "at least {}", "gt": "more than {}", "le": "at most {}"}
    return "".join(f", {words[name].format(value)}" for name, value in found.items())
