"""What stands under a name in the source: the text that an editor shows for it."""

import ast
import importlib
import inspect
import itertools
import textwrap
from pathlib import Path
from types import ModuleType


def plain(text: str) -> str:
    """A docstring as one paragraph for each of its own."""
    return "\n\n".join(" ".join(part.split()) for part in inspect.cleandoc(text).split("\n\n"))


def beneath(body: list[ast.stmt]) -> dict[str, str]:
    """The texts directly under the assignments among some statements, by the names assigned to."""
    found: dict[str, str] = {}
    for statement, following in itertools.pairwise(body):
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                pass
            case _:
                continue
        match following:
            case ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = plain(text)
    return found


def of_class(kind: type) -> dict[str, str]:
    """The texts under the attributes of a class."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(definition, ast.ClassDef)  # noqa: S101 - the source of a class
    return beneath(definition.body)


def of_module(module: ModuleType) -> dict[str, str]:
    """The texts under the names of a module, and under those that it takes from modules beneath it."""
    body = ast.parse(Path(str(module.__file__)).read_text()).body
    found: dict[str, str] = {}
    for statement in body:
        if isinstance(statement, ast.ImportFrom) and (statement.module or "").startswith(f"{module.__name__}."):
            found |= of_module(importlib.import_module(str(statement.module)))
    return found | beneath(body)


def fields(kind: type) -> str:
    """The annotated attributes of a class as they stand in its source, without their texts."""
    source = textwrap.dedent(inspect.getsource(kind))
    (definition,) = ast.parse(source).body
    assert isinstance(definition, ast.ClassDef)  # noqa: S101 - the source of a class
    annotated = [part for part in definition.body if isinstance(part, ast.AnnAssign)]
    return "\n".join(str(ast.get_source_segment(source, part)) for part in annotated)
