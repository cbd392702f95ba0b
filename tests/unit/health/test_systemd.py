"""What is sent to a service manager, on real sockets."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from support.service_manager import ServiceManager, service_manager
from waldur_import_agent.health.systemd import Notifier


@pytest.mark.parametrize("place", [lambda path: path, lambda path: None], ids=["file", "abstract"])
def test_assignments_arrive(tmp_path: Path, place: Callable[[Path], Path | None]) -> None:
    """Several in one message, on a socket that is a file and on an abstract one."""
    with service_manager(place(tmp_path)) as manager:
        notifier = Notifier(manager.environment())
        notifier.tell("READY=1", "STATUS=hello")
        manager.read()
        assert manager.lines == ["READY=1", "STATUS=hello"]


def test_a_status_is_told_once(manager: ServiceManager) -> None:
    """Only what has changed is sent."""
    notifier = Notifier(manager.environment())
    for text in ("one", "one", "two"):
        notifier.status(text)
    manager.read()
    assert manager.lines == ["STATUS=one", "STATUS=two"]


def test_a_long_status_is_cut(manager: ServiceManager) -> None:
    """Systemd ignores a message of more than 4096 bytes: many offerings have many reasons."""
    Notifier(manager.environment()).status("€" * 5000)
    manager.read()
    (line,) = manager.lines
    assert line.startswith("STATUS=€€€")
    assert line.endswith("€…")
    assert len(line.encode()) < 4096


def test_what_is_no_text_is_told_nevertheless(manager: ServiceManager) -> None:
    """Waldur's words may hold half a character of JSON's escapes: the beats go on."""
    Notifier(manager.environment()).status("Waldur says \ud800!")
    manager.read()
    assert manager.lines == ["STATUS=Waldur says ?!"]


def test_without_a_service_manager_nothing_happens() -> None:
    """By hand there is none."""
    Notifier({}).tell("READY=1")


def test_a_service_manager_that_has_gone_is_no_failure(tmp_path: Path) -> None:
    """Its socket is not there any more: nothing is raised."""
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).tell("READY=1")


@pytest.mark.parametrize(
    ("variables", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "3000000"}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "nonsense"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
    ],
)
def test_watchdog(variables: dict[str, str], seconds: float | None) -> None:
    """How often it wants to hear, where it means this process; the variables are taken away from children."""
    assert Notifier(variables).watchdog == seconds
    assert variables == {}
