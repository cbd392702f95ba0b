"""What README.md tells people to type and to write is what works."""

import re
from pathlib import Path

import pytest

from waldur_import_agent.scanners.registry import settings_model
from waldur_import_agent.settings.load import load_configuration

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text()
INSTALL = (ROOT / "docs/how-to/install.md").read_text()


def commands(text: str, heading: str) -> list[str]:
    """What root types below a heading, without remarks."""
    section = re.split(rf"^## {heading}$", text, flags=re.MULTILINE)[1].split("\n## ")[0]
    lines = re.findall(r"^# (.*)$", section, re.MULTILINE)
    return [re.split(r" {2,}# ", line)[0].rstrip() for line in lines]


def test_installation_is_that_of_the_page_that_is_run() -> None:
    """`make test-install` runs the page's commands; README has the same, the same way round, and three of its own."""
    told = commands(README, "Installation")
    own = {"apt-get install make python3-venv sudo", "make build", "editor /etc/waldur-import-agent/config.yaml"}
    page = commands(INSTALL, "In a virtual environment") + commands(INSTALL, "The user and the directories")
    assert [line for line in told if line not in own] == [line for line in page if not line.endswith("--version")]
    assert own <= set(told)


def test_configuration_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example under `Use` has no problem and no warning."""
    (example,) = re.findall(r"^```yaml\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    (tmp_path / "config.yaml").write_text(example)
    (tmp_path / "token").write_text("0123456789abcdef\n")
    (tmp_path / "token").chmod(0o600)
    monkeypatch.setenv("WALDUR_IMPORT_AGENT__WALDUR__TOKEN_FILE", str(tmp_path / "token"))
    loaded = load_configuration(tmp_path / "config.yaml", settings_model)
    assert [offering.scanner["type"] for offering in loaded.settings.offerings] == ["slurm"]
    assert loaded.warnings == ()
