"""Running a scanner as the agent does, so that one that hangs, or holds the event loop, does not stop the kit."""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from waldur_import_agent.records import Scan
from waldur_import_agent.scanners.base import BackendError, Scanner
from waldur_import_agent.scanners.testing.errors import ConformanceError

if TYPE_CHECKING:
    from waldur_import_agent.scanners.testing.suite import ScannerConformance

T = TypeVar("T")


def run(suite: "ScannerConformance", work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Do `work` in an event loop of its own, in another thread: the loop may be held, the kit goes on.

    Raises what `work` raises, and ConformanceError where it does not end within the suite's patience.
    """
    results: list[T] = []
    errors: list[BaseException] = []
    cancels: list[Callable[[], object]] = []
    ended = threading.Event()  # Python 3.11 takes a thread whose join() was interrupted for one that has ended

    async def keep() -> None:
        task = asyncio.current_task()
        if task is not None:
            cancels.append(partial(asyncio.get_running_loop().call_soon_threadsafe, task.cancel))
        results.append(await work())  # as a result of the main task asyncio would turn a large scan into text

    def body() -> None:
        try:
            asyncio.run(keep())
        except BaseException as error:  # noqa: BLE001 - raised again where somebody waits for it
            errors.append(error)
        finally:
            ended.set()

    thread = threading.Thread(target=body, name="conformance", daemon=True)
    try:
        thread.start()
        in_time = ended.wait(suite.patience)
    finally:  # interrupted, too: processes that the scan has started would outlive the kit
        if not ended.is_set():
            for cancel in cancels:
                with contextlib.suppress(RuntimeError):  # the loop has just been closed
                    cancel()
            ended.wait(suite.grace)
    if not in_time:
        raise ConformanceError(
            f"the scanner did not end within {suite.patience:g} seconds, or after it was cancelled: it may hold the "
            "event loop (blocking calls belong into a thread or a process), or catch CancelledError"
        )
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def make(suite: "ScannerConformance", block: Mapping[str, Any]) -> Scanner:
    """The scanner with these settings, not yet entered. Raises pydantic's ValidationError."""
    return suite.scanner(suite.scanner.settings_model.model_validate(dict(block)))


def scan(suite: "ScannerConformance", block: Mapping[str, Any]) -> Scan:
    """One scan. Raises as the scanner does."""
    return scan_times(suite, block, 1)[0]


def scan_times(suite: "ScannerConformance", block: Mapping[str, Any], times: int) -> list[Scan]:
    """Several scans, one after the other, by one scanner. Raises as the scanner does."""

    async def work() -> list[Scan]:
        async with make(suite, block) as scanner:
            return [await scanner.scan() for _ in range(times)]

    return run(suite, work)


def failed_scan(suite: "ScannerConformance", block: Mapping[str, Any], situation: str) -> BackendError:
    """The error of a scan that must fail. Raises ConformanceError where it does not, or where it is no BackendError.

    Entering the scanner must not fail: the agent starts although a backend is away.
    """

    async def work() -> BackendError:
        async with _entered(make(suite, block), situation) as scanner:
            try:
                found = await scanner.scan()
            except BackendError as error:
                return error
            except Exception as error:
                raise ConformanceError(
                    f"{situation}: the scan raised {type(error).__name__} ({error}); it must be a BackendError with a "
                    "text for the operator"
                ) from error
            state = "complete" if found.complete else "not complete"
            raise ConformanceError(
                f"{situation}: the scan gave {len(found.resources)} resources ({state}); it must fail"
            )

    error = run(suite, work)
    if not str(error.args[0]).strip():
        raise ConformanceError(f"{situation}: the error has no text")
    return error


@contextlib.asynccontextmanager
async def _entered(scanner: Scanner, situation: str) -> AsyncIterator[Scanner]:
    try:
        await scanner.__aenter__()
    except Exception as error:
        raise ConformanceError(
            f"{situation}: entering the scanner raised {type(error).__name__} ({error}); connect in scan() and check() "
            "instead: the agent must start although the backend is away"
        ) from error
    try:
        yield scanner
    finally:
        await scanner.__aexit__(None, None, None)


def cancelled_scan(suite: "ScannerConformance", block: Mapping[str, Any], after: float) -> bool:
    """Cancel a scan some seconds after it began; whether it was still running.

    Raises ConformanceError where it then ends in another way than by CancelledError, and what it raised before.
    """

    async def work() -> bool:
        async with make(suite, block) as scanner:
            task = asyncio.ensure_future(scanner.scan())
            await asyncio.wait({task}, timeout=after)
            if task.done():
                task.result()
                return False
            task.cancel()
            await asyncio.wait({task})
            if not task.cancelled():
                error = task.exception()
                ended = f"raised {type(error).__name__} ({error})" if error else "gave a result"
                raise ConformanceError(
                    f"a scan that was cancelled after {after:g} seconds {ended}; it must let CancelledError through"
                )
            return True

    return run(suite, work)


def duration(suite: "ScannerConformance", block: Mapping[str, Any]) -> float:
    """Seconds that one scan takes now."""
    started = time.monotonic()
    scan(suite, block)
    return time.monotonic() - started


@contextlib.contextmanager
def logged() -> Iterator[list[str]]:
    """The lines that are logged within the block, at the agent's ordinary level."""
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    handler = Keep(logging.INFO)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(min(level, logging.INFO))
    try:
        yield lines
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
