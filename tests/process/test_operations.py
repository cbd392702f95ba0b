"""docs/operations.md: what can be looked up in the product is what stands there."""

import re
from pathlib import Path

import pytest

from waldur_import_agent.cli import EPILOG, make_parser
from waldur_import_agent.errors import ExitCode
from waldur_import_agent.health.metrics import Metrics

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "operations.md").read_text()


def test_every_exit_code_is_documented() -> None:
    """In the page's table and in --help, and no other one."""
    codes = {code.value for code in ExitCode}
    assert {int(number) for number in re.findall(r"^\| (\d+) \|", TEXT, re.MULTILINE)} == codes
    assert {int(number) for number in re.findall(r"(?:^| )(\d+) [a-zA-Z]", EPILOG.partition("exit codes:")[2])} == codes


def test_help_fits_a_terminal_of_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """No line of it is broken in the middle of a word."""
    monkeypatch.setenv("COLUMNS", "80")
    assert [line for line in make_parser().format_help().splitlines() if len(line) > 80] == []


def test_every_metric_is_documented() -> None:
    """Each that is served, and no other one."""
    served = set(re.findall(r"^# TYPE (waldur_import_agent_\w+)", Metrics().text()[1].decode(), re.MULTILINE))
    assert set(re.findall(r"^\| `(waldur_import_agent_\w+)`", TEXT, re.MULTILINE)) == served


@pytest.mark.parametrize("path", sorted(set(re.findall(r"(?<![\w/])systemd/[\w./-]+|(?<=\()monitoring/[\w.]+", TEXT))))
def test_every_file_that_is_named_is_there(path: str) -> None:
    """Commands can be pasted, links can be followed."""
    assert (ROOT / path).exists() or (ROOT / "docs" / path).exists()
