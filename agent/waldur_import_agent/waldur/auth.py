"""The token: where it comes from, and the header that carries it."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from pydantic import SecretStr

from waldur_import_agent.errors import ConfigurationError
from waldur_import_agent.system import read_in_thread, why_unreadable

PERSONAL_ACCESS_TOKEN = re.compile(r"w_([0-9]+)_")
"""How a personal access token begins: w_<expiry as Unix time>_<random>."""
LONGEST_LINE = 8192
"""Bytes of the token file's first line that are looked at."""


def authorization_header(token: str) -> str:
    """The value of Authorization: personal access tokens travel as Bearer, all others as Token."""
    scheme = "Bearer" if PERSONAL_ACCESS_TOKEN.match(token) else "Token"
    return f"{scheme} {token}"


def expiry(token: str) -> datetime | None:
    """When a personal access token ends, which it tells itself; None for every other token."""
    found = PERSONAL_ACCESS_TOKEN.match(token)
    if found is None:
        return None
    try:
        return datetime.fromtimestamp(int(found[1]), tz=UTC)
    except (ValueError, OverflowError, OSError):  # beyond the year 9999
        return datetime.max.replace(tzinfo=UTC)


class TokenSource:
    """Gives the token as it is now: from a file, which may be replaced at any time, or from the settings.

    `on_token` is told each token that is read, so that logs can leave it out.
    """

    def __init__(
        self,
        file: Path | None = None,
        token: SecretStr | None = None,
        *,
        on_token: Callable[[str], None] | None = None,
    ) -> None:
        self._file = file
        self._token = token
        self._on_token = on_token
        self._was_read = False

    def __repr__(self) -> str:
        return f"TokenSource({self._place})"

    @property
    def _place(self) -> str:
        return "waldur.token" if self._file is None else f"waldur.token_file {self._file}"

    async def read(self) -> str:
        """The token: the file's first line, without blanks around it.

        Raises ConfigurationError, with the file's path and never with what stands in it.
        """
        raw = (await self._raw()).strip()
        if not raw:
            raise ConfigurationError(f"{self._place} is empty", remedy="Put the token into its first line.")
        if not raw.isascii() or not raw.isprintable() or " " in raw:
            raise ConfigurationError(
                f"{self._place} does not hold a token: there is a blank or an unusual character in it",
                remedy="Its first line is the token alone, without the word Token or Bearer before it.",
            )
        if self._on_token is not None:
            self._on_token(raw)
        return raw

    async def _raw(self) -> str:
        if self._file is None:
            return self._token.get_secret_value() if self._token else ""
        try:
            return await read_in_thread(self._file, partial(self._first_line, self._file))
        except OSError as error:
            raise ConfigurationError(f"{self._place} cannot be read: {why_unreadable(error)}") from error

    def _first_line(self, file: Path) -> str:
        # `--token-file <(...)` gives its token once: after that nobody writes, and no signal would end the wait
        if self._was_read and file.is_fifo():
            raise ConfigurationError(f"{self._place} is a pipe, which cannot be read again")
        with file.open("rb") as opened:
            self._was_read = True
            return opened.readline(LONGEST_LINE).decode(errors="replace")
