"""Simulated time: a loop whose clock jumps where others wait, and a loop that is driven by hand."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class JumpingSelector(selectors.SelectSelector):
    """Lets simulated time pass where others wait."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        """Whatever is ready now, and the clock is `timeout` later if nothing is."""
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "everything waits for something that never comes"
            self.now += timeout
        return ready


class SimulatedLoop(asyncio.SelectorEventLoop):
    """A loop whose time passes only by waiting, and then at once."""

    def __init__(self) -> None:
        self.selector = JumpingSelector()
        super().__init__(self.selector)

    def time(self) -> float:
        """Seconds of simulated time."""
        return self.selector.now


def simulate(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end in simulated time."""
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        return runner.run(work)
