"""What is made from the code says what the code does: the reference, the manual page, completion."""

import ast
import importlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from documentation import public_api
from documentation.configuration import EXAMPLES, Section, scanner_sections
from documentation.outputs import OUTPUTS, ROOT
from documentation.value_types import in_words, inner_model
from waldur_import_agent.scanners.registry import GROUP
from waldur_import_agent.settings.models import Settings

BY_ARGPARSE = {"docs/reference/command-line.md", "share/man/man1/waldur-import-agent.1"}
"""argparse words usages differently in each Python: these files are made with 3.11."""
NAMES = re.compile(r"--[a-z][a-z-]+|\b[A-Z][A-Z_]+\b")
"""Options and names of values."""


@pytest.mark.parametrize("path", OUTPUTS)
def test_generated_file_is_current(path: str) -> None:
    """Each file is what the code makes now: `make generated` writes them again."""
    if path in BY_ARGPARSE and sys.version_info[:2] != (3, 11):
        kept, made = ((text.replace("\\-", "-")) for text in ((ROOT / path).read_text(), OUTPUTS[path]()))
        assert set(NAMES.findall(kept)) == set(NAMES.findall(made)), "make generated, with Python 3.11"
        return
    assert (ROOT / path).read_text() == OUTPUTS[path](), "make generated"


def sections() -> Iterator[Section]:
    """All parts of the configuration, those of the scanners too."""
    yield from Section("", Settings, "", None).sections()
    for _, section in scanner_sections():
        yield from section.sections()


def keys() -> Iterator[tuple[str, Section, FieldInfo]]:
    """All keys that hold a value, not other keys."""
    for section in sections():
        for path, field in section.fields():
            if inner_model(field.rebuild_annotation()) is None:
                yield path, section, field


def test_each_key_has_an_entry_of_its_own() -> None:
    """Every property of the models' own JSON schema is a heading of the reference."""
    text = "".join((ROOT / path).read_text() for path in OUTPUTS if path.endswith(("configuration.md", "settings.md")))
    headings = set(re.findall(r"^#{3,4} `(.*)`$", text, re.MULTILINE))
    named = {re.split(r"[.\[]", heading.removesuffix("[]").removesuffix(".NAME"))[-1] for heading in headings}
    models = [Settings, *(section.model for _, section in scanner_sections())]
    known: set[str] = set()
    for model in models:
        schema = model.model_json_schema()
        for part in [schema, *schema.get("$defs", {}).values()]:
            known |= set(part.get("properties", {}))
    assert known <= named
    assert named - known <= {name for name, _ in scanner_sections()}
    assert len(headings) > 150


def test_each_key_shows_what_a_value_is_like() -> None:
    """A key that must be given, or whose default is nothing, has an example; none is left of a key that has gone."""
    every = {path for path, _, _ in keys()}
    silent = {path for path, section, field in keys() if section.default(field) in (None, (), PydanticUndefined)}
    assert silent <= set(EXAMPLES) <= every


def test_each_example_is_a_value_of_its_key() -> None:
    """The examples are what the settings take."""
    for path, _, field in keys():
        if path in EXAMPLES:
            TypeAdapter(field.rebuild_annotation()).validate_python(EXAMPLES[path])


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("waldur.page_size", "whole number, at least 1, at most 300"),
        ("waldur.read_timeout", "duration"),
        ("waldur.ca_file", "file, which must be there"),
        ("offerings[].projects.rules[].by", "`slug` or `backend_id` or `uuid`"),
        ("offerings[].projects.mapping_command.command", "list of texts"),
        ("openstack.kinds", "list of `project` or `server` or `volume`"),
    ],
)
def test_types_are_told_in_words(path: str, words: str) -> None:
    """What a value may be is told as a person would."""
    (field,) = [field for known, _, field in keys() if known == path]
    assert in_words(field) == words


def test_defaults_of_a_part_are_those_of_its_place() -> None:
    """Retries of one kind of call have other defaults than those of another."""
    text = (ROOT / "docs/reference/configuration.md").read_text()
    entries = dict(
        re.findall(r"^#### `(waldur\.effort\.\w+\.attempts)`\n\n.*\n\n.*default: `(\d+)`", text, re.MULTILINE)
    )
    assert (entries["waldur.effort.read.attempts"], entries["waldur.effort.finish.attempts"]) == ("3", "12")


# --- the public API


def imports(source: str) -> Iterator[tuple[str, str]]:
    """The modules of this package that a text imports from, and the names."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "waldur_import_agent":
            yield from ((str(node.module), alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            assert not any(alias.name.split(".")[0] == "waldur_import_agent" for alias in node.names)


def plug_ins() -> Iterator[Any]:
    """The sources of the plug-ins that we show: the example and those on pages."""
    yield from (pytest.param(path.read_text(), id=path.name) for path in (ROOT / "examples/postgresql").rglob("*.py"))
    for page in ("write-a-scanner.md", "conformance.md"):
        blocks = re.findall(r"^```python\n(.*?)^```$", (ROOT / "docs" / page).read_text(), re.MULTILINE | re.DOTALL)
        yield from (pytest.param(block, id=page) for block in blocks if not block.startswith(" "))


@pytest.mark.parametrize("source", list(plug_ins()))
def test_plug_ins_need_nothing_but_the_public_api(source: str) -> None:
    """What the example and the pages import from the agent is listed as public, and is there."""
    for module, name in imports(source):
        assert module in public_api.MODULES
        assert name in importlib.import_module(module).__all__


def test_public_names_are_on_the_page_and_typed() -> None:
    """Each public name is a heading of the page, and the package says that it has types."""
    page = (ROOT / "docs/reference/public-api.md").read_text()
    names = re.findall(r"^### `(\w+)`$", page, re.MULTILINE)
    assert names == [name for module in public_api.MODULES for name in importlib.import_module(module).__all__]
    assert GROUP in page
    assert (ROOT / "agent/waldur_import_agent/py.typed").is_file()


def test_schema_file_is_the_one_that_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    """docs/reference/record-form.schema.json is what `scanners schema` prints."""
    main = importlib.import_module("waldur_import_agent.cli").main
    assert main(["scanners", "schema"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert json.loads(Path(ROOT / "docs/reference/record-form.schema.json").read_text()) == printed
