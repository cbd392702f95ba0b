"""`python -m benchmarks`: run the cases, print the table, compare with the stored result.

Results on stdout, progress on stderr. Exit code 1: a number is worse than the stored one by more than its margin, or is
no longer measured. Exit code 2: an argument is of no use. A target that is not met is told and fails nothing.
"""

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
from benchmarks.arguments import Arguments, parse
from benchmarks.cases import Idle, Numbers, Say, answering, commands, known
from benchmarks.install import core_install_mib
from benchmarks.offerings import burst, many_offerings
from waldur_import_agent import __version__

LOAD_AT_START = os.getloadavg()[0]


def main(words: Sequence[str] | None = None) -> int:
    """Run what was asked for; the exit code. What was measured is told although a later case fails."""
    args = parse(words, __doc__)
    began = time.monotonic()

    def say(text: str) -> None:
        sys.stderr.write(f"{time.monotonic() - began:7.1f} s  {text}\n")
        sys.stderr.flush()

    cases: dict[str, Numbers] = {}
    others: dict[str, Numbers] = {}

    def keep(into: dict[str, Numbers], case: str, numbers: Numbers) -> None:
        """Take in one case; what was measured so far is in the output although a later case may fail."""
        into[case] = numbers
        if args.output is not None:
            args.output.write_text(json.dumps(_result(args, cases, others), indent=1) + "\n")

    try:
        with tempfile.TemporaryDirectory(prefix="waldur-import-agent-bench-", ignore_cleanup_errors=True) as directory:
            for case, numbers in _cases(args, Path(directory), say):
                keep(cases, case, numbers)
            if args.incumbent is not None:
                for case, numbers in _incumbent(args, args.incumbent, Path(directory), say):
                    keep(others, case, numbers)
    except BaseException:
        sys.stdout.write("Not all cases were run. Those that were:\n\n")
        tell(_result(args, cases, others), args.stored)
        raise
    return tell(_result(args, cases, others), args.stored)


def _result(args: Arguments, cases: targets.Cases, others: targets.Cases) -> dict[str, Any]:
    """All that was measured, and where."""
    return {
        "version": __version__,
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "load": [LOAD_AT_START, os.getloadavg()[0]],
        "cases": targets.with_growth(cases),
        "incumbent": {"versions": args.versions, "cases": others},
    }


def _cases(args: Arguments, directory: Path, say: Say) -> Iterator[tuple[str, Numbers]]:
    """All cases; the idle agent is watched beside the others, which it does not disturb."""
    with Idle(directory / "idle", args.idle) if args.idle else nullcontext() as idle:
        yield from commands(say)
        yield "install", {"mib": core_install_mib()}
        for accounts in args.accounts:
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


def _incumbent(args: Arguments, environment: Path, directory: Path, say: Say) -> Iterator[tuple[str, Numbers]]:
    yield from incumbent.command(environment)
    for accounts in [*((100, 300) if args.full else ()), *args.accounts]:
        yield from incumbent.answering(environment, directory / f"incumbent{accounts}", accounts, say)


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
        parts.append(
            f"The load was {busy:.1f} on {result['processors']} processors: seconds and ratios say little. "
            "Measure again when it is quiet."
        )
    sys.stdout.write("\n\n".join(parts) + "\n")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
