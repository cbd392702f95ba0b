"""A model as commented YAML, in the style of config.example.yaml: what may be set, with the defaults."""

import textwrap
from collections.abc import Iterator
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, to_jsonable_python

from waldur_import_agent.settings.shape import alternatives
from waldur_import_agent.settings.values import parse_duration

WIDTH = 120


def describe(model: type[BaseModel], indent: int = 0) -> str:
    """The keys of a model: those that are needed with an example or empty, the others commented out at their defaults.

    An example comes from the field's `examples`; a key that has one is not commented out, since without it, or another
    one in its place, the block would not be valid.
    """
    return "\n".join(_lines(model, " " * indent, commented=False)) + "\n"


def _lines(model: type[BaseModel], indent: str, *, commented: bool) -> Iterator[str]:
    for name, field in model.model_fields.items():
        key = field.alias or name
        yield from textwrap.wrap(
            field.description or "", WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# "
        )
        optional = commented or not (field.is_required() or field.examples)
        mark = "#" if optional else ""
        inner = next((part for part in alternatives(field.annotation) if _is_model(part)), None)
        if inner is not None and field.get_default(call_default_factory=False) is not None:
            yield f"{indent}{mark}{key}:"
            yield from _lines(inner, indent + "  ", commented=optional)
        else:
            yield f"{indent}{mark}{key}: {_value(field)}".rstrip()


def _is_model(part: Any) -> bool:
    return isinstance(part, type) and issubclass(part, BaseModel)


def _value(field: FieldInfo) -> str:
    """The first example, or else the default, as it stands in YAML."""
    value = field.get_default(call_default_factory=True, validated_data={})
    if field.examples:
        value = field.examples[0]
    elif value is PydanticUndefined:
        return ""
    if isinstance(value, float) and any(getattr(part, "func", None) is parse_duration for part in field.metadata):
        return f"{value:g}s"
    shown: str = yaml.safe_dump(to_jsonable_python(value), default_flow_style=True, allow_unicode=True, width=10_000)
    return shown.removesuffix("\n").removesuffix("\n...")
