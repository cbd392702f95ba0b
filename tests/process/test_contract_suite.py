"""The contract suite against a live server: here a sandbox on a real socket stands for it."""

import asyncio
import sys
from pathlib import Path

import pytest

from waldur_import_agent.sandbox import Sandbox, serving

ROOT = Path(__file__).parents[2]


async def contract(*options: str) -> tuple[int, str]:
    """Run the suite as the README says; exit code and output."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "tests/contract", *options),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(120):
        output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


async def test_suite_runs_on_a_live_waldur_and_tells_what_it_leaves() -> None:
    """With the four options the shared tests run on the server, remove their records, and name what stays."""
    sandbox = Sandbox()
    sandbox.add_project("Project Alpha", "alpha")
    offering = sandbox.add_offering("For tests", components=("cpu",))
    async with serving(sandbox) as url:
        code, output = await contract(
            *("--waldur-url", url, "--waldur-token", sandbox.agent_token),
            *("--waldur-staff-token", sandbox.staff_token, "--waldur-offering", offering.uuid),
        )
    assert code == 0, output
    assert "left behind on the live Waldur" in output
    assert all(request.uuid in output for request in sandbox.requests.values())
    assert not sandbox.records
    assert {str(request.state) for request in sandbox.requests.values()} <= {"Done", "Erred"}


@pytest.mark.parametrize("option", ["--waldur-url=http://127.0.0.1:9", "--waldur-token=x"])
async def test_suite_needs_all_four_options(option: str) -> None:
    """A forgotten option is said, instead of a run against the sandbox that looks like one against the server."""
    code, output = await contract(option)
    assert code == pytest.ExitCode.USAGE_ERROR
    assert "--waldur-url, -token, -staff-token and -offering" in output
