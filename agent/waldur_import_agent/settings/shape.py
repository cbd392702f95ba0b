"""What a model expects at a location: read from its annotations, so that nothing is listed a second time."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from waldur_import_agent.settings.problems import Location
from waldur_import_agent.settings.values import InputFile


def alternatives(annotation: Any) -> Iterator[Any]:
    """The plain types that an annotation allows, and what its Annotated parts carry."""
    if get_origin(annotation) is Annotated:
        inner, *metadata = get_args(annotation)
        yield from alternatives(inner)
        yield from metadata
    elif get_origin(annotation) in {Union, UnionType}:
        for part in get_args(annotation):
            yield from alternatives(part)
    else:
        yield annotation


def model_keys(annotation: Any) -> dict[str, Any]:
    """The keys of the models among the alternatives, as they stand in a file, each with its annotation."""
    return {
        field.alias or name: field.rebuild_annotation()
        for model in alternatives(annotation)
        if isinstance(model, type) and issubclass(model, BaseModel)
        for name, field in model.model_fields.items()
    }


def is_composite(annotation: Any) -> bool:
    """Whether other values stand beneath: a model, a list or a mapping."""
    return bool(model_keys(annotation)) or any(
        isinstance(get_origin(part), type) and issubclass(get_origin(part), Sequence | Mapping)
        for part in alternatives(annotation)
    )


def beneath(annotation: Any, part: str | int) -> tuple[Any, ...]:
    """The annotations of what stands at one key or list position; none if nothing can stand there."""
    found = [inner for key, inner in model_keys(annotation).items() if key == part]
    for container in alternatives(annotation):
        origin, arguments = get_origin(container), get_args(container)
        if not isinstance(origin, type):
            continue
        if isinstance(part, int) and issubclass(origin, Sequence):
            found += [argument for argument in arguments if argument is not Ellipsis]
        elif isinstance(part, str) and issubclass(origin, Mapping):
            found.append(arguments[1])
    return tuple(found)


def known_keys(annotation: Any, location: Location) -> set[str]:
    """The keys that may stand in the mapping at a location."""
    annotations: tuple[Any, ...] = (annotation,)
    for part in location:
        annotations = tuple(inner for outer in annotations for inner in beneath(outer, part))
    return {key for inner in annotations for key in model_keys(inner)}


def paths(annotation: Any, data: Any, location: Location = ()) -> Iterator[tuple[Location, Any, bool]]:
    """Every text in raw data that a model will read as a path.

    Yields its location, the mapping or list that holds it, and whether it names a file that must be there.
    """
    if isinstance(data, dict):
        items: list[tuple[str | int, Any]] = list(data.items())
    elif isinstance(data, list):
        items = list(enumerate(data))
    else:
        return
    for key, value in items:
        for inner in beneath(annotation, key):
            if not isinstance(value, str):
                yield from paths(inner, value, (*location, key))
                continue
            allowed = list(alternatives(inner))
            if Path in allowed:
                yield (*location, key), data, any(isinstance(part, InputFile) for part in allowed)
