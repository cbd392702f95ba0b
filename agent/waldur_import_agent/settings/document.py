"""A YAML document with the places of its keys."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from waldur_import_agent.settings.problems import Location

DECIMAL = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d*)?(?:[eE][-+]?\d+)?|[-+]?\.(?:inf|nan)", re.IGNORECASE)
MERGE = "tag:yaml.org,2002:merge"


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong at a line and column (from 1), `location` being the keys that lead there, as far as known."""

    line: int
    column: int
    text: str
    location: Location = ()


@dataclass(frozen=True, slots=True)
class Document:
    """What a file says, where it says it, and what of it is no good YAML."""

    data: Any = None
    root: yaml.Node | None = None
    faults: list[Fault] = field(default_factory=list)

    def place(self, location: Location) -> tuple[int, int]:
        """The line and column of a key, or else of the nearest one around it."""
        node, mark = self.root, self.root.start_mark if self.root else None
        for part in location:
            node, inner = _child(node, part)
            if inner is None:
                break
            mark = inner
        return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def read_document(text: str) -> Document:
    """Read one YAML document safely: no Python objects, no doubled keys, numbers only where they are decimal.

    What looks like a number or date to YAML 1.1 but is not written as a plain decimal number stays text: a UUID of
    digits with a leading zero would otherwise become another one, and 1:30 a 90. Keys are always text.
    """
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        faults = list(_doubled_keys(root, (), set()))  # before construction, which writes merged keys into the nodes
        data = None if root is None else loader.construct_document(root)
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        column = len(before) - before.rfind("\n")
        return Document(faults=[Fault(before.count("\n") + 1, column, f"not YAML: {error.reason}")])
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        words = "; ".join(filter(None, (_without_values(error.context), _without_values(error.problem))))
        return Document(faults=[Fault(line, column, f"not YAML: {words}")])
    return Document(data, root, faults)


class _Loader(yaml.SafeLoader):
    """SafeLoader with keys that are text, and with text for all that only YAML 1.1 takes for a number."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key must be a text", key.start_mark)
            if key.tag != MERGE:
                key.tag = "tag:yaml.org,2002:str"
        return super().construct_mapping(node, deep)


def _number(loader: _Loader, node: yaml.Node) -> Any:
    if not isinstance(node, yaml.ScalarNode) or not DECIMAL.fullmatch(node.value):
        return node.value
    return loader.construct_yaml_int(node) if node.tag.endswith(":int") else loader.construct_yaml_float(node)


def _text(_: _Loader, node: yaml.Node) -> Any:
    return node.value


yaml.add_constructor("tag:yaml.org,2002:int", _number, _Loader)
yaml.add_constructor("tag:yaml.org,2002:float", _number, _Loader)
yaml.add_constructor("tag:yaml.org,2002:timestamp", _text, _Loader)


def _doubled_keys(node: yaml.Node | None, location: Location, seen: set[int]) -> Iterator[Fault]:
    """Keys that stand twice in one mapping: YAML would silently take the last. `seen` holds the nodes' identities."""
    if id(node) in seen:  # an alias, perhaps within itself
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for position, value in enumerate(node.value):
            yield from _doubled_keys(value, (*location, position), seen)
    elif isinstance(node, yaml.MappingNode):
        first: dict[str, int] = {}
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != MERGE:
                mark, inner = key.start_mark, (*location, key.value)
                if key.value in first:
                    yield Fault(
                        mark.line + 1, mark.column + 1, f"this key is already on line {first[key.value]}", inner
                    )
                first.setdefault(key.value, mark.line + 1)
                yield from _doubled_keys(value, inner, seen)


def _child(node: yaml.Node | None, part: str | int) -> tuple[yaml.Node | None, yaml.Mark | None]:
    """What stands at a key or list position, and where; the last one counts, as in the data."""
    if isinstance(node, yaml.MappingNode):
        for key, value in reversed(node.value):
            if key.value == str(part):
                return value, key.start_mark
    elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part].start_mark
    return None, None


def _without_values(problem: str | None) -> str:
    """The parser's words without names from the file: a token that begins with * or ! would be quoted as one."""
    return re.sub(r" '(?![<\\])[^']{2,}'", "", problem or "")
