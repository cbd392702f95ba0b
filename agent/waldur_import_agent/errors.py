"""The root of every error a person is meant to read, and what each means for the exit code."""

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """What the command's exit code says; the numbers above 63 are those of sysexits.h."""

    OK = 0
    """Done, or there was nothing to do."""
    FAILED = 1
    """What was asked for was tried and failed: a request ended Erred, for example."""
    USAGE = 2
    """The command line is wrong."""
    UNAVAILABLE = 69
    """Waldur or the backend cannot be reached, or answers something that is not theirs."""
    BUG = 70
    """The agent itself failed: this is a bug, please report it."""
    LOCKED = 73
    """Another agent on this host answers this offering."""
    LEFT = 75
    """Some requests are left as they are for the next run, or the journal cannot be used now (a full disk, a lock)."""
    AUTHENTICATION = 77
    """Waldur does not accept the token."""
    CONFIGURATION = 78
    """The configuration, or a file or directory that it names, is wrong."""


class AgentError(Exception):
    """Something failed in a way that is known; the text is for the person who has to act.

    `remedy` says what to do next, in one sentence, or is empty where only waiting helps.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.FAILED

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy

    def __str__(self) -> str:
        message = str(self.args[0])
        return f"{message}. {self.remedy}" if self.remedy else message


class UsageError(AgentError):
    """The command line asks for something that is not there."""

    exit_code = ExitCode.USAGE


class ConfigurationError(AgentError):
    """The configuration, or a file that it names, is wrong: nothing was started."""

    exit_code = ExitCode.CONFIGURATION


class StateError(AgentError):
    """The state directory or the journal in it cannot be used."""

    exit_code = ExitCode.CONFIGURATION


class StateBusyError(StateError):
    """The state directory or the journal cannot be used now, and may be later: a full disk, a lock, a file server.

    Not the code of a wrong configuration, after which systemd does not start the agent again.
    """

    exit_code = ExitCode.LEFT


class LockedError(AgentError):
    """Another agent on this host already answers this offering."""

    exit_code = ExitCode.LOCKED


class StoppedError(AgentError):
    """The agent was told to stop while it waited."""

    exit_code = ExitCode.LEFT
