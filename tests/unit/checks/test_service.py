"""systemd as `doctor` sees it: a real notification socket, and a systemctl that says what it is told."""

import socket
from pathlib import Path

import pytest

from waldur_import_agent.cli.checks.finding import Status
from waldur_import_agent.cli.checks.service import check_service


def systemctl(directory: Path, **values: str) -> dict[str, str]:
    """An environment in which systemctl prints these properties."""
    program = directory / "systemctl"
    lines = "\n".join(f"echo {name}={value}" for name, value in values.items())
    program.write_text(f"#!/bin/sh\n{lines}\n")
    program.chmod(0o755)
    return {"PATH": str(directory)}


async def test_under_systemd(tmp_path: Path) -> None:
    """Its socket is reached, or nobody hears there."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        assert (await check_service({"NOTIFY_SOCKET": str(path)})).status is Status.PASS
    path.unlink()
    assert (await check_service({"NOTIFY_SOCKET": str(path)})).status is Status.FAIL
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0waldur-import-agent-test")
        assert (await check_service({"NOTIFY_SOCKET": "@waldur-import-agent-test"})).status is Status.PASS


async def test_without_systemd(tmp_path: Path) -> None:
    """Nothing to look at: no systemd, or no systemctl."""
    environment = systemctl(tmp_path, LoadState="loaded")
    assert (await check_service(environment, tmp_path / "none")).status is Status.SKIP
    assert (await check_service({"PATH": str(tmp_path / "none")}, tmp_path)).status is Status.SKIP


@pytest.mark.parametrize(
    ("load", "active", "kind", "status"),
    [
        ("loaded", "active", "notify", Status.PASS),
        ("loaded", "active", "simple", Status.WARN),
        ("loaded", "failed", "notify", Status.FAIL),
        ("not-found", "inactive", "", Status.WARN),
    ],
)
async def test_the_unit(tmp_path: Path, load: str, active: str, kind: str, status: Status) -> None:
    """It is installed, of the right type and not failed; else it says what to do."""
    environment = systemctl(tmp_path, LoadState=load, ActiveState=active, SubState="x", Type=kind, WatchdogUSec="1min")
    finding = await check_service(environment, tmp_path)
    assert finding.status is status
    assert bool(finding.remedy) == (status is not Status.PASS)


async def test_systemctl_that_does_not_start(tmp_path: Path) -> None:
    """It is told, and no more."""
    program = tmp_path / "systemctl"
    program.write_text("#!/nonexistent\n")
    program.chmod(0o755)
    assert (await check_service({"PATH": str(tmp_path)}, tmp_path)).status is Status.WARN
