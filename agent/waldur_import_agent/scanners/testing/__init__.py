"""The conformance kit: does a scanner keep what the agent relies on? docs/conformance.md explains it.

Plain Python: pytest is not needed to import it, and collects a subclass of ScannerConformance as a test class.
"""

from waldur_import_agent.scanners.testing.errors import ConformanceError, NotGivenError
from waldur_import_agent.scanners.testing.report import Report, Result, Status, run_conformance
from waldur_import_agent.scanners.testing.suite import Block, ScannerConformance

__all__ = [
    "Block",
    "ConformanceError",
    "NotGivenError",
    "Report",
    "Result",
    "ScannerConformance",
    "Status",
    "run_conformance",
]
