"""systemd: whether the agent's service is there, and whether it can tell systemd how it is."""

import os
import shutil
import socket
from collections.abc import Mapping
from pathlib import Path

from waldur_import_agent.cli.checks.finding import Finding, failed, passed, skipped, warned
from waldur_import_agent.system import ProcessError, child_environment, run_process

NAME = "systemd"
UNIT = "waldur-import-agent.service"
BOOTED = Path("/run/systemd/system")
"""Is there where systemd is the service manager: sd_booted(3)."""
SYSTEMCTL_SECONDS = 10.0
OUTPUT_LIMIT = 65536


async def check_service(environment: Mapping[str, str] = os.environ, booted: Path = BOOTED) -> Finding:
    """Under systemd: whether its socket hears us. Else: the state of the installed service."""
    address = environment.get("NOTIFY_SOCKET", "")
    if address:
        return _notify(address)
    systemctl = shutil.which("systemctl", path=environment.get("PATH"))
    if not booted.is_dir() or systemctl is None:  # noqa: ASYNC240 - one look at a directory in memory
        return skipped(NAME, "systemd does not manage the services of this host")
    shown = ["LoadState", "ActiveState", "SubState", "Type", "WatchdogUSec"]
    try:
        ended = await run_process(
            [systemctl, "show", UNIT, f"--property={','.join(shown)}"],
            timeout=SYSTEMCTL_SECONDS,
            output_limit=OUTPUT_LIMIT,
            environment=child_environment(),
        )
    except ProcessError as error:
        return warned(NAME, str(error))
    values = dict(line.split("=", 1) for line in ended.stdout.decode(errors="replace").splitlines() if "=" in line)
    return _unit(values)


def _unit(values: Mapping[str, str]) -> Finding:
    if values.get("LoadState") != "loaded":
        return warned(NAME, f"there is no {UNIT}", "docs/operations.md tells how to install it")
    state = f"{UNIT} is {values.get('ActiveState')} ({values.get('SubState')})"
    if values.get("ActiveState") == "failed":
        return failed(NAME, state, f"journalctl -u {UNIT} tells why")
    if values.get("Type") != "notify":
        remedy = "Take the unit that ships with the agent: Type=notify, with a watchdog"
        return warned(NAME, f"{state}, and is not told how the agent is (Type={values.get('Type')})", remedy)
    return passed(NAME, f"{state}, Type=notify, watchdog {values.get('WatchdogUSec')}")


def _notify(address: str) -> Finding:
    where = "\0" + address[1:] if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
            connection.connect(where)
    except OSError as error:
        return failed(
            NAME, f"nobody hears at NOTIFY_SOCKET {address}: {error.strerror}", "See NotifyAccess= and the sandboxing"
        )
    return passed(NAME, f"NOTIFY_SOCKET {address} can be reached")
