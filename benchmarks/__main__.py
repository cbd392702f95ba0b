"""`python -m benchmarks`: run the cases, print the table, compare with the stored result.

Results on stdout, progress on stderr. Exit code 1: a number is worse than the stored one by more than its margin.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import incumbent, report, targets
from benchmarks.cases import Idle, Numbers, Say, answering, commands, known
from benchmarks.install import core_install_mib
from benchmarks.offerings import burst, many_offerings
from waldur_import_agent import __version__

BASELINE = Path(__file__).parent / "baseline.json"
LOAD_AT_START = os.getloadavg()[0]
RUNS = 3
IDLE_SECONDS = 100.0
"""Three polls of the usual 30 seconds."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; the exit code."""
    args = _parser().parse_args(arguments)
    began = time.monotonic()

    def say(text: str) -> None:
        sys.stderr.write(f"{time.monotonic() - began:7.1f} s  {text}\n")
        sys.stderr.flush()

    # read before anything is measured: the output may take its place
    stored = json.loads(args.baseline.read_text())["cases"] if args.baseline.exists() else {}
    cases: dict[str, Numbers] = {}
    others: dict[str, Numbers] = {}

    def keep(into: dict[str, Numbers], case: str, numbers: Numbers) -> None:
        """Take in one case; what was measured so far is in the output although a later case may fail."""
        into[case] = numbers
        if args.output is not None:
            args.output.write_text(json.dumps(_result(args, cases, others), indent=1) + "\n")

    with tempfile.TemporaryDirectory(prefix="waldur-import-agent-bench-", ignore_cleanup_errors=True) as directory:
        for case, numbers in _cases(args, Path(directory), say):
            keep(cases, case, numbers)
        if args.incumbent is not None:
            for case, numbers in _incumbent(args, Path(directory), say):
                keep(others, case, numbers)
    return tell(_result(args, cases, others), stored)


def _result(args: argparse.Namespace, cases: targets.Cases, others: targets.Cases) -> dict[str, Any]:
    """All that was measured, and where."""
    return {
        "version": __version__,
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "load": [LOAD_AT_START, os.getloadavg()[0]],
        "cases": targets.with_growth(cases),
        "incumbent": {"versions": incumbent.versions(args.incumbent) if args.incumbent else {}, "cases": others},
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--full", action="store_true", help="the large cases too: a quarter of an hour")
    parser.add_argument("--accounts", default="1000", help="accounts of the cases with three runs (default: 1000)")
    parser.add_argument("--runs", type=int, default=RUNS, help="runs of these, of which the median counts")
    parser.add_argument(
        "--idle", type=float, default=IDLE_SECONDS, help="seconds for the idle case at the least; 0: leave it out"
    )
    parser.add_argument(
        "--offerings", type=int, default=50, help="offerings in one agent; 0: leave this case and that of a burst out"
    )
    parser.add_argument("--output", metavar="FILE", type=Path, help="write the result as JSON")
    parser.add_argument(
        "--baseline", metavar="FILE", type=Path, default=BASELINE, help="the stored result to compare with"
    )
    parser.add_argument(
        "--incumbent", metavar="VENV", type=Path, help="the same through the waldur-site-agent there too"
    )
    return parser


def _cases(args: argparse.Namespace, directory: Path, say: Say) -> Iterator[tuple[str, Numbers]]:
    """All cases; the idle agent is watched beside the others, which it does not disturb."""
    with Idle(directory / "idle", args.idle) if args.idle else nullcontext() as idle:
        yield from commands(say)
        yield "install", {"mib": core_install_mib()}
        for accounts in _numbers(args.accounts):
            yield from answering(directory / str(accounts), accounts, args.runs, say)
        if args.full:
            for accounts in (100, 300, 3000, 10_000):
                yield from answering(directory / f"full{accounts}", accounts, 1, say)
            for accounts in (30_000, 100_000):
                yield from known(directory / f"full{accounts}", accounts, say)
        if args.offerings:
            yield from burst(directory / "burst", say)
            yield from many_offerings(directory / "offerings", say, args.offerings)
        if idle is not None:
            yield idle.watched(say)


def _incumbent(args: argparse.Namespace, directory: Path, say: Say) -> Iterator[tuple[str, Numbers]]:
    yield from incumbent.command(args.incumbent)
    for accounts in [*((100, 300) if args.full else ()), *_numbers(args.accounts)]:
        yield from incumbent.answering(args.incumbent, directory / f"incumbent{accounts}", accounts, say)


def _numbers(text: str) -> list[int]:
    return [int(word) for word in text.split(",") if word]


def tell(result: Mapping[str, Any], stored: targets.Cases) -> int:
    """Print the result and what is worse than in the `stored` cases; the exit code."""
    cases = result["cases"]
    worse = targets.regressions(cases, stored)
    verdicts = [verdict for verdict in targets.judge(cases) if verdict.target.case in cases]
    parts = [
        report.table(cases, result["incumbent"]["cases"]),
        report.targets(verdicts),
        report.comparison(worse, len(cases.keys() & stored.keys())),
    ]
    busy = max(result["load"])
    if busy > result["processors"] + 1:  # the bench itself keeps one or two busy
        parts.append(f"The load was {busy:.1f} on {result['processors']} processors: seconds and ratios say little.")
    sys.stdout.write("\n\n".join(parts) + "\n")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
