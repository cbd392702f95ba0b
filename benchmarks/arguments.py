"""What `python -m benchmarks` may be told. All of it is checked before the first case is run."""

import argparse
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from benchmarks import incumbent, targets

BASELINE = Path(__file__).parent / "baseline.json"
RUNS = 3
IDLE_SECONDS = 100.0
"""Three polls of the usual 30 seconds."""
OFFERINGS_LEAST = 3
"""One dead, one slow, and one to be delayed."""


class Arguments(argparse.Namespace):
    """What was asked for, and what was read for it: `stored` cases to compare with, `versions` of the incumbent."""

    full: bool
    accounts: list[int]
    runs: int
    idle: float
    offerings: int
    output: Path | None
    baseline: Path
    incumbent: Path | None
    stored: targets.Cases
    versions: dict[str, str]


def parse(words: Sequence[str] | None, description: str | None) -> Arguments:
    """Understand a command line. What cannot be used ends the process with code 2 and the reason on stderr."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=description)
    parser.add_argument("--full", action="store_true", help="the large cases too: a quarter of an hour")
    parser.add_argument(
        "--accounts", type=_accounts, default="1000", help="accounts of the cases with three runs (default: 1000)"
    )
    parser.add_argument("--runs", type=_runs, default=RUNS, help="runs of these, of which the median counts")
    parser.add_argument(
        "--idle", type=_idle, default=IDLE_SECONDS, help="seconds for the idle case at the least; 0: leave it out"
    )
    parser.add_argument(
        "--offerings",
        type=_offerings,
        default=50,
        help="offerings in one agent, 3 at the least; 0: leave this case and that of a burst out",
    )
    parser.add_argument("--output", metavar="FILE", type=_output, help="write the result as JSON")
    parser.add_argument(
        "--baseline", metavar="FILE", type=Path, default=BASELINE, help="the stored result to compare with"
    )
    parser.add_argument(
        "--incumbent", metavar="VENV", type=Path, help="the same through the waldur-site-agent there too"
    )
    args = parser.parse_args(words, Arguments())
    # read before anything is measured: the output may take its place
    try:
        args.stored = json.loads(args.baseline.read_text())["cases"]
    except (OSError, ValueError, KeyError) as error:
        parser.error(f"argument --baseline: {args.baseline} is no stored result: {error!r}")
    try:
        args.versions = incumbent.versions(args.incumbent) if args.incumbent else {}
    except (OSError, subprocess.CalledProcessError):
        parser.error(f"argument --incumbent: {args.incumbent} has no bin/python with {', '.join(incumbent.PACKAGES)}")
    return args


def _accounts(text: str) -> list[int]:
    numbers = [int(word) for word in text.split(",") if word]
    if any(number < 1 for number in numbers):
        raise ValueError
    return numbers


def _runs(text: str) -> int:
    if int(text) < 1:
        raise argparse.ArgumentTypeError("one run is the least")
    return int(text)


def _idle(text: str) -> float:
    if float(text) < 0:
        raise argparse.ArgumentTypeError("0 or more seconds")
    return float(text)


def _offerings(text: str) -> int:
    if 0 < int(text) < OFFERINGS_LEAST or int(text) < 0:
        raise argparse.ArgumentTypeError(f"0, or {OFFERINGS_LEAST} and more: one is dead and one is slow")
    return int(text)


def _output(text: str) -> Path:
    path = Path(text)
    if path.is_dir() or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{path} cannot be a file: its directory must be there")
    return path
