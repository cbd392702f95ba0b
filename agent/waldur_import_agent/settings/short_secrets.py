"""Secrets that are too short to be taken out of texts: they would blot out ordinary words there."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, SecretStr

from waldur_import_agent.redactor import SECRET_MIN_LENGTH
from waldur_import_agent.settings.models import Waldur
from waldur_import_agent.settings.problems import Location

LONGEST_LINE = 8192
"""Bytes of the token file's first line that are looked at."""
TEXT = (
    f"a secret of fewer than {SECRET_MIN_LENGTH} characters is not taken out of logs and error messages: take a longer "
    "one"
)


def short_secrets(waldur: Waldur) -> Iterator[Location]:
    """Where Waldur's settings hold one: as text, in the token's file, or as the password of a proxy."""
    yield from short_values(waldur)
    if waldur.token_file is not None and _is_short(_first_line(waldur.token_file)):
        yield ("token_file",)
    try:
        password = unquote(urlsplit(waldur.proxy or "").password or "")
    except ValueError:  # no URL: the client says so
        return
    if _is_short(password):
        yield ("proxy",)


def short_values(model: BaseModel) -> Iterator[Location]:
    """Where a model holds one as text, or a model in it does."""
    for name, value in model:
        if isinstance(value, SecretStr) and _is_short(value.get_secret_value()):
            yield (name,)
        elif isinstance(value, BaseModel):
            yield from ((name, *inner) for inner in short_values(value))


def _is_short(secret: str) -> bool:
    return 0 < len(secret) < SECRET_MIN_LENGTH


def _first_line(file: Path) -> str:
    with file.open("rb") as opened:
        return opened.readline(LONGEST_LINE).decode(errors="replace").strip()
