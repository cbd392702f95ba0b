"""The conformance of a scanner as it is configured: what can be checked without control over its backend."""

from collections.abc import Mapping
from typing import Any

from waldur_import_agent.scanners.base import Scanner
from waldur_import_agent.scanners.testing.suite import Block, ScannerConformance


class ConfiguredScanner(ScannerConformance):
    """Gives the configured backend wherever any will do; the situations that need another are not checked.

    `patience` is in seconds: how long one scan, and what follows it, may take.
    """

    def __init__(self, scanner: type[Scanner], block: Mapping[str, Any], *, patience: float) -> None:
        self.scanner = scanner  # type: ignore[misc]  # of the class in suites that are written, of the object here
        self.patience = patience  # type: ignore[misc]  # likewise
        self._block = block

    def some(self) -> Block:
        """The configured backend."""
        return self._block
