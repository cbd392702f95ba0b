"""Reading the configuration: one YAML file, the environment above it, and all problems in one report."""

import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from waldur_import_agent.errors import ConfigurationError
from waldur_import_agent.settings.document import Document, read_document
from waldur_import_agent.settings.environment import PREFIX, EnvironmentSettings, read_environment
from waldur_import_agent.settings.models import HOLDING_WARNING, Settings
from waldur_import_agent.settings.problems import (
    Location,
    Problem,
    details,
    format_key,
    plain_words,
    unknown_key,
)
from waldur_import_agent.settings.shape import known_keys, paths
from waldur_import_agent.settings.short_secrets import TEXT, short_secrets, short_values
from waldur_import_agent.system import why_unreadable

M = TypeVar("M", bound=BaseModel)
ScannerModel = Callable[[str], type[BaseModel]]
"""Gives the settings model of the scanner with this name. Raises ConfigurationError if there is no such scanner."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """A configuration without problems.

    `scanners` holds the validated block of each offering's scanner, in the order of `settings.offerings`.
    `warnings` are for the log: the agent runs nevertheless.
    """

    settings: Settings
    scanners: tuple[BaseModel, ...]
    warnings: tuple[str, ...]


def load_configuration(
    path: Path, scanner_model: ScannerModel, environment: Mapping[str, str] | None = None
) -> Configuration:
    """Read and check the file at `path` and the variables of `environment` (by default the process's own).

    A variable wins over the file. Relative paths in the file start from the file's directory.

    Raises ConfigurationError whose text has a line for each problem, like a compiler's:
    `config.yaml:9:5: offerings[1].bakend: unknown key (did you mean 'backend'?)`.
    """
    document = _read(path)
    environment = os.environ if environment is None else environment
    variables = read_environment(_with_credential(environment))
    loading = _Loading(path, document, variables)
    loading.resolve(Settings, document.data)
    data = _merged(_without_token(document.data, variables.data), variables.data)
    scanners = []
    for location, block in _scanner_blocks(data):
        try:
            model = scanner_model(block["type"])
        except ConfigurationError as error:
            loading.add((*location, "type"), str(error))
            continue
        if loading.place(location).line:
            loading.resolve(model, block)
        options = {key: value for key, value in block.items() if key != "type"}
        scanners.append(loading.validate(model, options, location))
    settings = loading.validate(Settings, data)  # last: it copies the scanner blocks, whose paths are resolved now
    loading.raise_problems()
    assert settings is not None  # noqa: S101 - for the type checker: there would be a problem
    good = tuple(filter(None, scanners))
    return Configuration(settings, good, (*loading.warnings(settings), *loading.short_secrets(settings, good)))


def load_scanner(path: Path, scanner_model: ScannerModel) -> tuple[str, dict[str, Any]] | None:
    """The name and the settings of a scanner whose block is all that the file at `path` holds, paths resolved.

    None where the file is no such block: it has no `type`. Raises ConfigurationError as `load_configuration` does.
    """
    document = _read(path)
    if not isinstance(document.data.get("type"), str):
        return None
    loading = _Loading(path, document, EnvironmentSettings())
    name = document.data["type"]
    try:
        model = scanner_model(name)
    except ConfigurationError as error:
        loading.add(("type",), str(error))
    else:
        loading.resolve(model, document.data)
        block = {key: value for key, value in document.data.items() if key != "type"}
        loading.validate(model, block)
    loading.raise_problems()
    return name, block


@dataclass(slots=True)
class _Loading:
    """Collects the problems of one configuration, each with its place."""

    path: Path
    document: Document
    variables: EnvironmentSettings
    problems: list[Problem] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.problems += self.variables.problems
        for fault in self.document.faults:
            self.problems.append(
                Problem(str(self.path), fault.line, fault.column, format_key(fault.location), fault.text)
            )

    def place(self, location: Location) -> Problem:
        """Where the value at a location comes from, as a problem without text."""
        variable = self.variables.variable(location)
        if variable is not None:
            return Problem(variable, 0, 0, format_key(location), "")
        line, column = self.document.place(location)
        return Problem(str(self.path), line, column, format_key(location), "")

    def add(self, location: Location, text: str) -> None:
        place = self.place(location)
        self.problems.append(Problem(place.source, place.line, place.column, place.key, text))

    def raise_problems(self) -> None:
        """Raise ConfigurationError with a line for each problem, in the order of the file, if there are any."""
        if self.problems:
            in_order = sorted(set(self.problems), key=lambda problem: (problem.line == 0, problem))
            raise ConfigurationError("\n".join(map(str, in_order)))

    def resolve(self, model: type[BaseModel], data: Any) -> None:
        """Let relative paths of the file start from its directory."""
        for inner, holder, _ in paths(model, data):
            holder[inner[-1]] = str(self.path.absolute().parent / holder[inner[-1]])

    def validate(self, model: type[M], data: Any, location: Location = ()) -> M | None:
        """The data as a model, or None after what is wrong was noted: wrong values and missing files."""
        for inner, holder, must_exist in paths(model, data):
            file, here = Path(holder[inner[-1]]), self.path.absolute().parent
            wrong = _unreadable(file, here, secret=_is_of_secret(str(inner[-1]))) if must_exist else ""
            if wrong:
                self.add((*location, *inner), wrong)
        try:
            return model.model_validate(data)
        except ValidationError as error:
            found = details(error)
            for detail in found:
                inner = detail["loc"]
                if detail["type"] == "too_short" and any(
                    other["loc"][: len(inner)] == inner for other in found if other is not detail
                ):
                    continue  # pydantic does not count the wrong entries
                words = plain_words(detail)
                if detail["type"] == "extra_forbidden":
                    words = unknown_key(str(inner[-1]), known_keys(model, inner[:-1]))
                self.add((*location, *inner), words)
        return None

    def warnings(self, settings: Settings) -> Iterator[str]:
        """What is not wrong, but not safe: a token that others can read, a holding project."""
        secrets = [("token_file", settings.waldur.token_file)]
        if settings.waldur.token and self.place(("waldur", "token")).line:
            secrets.append(("token", self.path))
        for key, file in secrets:
            if file is not None and file.stat().st_mode & stat.S_IROTH:
                place = self.place(("waldur", key))
                text = "every user of this host can read the token: take that right away with chmod o-r"
                yield str(Problem(place.source, place.line, place.column, place.key, text))
        for position, offering in enumerate(settings.offerings):
            if offering.projects.holding_project is not None:
                place = self.place(("offerings", position, "projects", "holding_project"))
                yield str(Problem(place.source, place.line, place.column, place.key, HOLDING_WARNING))

    def short_secrets(self, settings: Settings, scanners: Sequence[BaseModel]) -> Iterator[str]:
        """Each secret that no redaction can take out of texts."""
        places: list[Location] = [("waldur", *inner) for inner in short_secrets(settings.waldur)]
        for position, scanner in enumerate(scanners):
            places += [("offerings", position, "scanner", *inner) for inner in short_values(scanner)]
        for location in places:
            place = self.place(location)
            yield str(Problem(place.source, place.line, place.column, place.key, TEXT))


def _read(path: Path) -> Document:
    """The file as a document that holds a mapping. Raises ConfigurationError where there is nothing to go on with."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"{path}: this file does not exist",
            remedy=f"`waldur-import-agent config init {path}` writes one to start with",
        ) from error
    except OSError as error:
        raise ConfigurationError(f"{path}: this file cannot be read: {why_unreadable(error)}") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigurationError(f"{path}:{line}:1: this is not UTF-8 text") from error
    document = read_document(text)
    if document.root is None and not document.faults:
        raise ConfigurationError(
            f"{path}:1:1: the file is empty", remedy="`waldur-import-agent config init` writes an example"
        )
    if not isinstance(document.data, dict):
        faults = [f"{path}:{fault.line}:{fault.column}: {fault.text}" for fault in document.faults]
        raise ConfigurationError("\n".join(faults) or f"{path}:1:1: a mapping of keys to values is needed")
    return document


