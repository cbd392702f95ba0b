"""The scanner `command`: a program of the site's own that prints records, one JSON object a line.

Its exit code says how it went: https://man.freebsd.org/cgi/man.cgi?query=sysexits names the numbers.
"""

import os
import re
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import ClassVar, Self

from pydantic import Field, field_validator

from waldur_import_agent.log import get_logger
from waldur_import_agent.records import Scan
from waldur_import_agent.redactor import Redactor
from waldur_import_agent.scanners.base import (
    BackendError,
    BackendMisconfiguredError,
    BackendUnavailableError,
    Check,
    CheckStatus,
    ScannerSettings,
)
from waldur_import_agent.scanners.record_form import RecordReader
from waldur_import_agent.settings.values import Duration
from waldur_import_agent.system import (
    OWN_VARIABLES,
    Completed,
    ProcessNotStartedError,
    ProcessOutputError,
    ProcessTimedOutError,
    run_process,
)

ALWAYS = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")
"""Variables that every program gets where the agent has them."""
ERROR_LIMIT = 1024 * 1024
"""Bytes that the program may write to stderr."""
WORDS_SHOWN = 600
"""Characters of the program's own words in an error: the last ones, since they say why it gave up."""

UNAVAILABLE = {os.EX_UNAVAILABLE, os.EX_TEMPFAIL}
"""Exit codes 69 and 75: the backend does not answer now."""
MISCONFIGURED = {os.EX_USAGE, os.EX_NOPERM, os.EX_CONFIG, 126, 127}
"""Exit codes 64, 77 and 78, and the shell's own for a program that it cannot run (126) or find (127)."""


class CommandSettings(ScannerSettings):
    """Which program to run, and within which bounds."""

    command: tuple[str, ...] = Field(
        min_length=1,
        examples=[["/usr/local/bin/list-shares"]],
        description="the program and its arguments; no shell looks at them. A program without a / in its name is "
        "looked for on the PATH, any other has its whole path",
    )
    environment: tuple[str, ...] = Field(
        default=(),
        description="names of variables of the agent's environment that the program gets in addition to PATH, HOME, "
        "LANG, LC_ALL and TZ",
    )
    timeout: Duration = Field(default=120.0, description="how long it may run before it is killed")
    output_limit: int = Field(
        default=64 * 1024 * 1024, gt=0, description="how many bytes it may print before it is killed"
    )

    @field_validator("command")
    @classmethod
    def _is_found_from_anywhere(cls, command: tuple[str, ...]) -> tuple[str, ...]:
        program = command[0]
        if not program or ("/" in program and not program.startswith("/")):
            raise ValueError("the program needs its whole path: a daemon runs in another directory than you")
        if any("\0" in word for word in command):
            raise ValueError("a NUL character cannot be passed to a program")
        return command

    @field_validator("environment")
    @classmethod
    def _are_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
                raise ValueError("names of variables are needed, without values")
            if name.upper().startswith(OWN_VARIABLES):
                raise ValueError("the agent's own variables are not for other programs: one may hold the token")
        return names


