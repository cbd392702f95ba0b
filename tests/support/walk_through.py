"""Runs the commands of pages in docs/ against a sandbox and writes what they print into the pages.

    .venv/bin/python tests/support/walk_through.py

A page is its own template: in a block that begins with ```console each line after `$ ` is a command, all below it is
its output, which is replaced. UUIDs, times and the host's name become ones that are always the same.
"""

import asyncio
import os
import re
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from waldur_import_agent.sandbox import Request, Sandbox, serving
from waldur_import_agent.sandbox.objects import RequestState

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("from-a-full-cluster-to-waldur.md", "how-to/waldur-side.md", "how-to/move-in.md")
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
UUID = re.compile(r"\b[0-9a-f]{32}\b")
TIME = re.compile(r"\d{4}-\d\d-\d\d([ T])\d\d:\d\d:\d\d(?:\.\d+)?")
DURATION = re.compile(r"\b\d:\d\d:\d\d\b")
"""Three hours and the seconds since; hours of a time of day have two digits."""
HOST = "login1"
SAID_TO_ROOT = "for the agent's user: "
"""A line that nobody else sees: the pages are the same whoever makes them."""
CONFIGURED = {"WALDUR_IMPORT_AGENT_CONFIG": "config.yaml"}
OFFERING = "38ba14c70a274580adabe742014bddaa"
STUCK = "7b1d0a1f6d0c4f0fa4c1e1a2b3c4d5e6"

CONFIG = """\
waldur:
  url: {url}
  token_file: token
  max_in_flight: 1
state_dir: state
lock_dir: lock
runtime_dir: runtime
offerings:
  - uuid: {offering}
    scanner:
      type: inventory
      path: inventory.jsonl
    projects:
      sources: [visible]
      rules:
        - {{from: parent, match: '^hpc_(?P<slug>.+)$', by: slug, value: '{{slug}}'}}
    components:
      cpu: {{from: GrpTRESMins.cpu, unit_factor: 60}}
"""
INVENTORY = """\
{"backend_id": "gen-seq", "kind": "SLURM account", "parents": ["hpc_genomics"], "limits": {"GrpTRESMins.cpu": 600000}}
{"backend_id": "gen-plants", "kind": "SLURM account", "parents": ["hpc_genomics"], "limits": {"GrpTRESMins.cpu": 90000}}
{"backend_id": "clim-reg", "kind": "SLURM account", "parents": ["hpc_climate"], "limits": {"GrpTRESMins.cpu": 3000000}}
{"backend_id": "bat-sim", "kind": "SLURM account", "parents": ["hpc_materials"], "limits": {"GrpTRESMins.cpu": 60000}}
{"backend_id": "bio-arch", "kind": "SLURM account", "parents": ["hpc_bioarchive"], "limits": {"GrpTRESMins.cpu": 6000}}
"""
SITE_AGENT = """\
sentry_dsn: ""
offerings:
  - name: SLURM cluster
    waldur_api_url: https://waldur.example.com/api/
    waldur_api_token: 0123456789abcdef0123456789abcdef01234567
    waldur_offering_uuid: 38ba14c70a274580adabe742014bddaa
    backend_type: slurm
    order_processing_backend: slurm
    membership_sync_backend: slurm
    reporting_backend: slurm
    resource_import_enabled: true
    stomp_enabled: true
    backend_settings:
      default_account: root
      customer_prefix: hpc_
      project_prefix: hpc_
      allocation_prefix: hpc_
      cluster_name: puhti
      slurm_bin_path: /usr/bin
    backend_components:
      cpu: {measured_unit: k-Hours, unit_factor: 60000, accounting_type: limit, label: CPU}
"""


@asynccontextmanager
async def site(directory: Path) -> AsyncIterator[None]:
    """A served sandbox with five projects and a request that some agent has left, and a configuration for it."""
    sandbox = Sandbox()
    offering = sandbox.add_offering("SLURM cluster", components=("cpu",), uuid=OFFERING)
    for number, (name, slug, customer) in enumerate(
        [
            ("Genomics of Arctic Plants", "genomics", "Institute of Biology"),
            ("Regional Climate Models", "climate", "Weather Service"),
            ("Battery Materials", "materials", "Faculty of Engineering"),
            ("Materials under Pressure", "materials", "Observatory"),
            ("Biology Archive", "bio-archive", "Institute of Biology"),
        ],
        start=1,
    ):
        sandbox.add_project(name, slug, customer=customer, uuid=str(number) * 32)
    started = sandbox.now() - timedelta(hours=3)
    sandbox.request_table.add(Request(STUCK, offering, started, started, RequestState.PROCESSING, started))
    for name, text in (("token", sandbox.agent_token), ("staff-token", sandbox.staff_token)):
        (directory / name).write_text(text)
        (directory / name).chmod(0o600)
    (directory / "inventory.jsonl").write_text(INVENTORY)
    (directory / "site-agent.yaml").write_text(SITE_AGENT)
    async with serving(sandbox) as url:
        (directory / "config.yaml").write_text(CONFIG.format(url=url, offering=OFFERING))
        yield


def masking() -> Callable[[str], str]:
    """A function that makes an output the same each time; one UUID is the same number in all of them."""
    numbers: dict[str, str] = {}

    def number_of(match: re.Match[str]) -> str:
        uuid = match[0]
        if uuid in {OFFERING, STUCK} or uuid in SITE_AGENT or len(set(uuid)) == 1:
            return uuid
        return numbers.setdefault(uuid, f"{len(numbers) + 1:032x}")

    def mask(text: str) -> str:
        text = text.replace(f" on {socket.gethostname()}", f" on {HOST}").replace("\ufeff", "")
        text = TIME.sub(lambda match: f"2026-11-24{match[1]}09:00:00", UUID.sub(number_of, text))
        return DURATION.sub("3:00:00", text)

    return mask


async def output_of(command: str, directory: Path, environment: Mapping[str, str] = CONFIGURED) -> str:
    """What a command prints on both streams, as on a terminal; its exit code follows where it is not 0."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    process = await asyncio.create_subprocess_shell(
        command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=directory,
        env={**os.environ, "PATH": path, "PYTHONUNBUFFERED": "1", **environment},
    )
    out, _ = await process.communicate()
    lines = [line.rstrip() for line in out.decode().splitlines() if not line.startswith(SAID_TO_ROOT)]
    if process.returncode:
        lines.append(f"[exit code {process.returncode}]")
    return "".join(f"{line}\n" for line in lines)


async def regenerated(text: str, directory: Path) -> str:
    """The page `text` with what its commands print now."""
    mask = masking()

    async def run(command: str) -> str:
        return mask(await output_of(command, directory))

    async with site(directory):
        return await with_outputs(text, run)


async def with_outputs(text: str, run: Callable[[str], Awaitable[str]]) -> str:
    """The page `text` with what `run` gives for each command."""
    parts: list[str] = []
    position = 0
    for block in BLOCK.finditer(text):
        parts += [text[position : block.start(1)]]
        for command in re.findall(r"^\$ (.*)$", block[1], re.MULTILINE):
            parts.append(f"$ {command}\n{await run(command)}")
        position = block.end(1)
    return "".join([*parts, text[position:]])


def main() -> None:
    """Write the pages again."""
    for name in PAGES:
        page = DOCS / name
        with tempfile.TemporaryDirectory() as directory:
            page.write_text(asyncio.run(regenerated(page.read_text(), Path(directory))))


if __name__ == "__main__":
    main()