CREDENTIAL = "waldur-token"
"""The name under which systemd hands the token over: LoadCredential=waldur-token:/etc/..."""


def _with_credential(environment: Mapping[str, str]) -> Mapping[str, str]:
    """The environment, with the token's file that systemd made for the service, where a variable names no other.

    It stands above the file of the configuration, which the service's user need not be able to read (systemd.exec(5)).
    """
    names = {name.upper() for name, value in environment.items() if value}
    directory = environment.get("CREDENTIALS_DIRECTORY")
    if not directory or names & {f"{PREFIX}WALDUR__TOKEN", f"{PREFIX}WALDUR__TOKEN_FILE"}:
        return environment
    file = Path(directory) / CREDENTIAL
    return {**environment, f"{PREFIX}WALDUR__TOKEN_FILE": str(file)} if file.exists() else environment


def _without_token(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """The file's data without its token where the environment gives one, in whichever of the two ways."""
    waldur, ways = below.get("waldur"), {"token", "token_file"}
    if isinstance(waldur, dict) and ways & set(above.get("waldur", ())):
        return below | {"waldur": {key: value for key, value in waldur.items() if key not in ways}}
    return below


def _merged(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Both mappings in one; `above` wins."""
    merged = dict(below)
    for key, value in above.items():
        lower = merged.get(key)
        merged[key] = _merged(lower, value) if isinstance(lower, dict) and isinstance(value, dict) else value
    return merged


def _scanner_blocks(data: Mapping[str, Any]) -> Iterator[tuple[Location, dict[str, Any]]]:
    """The raw scanner blocks that name their scanner, with their locations."""
    offerings = data.get("offerings")
    for position, offering in enumerate(offerings if isinstance(offerings, list) else ()):
        block = offering.get("scanner") if isinstance(offering, dict) else None
        if isinstance(block, dict) and isinstance(block.get("type"), str):
            yield ("offerings", position, "scanner"), block


def _is_of_secret(key: str) -> bool:
    """Whether the key names a secret's file."""
    return any(word in key for word in ("token", "secret", "key", "password"))


def _unreadable(file: Path, here: Path, *, secret: bool) -> str:
    """Why a file cannot be read; empty if it can.

    A secret's file is not named: somebody may have put the secret itself there. `here` is where relative paths start:
    a directory that may be named.
    """
    try:
        if file.is_fifo():
            return "this is a pipe: opening it would wait for a writer"
        with file.open("rb"):
            return ""
    except FileNotFoundError:
        if not secret:
            return f"there is no file {file}"
        return f"there is no such file in {here}" if file.parent == here else "there is no such file"
    except OSError as error:
        return f"this file cannot be read: {why_unreadable(error)}"
    except ValueError:
        return "this is no file name"
