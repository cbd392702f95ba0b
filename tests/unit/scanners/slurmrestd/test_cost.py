"""What a large cluster costs the agent."""

import json
import subprocess
import sys
from typing import Any

from unit.scanners.slurmrestd.conftest import Cluster
from unit.scanners.slurmrestd.scanning import accounts

SCAN = """
import asyncio, re, sys
from pathlib import Path
from waldur_import_agent import app, loop  # with all that the agent needs for Waldur
from waldur_import_agent.scanners.slurmrestd import SlurmrestdScanner
from waldur_import_agent.scanners.slurmrestd.settings import SlurmrestdSettings

async def main():
    settings = SlurmrestdSettings(cluster="testcluster", url=sys.argv[1], token_file=sys.argv[2])
    async with SlurmrestdScanner(settings) as scanner:
        scan = await scanner.scan()
    peak = re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1]
    print(len(scan.resources), sum(resource.user_count for resource in scan.resources), peak)

asyncio.run(main())
"""
ACCOUNTS, MEMBERS = 10_000, 3
LIMIT = 120
"""MiB that the agent may take, all in all."""


def rows_of(recorded: list[dict[str, Any]]) -> list[str]:
    """Associations like those that were recorded, with all their fields: of accounts below root, and three members."""
    root = [row for row in recorded if row["account"] == "root"]
    own = next(row for row in recorded if row["account"] == "hpc_awk-prj")
    member = next(row for row in recorded if row["user"] and row["account"] != "root")
    own_text = json.dumps({**own, "account": "NAME", "parent_account": "root"})
    member_text = json.dumps({**member, "account": "NAME", "user": "USER"})
    rows = [json.dumps(row) for row in root]
    for number in range(ACCOUNTS):
        name = f"hpc_genomics-a{number:06d}"
        rows.append(own_text.replace("NAME", name))
        users = (f"u{number * MEMBERS + user:06d}" for user in range(MEMBERS))
        rows += [member_text.replace("NAME", name).replace("USER", user) for user in users]
    return rows


def test_ten_thousand_accounts_with_three_users_each(cluster: Cluster) -> None:
    """Three requests, and an answer of 47 MB is never in memory as a whole: the agent stays below its limit."""
    rows = rows_of(cluster.answers.recorded("associations/")["associations"])
    body = f'{{"associations": [{",".join(rows)}], "meta": {{}}, "errors": [], "warnings": []}}'.encode()
    assert len(body) > 45_000_000
    cluster.answers.record("associations/", body)
    names = [f"hpc_genomics-a{number:06d}" for number in range(ACCOUNTS)]
    cluster.answers.record("accounts/", accounts(*names, texts=[f"what {name} is for" for name in names]))
    command = [sys.executable, "-c", SCAN, cluster.settings["url"], cluster.settings["token_file"]]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found, users, kibibytes = map(int, done.stdout.split())
    assert (found, users) == (ACCOUNTS, ACCOUNTS * MEMBERS)
    assert kibibytes < LIMIT * 1024
    assert len(cluster.answers.asked) == 3
