"""The time, and what is waited for: events, tasks, threads."""

import asyncio
import contextlib
import contextvars
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

from waldur_import_agent.errors import StoppedError

T = TypeVar("T")


def now() -> datetime:
    """The current time in UTC."""
    return datetime.now(tz=UTC)


async def wait_for_event(event: asyncio.Event, seconds: float) -> bool:
    """Wait until `event` is set, `seconds` at the most; whether it was set."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return event.is_set()
    return True


def exit_after(seconds: float, code: int) -> None:
    """End this process with `code` after so many seconds if it still runs then, whatever it waits for.

    A thread that hangs in a system call cannot be cancelled, and the interpreter would wait for it without end. What is
    in the journal is on disk at any time, so nothing is lost.
    """
    timer = threading.Timer(seconds, os._exit, (code,))
    timer.daemon = True
    timer.start()


async def unless(event: asyncio.Event, work: Coroutine[Any, Any, T]) -> T:
    """Do `work`, unless `event` is set before it ends: then it is cancelled and StoppedError is raised."""
    task = asyncio.ensure_future(work)
    waiter = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait({task, waiter}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise StoppedError("the agent was told to stop")
    finally:
        for pending in (task, waiter):
            if not pending.done():
                pending.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await pending


async def for_each(items: Iterable[T], work: Callable[[T], Awaitable[None]], *, in_flight: int) -> None:
    """Do `work` on each item, `in_flight` at the same time. The first error cancels the rest and is raised."""
    shared = iter(items)

    async def worker() -> None:
        for item in shared:
            await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(in_flight):
                group.create_task(worker())
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None


async def in_daemon_thread(work: Callable[[], T]) -> T:
    """Do blocking `work` in a thread of its own, whose end the interpreter's exit does not wait for.

    asyncio.to_thread would hold the exit up until a server answers. A cancellation leaves the thread to end by itself;
    what it then gives goes nowhere. Raises what `work` raises.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()
    context = contextvars.copy_context()

    def settle(result: Callable[[], None]) -> None:
        if not future.done():
            result()

    def run() -> None:
        result: Callable[[], None]
        try:
            value = context.run(work)
        except BaseException as error:  # noqa: BLE001 - whoever waits gets it
            result = partial(future.set_exception, error)
        else:
            result = partial(future.set_result, value)
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits
            loop.call_soon_threadsafe(settle, result)

    threading.Thread(target=run, name="in_daemon_thread", daemon=True).start()
    return await future
