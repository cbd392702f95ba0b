"""No logs: a machine runs thousands of rounds."""

import logging

import pytest
import structlog


@pytest.fixture(autouse=True)
def no_logs(logs_to_pytest: None) -> None:
    """What a failing example needs is its steps."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
