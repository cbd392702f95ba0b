"""The reference of what a plug-in may import: the names in `__all__` of a few modules, with their docstrings."""

import importlib
import inspect
from collections.abc import Iterator
from enum import Enum
from typing import Any

from documentation import docstrings, markdown

MODULES = {
    "waldur_import_agent.scanners.base": "What a scanner is, its settings, its checks, and the errors it may raise",
    "waldur_import_agent.records": "What a scanner yields",
    "waldur_import_agent.settings.values": "Types for the fields of a scanner's settings",
    "waldur_import_agent.scanners.testing": "The conformance kit",
}
"""The public modules; all else may change with any release."""

HEAD = """\
What the author of a scanner may rely on. The package is typed (`py.typed`), so mypy and pyright check a plug-in
against it. From release 1.0 on these names keep their meaning within a major version; until then the changelog tells
of each change. Whatever is not listed here may change with any release, also where it can be imported.

[Write a scanner](../write-a-scanner.md) goes through all of it, and [Conformance](../conformance.md) explains the
kit. A package makes a scanner known with an entry point of the group `waldur_import_agent.scanners`."""


def methods(kind: type) -> Iterator[str]:
    """The methods that a class has of its own."""
    for name, function in vars(kind).items():
        if inspect.isfunction(function) and not name.startswith(("_", "pytest_", "test_")) and function.__doc__:
            mark = "await " if inspect.iscoroutinefunction(function) else ""
            parameters = list(inspect.signature(function).parameters)[1:]
            about = markdown.text(docstrings.plain(function.__doc__).replace("\n\n", " "))
            yield f"- `{mark}{name}({', '.join(parameters)})`: {about}"


def entry(name: str, found: Any, texts: dict[str, str]) -> Iterator[str]:
    """One name."""
    yield f"### `{name}`"
    about = texts.get(name) or docstrings.plain(found.__doc__ or "")
    if not about:
        raise SystemExit(f"{name} is public and has no docstring")
    yield markdown.text(about)
    if inspect.isfunction(found):
        yield f"`{name}({', '.join(inspect.signature(found).parameters)})`"
    if not inspect.isclass(found):
        return
    attributes = docstrings.of_class(found)
    members = [f"- `{attribute}`: {markdown.text(text)}" for attribute, text in attributes.items()]
    if not members and (fields := docstrings.fields(found)):
        yield markdown.block(fields, "python")
    if issubclass(found, Enum):
        members += [f"- `{member.name}`" for member in found if member.name not in attributes]
    members += methods(found)
    if members:
        yield "\n".join(members)


def public_api() -> str:
    """The page. Raises SystemExit for a name without a docstring."""
    parts = [HEAD]
    for path, about in MODULES.items():
        module = importlib.import_module(path)
        texts = docstrings.of_module(module)
        parts += [f"## {about}", f"`{path}`"]
        for name in module.__all__:
            parts += entry(name, getattr(module, name), texts)
    return markdown.page("Public API", parts)
