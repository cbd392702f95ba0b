"""Broken scanners: at least one for each check."""
# ruff: noqa: D102, D106 - the docstring of each class says what is wrong with it

import asyncio
import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self, cast

from pydantic import ConfigDict

from unit.scanners.testing.shelf import PASSWORD, Shelf, ShelfConformance, ShelfSettings
from waldur_import_agent.records import FoundResource, Scan
from waldur_import_agent.scanners.base import (
    BackendError,
    BackendMisconfiguredError,
    BackendUnavailableError,
    Check,
    CheckStatus,
    ScannerSettings,
)
from waldur_import_agent.scanners.testing import ScannerConformance


@dataclass(frozen=True)
class Broken:
    """A check, what breaks its promise, and what the check must say of it."""

    check: str
    words: str
    scanner: type[Any] = Shelf
    suite: Mapping[str, Any] = field(default_factory=dict)

    def make(self) -> ScannerConformance:
        """The suite for the broken scanner."""
        return cast(
            "ScannerConformance",
            type("BrokenConformance", (ShelfConformance,), {"scanner": self.scanner, **self.suite})(),
        )


def scanning(change: Callable[[Shelf, Scan], Scan]) -> type[Shelf]:
    """A scanner whose scans are changed before they are given."""

    class Changed(Shelf):
        async def scan(self) -> Scan:
            return change(self, await super().scan())

    return Changed


def finding(change: Callable[[FoundResource, int], FoundResource]) -> type[Shelf]:
    """A scanner whose resources are changed before they are given; the number is their position."""

    class Changed(Shelf):
        def found(self, position: int, item: str) -> FoundResource:
            return change(super().found(position, item), position)

    return Changed


def raising(state: str, error: Exception) -> type[Shelf]:
    """A scanner that raises another error in one state of the backend."""

    class Changed(Shelf):
        async def scan(self) -> Scan:
            if self.settings.state == state:
                raise error
            return await super().scan()

    return Changed


class NoScan:
    """Has next to nothing."""

    kind = "shelf"
    settings_model = ShelfSettings


class EmptyKind(Shelf):
    """Has no name."""

    kind = ""


class CaseUnknown(Shelf):
    """Says nothing of case."""

    ids_ignore_case: ClassVar[Any] = None


class NoChecks(Shelf):
    """Checks nothing."""

    async def check(self) -> Sequence[Check]:
        return []


class ChecksText(Shelf):
    """Gives a text for a check."""

    async def check(self) -> Sequence[Any]:
        return ["all is well"]


class ChecksFail(Shelf):
    """Fails on a good backend."""

    async def check(self) -> Sequence[Check]:
        return [Check("shelf", CheckStatus.FAIL, "too high")]


class ChecksPass(Shelf):
    """Passes whatever there is."""

    async def check(self) -> Sequence[Check]:
        return [Check("shelf", CheckStatus.PASS, "fine")]


class ChecksRaise(Shelf):
    """Raises what it finds."""

    async def check(self) -> Sequence[Check]:
        await self.scan()
        return [Check("shelf", CheckStatus.PASS, "fine")]


class Counting(Shelf):
    """Another order in each scan by the same scanner."""

    scans = 0

    async def scan(self) -> Scan:
        self.scans += 1
        scan = await super().scan()
        return replace(scan, resources=scan.resources[:: -1 if self.scans % 2 else 1])


class OneLess(Counting):
    """Forgets one in each second scan."""

    async def scan(self) -> Scan:
        scan = await super().scan()
        return replace(scan, resources=scan.resources[self.scans % 2 :])


class ByObject(Shelf):
    """Depends on the object that scans."""

    objects = 0

    def __init__(self, settings: ScannerSettings) -> None:
        super().__init__(settings)
        type(self).objects += 1
        self.number = self.objects

    def found(self, position: int, item: str) -> FoundResource:
        return replace(super().found(position, item), attributes={"object": self.number})


class Wordy(ByObject):
    """Says something else each time."""

    def found(self, position: int, item: str) -> FoundResource:
        return Shelf.found(self, position, item)

    async def scan(self) -> Scan:
        return replace(await super().scan(), warnings=(f"object {self.number}",))


class ConnectsEarly(Shelf):
    """Connects when it is entered."""

    async def __aenter__(self) -> Self:
        await self.scan()
        return self


class Permissive(Shelf):
    """Takes every key."""

    class Settings(ShelfSettings):
        model_config = ConfigDict(extra="ignore")

    settings_model = Settings


