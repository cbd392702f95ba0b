"""Texts for people."""

from pathlib import Path

import pytest

from waldur_import_agent.cli import make_parser, output


@pytest.mark.parametrize("command", ["history", "history show ID", "status", "run --once", "config check"])
def test_a_command_to_paste_has_the_configuration(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """That of the command that names it: else it would read another agent's, or none."""
    monkeypatch.setattr(output, "asked", output.Asked(config=Path("my config.yaml")))
    output.say(f"Next: `waldur-import-agent {command}`")
    text = capsys.readouterr().err
    assert f"{command} --config 'my config.yaml'`" in text
    assert str(make_parser().parse_args([*command.split(), "--config", "my config.yaml"]).config) == "my config.yaml"
