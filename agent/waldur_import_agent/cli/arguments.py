"""Arguments that several commands share."""

import argparse
import os
from datetime import UTC, datetime
from pathlib import Path

DEFAULT_CONFIG = Path("/etc/waldur-import-agent/config.yaml")
CONFIG_VARIABLE = "WALDUR_IMPORT_AGENT_CONFIG"


def default_config() -> Path:
    """The configuration where none is named on the command line."""
    return Path(os.environ.get(CONFIG_VARIABLE) or DEFAULT_CONFIG)


def add_config(parser: argparse.ArgumentParser) -> None:
    """`--config FILE`."""
    parser.add_argument(
        "-c",
        "--config",
        metavar="FILE",
        type=Path,
        default=default_config(),
        help=f"the configuration (default: ${CONFIG_VARIABLE} or {DEFAULT_CONFIG})",
    )


def add_output(parser: argparse.ArgumentParser) -> None:
    """`--output table|json`."""
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table", help="default: table")


def add_offering(parser: argparse.ArgumentParser) -> None:
    """`--offering UUID`: one of the configured offerings."""
    parser.add_argument(
        "--offering", metavar="UUID", help="only this one of the configured offerings (default: all, or the only one)"
    )


def seconds(text: str) -> float:
    """A duration like 90s, 2h or 1d, in seconds. Raises argparse.ArgumentTypeError."""
    from waldur_import_agent.settings.values import parse_duration

    try:
        return float(parse_duration(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from None


def count(text: str) -> int:
    """A whole number from 1 on. Raises argparse.ArgumentTypeError."""
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: a whole number from 1 on")
    return int(text)


def moment(text: str) -> datetime:
    """A date or time (without a zone: UTC), or a duration back from now. Raises argparse.ArgumentTypeError."""
    from datetime import timedelta

    from waldur_import_agent.system import now

    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return now() - timedelta(seconds=seconds(text))
    return found if found.tzinfo else found.replace(tzinfo=UTC)
