"""What holds for all tests: an environment without surprises, and logs that pytest shows where a test fails."""

import os
from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the person who runs the tests changes what they prove."""
    for name in list(os.environ):
        if name.startswith("WALDUR_IMPORT_AGENT") or name.upper().endswith("_PROXY") or name == "SLURM_JWT":
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def logs_to_pytest() -> Iterator[None]:
    """Logs go through the standard library, where pytest captures them; the settings are put back afterwards."""
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer(key_order=["event"])],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