class Swallows(Shelf):
    """Takes a cancellation for an answer."""

    async def wait(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await super().wait()


class Translates(Shelf):
    """Makes an error of its own of a cancellation."""

    async def wait(self) -> None:
        try:
            await super().wait()
        except asyncio.CancelledError:
            raise BackendUnavailableError("cancelled") from None


class Stubborn(Shelf):
    """Does not end when it is cancelled, for some seconds."""

    async def wait(self) -> None:
        end = time.monotonic() + 2
        while time.monotonic() < end:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.1)


class HoldsLoop(Shelf):
    """Waits in the event loop's own thread."""

    async def wait(self) -> None:
        time.sleep(2)  # noqa: ASYNC251 - it is what is wrong with it


class SpoilsNext(Shelf):
    """Cannot scan again after a cancelled scan."""

    spoilt = False

    async def scan(self) -> Scan:
        if type(self).spoilt:
            raise BackendUnavailableError("still locked by the last scan")
        try:
            return await super().scan()
        except asyncio.CancelledError:
            type(self).spoilt = True
            raise


class NeverGivesUp(Shelf):
    """Has no time limit."""

    async def scan(self) -> Scan:
        if self.settings.state == "hanging":
            await asyncio.sleep(2)
        return await super().scan()


class LeavesProcess(Shelf):
    """Starts a process that goes its own way."""

    async def scan(self) -> Scan:
        process = await asyncio.create_subprocess_exec("sh", "-c", "setsid sleep 3 >/dev/null & exit")
        await process.wait()
        return await super().scan()


class LeavesThread(Shelf):
    """Leaves a thread when it is cancelled."""

    async def wait(self) -> None:
        threading.Thread(target=time.sleep, args=(3,), name="shelf-reader", daemon=True).start()
        await super().wait()


class LeavesTask(Shelf):
    """Leaves a task of the event loop."""

    async def scan(self) -> Scan:
        self.task = asyncio.ensure_future(asyncio.sleep(60))
        return await super().scan()


class LeavesFile(Shelf):
    """Leaves a pipe open when it gives up."""

    async def scan(self) -> Scan:
        try:
            return await super().scan()
        except BackendError:
            os.pipe()
            raise


class ShowsInRepr(Shelf):
    """Shows the password."""

    def __repr__(self) -> str:
        return f"<Shelf {self.settings.password.get_secret_value()}>"


class ShowsInDump(Shelf):
    """Has the password as a plain text."""

    class Settings(ShelfSettings):
        password: str = ""  # type: ignore[assignment]

    settings_model = Settings


class ShowsInSettingsError(Shelf):
    """Shows what is wrong with the settings."""

    class Settings(ShelfSettings):
        model_config = ConfigDict(hide_input_in_errors=False)

    settings_model = Settings


class ShowsInError(Shelf):
    """Shows it in what led to the error."""

    async def scan(self) -> Scan:
        try:
            return await super().scan()
        except BackendUnavailableError as error:
            raise BackendUnavailableError("no answer") from ValueError(
                f"{self.settings.password.get_secret_value()}: {error}"
            )

    async def check(self) -> Sequence[Check]:
        return []


class ShowsInCheck(Shelf):
    """Shows it where a check fails."""

    async def check(self) -> Sequence[Check]:
        return [Check("shelf", CheckStatus.PASS, self.settings.password.get_secret_value())]


class ShowsInLog(Shelf):
    """Logs it."""

    async def scan(self) -> Scan:
        logging.getLogger("shelf").info("with %s", self.settings.password.get_secret_value())
        return await super().scan()


class Quiet(Shelf):
    """Takes every failure for an empty shelf."""

    async def scan(self) -> Scan:
        try:
            return await super().scan()
        except BackendError:
            return Scan(())


POSITIONS = finding(lambda found, position: replace(found, backend_id=f"#{position}"))
ONE = scanning(lambda _, scan: replace(scan, resources=scan.resources[:1]))
STRIPPED = finding(lambda found, _: replace(found, backend_id=" ".join(found.name.split()), name="x"))
DOUBLED = finding(
    lambda found, _: replace(found, limits={name: (limit or 1) * 2 for name, limit in found.limits.items()})
)

