"""Simulated time: a loop whose clock jumps where others wait, and a loop that is driven by hand."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class JumpingSelector(selectors.SelectSelector):
    """Lets simulated time pass where others wait."""

    now = 0.0
    steps = 0

    def select(self, timeout: float | None = None) -> list[Any]:
        """Whatever is ready now, and the clock is `timeout` later if nothing is."""
        self.steps += 1
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

    def run_steps(self, task: asyncio.Task[Any], steps: int) -> bool:
        """Run until `task` is done, but no more than so many turns of the loop; whether it is done.

        A turn ends wherever all that could run waits for something: these are the awaits that a crash can hit.
        """
        last = self.selector.steps + steps
        while not task.done() and self.selector.steps < last:
            self.call_soon(self.stop)
            self.run_forever()
        return task.done()

    def kill(self) -> None:
        """End all tasks, whatever they still want to do, and close the loop."""
        tasks = asyncio.all_tasks(self)

        async def end() -> None:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        self.run_until_complete(end())
        self.run_until_complete(self.shutdown_asyncgens())
        self.close()


def simulate(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end in simulated time."""
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        return runner.run(work)
