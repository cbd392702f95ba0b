"""The virtual environment of the services: locked versions, in the lab's own directory."""

import os
import subprocess
import sys
from pathlib import Path

from live.openstack.lab.services import Layout

LOCK = Path(__file__).with_name("requirements.txt")


def install(layout: Layout) -> None:
    """Make the environment, where it is not there with these versions. Some 10 seconds with uv, a minute with pip."""
    venv = layout.root / "venv"
    installed = venv / "installed.txt"
    if installed.exists() and installed.read_text() == LOCK.read_text():
        return
    temporary = layout.root / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "TMPDIR": str(temporary), "UV_CACHE_DIR": str(temporary / "uv")}
    _run([sys.executable, "-m", "venv", "--clear", venv], environment)
    wanted = ["--no-deps", "--require-hashes", "-r", LOCK]
    uv = [Path(sys.executable).with_name("uv"), "pip", "install", "--quiet", "--python", layout.python]
    pip = [layout.python, "-m", "pip", "install", "--quiet", "--no-compile", "--no-cache-dir"]
    try:
        _run([*uv, *wanted], environment)
    except AssertionError:  # a machine may have told only pip where packages are
        _run([*pip, *wanted], environment)
    installed.write_text(LOCK.read_text())


def _run(command: list[Path | str], environment: dict[str, str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, f"{command}: exit code {done.returncode}: {done.stderr}{done.stdout}"
