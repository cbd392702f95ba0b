"""The example programs for the command scanner, run by the scanner itself."""

import grp
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from waldur_import_agent.records import Ancestor, FoundResource, Scan
from waldur_import_agent.scanners.base import BackendError, BackendMisconfiguredError, BackendUnavailableError
from waldur_import_agent.scanners.command import CommandScanner, CommandSettings

EXAMPLES = Path(__file__).parents[2] / "examples" / "command"


async def scan(*command: Any) -> Scan:
    """One scan by a program."""
    settings = CommandSettings.model_validate({"command": [str(word) for word in command]})
    async with CommandScanner(settings) as scanner:
        return await scanner.scan()


async def test_groups_of_this_host() -> None:
    """Bash and jq: each group of the host, with its number and its members."""
    found = await scan(EXAMPLES / "unix-groups.sh", "")
    assert found.complete
    assert {resource.backend_id: resource for resource in found.resources} == {
        group.gr_name: FoundResource(
            group.gr_name,
            group.gr_name,
            "Unix group",
            attributes={"gid": group.gr_gid},
            user_count=len(group.gr_mem),
        )
        for group in grp.getgrall()
    }


async def test_groups_with_a_prefix() -> None:
    """Where there is none, the scan is complete and finds nothing."""
    assert [found.backend_id for found in (await scan(EXAMPLES / "unix-groups.sh", "roo")).resources] == ["root"]
    assert await scan(EXAMPLES / "unix-groups.sh", "no_such_prefix_") == Scan(())


async def test_groups_say_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong usage and a missing jq are misconfigurations, a directory service that fails is unavailable."""
    with pytest.raises(BackendMisconfiguredError, match=r"usage: unix-groups\.sh PREFIX"):
        await scan(EXAMPLES / "unix-groups.sh")
    for name in ("bash", "env"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BackendMisconfiguredError, match="jq is not installed"):
        await scan(EXAMPLES / "unix-groups.sh", "x")
    (tmp_path / "jq").symlink_to("/bin/true")
    (tmp_path / "getent").symlink_to("/bin/false")
    with pytest.raises(BackendUnavailableError, match="the directory service does not answer"):
        await scan(EXAMPLES / "unix-groups.sh", "x")


async def test_groups_cut_off_are_no_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe whose part fails is no success: pipefail sees to it."""
    (tmp_path / "jq").write_text('#!/bin/sh\necho \'{"backend_id": "a"}\'\nexit 5\n')
    (tmp_path / "jq").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(BackendError, match="exit code 5"):
        await scan(EXAMPLES / "unix-groups.sh", "x")


async def test_directories_with_their_quotas(tmp_path: Path) -> None:
    """Python: a record for each directory; quotas in bytes, 0 is unlimited, none is no limit."""
    for name in ("b", "a", "c"):
        (tmp_path / name).mkdir()
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("a")
    os.setxattr(tmp_path / "a", "user.quota", b"1048576")
    os.setxattr(tmp_path / "b", "user.quota", b"0")
    found = await scan(sys.executable, EXAMPLES / "directories.py", "--quota-attribute", "user.quota", tmp_path)
    limits: dict[str, dict[str, int | None]] = {"a": {"bytes": 1048576}, "b": {"bytes": None}, "c": {}}
    root = Ancestor(str(tmp_path), tmp_path.name)
    assert found == Scan(
        tuple(
            FoundResource(
                str(tmp_path / name), name, "directory", (root,), attributes={"uid": os.geteuid()}, limits=limit
            )
            for name, limit in limits.items()
        )
    )


async def test_a_directory_that_cannot_be_read_makes_the_list_incomplete(tmp_path: Path) -> None:
    """With the reason; where none can be read, the backend is unavailable."""
    (tmp_path / "good" / "a").mkdir(parents=True)
    program = (sys.executable, EXAMPLES / "directories.py")
    found = await scan(*program, tmp_path / "good", tmp_path / "gone")
    assert len(found.resources) == 1
    assert (found.complete, found.warnings) == (
        False,
        (f"{tmp_path}/gone cannot be read: No such file or directory",),
    )
    with pytest.raises(BackendUnavailableError, match="gone cannot be read"):
        await scan(*program, tmp_path / "gone")


def test_the_examples_can_be_started_as_they_are() -> None:
    """Their first lines name what runs them, and they are executable."""
    done = subprocess.run([EXAMPLES / "directories.py", "--help"], capture_output=True, text=True, check=True)
    assert "CephFS" in done.stdout
    assert os.access(EXAMPLES / "unix-groups.sh", os.X_OK)
