"""Started as root by mistake: what root would write, the agent's own user could not replace."""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from waldur_import_agent import app
from waldur_import_agent.errors import ExitCode, StateError
from waldur_import_agent.redactor import Redactor

NOBODY = 65534


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory of a user other than root, and the agent started as root."""
    directory = tmp_path / "state"
    directory.mkdir()
    if os.geteuid() == 0:
        os.chown(directory, NOBODY, -1)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr("sys.argv", ["/usr/local/bin/waldur-import-agent", "run", "--config", "a file.yaml"])
    return directory


def test_root_is_refused_with_the_line_to_use(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line can be pasted: the same command, as the user whose directory it is."""
    monkeypatch.setattr("pwd.getpwuid", lambda number: type("Entry", (), {"pw_name": "slurm-import"}))
    with pytest.raises(StateError) as caught:
        app.refuse_root(state)
    assert caught.value.exit_code is ExitCode.CONFIGURATION
    assert "is slurm-import's, and this was started as root" in str(caught.value)
    assert str(caught.value).endswith(
        "sudo -u slurm-import /usr/local/bin/waldur-import-agent run --config 'a file.yaml'"
    )


def test_the_line_to_use_after_python_m(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module's file is no command."""
    monkeypatch.setattr(sys, "argv", ["/opt/lib/waldur_import_agent/__main__.py", "run"])
    with pytest.raises(StateError, match=f" {re.escape(sys.executable)} -m waldur_import_agent run$"):
        app.refuse_root(state)


def names(directory: Path) -> set[str]:
    """What is in a directory."""
    return {path.name for path in directory.iterdir()}


async def test_it_is_looked_at_first(state: Path, tmp_path: Path) -> None:
    """Nothing is locked, opened or asked before."""
    (tmp_path / "token").write_text("x" * 40)
    (tmp_path / "inventory.jsonl").write_text("")
    config = tmp_path / "config.yaml"
    config.write_text(
        "waldur: {url: 'https://waldur.invalid/', token_file: token}\n"
        "state_dir: state\n"
        "lock_dir: lock\n"
        "offerings: [{uuid: 0123456789abcdef0123456789abcdef, scanner: {type: inventory, path: inventory.jsonl}}]\n"
    )
    around = app.Surroundings(stop=asyncio.Event(), redact=Redactor())
    with pytest.raises(StateError, match="sudo -u"):
        async with app.open_answerers(app.load(config), around):
            pass
    assert names(state) == set()
    assert "lock" not in names(tmp_path)


def test_a_user_without_a_name_is_a_number(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with DynamicUser while the service is stopped; sudo takes #number."""

    def no_such_user(number: int) -> object:
        raise KeyError(number)

    monkeypatch.setattr("pwd.getpwuid", no_such_user)
    with pytest.raises(StateError, match=f"sudo -u '#{state.stat().st_uid}'"):
        app.refuse_root(state)


def test_everybody_else_may(state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root where the directory is not there yet; any other user (the journal says what that one may not)."""
    app.refuse_root(tmp_path / "not there yet")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    app.refuse_root(state)


def test_root_may_use_its_own_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container whose only user is root."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    app.refuse_root(Path("/"))
