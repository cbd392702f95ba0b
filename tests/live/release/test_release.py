"""The files of a release: made by `scripts/release` from the locked versions, twice, in two environments."""

import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.live_release


def release(*arguments: str | Path, root: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script."""
    return subprocess.run(
        ["scripts/release", sys.executable, *arguments],
        cwd=root,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def made_and_told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The directory with the files, and what was printed."""
    target = tmp_path_factory.mktemp("release") / "files"
    done = release("--draft", target)
    assert done.returncode == 0, done.stdout + done.stderr
    return target, done.stdout


@pytest.fixture(scope="module")
def made(made_and_told: tuple[Path, str]) -> Path:
    """The directory with the files."""
    return made_and_told[0]


def only(directory: Path, pattern: str) -> Path:
    """The one file with such a name."""
    (found,) = directory.glob(pattern)
    return found


def locked(path: Path) -> dict[str, str]:
    """Names and versions of a lock file that count for this Python."""
    pins = re.findall(r"^(\S+==[^\\\n]+?) *\\?$", path.read_text(), re.MULTILINE)
    needed = [Requirement(pin) for pin in pins]
    return {
        re.sub(r"[-_.]+", "-", each.name).lower(): str(each.specifier).removeprefix("==")
        for each in needed
        if each.marker is None or each.marker.evaluate()
    }


def test_checksums_are_those_of_all_files(made: Path) -> None:
    """SHA256SUMS names the sdist, the wheel and the bill of materials, in the form that `sha256sum -c` reads."""
    lines = dict(line.split("  ")[::-1] for line in (made / "SHA256SUMS").read_text().splitlines())
    files = {path.name for path in made.iterdir()} - {"SHA256SUMS"}
    assert set(lines) == files
    assert len(files) == 3
    for name, checksum in lines.items():
        assert hashlib.sha256((made / name).read_bytes()).hexdigest() == checksum


def test_twine_has_passed_sdist_and_wheel(made_and_told: tuple[Path, str]) -> None:
    """An index would take both: their metadata and the text that it shows are good."""
    made, told = made_and_told
    checked = re.findall(r"Checking \S*?([^/\s]+): (\w+)", re.sub(r"\x1b\[[0-9;]*m", "", told))
    assert sorted(checked) == sorted((only(made, pattern).name, "PASSED") for pattern in ("*.whl", "*.tar.gz"))


def test_same_sources_give_the_same_bytes(made: Path, tmp_path: Path) -> None:
    """Made again, in another time zone, language and place, every file is the same."""
    again = release("--draft", tmp_path / "again", TZ="Pacific/Auckland", LC_ALL="C", TMPDIR=str(tmp_path))
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "again/SHA256SUMS").read_text() == (made / "SHA256SUMS").read_text()


def test_sdist_holds_the_whole_repository(made: Path) -> None:
    """Everything that is under version control is in the sdist, and nothing else but its metadata."""
    with tarfile.open(only(made, "*.tar.gz")) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    tracked = {name for name in listed.split("\0") if name and (ROOT / name).exists()}
    assert tracked - names == set()
    untracked = {name for name in names - tracked - {"PKG-INFO"} if (ROOT / name).is_file()}
    assert not [name for name in untracked if "__pycache__" in name or name.startswith((".venv", "site/", "dist/"))]


def test_bill_of_materials_is_that_of_a_core_install(made: Path) -> None:
    """It names the agent with its licence, and each package of lock/core.txt with version, licence and who needs it."""
    bill: dict[str, Any] = json.loads(only(made, "*.cdx.json").read_text())
    root = bill["metadata"]["component"]
    wheel = only(made, "*.whl").name
    assert (root["name"], root["version"]) == ("waldur-import-agent", wheel.split("-")[1])
    assert root["licenses"][0]["license"]["id"] == "MIT"
    components = {re.sub(r"[-_.]+", "-", part["name"]).lower(): part for part in bill["components"]}
    assert {name: part["version"] for name, part in components.items()} == locked(ROOT / "lock/core.txt")
    assert all(part["licenses"] and part["purl"].startswith("pkg:pypi/") for part in components.values())
    needs = {each["ref"]: each.get("dependsOn", []) for each in bill["dependencies"]}
    assert {ref.partition("==")[0].lower() for ref in needs[root["bom-ref"]]} >= {
        "httpx",
        "pydantic-settings",
        "tenacity",
    }
    text = json.dumps(bill)
    assert str(ROOT) not in text
    assert "/tmp/" not in text


def test_release_of_what_is_not_committed_is_refused(tmp_path: Path) -> None:
    """With changes in the work tree, or a changelog without this version, nothing is made, and it says what to do."""
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", "--no-hardlinks", ROOT, clone], check=True)
    (clone / "CHANGELOG.md").write_text("# Changelog\n\n## [Unreleased]\n")
    changed = release(tmp_path / "files", root=clone)
    assert changed.returncode == 1
    assert "changes that are not committed" in changed.stderr
    subprocess.run(["git", "add", "."], cwd=clone, check=True)
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    subprocess.run(["git", *identity, "commit", "-qm", "x"], cwd=clone, check=True)
    unnamed = release(tmp_path / "files", root=clone)
    assert unnamed.returncode == 1
    assert "CHANGELOG.md has no section [" in unnamed.stderr
    assert not (tmp_path / "files").exists()
