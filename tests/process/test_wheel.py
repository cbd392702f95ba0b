"""The wheel: it holds all that the command needs and works from a bare virtual environment."""

import json
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built with the locked build backend."""
    target = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", target, ROOT)
    (built,) = target.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin directory of a new environment: the wheel installed, its dependencies lent by this one."""
    directory = tmp_path_factory.mktemp("bare")
    venv.create(directory, with_pip=False)
    run(
        sys.executable,
        "-m",
        "pip",
        "--python",
        directory / "bin" / "python",
        "install",
        "--no-deps",
        "--no-index",
        wheel,
    )
    (packages,) = directory.glob("lib/python*/site-packages")
    # a path line lends the packages; .pth files over there are not read, so this checkout stays out of it
    (packages / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return directory / "bin"


def run(*command: Path | str) -> str:
    """Run a program; what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_wheel_holds_all_that_the_command_needs(wheel: Path) -> None:
    """py.typed, the example configuration, the sample inventory, the licence, the manual page and completion."""
    names = set(zipfile.ZipFile(wheel).namelist())
    package = "waldur_import_agent/"
    assert {
        f"{package}py.typed",
        f"{package}settings/config.example.yaml",
        f"{package}cli/demo_inventory.jsonl",
    } <= names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert not any(name.startswith(("tests/", "agent/")) for name in names)
    assert {name.partition(".data/data/")[2] for name in names if ".data/data/" in name} == {
        str(path.relative_to(ROOT)) for path in (ROOT / "share").rglob("*") if path.is_file()
    }
    sources = {str(path.relative_to(ROOT / "agent")) for path in (ROOT / "agent").rglob("*.py")}
    assert sources <= names


def test_command_works_from_a_bare_environment(bare: Path, tmp_path: Path) -> None:
    """The installed command shows the demo, writes an example configuration, and knows its scanners."""
    command = bare / "waldur-import-agent"
    assert "agent/waldur_import_agent" not in run(
        bare / "python", "-c", "import waldur_import_agent as w; print(w.__file__)"
    )
    assert json.loads(run(command, "demo", "-o", "json"))["request"]["state"] == "Done"
    run(command, "config", "init", tmp_path / "config.yaml")
    assert "waldur:" in (tmp_path / "config.yaml").read_text()
    kinds = {scanner["kind"]: scanner["error"] for scanner in json.loads(run(command, "scanners", "-o", "json"))}
    assert kinds == dict.fromkeys(("command", "inventory", "openstack", "slurm", "slurmrestd"))


def test_installed_package_is_typed(bare: Path, tmp_path: Path) -> None:
    """The scanner of docs/write-a-scanner.md passes `mypy --strict` with the installed wheel; a mistake does not."""
    page = (ROOT / "docs/write-a-scanner.md").read_text()
    source = re.search(r"^\*\*quotas\.py\*\*\n```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert source is not None
    check = (*(sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path / "cache"), "--python-executable")
    (tmp_path / "quotas.py").write_text(source[1])
    run(*check, bare / "python", tmp_path / "quotas.py")
    (tmp_path / "wrong.py").write_text(
        "from waldur_import_agent.records import FoundResource\n\nFoundResource(backend_id=1, name='x', kind='y')\n"
    )
    done = subprocess.run([*check, bare / "python", tmp_path / "wrong.py"], capture_output=True, text=True, check=False)
    assert 'Argument "backend_id" to "FoundResource" has incompatible type "int"' in done.stdout


def test_files_for_the_shell_are_where_the_page_says(bare: Path) -> None:
    """Each file under PREFIX in docs/how-to/shell.md is there after an installation."""
    named = set(re.findall(r"PREFIX/(\S+)", (ROOT / "docs/how-to/shell.md").read_text()))
    files = {name for name in named if (bare.parent / name).is_file()}
    assert {Path(name).parts[1] for name in files} == {"man", "bash-completion", "zsh"}
    assert named - files == {"share/zsh/site-functions"}


def test_demo_without_the_sandbox_extra_says_what_to_install(bare: Path) -> None:
    """Where starlette is missing, the command that installs it is named."""
    code = "import sys; sys.modules['starlette'] = None; "
    code += "from waldur_import_agent.cli import main; sys.exit(main(['demo']))"
    done = subprocess.run([bare / "python", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 78
    assert f"{bare / 'python'} -m pip install 'waldur-import-agent[sandbox]'" in done.stderr
