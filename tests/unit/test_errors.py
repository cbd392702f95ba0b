"""Errors that a person reads, and their exit codes."""

import pytest

from waldur_import_agent.errors import (
    AgentError,
    ConfigurationError,
    ExitCode,
    LockedError,
    StateBusyError,
    StateError,
    StoppedError,
    UsageError,
)


def test_exit_codes_are_a_promise() -> None:
    """Scripts and units depend on the numbers; those above 63 are sysexits.h's."""
    assert {code.name: code.value for code in ExitCode} == {
        "OK": 0,
        "FAILED": 1,
        "USAGE": 2,
        "UNAVAILABLE": 69,
        "BUG": 70,
        "LOCKED": 73,
        "LEFT": 75,
        "AUTHENTICATION": 77,
        "CONFIGURATION": 78,
    }


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (AgentError, ExitCode.FAILED),
        (UsageError, ExitCode.USAGE),
        (ConfigurationError, ExitCode.CONFIGURATION),
        (StateError, ExitCode.CONFIGURATION),
        (StateBusyError, ExitCode.LEFT),
        (LockedError, ExitCode.LOCKED),
        (StoppedError, ExitCode.LEFT),
    ],
)
def test_each_error_has_its_exit_code(kind: type[AgentError], code: ExitCode) -> None:
    """The kind of error decides the exit code of the command."""
    assert kind("it failed").exit_code is code
    assert isinstance(kind("it failed"), AgentError)


def test_text_ends_with_the_remedy() -> None:
    """What failed comes first, what to do next follows as a sentence of its own."""
    error = AgentError("the disk is full", remedy="Make room")
    assert str(error) == "the disk is full. Make room"
    assert error.remedy == "Make room"


def test_text_without_a_remedy_is_the_message_alone() -> None:
    """Where only waiting helps nothing is added."""
    error = AgentError("Waldur does not answer")
    assert str(error) == "Waldur does not answer"
    assert error.remedy == ""