BROKEN = (
    Broken("interface", "the class NoScan has no ids_ignore_case, check, scan", NoScan),
    Broken("interface", "`kind` of EmptyKind is empty", EmptyKind),
    Broken("interface", "`ids_ignore_case` is neither", CaseUnknown),
    Broken(
        "exemptions",
        "'pages' is no check that can be exempted; these can: cancellation",
        suite={"exemptions": {"pages": "no"}},
    ),
    Broken("exemptions", "'interface' is no check that can be exempted", suite={"exemptions": {"interface": "no"}}),
    Broken("exemptions", "the exemption of 'timeout' needs its reason", suite={"exemptions": {"timeout": " "}}),
    Broken("check", "gave nothing", NoChecks),
    Broken("check", "gave str, not Check", ChecksText),
    Broken("check", "fails on a good backend: shelf: too high", ChecksFail),
    Broken("same scan twice", "two scans by one scanner have other orders: 'item-2'", Counting),
    Broken("same scan twice", "two scans by one scanner found different ids: 'item-2'", OneLess),
    Broken("same scan twice", "scans by two scanners differ: `attributes` of 'item-0' is {'object'", ByObject),
    Broken("same scan twice", "differ in what they say of the whole", Wordy),
    Broken(
        "unique ids",
        "several resources have the same id: 'same'",
        finding(lambda found, _: replace(found, backend_id="same")),
    ),
    Broken(
        "unique ids",
        "several resources have the same id: 'a'",
        finding(lambda found, n: replace(found, backend_id="aA"[n % 2])),
    ),
    Broken(
        "unique ids",
        "both among the resources and left out: 'item-1'",
        scanning(lambda _, scan: replace(scan, absent={"item-1": "gone"})),
    ),
    Broken(
        "stable ids", "resources with the ids '#0', '#1', '#2' have others where each is alone: '#0', '#0'", POSITIONS
    ),
    Broken(
        "stable ids", "1 resource is there, the scan found 0", scanning(lambda _, scan: replace(scan, resources=()))
    ),
    Broken("stable ids", "3 resources are there, the scan found 1", ONE),
    Broken(
        "record form", "a resource is dict, not FoundResource", scanning(lambda _, scan: replace(scan, resources=({},)))
    ),
    Broken("record form", "resource 'item-0': name: a NUL", finding(lambda found, _: replace(found, name="a\0"))),
    Broken(
        "record form",
        "resource '': backend_id: this must not be empty",
        finding(lambda found, _: replace(found, backend_id="")),
    ),
    Broken(
        "record form",
        "limits.x: a finite number is needed",
        finding(lambda found, _: replace(found, limits={"x": "5"})),
    ),
    Broken(
        "record form", "user_count: a whole number is needed", finding(lambda found, _: replace(found, user_count="3"))
    ),
    Broken(
        "record form",
        "resource 'item-0' is not in the record form",
        finding(lambda found, _: replace(found, limits=None)),
    ),
    Broken(
        "record form",
        "`resources` is no tuple",
        scanning(lambda _, scan: replace(scan, resources=list(scan.resources))),
    ),
    Broken("record form", "`complete` is neither", scanning(lambda _, scan: replace(scan, complete=1))),
    Broken(
        "record form",
        "is not complete, and no warning says why",
        scanning(lambda _, scan: replace(scan, complete=False)),
    ),
    Broken(
        "record form",
        "`warnings` holds ' ': this must not be empty",
        scanning(lambda _, scan: replace(scan, warnings=(" ",))),
    ),
    Broken(
        "record form", "`excluded` holds int, not a text", scanning(lambda _, scan: replace(scan, excluded={"a": 1}))
    ),
    Broken("texts", "not found as they were written: tab, line break, outer blanks; found were", STRIPPED),
    Broken("limits", "resource 'a': the limits are {'weight': 10, 'height': 2}", DOUBLED),
    Broken(
        "limits",
        "limit weight is bool",
        finding(lambda found, _: replace(found, limits={"weight": True})),
        {"limits": lambda _: ({"items": ["a"]}, {"a": {"weight": 1}})},
    ),
    Broken("limits", "'a' was not found; there are 'x'", finding(lambda found, _: replace(found, backend_id="x"))),
    Broken("limits", "expects no limit at all", suite={"limits": lambda _: ({"items": ["a"]}, {"a": {}})}),
    Broken(
        "empty backend",
        "nothing is there, the scan found 'more'",
        scanning(lambda _, scan: replace(scan, resources=(*scan.resources, FoundResource("more", "more", "item")))),
    ),
    Broken("empty backend", "not complete", scanning(lambda _, scan: replace(scan, complete=bool(scan.resources)))),
    Broken(
        "large backend",
        "300 resources are there, the scan found 100",
        scanning(lambda self, scan: replace(scan, resources=scan.resources[: self.settings.page])),
    ),
    Broken("large backend", "not complete", scanning(lambda _, scan: replace(scan, complete=False))),
    Broken(
        "one-row pages",
        "pages of one row gave 'item-0', whole ones 'item-0', 'item-1', 'item-2'",
        scanning(lambda self, scan: replace(scan, resources=scan.resources[: self.settings.page])),
    ),
    Broken("denied part", "says that it is complete", scanning(lambda _, scan: replace(scan, complete=True))),
    Broken("denied part", "no warning says which part", scanning(lambda _, scan: replace(scan, warnings=()))),
    Broken("denied part", "`warnings` holds ''", scanning(lambda _, scan: replace(scan, warnings=("",)))),
    Broken("denied part", "`the error's text` holds ''", raising("denied", BackendMisconfiguredError(""))),
    Broken("unreachable backend", "the scan gave 0 resources (complete); it must fail", Quiet),
    Broken(
        "unreachable backend",
        "the scan raised ConnectionError (refused); it must be a BackendError",
        raising("unreachable", ConnectionError("refused")),
    ),
    Broken(
        "unreachable backend",
        "is BackendMisconfiguredError (no)",
        raising("unreachable", BackendMisconfiguredError("no")),
    ),
    Broken("unreachable backend", "the error has no text", raising("unreachable", BackendUnavailableError(" "))),
    Broken("unreachable backend", "entering the scanner raised BackendUnavailableError", ConnectsEarly),
    Broken("unreachable backend", "check() finds nothing wrong", ChecksPass),
    Broken("unreachable backend", "check() of an unreachable backend raised BackendUnavailableError", ChecksRaise),
    Broken("unknown key", "the settings take a key that they do not know", Permissive),
    Broken(
        "invalid settings",
        "an unknown shelf: the scan raised BackendUnavailableError",
        raising("unknown", BackendUnavailableError("no")),
    ),
    Broken("invalid settings", "an unknown shelf: the scan gave 0 resources", scanner=Quiet),
    Broken("invalid settings", "gives no settings at all", suite={"invalid": lambda _: {}}),
    Broken("cancellation", "gave a result; it must let CancelledError through", Swallows),
    Broken(
        "cancellation", "raised BackendUnavailableError (cancelled); it must let CancelledError through", Translates
    ),
    Broken("cancellation", "did not end within 1 seconds, or after it was cancelled", Stubborn, {"patience": 1.0}),
    Broken("cancellation", "it may hold the event loop", HoldsLoop, {"patience": 1.0}),
    Broken("cancellation", "still locked by the last scan", SpoilsNext),
    Broken("cancellation", "hanging() does not hang", suite={"hanging": lambda self, _: self.backend([])}),
    Broken("timeout", "did not end within 1 seconds", NeverGivesUp, {"patience": 1.0}),
    Broken("timeout", "is BackendMisconfiguredError (slow)", raising("hanging", BackendMisconfiguredError("slow"))),
    Broken("nothing left running", "a scan left behind: process", LeavesProcess, {"grace": 0.1}),
    Broken("nothing left running", "a cancelled scan left behind: thread shelf-reader", LeavesThread, {"grace": 0.1}),
    Broken("nothing left running", "a scan left tasks of the event loop: <coroutine object sleep", LeavesTask),
    Broken("nothing left running", "a scan that gave up left behind: open pipe:", LeavesFile, {"grace": 0.1}),
    Broken(
        "nothing left running",
        "a scan left behind: at the backend: a query",
        suite={"still_running": lambda _: ["a query"], "grace": 0.1},
    ),
    Broken("secrets", "a secret stands in repr(settings)", ShowsInDump, {"secrets": [PASSWORD]}),
    Broken("secrets", "a secret stands in repr(scanner)", ShowsInRepr),
    Broken(
        "secrets",
        "a secret stands in the error of a list",
        ShowsInSettingsError,
        {"invalid": lambda _: {"a list": {"password": [PASSWORD]}}},
    ),
    Broken("secrets", "a secret stands in the error of an unreachable backend", ShowsInError),
    Broken("secrets", "a secret stands in what check() gives", ShowsInCheck),
    Broken("secrets", "a secret stands in the log", ShowsInLog),
    Broken(
        "secrets", "a secret stands in the scan", finding(lambda found, _: replace(found, attributes={"by": PASSWORD}))
    ),
    Broken(
        "secrets",
        "a secret stands in what the scan says of the whole",
        scanning(lambda _, scan: replace(scan, warnings=(PASSWORD,))),
    ),
)
