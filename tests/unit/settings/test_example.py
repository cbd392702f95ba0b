"""The example configuration: it is valid, and it documents every key of every model with its default."""

import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from waldur_import_agent.scanners.command import CommandSettings
from waldur_import_agent.scanners.inventory import InventorySettings
from waldur_import_agent.scanners.openstack import OpenStackScanner
from waldur_import_agent.scanners.registry import available, settings_model
from waldur_import_agent.scanners.slurm import SlurmScanner
from waldur_import_agent.scanners.slurmrestd.settings import SlurmrestdSettings
from waldur_import_agent.settings.load import Configuration, load_configuration
from waldur_import_agent.settings.models import Settings
from waldur_import_agent.settings.shape import alternatives, beneath

EXAMPLE = Path(__file__).parents[3] / "config.example.yaml"
MODELS: tuple[type[BaseModel], ...] = (
    Settings,
    SlurmScanner.settings_model,
    SlurmrestdSettings,
    InventorySettings,
    CommandSettings,
    OpenStackScanner.settings_model,
)


def is_model(part: Any) -> bool:
    """Whether this is a model's class."""
    return isinstance(part, type) and issubclass(part, BaseModel)


def uncommented() -> str:
    """The example with every setting taken out of its comment: a `#` followed by a key, not by a blank."""
    return re.sub(r"^( *)#(?=\S)", r"\1", EXAMPLE.read_text(), flags=re.MULTILINE)


def load(text: str, directory: Path) -> Configuration:
    """The configuration that a text gives in a directory that has the token and the secret of the openstack scanner."""
    for name in ("token", "secret"):
        (directory / name).write_text("x")
        (directory / name).chmod(0o600)
    (directory / "config.yaml").write_text(text)
    return load_configuration(directory / "config.yaml", settings_model, {})


def parts(annotation: Any, data: Any) -> Iterator[tuple[type[BaseModel], dict[str, Any]]]:
    """Each mapping of raw data that is for a model, with that model."""
    if isinstance(data, dict):
        yield from ((part, data) for part in alternatives(annotation) if is_model(part))
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        for inner in beneath(annotation, key):
            yield from parts(inner, value)


def documented() -> list[tuple[type[BaseModel], dict[str, Any]]]:
    """Every mapping of the example, the scanners' blocks included, with the model that it is for."""
    data = yaml.safe_load(uncommented())
    found = list(parts(Settings, data))
    for offering in data["offerings"]:
        block = {key: value for key, value in offering["scanner"].items() if key != "type"}
        found += parts(settings_model(offering["scanner"]["type"]), block)
    return found


def reachable(model: type[BaseModel]) -> set[type[BaseModel]]:
    """A model and all models in it."""
    found = {model}
    pending: list[Any] = [field.annotation for field in model.model_fields.values()]
    while pending:
        for part in alternatives(pending.pop()):
            if is_model(part):
                found |= reachable(part)
            else:
                pending += [argument for argument in getattr(part, "__args__", ()) if argument is not Ellipsis]
    return found


def test_the_example_is_valid(tmp_path: Path) -> None:
    """As it is written, with nothing but the files of the token and of a secret beside it."""
    configuration = load(EXAMPLE.read_text(), tmp_path)
    assert [offering.scanner["type"] for offering in configuration.settings.offerings] == [
        "slurm",
        "inventory",
        "command",
        "openstack",
        "slurmrestd",
    ]


def test_what_is_commented_out_is_the_default(tmp_path: Path) -> None:
    """Taking every setting out of its comment changes nothing."""
    (tmp_path / "as_is").mkdir()
    written = load(EXAMPLE.read_text(), tmp_path)
    everything = load(uncommented(), tmp_path)
    assert everything.scanners == written.scanners
    assert everything.settings.model_dump(exclude={"offerings"}) == written.settings.model_dump(exclude={"offerings"})
    for one, other in zip(everything.settings.offerings, written.settings.offerings, strict=True):
        assert one.model_dump(exclude={"scanner"}) == other.model_dump(exclude={"scanner"})


def test_every_installed_scanner_of_ours_is_in_the_example() -> None:
    """A new scanner comes with its place in the example."""
    ours = {entry.name for entry in available() if entry.distribution.startswith("waldur-import-agent ")}
    assert ours == {offering["scanner"]["type"] for offering in yaml.safe_load(uncommented())["offerings"]}


@pytest.mark.parametrize(
    "model", sorted({part for model in MODELS for part in reachable(model)}, key=str), ids=lambda model: model.__name__
)
def test_every_key_of_every_model_is_in_the_example(model: type[BaseModel]) -> None:
    """By reflection: each field stands in some mapping that is for its model; those with a default show it."""
    mappings = [data for owner, data in documented() if owner is model]
    keys = {field.alias or name for name, field in model.model_fields.items()}
    assert mappings
    assert any(keys <= data.keys() for data in mappings), keys - set().union(*mappings)


@pytest.mark.parametrize(
    "description",
    sorted(
        {field.description or "" for top in MODELS for model in reachable(top) for field in model.model_fields.values()}
    ),
)
def test_every_description_of_a_field_stands_in_the_example(description: str) -> None:
    """The description is the documentation of a key, and the example says the same."""
    comments = " ".join(re.findall(r"^ *# (.+)$", EXAMPLE.read_text(), flags=re.MULTILINE))
    assert description
    assert description in comments


def test_the_example_of_the_source_tree_is_the_one_in_the_package() -> None:
    """`config init` writes the one that people read."""
    assert files("waldur_import_agent.settings").joinpath("config.example.yaml").read_text() == EXAMPLE.read_text()