class CommandScanner:
    """Runs the program once in each scan, in a process group of its own that is gone afterwards."""

    kind: ClassVar[str] = "command"
    settings_model: ClassVar[type[ScannerSettings]] = CommandSettings
    ids_ignore_case: ClassVar[bool] = False

    def __init__(self, settings: ScannerSettings) -> None:
        if not isinstance(settings, CommandSettings):
            raise TypeError(f"the command scanner needs CommandSettings, not {type(settings).__name__}")
        self._settings = settings
        self._program = settings.command[0]
        self._on_secret: Callable[[str], None] = lambda _: None

    def tell_secrets(self, tell: Callable[[str], None]) -> None:
        """The variables that the program gets: what it prints may repeat them anywhere."""
        self._on_secret = tell

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Nothing is held between scans."""

    async def check(self) -> Sequence[Check]:
        """Run the program and say what it printed."""
        checks = [
            Check(
                "environment",
                CheckStatus.WARN,
                f"{name} is not set for the agent, so the program does not get it",
                "Set it for the agent (systemd: Environment=, EnvironmentFile=), or take it out of scanner.environment",
            )
            for name in self._settings.environment
            if name not in os.environ
        ]
        try:
            scan = await self.scan()
        except BackendError as error:
            return [*checks, Check("command", CheckStatus.FAIL, str(error.args[0]), error.remedy)]
        detail = f"{self._program} printed {len(scan.resources)} records"
        if scan.complete:
            return [*checks, Check("command", CheckStatus.PASS, detail)]
        reasons = "; ".join(scan.warnings) or "it gives no reason"
        remedy = "See to it that the program can read everything: nothing is withdrawn meanwhile"
        return [
            *checks,
            Check("command", CheckStatus.WARN, f"{detail}, and says that they are not all: {reasons}", remedy),
        ]

    async def scan(self) -> Scan:
        """Run the program and take what it prints.

        Raises BackendUnavailableError or BackendMisconfiguredError, and BackendError where the program has a bug.
        """
        settings = self._settings
        reader = RecordReader(self._program)
        lines = _Lines(reader)
        environment = {name: os.environ[name] for name in (*ALWAYS, *settings.environment) if name in os.environ}
        redact = Redactor()
        for name in settings.environment:
            redact.add(environment.get(name, ""))
            self._on_secret(environment.get(name, ""))
        try:
            done = await run_process(
                settings.command,
                timeout=settings.timeout,
                output_limit=settings.output_limit,
                error_limit=ERROR_LIMIT,
                environment=environment,
                on_output=lines.take,
            )
        except ProcessNotStartedError as error:
            raise BackendMisconfiguredError(
                str(error), remedy="Let scanner.command name a program that the agent's user may run"
            ) from error
        # without the cause: its text has the arguments, and this one goes to Waldur
        except ProcessTimedOutError:
            raise BackendUnavailableError(
                f"{self._program} did not end within {settings.timeout:g} seconds and was killed",
                remedy="Look what it waits for, or give it a longer scanner.timeout",
            ) from None
        except ProcessOutputError as error:
            raise BackendMisconfiguredError(
                f"{self._program} printed more than {error.limit} bytes and was killed",
                remedy="Look at what it prints; if these are records, raise scanner.output_limit "
                f"(stderr may always have {ERROR_LIMIT} bytes)",
            ) from None
        words = redact(done.stderr.decode("utf-8", "backslashreplace")).strip()[-WORDS_SHOWN:]
        if done.returncode:
            raise _failure(self._program, done, words)
        if words:
            get_logger().warning("the command wrote to stderr", command=self._program, words=words)
        lines.end()
        return reader.scan()


def _failure(program: str, done: Completed, words: str) -> BackendError:
    """The error for an exit code other than 0."""
    code = done.returncode
    said = words or "it wrote nothing to stderr"
    if code in UNAVAILABLE:
        return BackendUnavailableError(f"{program} says that the backend is unavailable (exit code {code}): {said}")
    if code in MISCONFIGURED:
        return BackendMisconfiguredError(
            f"{program} says that it is not set up rightly (exit code {code}): {said}",
            remedy="Mend what it names; the agent's user must be able to run it by hand",
        )
    how = f"exit code {code}" if code > 0 else f"killed by signal {-code}"
    return BackendError(
        f"{program} failed ({how}): {said}",
        remedy="This looks like a bug in it: run it by hand as the agent's user. Where it is none, it should exit with "
        f"{os.EX_UNAVAILABLE} (the backend does not answer) or {os.EX_CONFIG} (something is set up wrongly)",
    )


class _Lines:
    """Cuts what a program prints into lines and hands each to the reader with its number."""

    def __init__(self, reader: RecordReader) -> None:
        self._reader = reader
        self._begun: list[bytes] = []
        self._number = 0

    def take(self, printed: bytes) -> None:
        """Take the next piece."""
        first, *others = printed.split(b"\n")
        self._begun.append(first)
        for begun in others:
            self._hand_over()
            self._begun = [begun]

    def end(self) -> None:
        """Take what was printed without a line break at its end."""
        self._hand_over()
        if self._reader.is_empty:
            self._reader.reject(
                1, 'nothing was printed; if there really is nothing, the program prints {"scan": {"complete": true}}'
            )

    def _hand_over(self) -> None:
        self._number += 1
        self._reader.read_line(self._number, b"".join(self._begun))
