"""Starting and stopping the services' processes, by their pid files."""

import os
import signal
import subprocess
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from live.openstack.lab.services import SERVICES, Layout

PROGRAMS = Path(__file__).parent / "inside"
LIMIT = 120
"""Seconds that a service may take until it answers."""
_children: dict[int, "subprocess.Popen[bytes]"] = {}


def make_databases(layout: Layout, password: str) -> None:
    """Make the databases of all services: some seconds of a core for each. `password` is for the user admin."""
    with ThreadPoolExecutor(os.cpu_count()) as workers:
        list(workers.map(lambda service: _make_database(layout, service, password), SERVICES))


def _make_database(layout: Layout, service: str, password: str) -> None:
    program = PROGRAMS / "create_schema.py"
    command = [layout.python, program, service, layout.root, password, layout.url("keystone", "/v3")]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=layout.root, env=environment(layout)
    )
    layout.log(f"schema-{service}").write_text(done.stdout + done.stderr)
    assert done.returncode == 0, f"the database of {service}: {done.stderr[-3000:]}"


def start(layout: Layout, services: Iterable[str]) -> None:
    """Start those of the services that do not run, and wait until they answer."""
    started = [service for service in services if pid(layout, service) is None]
    for service in started:
        assert not _answers(layout, service), f"the port of {service} is in use: {layout.url(service)}"
        command = [layout.python, PROGRAMS / "serve.py", service, str(layout.port(service)), layout.root]
        with layout.log(service).open("ab") as log:
            process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                cwd=layout.root,
                env=environment(layout),
            )
        layout.pid_file(service).write_text(str(process.pid))
        _children[process.pid] = process
    end = time.monotonic() + LIMIT
    for service in started:
        while not _answers(layout, service):
            alive = pid(layout, service) is not None and time.monotonic() < end
            assert alive, f"{service} did not come up:\n{layout.log(service).read_text()[-3000:]}"
            time.sleep(0.05)


def stop(layout: Layout, services: Iterable[str]) -> None:
    """End these services at once; SQLite stands it."""
    for service in services:
        number = pid(layout, service)
        if number is not None:
            os.killpg(number, signal.SIGKILL)
            if number in _children:  # else another process has started it
                _children.pop(number).wait()
            while pid(layout, service) is not None:
                time.sleep(0.01)
        layout.pid_file(service).unlink(missing_ok=True)


def pid(layout: Layout, service: str) -> int | None:
    """The process of a service, the leader of its group; none where it does not run, or is another process by now."""
    try:
        number = int(layout.pid_file(service).read_text())
        state = Path(f"/proc/{number}/stat").read_text().rpartition(") ")[2][0]
        runs_here = Path(f"/proc/{number}/cwd").readlink() == layout.root
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    return number if runs_here and state not in "ZX" else None


def environment(layout: Layout) -> dict[str, str]:
    """Without what a person has set for other Pythons: compiled modules are kept, in the lab, or each start is slow."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "OS_"))}
    return {**kept, "TMPDIR": str(layout.root / "tmp"), "HOME": str(layout.root / "state")}


def _answers(layout: Layout, service: str) -> bool:
    try:
        answer = httpx.get(layout.url(service, SERVICES[service].healthy), timeout=10, trust_env=False)
    except httpx.TransportError:
        return False
    return answer.status_code in {200, 300, 401}
