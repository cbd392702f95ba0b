"""What holds for all tests: an environment without surprises, and logs that pytest shows where a test fails."""

import logging
import os
from collections.abc import Iterator

import hypothesis
import pytest
import structlog

hypothesis.settings.register_profile("steady", deadline=None)  # a busy machine is no failure
# HYPOTHESIS_PROFILE=thorough make test: for a night, or after a change to fulfilment/, journal/ or waldur/effort.py
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=3000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


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
    level = logging.getLogger().level
    yield
    logging.getLogger().setLevel(level)  # a command that was tested may have raised it
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The live Waldur on which tests/contract can run too."""
    group = parser.getgroup("waldur", "a live Waldur for tests/contract, on an offering made for tests")
    group.addoption("--waldur-url", help="its address")
    group.addoption("--waldur-token", help="the token of an agent with a role on the offering that sees a project")
    group.addoption("--waldur-staff-token", help="a staff user's token: only staff may create requests")
    group.addoption("--waldur-offering", help="the UUID of the offering; its requests are answered by the tests")
