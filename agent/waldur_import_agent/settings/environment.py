"""The part of the configuration that comes from environment variables."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from pydantic_settings import BaseSettings, EnvSettingsSource

from waldur_import_agent.settings.models import Settings
from waldur_import_agent.settings.problems import Location, Problem, format_key, unknown_key
from waldur_import_agent.settings.shape import is_composite, model_keys

PREFIX = "WALDUR_IMPORT_AGENT__"
DELIMITER = "__"


@dataclass(frozen=True, slots=True)
class EnvironmentSettings:
    """What the variables say, the variable behind each location, and what is wrong with the others."""

    data: dict[str, Any] = field(default_factory=dict)
    variables: dict[Location, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def variable(self, location: Location) -> str | None:
        """The variable that gives the value at a location, or None if none does.

        A list in a variable stands for all beneath it, since it replaces that of the file as a whole.
        """
        data: Any = self.data
        for part in location:
            if not isinstance(data, dict):
                break
            if part not in data:
                return None
            data = data[part]
        exact_first = (location[:length] for length in range(len(location), 0, -1))
        return next((self.variables[prefix] for prefix in exact_first if prefix in self.variables), None)


def read_environment(environment: Mapping[str, str]) -> EnvironmentSettings:
    """Read `WALDUR_IMPORT_AGENT__SECTION__KEY`; lists and mappings are JSON, empty variables count as not set.

    Names are taken without regard to case. A wrong variable becomes a problem and is otherwise left out.
    """
    source = EnvSettingsSource(
        cast("type[BaseSettings]", Settings),  # it reads the fields only; a BaseSettings would read os.environ itself
        case_sensitive=False,
        env_prefix=PREFIX,
        env_nested_delimiter=DELIMITER,
    )
    variables: dict[Location, str] = {}
    problems: list[Problem] = []
    accepted: dict[str, str] = {}
    for name, value in sorted(environment.items()):
        if not name.upper().startswith(PREFIX) or not value:
            continue
        location = tuple(name[len(PREFIX) :].lower().split(DELIMITER))
        wrong = _wrong(location, value)
        if wrong:
            problems.append(Problem(name, 0, 0, format_key(location), wrong))
        else:
            variables[location] = name
            accepted[name.lower()] = value
    source.env_vars = accepted
    return EnvironmentSettings(source(), variables, problems)


def _wrong(location: tuple[str, ...], value: str) -> str:
    """Why pydantic-settings would pass over a variable, or stop at it and hide the others; empty if it would not."""
    annotation: Any = Settings
    for depth, part in enumerate(location):
        keys = model_keys(annotation)
        if not keys:
            whole = PREFIX + DELIMITER.join(location[:depth]).upper()
            return f"there is nothing beneath {whole}; a list is given as a whole, as JSON"
        if part not in keys:
            return unknown_key(part, keys)
        annotation = keys[part]
    if is_composite(annotation):
        try:
            json.loads(value)
        except json.JSONDecodeError as error:
            return f"JSON is needed here, but at character {error.pos + 1}: {error.msg}"
    return ""
