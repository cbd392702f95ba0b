"""The openstack scanner: what it reads, and what it says of it."""

from collections.abc import Sequence
from types import TracebackType
from typing import ClassVar, Self

from waldur_import_agent.records import Scan
from waldur_import_agent.scanners.base import BackendMisconfiguredError, Check, ScannerSettings
from waldur_import_agent.scanners.openstack.settings import OpenStackSettings


class OpenStackScanner:
    """Offers the projects, servers and volumes of one cloud."""

    kind: ClassVar[str] = "openstack"
    settings_model: ClassVar[type[ScannerSettings]] = OpenStackSettings
    ids_ignore_case: ClassVar[bool] = False

    def __init__(self, settings: ScannerSettings) -> None:
        if not isinstance(settings, OpenStackSettings):
            raise TypeError(f"the openstack scanner needs OpenStackSettings, not {type(settings).__name__}")
        self._settings = settings

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Nothing is held between scans."""

    async def check(self) -> Sequence[Check]:
        """Whether a scan would see all, service by service."""
        raise BackendMisconfiguredError("this scanner cannot read yet")

    async def scan(self) -> Scan:
        """Read everything once. Raises BackendUnavailableError or BackendMisconfiguredError."""
        raise BackendMisconfiguredError("this scanner cannot read yet")
