"""The reference of the configuration, from the settings models: type, default, meaning and example of each key."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, to_jsonable_python

from documentation import markdown
from documentation.value_types import in_words, inner_model
from waldur_import_agent.scanners.registry import GROUP, available
from waldur_import_agent.settings.environment import DELIMITER, PREFIX
from waldur_import_agent.settings.models import Settings
from waldur_import_agent.settings.values import parse_duration

EXAMPLES: Mapping[str, Any] = yaml.safe_load((Path(__file__).parent / "examples.yaml").read_text())
"""A value for each key whose default does not show what such a value is like."""

HEAD = """\
One YAML file, `/etc/waldur-import-agent/config.yaml` where nothing else is said; `--config FILE` and
`WALDUR_IMPORT_AGENT_CONFIG` name another one. `waldur-import-agent config init` writes one with comments, `config
check` finds what is wrong in it, with line and column, and `config show` prints what is in force, without secrets. A
key that is not known is an error.

- A **duration** is a number with `ms`, `s`, `m`, `h` or `d`, like `90s`; a number alone is seconds.
- A relative **path** starts from the directory of the file.
- `[]` in a key stands for each item of a list, `NAME` for a name of yours.
- A key with an **environment** variable can also be given there, and wins over the file; a list or mapping is JSON
  there. The offerings can be given there all together: `WALDUR_IMPORT_AGENT__OFFERINGS`.
- Where no example is shown, the default is one."""

SCANNERS_HEAD = """\
The keys of `offerings[].scanner`, beside `type`, for each scanner that comes with the agent. `waldur-import-agent
scanners show SCANNER` prints the same as YAML, also for a plug-in's scanner. What the values do is told on each
scanner's own page."""


class Section:
    """The keys of one model at one place of the file."""

    def __init__(self, path: str, model: type[BaseModel], about: str, default: BaseModel | None) -> None:
        self.path = path
        self.model = model
        self.about = about
        self._default = default

    def fields(self) -> Iterator[tuple[str, FieldInfo]]:
        """The fields with their keys' paths."""
        for name, field in self.model.model_fields.items():
            key = field.alias or name
            yield (f"{self.path}.{key}" if self.path else key), field

    def default(self, field: FieldInfo) -> Any:
        """The default of a field here, PydanticUndefined where it must be given: a part may have its own defaults."""
        name = next(name for name, known in self.model.model_fields.items() if known is field)
        if self._default is not None:
            return getattr(self._default, name)
        return field.get_default(call_default_factory=True, validated_data={})

    def sections(self) -> Iterator["Section"]:
        """Itself and those beneath."""
        yield self
        for path, field in self.fields():
            inner = inner_model(field.rebuild_annotation())
            if inner is None:
                continue
            model, mark = inner
            default = self.default(field)
            below = default if isinstance(default, model) else None
            yield from Section(f"{path}{mark}", model, field.description or "", below).sections()

    def text(self, heading: str) -> Iterator[str]:
        """The section as Markdown."""
        if self.path:
            yield f"{heading} `{self.path}`"
            yield markdown.text(capital(self.about)) + "."
        for path, field in self.fields():
            inner = inner_model(field.rebuild_annotation())
            if inner is not None:
                continue
            yield f"{heading}# `{path}`"
            yield markdown.text(capital(field.description or "")) + "."
            yield " · ".join(self._facts(path, field))

    def _facts(self, path: str, field: FieldInfo) -> Iterator[str]:
        yield f"*{in_words(field)}*"
        default = self.default(field)
        if default is PydanticUndefined:
            yield "needed"
        elif default is None:
            yield "default: none"
        else:
            yield f"default: {markdown.code(as_yaml(default, field))}"
        if path in EXAMPLES:
            yield f"example: {markdown.code(flow(EXAMPLES[path]))}"
        if self.model is Settings or path.startswith(("waldur.", "metrics.")):
            yield f"environment: `{PREFIX}{path.upper().replace('.', DELIMITER)}`"


def capital(words: str) -> str:
    """A description as the begin of a sentence: a word that is no name in the configuration gets a capital."""
    first = words.split(" ", 1)[0]
    plain = first.isalpha() and not words.startswith(f"{first}:")
    return words[:1].upper() + words[1:] if plain else words


def flow(value: Any) -> str:
    """A value as YAML on one line."""
    shown: str = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000, sort_keys=False)
    return shown.removesuffix("\n").removesuffix("\n...")


def as_yaml(value: Any, field: FieldInfo) -> str:
    """A default as it stands in YAML; durations in the largest unit that gives a whole number."""
    if isinstance(value, float) and any(getattr(part, "func", None) is parse_duration for part in field.metadata):
        for unit, seconds in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
            if value % seconds == 0:
                return f"{value / seconds:g}{unit}"
        return f"{value * 1000:g}ms"
    return flow(to_jsonable_python(value))


def configuration() -> str:
    """The page on the file as a whole."""
    top = Section("", Settings, "", None)
    parts = [HEAD, "## The agent itself", *top.text("##")]
    group = ""
    for section in list(top.sections())[1:]:
        first = section.path.split(".")[0]
        if first != group:
            group = first
            parts.append(f"## {capital(section.about)}")
            section.about = (section.model.__doc__ or "").strip().rstrip(".")
        parts += section.text("###")
    return markdown.page("Configuration", parts)


def scanners() -> str:
    """The page on the scanners' own keys."""
    parts = [SCANNERS_HEAD]
    for name, section in scanner_sections():
        parts.append(f"## The scanner {name}")
        parts.append(markdown.text((section.model.__doc__ or "").strip()))
        for inner in section.sections():
            parts += inner.text("###")
    return markdown.page("Settings of the scanners", parts)


def scanner_sections() -> Iterator[tuple[str, Section]]:
    """The scanners of this package and their blocks; a plug-in that happens to be installed is no part of this."""
    for found in available():
        if found.scanner is None:
            raise SystemExit(f"{GROUP}: {found.name}: {found.error}")
        if found.scanner.__module__.startswith("waldur_import_agent."):
            about = f"the block of an offering with `type: {found.name}`"
            yield found.name, Section(found.name, found.scanner.settings_model, about, None)
