"""A scanner whose backend is in memory, and the suite that it passes."""

import asyncio
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, ClassVar, Literal, Self, cast

from pydantic import Field, SecretStr

from waldur_import_agent.records import FoundResource, Limit, Scan
from waldur_import_agent.scanners.base import (
    BackendError,
    BackendMisconfiguredError,
    BackendUnavailableError,
    Check,
    CheckStatus,
    ScannerSettings,
)
from waldur_import_agent.scanners.testing import Block, ScannerConformance

PASSWORD = "Hunter2Hunter2"


class ShelfSettings(ScannerSettings):
    """What the shelf holds, and what it does when it is asked."""

    items: tuple[str, ...] = ()
    limits: dict[str, Limit] = Field(default_factory=dict)
    page: int = 100
    state: Literal["good", "denied", "unreachable", "hanging", "unknown"] = "good"
    timeout: float = 60.0
    password: SecretStr = SecretStr("")


class Shelf:
    """Keeps every promise."""

    kind: ClassVar[str] = "shelf"
    settings_model: ClassVar[type[ScannerSettings]] = ShelfSettings
    ids_ignore_case: ClassVar[bool] = True

    def __init__(self, settings: ScannerSettings) -> None:
        self.settings = cast("ShelfSettings", settings)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    async def check(self) -> Sequence[Check]:
        """Scan, and say how it went."""
        try:
            scan = await self.scan()
        except BackendError as error:
            return [Check("shelf", CheckStatus.FAIL, str(error))]
        return [Check("shelf", CheckStatus.PASS, f"{len(scan.resources)} items")]

    async def scan(self) -> Scan:
        """What is on the shelf."""
        if self.settings.state == "unreachable":
            raise BackendUnavailableError("nobody is at the shelf")
        if self.settings.state == "unknown":
            raise BackendMisconfiguredError("there is no such shelf")
        if self.settings.state == "hanging":
            try:
                async with asyncio.timeout(self.settings.timeout):
                    await self.wait()
            except TimeoutError:
                raise BackendUnavailableError("the shelf did not answer") from None
        found = tuple(self.found(position, item) for position, item in enumerate(self.settings.items))
        if self.settings.state == "denied":
            return Scan(found[:1], warnings=("the upper row is locked",), complete=False)
        return Scan(found)

    async def wait(self) -> None:
        """Wait for an answer that never comes."""
        await asyncio.Event().wait()

    def found(self, position: int, item: str) -> FoundResource:
        """One item."""
        return FoundResource(item, item, "item", limits=self.settings.limits)


class ShelfConformance(ScannerConformance):
    """Whoever subclasses it as Test... gets all checks; `scanner` may be a broken one."""

    scanner: ClassVar[type[Any]] = Shelf
    large: ClassVar[int] = 300
    settle: ClassVar[float] = 0.05

    def backend(self, numbers: Sequence[int]) -> Block:
        """An item for each."""
        return {"items": [f"item-{number}" for number in numbers], "password": PASSWORD}

    def one_row_pages(self, numbers: Sequence[int]) -> Block:
        """One item a page."""
        return {**self.backend(numbers), "page": 1}

    def texts(self, texts: Sequence[str]) -> Block:
        """Each is an item."""
        return {"items": list(texts)}

    def limits(self) -> tuple[Block, Mapping[str, Mapping[str, Limit]]]:
        """Two limits of one item."""
        limits: dict[str, Limit] = {"weight": 5, "height": None}
        return {"items": ["a"], "limits": limits}, {"a": limits}

    def denied_part(self) -> Block:
        """One row is locked."""
        return {**self.backend([0, 1]), "state": "denied"}

    def unreachable(self) -> Block:
        """Nobody is there."""
        return {**self.backend([]), "state": "unreachable"}

    def hanging(self, timeout: float) -> Block:
        """Nobody answers."""
        return {**self.backend([]), "state": "hanging", "timeout": timeout}

    def invalid(self) -> Mapping[str, Block]:
        """One bad value, one that only the backend knows to be bad."""
        return {
            "a page that is no number": {"page": "x", "password": PASSWORD},
            "an unknown shelf": {"state": "unknown", "password": PASSWORD},
        }
