"""The probe: whether an agent lives, by its status.json alone."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from unit.health.conftest import Watch
from waldur_import_agent.health import probe
from waldur_import_agent.health.monitor import BEAT_LIMIT

PROBE_MODULES_MAX = 75
"""Modules of the whole process; an empty one has some 45, argparse alone would add 15."""


def write(directory: Path, **changes: Any) -> None:
    """A status of a healthy agent, with changes."""
    offering = {"offering": "o1", "phase": "reporting", "alive_until": time.monotonic() + 60}
    status = {"state": "running", "beat": time.monotonic(), "beat_limit": BEAT_LIMIT, "offerings": [offering]}
    (directory / "status.json").write_text(json.dumps(status | changes))


def test_healthy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An agent that beats: 0 and not a word."""
    write(tmp_path)
    assert probe.check(str(tmp_path)) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"state": "stopped"}, "has stopped"),
        ({"beat": time.monotonic() - BEAT_LIMIT - 60}, "has not written its status in time"),
        ({"beat": time.monotonic() + 10**6}, "has not written its status in time"),
        (
            {"offerings": [{"offering": "o1", "phase": "reporting", "alive_until": time.monotonic() - 1}]},
            "offering o1: reporting takes longer than its limit",
        ),
        ({"offerings": [{}]}, "cannot be read"),
        ({"beat": "x"}, "cannot be read"),
    ],
)
def test_unhealthy(tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], words: str) -> None:
    """Stopped, silent (or of an earlier boot), hung, or not understood: 1 with the reason on stderr."""
    write(tmp_path, **changes)
    assert probe.check(str(tmp_path)) == 1
    printed = capsys.readouterr()
    assert words in printed.err
    assert printed.out == ""


@pytest.mark.parametrize("text", [None, "", "[]", "{}", "{", "\udcff"])
def test_no_status_is_unhealthy(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None) -> None:
    """Missing or broken: 1, and the file is named."""
    if text is not None:
        (tmp_path / "status.json").write_bytes(text.encode(errors="surrogateescape"))
    assert probe.check(str(tmp_path)) == 1
    assert f"{tmp_path}/status.json" in capsys.readouterr().err


def test_the_monitors_status_is_what_the_probe_reads(watch: Watch) -> None:
    """Both sides of the file agree."""
    watch.monitor.write()
    assert probe.unhealthy(watch.status(), watch.time) == ""
    assert probe.unhealthy(watch.status(), watch.time + BEAT_LIMIT + 1) != ""


def test_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where none is named: the environment's, which is the setting's own variable, else the usual one."""
    assert probe.directory_by_default() == "/run/waldur-import-agent"
    monkeypatch.setenv("WALDUR_IMPORT_AGENT__RUNTIME_DIR", "/run/elsewhere")
    assert probe.directory_by_default() == "/run/elsewhere"


@pytest.mark.parametrize("in_environment", [True, False])
def test_the_command_is_light(tmp_path: Path, in_environment: bool) -> None:
    """`status --healthy` loads the standard library alone, and little of it: what it costs is Python's own start."""
    write(tmp_path)
    arguments = [] if in_environment else ["--runtime-dir", str(tmp_path)]
    program = (
        "import sys\n"
        f"sys.argv[1:] = ['status', '--healthy', *{arguments!r}]\n"
        "from waldur_import_agent.__main__ import main\n"
        "code = main()\n"
        "ours = sorted(name for name in sys.modules if name.startswith('waldur_import_agent'))\n"
        "print(code, len(sys.modules), *ours)\n"
    )
    environment = {**os.environ, "WALDUR_IMPORT_AGENT__RUNTIME_DIR": str(tmp_path) if in_environment else "/nowhere"}
    command = [sys.executable, "-I", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    code, modules, *ours = done.stdout.split()
    assert code == "0"
    assert int(modules) < PROBE_MODULES_MAX
    assert ours == [
        "waldur_import_agent",
        "waldur_import_agent.__main__",
        "waldur_import_agent.health",
        "waldur_import_agent.health.probe",
    ]
