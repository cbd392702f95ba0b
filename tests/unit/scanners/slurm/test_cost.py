"""What a large cluster costs the agent."""

import subprocess
import sys

from unit.scanners.slurm.answers import row, texts
from unit.scanners.slurm.fake_sacctmgr import FakeSacctmgr
from waldur_import_agent.scanners.slurm.reads import NESTED

SCAN = """
import asyncio, re, sys
from pathlib import Path
from waldur_import_agent.scanners.slurm import SlurmScanner
from waldur_import_agent.scanners.slurm.settings import SlurmSettings

def peak():
    return int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])

async def main():
    before = peak()
    scan = await SlurmScanner(SlurmSettings(cluster="testcluster", sacctmgr=sys.argv[1])).scan()
    print(len(scan.resources), sum(resource.user_count for resource in scan.resources), peak() - before)

asyncio.run(main())
"""


def test_ten_thousand_accounts_with_three_users_each(sacctmgr: FakeSacctmgr) -> None:
    """Four starts, and some 20 MiB on top of what the agent has anyway."""
    rows, place = [], 1
    for number in range(10_000):
        name = f"hpc_genomics-a{number:06d}"
        for member in range(3):
            user = f"u{number * 3 + member:06d}"
            rows.append(
                row(
                    name,
                    number * 4 + member + 3,
                    place + 2 + member * 2,
                    place + 3 + member * 2,
                    read=NESTED,
                    User=user,
                )
            )
        limits = {"GrpTRES": "cpu=64,mem=512G", "GrpTRESMins": "cpu=100000,gres/gpu=2000", "MaxJobs": "40"}
        rows.append(row(name, number * 4 + 2, place + 1, place + 8, read=NESTED, **limits))
        place += 8
    rows.append(row("root", 1, 1, place + 1, read=NESTED))
    sacctmgr.answer("assoc", "".join(rows))
    names = [f"hpc_genomics-a{number:06d}" for number in range(10_000)]
    sacctmgr.answer("account-org", texts(**dict.fromkeys(names, "university of tartu")))
    sacctmgr.answer("account-descr", texts(**{name: f"what {name} is for" for name in names}))
    done = subprocess.run([sys.executable, "-c", SCAN, sacctmgr.program], capture_output=True, text=True, check=True)
    found, users, kibibytes = map(int, done.stdout.split())
    assert (found, users) == (10_000, 30_000)
    assert kibibytes < 25 * 1024
    assert len(sacctmgr.starts) == 4
