"""What one value of the configuration may be: durations, URLs, patterns. Values never stand in error texts."""

import re
from dataclasses import dataclass
from pathlib import Path
from string import Formatter
from typing import Annotated, Any
from urllib.parse import SplitResult, urlsplit
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field

__all__ = ["Duration", "HexUuid", "Pattern", "ReadFile", "Template"]
"""What the settings of others' scanners use too (docs/reference/public-api.md)."""

DURATION = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>ms|s|m|h|d)?")
SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, None: 1.0}


def parse_duration(value: Any) -> Any:
    """Seconds from `90`, `90s`, `1.5m`, `2h`, `1d` or `500ms`. Raises ValueError for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    match = DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError("a duration is a number with ms, s, m, h or d, like 30s")
    return float(match["number"]) * SECONDS[match["unit"]]


def parse_uuid(value: Any) -> Any:
    """A UUID with or without dashes as 32 hexadecimal digits."""
    try:
        return UUID(str(value)).hex
    except ValueError:
        raise ValueError("this is not a UUID") from None


def split_address(value: str) -> SplitResult:
    """The parts of an HTTP address that a configuration may name: no user or password, since addresses are logged.

    Raises ValueError with a text that does not repeat the value.
    """
    try:
        parts = urlsplit(value.strip())
        port = parts.port
    except ValueError:  # its text repeats the value
        raise ValueError("this is not a URL: look at its host and port") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise ValueError("this is not a URL that begins with https:// or http://")
    if "@" in parts.netloc:
        raise ValueError("a URL must not carry a user name or a password: put the token into token_file")
    if parts.query or parts.fragment:
        raise ValueError("the URL must end with the path: no ? and no #")
    return parts


def check_url(value: str) -> str:
    """The base URL of Waldur, `/api` at its end, without a trailing slash. Raises ValueError as split_address does."""
    parts = split_address(value)
    path = parts.path.rstrip("/")
    if not path.endswith("/api"):
        path += "/api"
    # one spelling for one Waldur: the lock's name is made of it
    host = (parts.hostname or "").rstrip(".")
    host = f"[{host}]" if ":" in host else host
    default = {"https": 443, "http": 80}[parts.scheme]
    return (
        f"{parts.scheme}://{host}{path}"
        if parts.port in {None, default}
        else f"{parts.scheme}://{host}:{parts.port}{path}"
    )


def check_pattern(value: str) -> str:
    """A regular expression that compiles."""
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"this is not a regular expression: {error}") from None
    return value


def check_template(value: str) -> str:
    """A text with {names} in braces: no attribute access, no conversions."""
    try:
        fields = list(Formatter().parse(value))
    except ValueError as error:
        raise ValueError(f"this is not a pattern: {error}") from None
    for _, name, specification, conversion in fields:
        if name is not None and (not re.fullmatch(r"\w+", name) or specification or conversion):
            raise ValueError("a pattern holds plain names in braces, like {name}")
    return value


def check_source(value: str) -> str:
    """What a placement rule looks at: an attribute, or one of the parent or of any ancestor."""
    if not re.fullmatch(r"(?:parent|ancestor)(?:\.\w+)?|\w+", value):
        raise ValueError("this is no attribute, parent[.attribute] or ancestor[.attribute]")
    return value


def check_scanner(value: dict[str, Any]) -> dict[str, Any]:
    """A scanner's block names its scanner; the rest is for that scanner's own model to judge."""
    if not isinstance(value.get("type"), str):
        raise ValueError("`type` is missing: the name of a scanner, like slurm")  # noqa: TRY004 - pydantic's
    return value


@dataclass(frozen=True, slots=True)
class InputFile:
    """Marks a path that names a file the agent reads: it must be there when the configuration is loaded."""


def check_listen(value: str) -> str:
    """An address to listen on: HOST:PORT, an IPv6 one in brackets."""
    try:
        parts = urlsplit(f"//{value}")
        good = bool(parts.hostname) and parts.port is not None and parts.netloc == value and "@" not in value
    except ValueError:
        good = False
    if not good:
        raise ValueError("an address to listen on is HOST:PORT, like 127.0.0.1:9464")
    return value


Duration = Annotated[float, BeforeValidator(parse_duration), Field(gt=0)]
"""Seconds, from a number with ms, s, m, h or d like `90s`, or a number alone; more than 0."""
HexUuid = Annotated[str, BeforeValidator(parse_uuid)]
"""A UUID with or without dashes, as 32 hexadecimal digits."""
WaldurUrl = Annotated[str, AfterValidator(check_url)]
Pattern = Annotated[str, AfterValidator(check_pattern)]
"""A regular expression that compiles."""
Template = Annotated[str, AfterValidator(check_template)]
"""A text with plain {names} in braces."""
RuleSource = Annotated[str, AfterValidator(check_source)]
ListenAddress = Annotated[str, AfterValidator(check_listen)]
ReadFile = Annotated[Path, InputFile()]
"""The path of a file that the scanner reads: it must be there when the configuration is loaded, and a relative one
starts from the configuration's directory."""
ScannerBlock = Annotated[dict[str, Any], AfterValidator(check_scanner)]
