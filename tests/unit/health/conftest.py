"""A monitor with a clock that only tests move, and a service manager that hears it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support.builders import EPOCH
from support.service_manager import ServiceManager, service_manager
from waldur_import_agent.health.monitor import Monitor
from waldur_import_agent.health.observer import Ended
from waldur_import_agent.health.offering import OfferingHealth, Watched
from waldur_import_agent.health.probe import read_status
from waldur_import_agent.health.systemd import Notifier

SCAN_LIMIT, STEP_LIMIT = 600.0, 120.0


@dataclass
class Watch:
    """A monitor of some offerings."""

    directory: Path
    manager: ServiceManager
    offerings: int = 1
    time: float = 1000.0
    monitor: Monitor = field(init=False)

    def __post_init__(self) -> None:
        watched = [Watched(f"o{number}", number, "slurm", SCAN_LIMIT, STEP_LIMIT) for number in range(1, 3)]
        self.monitor = Monitor(
            watched[: self.offerings],
            url="https://waldur.test/api",
            directory=self.directory,
            notifier=Notifier(self.manager.environment()),
            clock=lambda: self.time,
        )

    @property
    def offering(self) -> OfferingHealth:
        """The first offering."""
        return self.monitor.offerings[0]

    def heard(self) -> list[str]:
        """What the service manager has heard since this was asked last."""
        self.manager.read()
        lines = self.manager.lines[:]
        self.manager.lines.clear()
        return lines

    def hung(self) -> str:
        """What hangs, as of now, in a loop that turns."""
        self.monitor.beat()
        return self.monitor.hung()

    def status(self) -> dict[str, Any]:
        """What stands in status.json."""
        status: dict[str, Any] = read_status(str(self.directory))
        return status


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[ServiceManager]:
    """A service manager."""
    with service_manager(tmp_path) as listening:
        yield listening


@pytest.fixture
def watch(tmp_path: Path, manager: ServiceManager) -> Watch:
    """A monitor of one offering."""
    return Watch(tmp_path / "runtime", manager)


@pytest.fixture
def two(tmp_path: Path, manager: ServiceManager) -> Watch:
    """A monitor of two offerings."""
    return Watch(tmp_path / "runtime", manager, offerings=2)


def ended(outcome: str = "nothing to do", *, ready: bool | None = True, seconds: float = 2.0, **more: Any) -> Ended:
    """How a poll ended."""
    finished: datetime = EPOCH + timedelta(seconds=seconds)
    return Ended(outcome, EPOCH, finished, ready=ready, **more)
