"""The JSON Web Token: where it comes from, and what it says of itself."""

import base64
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from waldur_import_agent.scanners.base import BackendError, BackendMisconfiguredError, BackendUnavailableError
from waldur_import_agent.scanners.slurmrestd.settings import SlurmrestdSettings
from waldur_import_agent.system import (
    ProcessError,
    ProcessNotStartedError,
    child_environment,
    now,
    open_regular,
    read_in_thread,
    run_process,
)

PREFIX = "SLURM_JWT="
"""What `scontrol token` prints before the token."""
LONGEST_LINE = 16384
"""Bytes of the first line that are looked at."""
OUTPUT_LIMIT = 64 * 1024
"""Bytes that the command may print."""
COMMAND_TIMEOUT = 30.0
"""Seconds that the command may take: scontrol gives up on a slurmctld that is down after 9."""
WORDS_SHOWN = 600
MAKE_ONE = "Make one with `scontrol token username=USER lifespan=SECONDS`"


@dataclass(frozen=True, slots=True)
class Token:
    """A token, which no text shows, and where it is from."""

    value: str = field(repr=False)
    source: str

    @property
    def user(self) -> str | None:
        """The user that it names in the claim `sun`, which SLURM's own tokens have."""
        name = self._claims().get("sun")
        return name if isinstance(name, str) and name.isascii() and name.isprintable() else None

    @property
    def expires(self) -> datetime | None:
        """Until when it is valid, where it says so."""
        seconds = self._claims().get("exp")
        try:
            return datetime.fromtimestamp(seconds, tz=UTC) if isinstance(seconds, int | float) else None
        except (OverflowError, ValueError, OSError):
            return None

    def __str__(self) -> str:
        """What a message may say of it."""
        whose = f" of the user {self.user}" if self.user else ""
        expires = self.expires
        if expires is None:
            return f"the token{whose} from {self.source}"
        verb = "expired" if expires <= now() else "expires"
        return f"the token{whose} from {self.source}, which {verb} {expires:%Y-%m-%d %H:%M} UTC"

    def _claims(self) -> dict[str, Any]:
        """What the middle part says; nothing is verified, that is SLURM's task."""
        parts = self.value.split(".")
        try:
            claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        except (IndexError, ValueError):
            return {}
        return claims if isinstance(claims, dict) else {}


async def read_token(settings: SlurmrestdSettings) -> Token:
    """The token as it is now. Raises BackendMisconfiguredError or BackendUnavailableError, never with what it read."""
    if settings.token_file is not None:
        source = f"scanner.token_file {settings.token_file}"
        line = await _first_line(settings.token_file, source)
    else:
        source = f"scanner.token_command {settings.token_command[0]}"
        line = await _printed(settings.token_command)
    value = line.decode(errors="replace").strip().removeprefix(PREFIX).strip()
    if not value:
        raise BackendMisconfiguredError(f"{source} gives no token: its first line is empty", remedy=MAKE_ONE)
    if not value.isascii() or not value.isprintable() or " " in value:
        raise BackendMisconfiguredError(
            f"{source} gives no token: there is a blank or an unusual character in its first line", remedy=MAKE_ONE
        )
    return Token(value, source)


async def _first_line(file: Path, source: str) -> bytes:
    def read() -> bytes:
        with open_regular(file) as opened:
            return opened.readline(LONGEST_LINE)

    try:
        return await read_in_thread(file, read)
    except TimeoutError as error:
        raise BackendUnavailableError(
            f"{source} cannot be read: {error.strerror}", remedy="Look at the file server that it is on"
        ) from error
    except OSError as error:
        raise BackendMisconfiguredError(
            f"{source} cannot be read: {error.strerror or error}",
            remedy="Let the agent's user read it, or correct scanner.token_file",
        ) from error


async def _printed(command: tuple[str, ...]) -> bytes:
    """The first line that the command prints."""
    shown = " ".join(command)
    try:
        done = await run_process(
            command, timeout=COMMAND_TIMEOUT, output_limit=OUTPUT_LIMIT, environment=child_environment()
        )
    except ProcessNotStartedError as error:
        raise BackendMisconfiguredError(str(error), remedy="Correct scanner.token_command") from error
    except ProcessError as error:
        raise BackendUnavailableError(
            f"scanner.token_command: {error.args[0]}", remedy="Run it as the agent's user"
        ) from None  # what it printed is in the cause, and may be a token
    if done.returncode:
        raise _refused(shown, done.returncode, done.stderr)
    return done.stdout.partition(b"\n")[0]


def _refused(shown: str, returncode: int, stderr: bytes) -> BackendError:
    words = " ".join(stderr.decode("utf-8", "backslashreplace").split())[:WORDS_SHOWN] or "it gave no reason"
    message = f"scanner.token_command {shown} failed with exit code {returncode}: {words}"
    if "Invalid user id" in words:
        return BackendMisconfiguredError(
            message, remedy="Only root and SlurmUser make tokens for others: leave username= out, or use token_file"
        )
    return BackendUnavailableError(message, remedy="scontrol needs munge and a slurmctld that runs")
