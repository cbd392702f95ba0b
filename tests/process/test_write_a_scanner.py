"""docs/write-a-scanner.md: its files and commands, in its order, in an empty folder."""

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "write-a-scanner.md").read_text()
STEP = re.compile(r"(?:^\*\*(?P<file>\S+)\*\*\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
TIME = re.compile(r"in \d+\.\d+s")


def run(command: str, directory: Path) -> str:
    """What a command prints on both streams. Packages are taken from this environment, none from outside."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    # pip's spelling of --no-build-isolation is a 0: https://github.com/pypa/pip/issues/5735
    environment |= {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    environment |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # a new environment has none
    environment.pop("PIP_FIND_LINKS", None)
    done = subprocess.run(
        command, shell=True, cwd=directory, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def built(directory: Path) -> Path:
    """A directory with the agent's wheel in dist/, as a clone has it after `make build`."""
    argv = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", directory / "dist", ROOT]
    subprocess.run(argv, capture_output=True, check=True)
    return directory


def lend(directory: Path) -> None:
    """Let a new virtual environment see the packages of this one but the agent: nothing has to be downloaded."""
    lent = directory.with_name("lent")
    lent.mkdir(exist_ok=True)
    for package in Path(sysconfig.get_path("purelib")).iterdir():
        if "waldur_import_agent" not in package.name and not (lent / package.name).exists():
            (lent / package.name).symlink_to(package)
    for packages in directory.glob(".venv/lib/python*/site-packages"):
        (packages / "lent.pth").write_text(f"{lent}\n")


def test_each_step_of_the_page_does_what_it_says(tmp_path: Path) -> None:
    """From an empty folder to a conformance run in which every check passes; outputs are those on the page."""
    directory = tmp_path / "folder"
    directory.mkdir()
    clone = built(tmp_path / "clone")
    files = commands = 0
    for step in STEP.finditer(PAGE):
        if step["file"]:
            (directory / step["file"]).write_text(step["text"])
            files += 1
            continue
        assert step["language"] == "console", "a block that is no file and no command would not be tried"
        for command, expected in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", step["text"], re.MULTILINE):
            printed = run(command.replace("PATH/", f"{clone}/"), directory)
            lend(directory)
            assert TIME.sub("in 0s", printed) == TIME.sub("in 0s", expected)
            commands += 1
    assert (files, commands) == (4, 6)
