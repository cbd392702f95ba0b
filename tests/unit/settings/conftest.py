"""A configuration directory, and loading what is written into it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, SecretStr

from waldur_import_agent.errors import ConfigurationError
from waldur_import_agent.settings.load import Configuration, load_configuration


class Door(BaseModel):
    """A part of these settings."""

    code: SecretStr | None = None


class ShelfSettings(BaseModel):
    """Settings of a scanner that only these tests know."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    root: Path
    depth: int = 1
    tags: list[str] = []
    door: Door = Door()


def scanner_model(name: str) -> type[BaseModel]:
    """Knows one scanner."""
    if name == "shelf":
        return ShelfSettings
    raise ConfigurationError("there is no scanner with this name")


GOOD = """\
waldur:
  url: https://waldur.example.com/
  token_file: token
offerings:
  - uuid: 0123456789abcdef0123456789abcdef
    scanner: {type: shelf, root: shelves}
"""

Load = Callable[..., Configuration]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory with a token file that only its owner can read."""
    (tmp_path / "token").write_text("secret-token\n")
    (tmp_path / "token").chmod(0o600)
    return tmp_path


@pytest.fixture
def load(directory: Path) -> Load:
    """Writes a text as config.yaml and loads it with the given variables and no others."""

    def load_text(text: str | bytes = GOOD, **environment: str) -> Configuration:
        path = directory / "config.yaml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return load_configuration(path, scanner_model, environment)

    return load_text


@pytest.fixture
def problems(load: Load, directory: Path) -> Callable[..., list[str]]:
    """Loads what must be wrong; the lines of the report, the directory shown as DIR."""

    def report(*arguments: Any, **environment: str) -> list[str]:
        with pytest.raises(ConfigurationError) as caught:
            load(*arguments, **environment)
        return str(caught.value).replace(f"{directory}/config", "config").replace(str(directory), "DIR").splitlines()

    return report
