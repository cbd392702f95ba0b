"""The sandbox as its users have it: the state, the application, and what is watched and scripted in tests."""

from collections.abc import Callable
from datetime import UTC, datetime

from waldur_import_agent.sandbox.app import Application, Logged
from waldur_import_agent.sandbox.faults import Fault
from waldur_import_agent.sandbox.state import State


def _now() -> datetime:
    return datetime.now(tz=UTC)


class Sandbox(State):
    """A Waldur in memory."""

    log: list[Logged]
    """Every request, in the order in which they ended."""
    faults: list[Fault]
    """Scripted trouble: the first one that takes a request wins."""
    app: Application
    """The ASGI application."""

    def __init__(self, clock: Callable[[], datetime] = _now) -> None:
        super().__init__(clock)
        self.log = []
        self.faults = []
        self.app = Application(self, self.log, self.faults)

    @property
    def staff_token(self) -> str:
        """Sees and does everything."""
        return self.staff.token

    @property
    def support_token(self) -> str:
        """Sees everything and changes nothing."""
        return self.support.token

    @property
    def agent_token(self) -> str:
        """OFFERING.MANAGER of every offering, and member of the projects that were added as visible to it."""
        return self.agent.token

    @property
    def outsider_token(self) -> str:
        """Has no role anywhere."""
        return self.outsider.token
