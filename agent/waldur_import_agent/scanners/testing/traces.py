"""Tests of what a scan leaves behind: in the system, and in texts."""

import asyncio
import contextlib
import json
import traceback
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, SecretStr

from waldur_import_agent.scanners.record_form import to_record
from waldur_import_agent.scanners.testing import leftovers, running
from waldur_import_agent.scanners.testing.errors import ConformanceError, NotGivenError, require
from waldur_import_agent.scanners.testing.failing import TIMEOUT, UNKNOWN

if TYPE_CHECKING:
    from waldur_import_agent.records import Scan
    from waldur_import_agent.scanners.testing.suite import Block, ScannerConformance

TASK_TURNS = 50
"""Turns of the event loop that a task which is about to end has."""


def nothing_left(suite: "ScannerConformance") -> str:
    """After a good scan, a cancelled one, and one that gave up: nothing of it is there."""
    tried = ["a scan"]
    some = suite.some()
    _require_nothing(suite, "a scan", lambda: _require_no_task(suite, some))
    try:
        hanging, given_up = suite.hanging(suite.patience * 2), True
    except NotGivenError:
        hanging, given_up = some, False
    half = suite.settle if given_up else running.duration(suite, some) / 2
    cancelled: list[bool] = []

    def cancel(after: float) -> None:
        cancelled.append(running.cancelled_scan(suite, hanging, after))

    for after in (0.0, half):
        _require_nothing(suite, "a cancelled scan", partial(cancel, after))
    if any(cancelled):
        tried.append("a cancelled one")
    if given_up:
        block = suite.hanging(TIMEOUT)
        _require_nothing(suite, "a scan that gave up", lambda: running.failed_scan(suite, block, "a hanging backend"))
        tried.append("one that gave up")
    return f"after {', '.join(tried)}"


def _require_nothing(suite: "ScannerConformance", what: str, work: Callable[[], object]) -> None:
    with leftovers.adopting():
        before = leftovers.snapshot()
        work()
        left = leftovers.left_since(
            before, suite.grace, lambda: (f"at the backend: {text}" for text in suite.still_running())
        )
    require(not left, f"{what} left behind: {'; '.join(left)}")


def _require_no_task(suite: "ScannerConformance", block: "Block") -> None:
    async def work() -> list[str]:
        async with running.make(suite, block) as scanner:
            await scanner.scan()
        for _ in range(TASK_TURNS):
            await asyncio.sleep(0)
        return [str(task.get_coro()) for task in asyncio.all_tasks() - {asyncio.current_task()}]

    left = running.run(suite, work)
    require(not left, f"a scan left tasks of the event loop: {'; '.join(left)}")


def secrets(suite: "ScannerConformance") -> str:
    """Neither the values of SecretStr nor what the suite names as secret stands anywhere."""
    some = suite.some()
    settings = suite.scanner.settings_model.model_validate(dict(some))
    hidden = sorted({*suite.secrets, *_secret_values(settings)} - {""})
    if not hidden:
        raise NotGivenError("secrets", "a secret in the settings, or in a file that they name")
    for where, text in _texts(suite, some):
        for secret in hidden:
            require(secret not in text, f"a secret stands in {where}")
    return f"{len(hidden)} looked for"


def _secret_values(value: Any) -> Iterator[str]:
    """The values of SecretStr in a model."""
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secret_values(getattr(value, name))
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _secret_values(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _secret_values(inner)


def _texts(suite: "ScannerConformance", some: "Block") -> Iterator[tuple[str, str]]:
    """All texts that people, logs or Waldur may see, each with its place."""
    settings = suite.scanner.settings_model.model_validate(dict(some))
    yield "repr(settings)", f"{settings!r} {settings}"
    yield "`config show`", json.dumps(settings.model_dump(mode="json", by_alias=True))
    with running.logged() as lines:
        yield from _texts_of_use(suite, some)
        for name, block in _failing_blocks(suite, some):
            yield from _texts_of_failure(suite, name, block)
    yield "the log", "\n".join(lines)


def _texts_of_use(suite: "ScannerConformance", some: "Block") -> Iterator[tuple[str, str]]:
    async def work() -> "tuple[str, str, Scan]":
        async with running.make(suite, some) as scanner:
            checks = await scanner.check()
            scan = await scanner.scan()
            return repr(scanner), repr(checks), scan

    scanner, checks, scan = running.run(suite, work)
    yield "repr(scanner)", scanner
    yield "what check() gives", checks
    yield "the scan", json.dumps([to_record(found) for found in scan.resources], default=str, ensure_ascii=False)
    yield "what the scan says of the whole", repr((scan.warnings, dict(scan.excluded), dict(scan.absent)))


def _failing_blocks(suite: "ScannerConformance", some: "Block") -> Iterator[tuple[str, "Block"]]:
    yield "an unknown key", {**some, UNKNOWN: 1}
    with contextlib.suppress(NotGivenError):
        yield "an unreachable backend", suite.unreachable()
    with contextlib.suppress(NotGivenError):
        yield "a backend that does not answer", suite.hanging(TIMEOUT)
    with contextlib.suppress(NotGivenError):
        yield "a denied part", suite.denied_part()
    with contextlib.suppress(NotGivenError):
        yield from suite.invalid().items()


def _texts_of_failure(suite: "ScannerConformance", name: str, block: "Block") -> Iterator[tuple[str, str]]:
    """The error with its traceback, as it goes to Waldur, and what check() makes of it."""

    async def check() -> str:
        async with running.make(suite, block) as scanner:
            return repr(await scanner.check())

    for what, work in (
        ("the error", lambda: running.scan(suite, block)),
        ("check()", lambda: running.run(suite, check)),
    ):
        try:
            text = repr(work())
        except ConformanceError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, a person will read it
            text = "".join(traceback.format_exception(error))
        yield f"{what} of {name}", text
