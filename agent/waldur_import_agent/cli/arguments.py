"""Arguments that several commands share."""

import argparse
import os
from pathlib import Path

DEFAULT_CONFIG = Path("/etc/waldur-import-agent/config.yaml")
CONFIG_VARIABLE = "WALDUR_IMPORT_AGENT_CONFIG"


def add_config(parser: argparse.ArgumentParser) -> None:
    """`--config FILE`."""
    parser.add_argument(
        "-c",
        "--config",
        metavar="FILE",
        type=Path,
        default=Path(os.environ.get(CONFIG_VARIABLE) or DEFAULT_CONFIG),
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
