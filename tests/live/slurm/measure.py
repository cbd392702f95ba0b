"""What a scan costs on a real slurmdbd: seconds, process starts, memory, beside one process for each account.

    .venv/bin/python tests/live/slurm/measure.py --releases 22.05,24.11 --accounts 1000,10000

Needs what `make test-live-slurm` needs, and prints the table of docs/performance.md. 50,000 accounts take some minutes,
nearly all of them to fill the database and to wait for slurmctld.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from live.slurm.slurm_lab import RELEASES, SlurmLab, running_lab

SINGLE_READS = 100
"""Accounts that are read one by one; the rest of them is extrapolated."""
SCANS = 3
"""Of which the fastest counts."""
START_LIMIT = 900
"""Seconds that slurmctld may take to load 50,000 accounts."""
COLUMNS = (
    "SLURM",
    "accounts",
    "association rows",
    "starts of sacctmgr",
    "their seconds",
    "whole scan, s",
    "agent's peak memory, MiB",
    "sacctmgr's peak memory, MiB",
    f"one process per account, s (from {SINGLE_READS})",
)
SCAN = """
import asyncio, json, re, resource, sys, time
from pathlib import Path
from waldur_import_agent.scanners.slurm import SlurmScanner
from waldur_import_agent.scanners.slurm.settings import SlurmSettings

async def scan(scans):
    async with SlurmScanner(SlurmSettings.model_validate(json.loads(sys.argv[1]))) as scanner:
        scans.append(await scanner.scan())  # as a result of the main task asyncio.run would turn it into text

begun = time.monotonic()
scans = []
asyncio.run(scan(scans))
seconds = time.monotonic() - begun
(found,) = scans
assert found.complete and not found.warnings, found.warnings
# not ru_maxrss, which a process takes over from the one that started it
peak = int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])
client = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps({"seconds": seconds, "peak": peak / 1024, "client": client / 1024, "found": len(found.resources)}))
"""
"""Runs in a process of its own, so that its memory is a scan's and nothing else's."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--releases", default=",".join(RELEASES))
    parser.add_argument("--accounts", default="1000,10000")
    arguments = parser.parse_args()
    say(COLUMNS)
    say(["---"] * len(COLUMNS))
    for release in arguments.releases.split(","):
        with running_lab(release) as lab:
            for count in map(int, arguments.accounts.split(",")):
                manifest = lab.seed(count, timeout=START_LIMIT)
                say(measure(lab, manifest))


def say(cells: Sequence[str]) -> None:
    """Print a line of the table."""
    sys.stdout.write(f"| {' | '.join(cells)} |\n")
    sys.stdout.flush()


def measure(lab: SlurmLab, manifest: dict[str, Any]) -> list[str]:
    """The cells of one row."""
    names = [account["name"] for account in manifest["regular"]]
    result = min((scan(lab) for _ in range(SCANS)), key=lambda scanned: scanned["seconds"])
    assert result["found"] == len(names)
    rows = lab.sacctmgr("show", "assoc", "wopi", "format=ID").count("\n")
    begun = time.monotonic()
    for name in names[-SINGLE_READS:]:
        lab.sacctmgr("show", "assoc", "wopl", "where", f"account={name}", "format=ID,Account,User,GrpTRESMins")
    one_by_one = (time.monotonic() - begun) / SINGLE_READS * len(names)
    return [
        lab.release,
        f"{len(names):,}",
        f"{rows:,}",
        str(len(result["starts"])),
        f"{sum(result['starts']):.2f}",
        f"{result['seconds']:.2f}",
        f"{result['peak']:.0f}",
        # a process counts at first with the memory of the one that started it
        f"{'≤ ' * (result['client'] <= result['peak'])}{result['client']:.0f}",
        f"{one_by_one:,.0f}",
    ]


def scan(lab: SlurmLab) -> dict[str, Any]:
    """What one scan took; `starts` are the seconds of each start of sacctmgr."""
    with tempfile.TemporaryDirectory() as directory:
        times = Path(directory) / "times"
        timing = Path(directory) / "sacctmgr"
        timing.write_text(f'#!/bin/bash\nTIMEFORMAT=%R\n{{ time "{lab.program}" "$@" 2>&3; }} 3>&2 2>>"{times}"\n')
        timing.chmod(0o755)
        settings = {
            "cluster": lab.cluster,
            "sacctmgr": str(timing),
            "timeout": START_LIMIT,
            "accounts": {"select": "all"},
        }
        done = subprocess.run(
            [sys.executable, "-c", SCAN, json.dumps(settings)], stdout=subprocess.PIPE, text=True, check=True
        )
        starts = [float(line) for line in times.read_text().split()]
    result: dict[str, Any] = json.loads(done.stdout)
    return {**result, "starts": starts}


main()
