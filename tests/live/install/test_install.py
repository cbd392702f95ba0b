"""The commands of docs/how-to/install.md, run as they stand: root on Debian 12, which installs what they need.

What they write goes into copies (`host.Host`). Only what a person does in an editor is left out.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from live.install.host import Host
from live.install.page import ROOT, commands

PACKAGES = {
    "pipx": "pipx",
    "useradd": "passwd",
    "unshare": "util-linux",
    "ip": "iproute2",
    "systemd-tmpfiles": "systemd",
}
AGENT = "/usr/local/bin/waldur-import-agent"
OWN = ("/opt/waldur-import-agent", "/var/lib/waldur-import-agent")
LOOK = f"{AGENT} scanners --output json"


@pytest.fixture(scope="module", autouse=True)
def _packages() -> None:
    """Debian's packages that the page names."""
    if os.geteuid() != 0:
        pytest.fail("this needs root, in a machine that may be thrown away")
    missing = [package for program, package in PACKAGES.items() if shutil.which(program) is None]
    venv = subprocess.run(["/usr/bin/python3", "-c", "import ensurepip"], capture_output=True, check=False)
    missing += ["python3-venv"] * bool(venv.returncode)
    if missing:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update"], ["install", "-y", "--no-install-recommends", *missing]):
            subprocess.run(
                ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=600", *command], env=environment, check=True, timeout=600
            )


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is in version control, as a clone has it, with the agent's wheel in dist/."""
    directory = tmp_path_factory.mktemp("clone")
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, files.split("\0")):
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, directory / name)
    (directory / ".venv").symlink_to(ROOT / ".venv")
    (directory / ".venv-stamp").touch()
    subprocess.run(["make", "build", "STAMP=.venv-stamp"], cwd=directory, capture_output=True, check=True, timeout=300)
    return directory


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    """Where the copies of a host's directories are."""
    yield tmp_path / "host"
    shutil.rmtree(tmp_path / "host", ignore_errors=True)


def run(host: Host, lines: list[str], directory: Path) -> str:
    """Stdout of the commands, all of which must end well."""
    ended = host.run(lines, directory)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def locked(clone: Path) -> set[str]:
    """Each package of the lock for Linux, with its version."""
    text = (clone / "lock" / "all.txt").read_text()
    lines = re.findall(r"^([a-zA-Z0-9._-]+)==(\S+)(.*)$", text, re.MULTILINE)
    return {f"{name.lower()}=={version}" for name, version, marker in lines if "win32" not in marker}


def installed(text: str) -> set[str]:
    """What `pip list --format json` printed, in the same form, without pip and the agent."""
    rows = json.loads(text.strip().splitlines()[-1])
    own = {"pip", "waldur-import-agent"}
    found = {(row["name"].lower().replace("_", "-").replace(".", "-"), row["version"]) for row in rows}
    return {f"{name}=={version}" for name, version in found if name not in own}


LIST = "{} list --format json --disable-pip-version-check"


def test_pipx_installs_the_locked_versions(clone: Path, scratch: Path) -> None:
    """With pipx the demo runs, and the versions are those of the lock."""
    host = Host(scratch, network=True)
    out = run(host, commands("With pipx", "$"), clone)
    assert "the agent reported all that it could place" in out
    listed = installed(run(host, [LIST.format("pipx runpip waldur-import-agent")], clone))
    assert locked(clone) <= listed


def test_virtual_environment_for_a_service(clone: Path, scratch: Path) -> None:
    """From an empty /opt to a configuration that the service's user can read; it lacks what a person fills in."""
    host = Host(scratch, network=True)
    prepare = [
        line for line in commands("The user and the directories") if "/dev/stdin" not in line and "sudo" not in line
    ]
    out = run(host, [*commands("In a virtual environment"), *prepare], clone)
    assert "waldur-import-agent " in out
    assert installed(run(host, [LIST.format("/opt/waldur-import-agent/bin/pip")], clone)) >= locked(clone)
    as_its_user = "setpriv --reuid waldur-import-agent --regid waldur-import-agent --clear-groups"
    ended = host.run([f"{as_its_user} {AGENT} config check"], clone)
    assert ended.returncode == 78
    assert ended.stderr.count("\n") == 1, ended.stderr
    assert "waldur.token_file: there is no such file" in ended.stderr
    # mount points stay, and no systemd runs here
    gone = [f"{line} || true" for line in commands("Take it away") if "systemctl" not in line]
    left = ["getent passwd waldur-import-agent || echo no user", f"find {' '.join(OWN)} -type f", f"ls {AGENT} || true"]
    assert run(host, [*gone, *left], clone).split("\n") == ["no user", ""]


def test_wheelhouse_installs_without_a_network(clone: Path, scratch: Path, tmp_path: Path) -> None:
    """What `make wheelhouse` made is enough where nothing can be reached; each scanner is ready, and the demo runs."""
    made = subprocess.run(
        ["make", "wheelhouse", "STAMP=.venv-stamp", "PYTHON=/usr/bin/python3"],
        cwd=clone,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    carried = tmp_path / "carried"
    shutil.copytree(clone / "dist" / "wheelhouse", carried / "wheelhouse")
    host = Host(scratch, network=False)
    interfaces = run(host, ["tail -n +3 /proc/net/dev | cut -d: -f1"], carried).split()
    assert interfaces == ["lo"], "the namespace has a network"
    out = run(host, [*commands("Without a network"), LOOK], carried)
    scanners = json.loads(out[out.index("[") :])
    assert {row["kind"] for row in scanners} == {"command", "inventory", "openstack", "slurm", "slurmrestd"}
    assert [row for row in scanners if row["error"]] == []
    assert "the agent reported all that it could place" in run(host, [f"{AGENT} demo"], carried)
    listed = installed(run(host, [LIST.format("/opt/waldur-import-agent/bin/pip")], carried))
    assert listed >= locked(clone)


def test_a_damaged_wheelhouse_is_refused(clone: Path, scratch: Path, tmp_path: Path) -> None:
    """A file that was changed on the way is named before anything is installed."""
    house = clone / "dist" / "wheelhouse"
    assert house.is_dir(), "made by the test before"
    shutil.copytree(house, tmp_path / "carried" / "wheelhouse")
    wheel = next((tmp_path / "carried" / "wheelhouse").glob("httpx-*.whl"))
    wheel.write_bytes(wheel.read_bytes() + b"x")
    ended = Host(scratch, network=False).run(commands("Without a network"), tmp_path / "carried")
    assert ended.returncode != 0
    assert wheel.name in ended.stdout + ended.stderr
    assert not list((scratch / "opt" / "waldur-import-agent").iterdir())


@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_wheels_are_there_for_other_releases_of_python(clone: Path, tmp_path: Path, version: str) -> None:
    """EL 9 has 3.12, and newer systems 3.13: each locked package has a wheel for glibc 2.28 there too."""
    ended = subprocess.run(
        ["scripts/wheelhouse", str(tmp_path / "house")],
        cwd=clone,
        env={**os.environ, "PYTHON_VERSION": version, "PYTHON": "/usr/bin/python3"},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert len(list((tmp_path / "house").glob("*.whl"))) == len(locked(clone)) + 1
