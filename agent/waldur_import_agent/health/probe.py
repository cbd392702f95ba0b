"""Whether the agent lives, by what it wrote into status.json. The standard library alone: a probe must start fast.

Times are those of CLOCK_MONOTONIC, which all processes of a host share, so that a clock that jumps is no failure.
"""

import json
import os
import sys
import time

NAME = "status.json"
DEFAULT_DIRECTORY = "/run/waldur-import-agent"
VARIABLE = "WALDUR_IMPORT_AGENT__RUNTIME_DIR"


def read_status(directory: str) -> dict:  # type: ignore[type-arg]  # typing would double what a probe costs
    """What the agent wrote last. Raises OSError, or ValueError where that is no status."""
    with open(os.path.join(directory, NAME), encoding="utf-8") as file:  # noqa: PTH118, PTH123 - pathlib costs 8 ms
        status = json.load(file)
    if not isinstance(status, dict) or not {"state", "beat", "beat_limit", "offerings"} <= status.keys():
        raise ValueError("this is no status of waldur-import-agent")
    return status


def unhealthy(status: dict, clock: float) -> str:  # type: ignore[type-arg]  # as above
    """Why the agent of this status does not work, or nothing. That Waldur is away is no reason.

    A stop has a limit of its own, `grace`.
    """
    if status["state"] == "stopped":
        return "the agent has stopped"
    age = clock - status["beat"]
    if not 0 <= age <= status["beat_limit"]:
        return "the agent does not run, or hangs: it has not written its status in time"
    for offering in status["offerings"]:
        if status["state"] != "stopping" and clock > offering["alive_until"]:
            return f"offering {offering['offering']}: {offering['phase']} takes longer than its limit"
    return ""


def directory_by_default() -> str:
    """The runtime directory where none is named: that of the environment, or the usual one."""
    return os.environ.get(VARIABLE) or DEFAULT_DIRECTORY


def check(directory: str) -> int:
    """The exit code of `status --healthy`: 0 where the agent lives, else 1 with the reason on stderr."""
    try:
        reason = unhealthy(read_status(directory), time.monotonic())
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = f"{directory}/{NAME} cannot be read: {error}"
    if reason:
        sys.stderr.write(f"waldur-import-agent: not healthy: {reason}\n")
    return 1 if reason else 0
