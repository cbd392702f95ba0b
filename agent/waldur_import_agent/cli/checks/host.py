"""The host: its directories, the agent that runs on it, and what that did last."""

import os
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from waldur_import_agent.cli.checks.finding import (
    Finding,
    Status,
    failed,
    failed_with,
    of_offering,
    passed,
    skipped,
    warned,
)
from waldur_import_agent.errors import AgentError, ExitCode
from waldur_import_agent.system import now

if TYPE_CHECKING:
    from waldur_import_agent.journal import Journal
    from waldur_import_agent.settings.models import Settings

JOURNAL = "journal.sqlite3"
RUNS_EXPECTED_WITHIN = 86400.0
"""Seconds: the shipped timer runs every five minutes, a site's own perhaps every night."""


def check_host(settings: "Settings") -> list[Finding]:
    """The state directory, the locks, the running agent, and the last round of each offering."""
    return [*_state(settings), *_locks(settings), _agent(settings)]


def _state(settings: "Settings") -> list[Finding]:
    from waldur_import_agent import app
    from waldur_import_agent.journal import Journal

    name, directory = "state directory", settings.state_dir
    try:
        app.refuse_root(directory)
    except AgentError as error:
        return [failed_with(name, error), *_no_rounds(settings, "the state directory is another user's")]
    if not directory.is_dir() or not (directory / JOURNAL).exists():
        return [_usable(name, directory), *_no_rounds(settings, "there is no journal: the agent has not run yet")]
    try:
        with Journal.open_to_read(directory) as journal:
            rounds = [finding for offering in settings.offerings for finding in _last_round(journal, offering.uuid)]
            claims = sum(len(journal.claims(offering.uuid)) for offering in settings.offerings)
    except AgentError as error:
        return [failed_with(name, error), *_no_rounds(settings, "the journal cannot be read")]
    usable = _usable(name, directory)
    if usable.status is Status.PASS:
        usable = passed(name, f"{directory} has a good journal with {claims} open requests")
    return [usable, *rounds]


def _usable(name: str, directory: Path, remedy: str = "") -> Finding:
    """Whether this user could write there, or make it; if not, the remedy is the line that makes it right."""
    there = next(path for path in (directory, *directory.absolute().parents) if path.exists())
    user = f"uid {os.geteuid()}"
    if not os.access(there, os.W_OK | os.X_OK) or not there.is_dir():
        owned = f"install -d -o USER -m 700 {directory}, with the agent's user; or ask as that user (sudo -u USER)"
        remedy = remedy or owned
        return failed(name, f"{there} is not writable for this user ({user})", remedy, ExitCode.CONFIGURATION)
    if there != directory:
        return passed(name, f"{directory} is not there; it will be made")
    return passed(name, f"{directory} is writable for this user ({user})")


def _no_rounds(settings: "Settings", why: str) -> list[Finding]:
    return [
        finding
        for offering in settings.offerings
        for finding in of_offering(offering.uuid, [skipped("last round", why)])
    ]


def _last_round(journal: "Journal", offering: str) -> list[Finding]:
    rounds = journal.rounds(offering)
    name = "last round"
    if not rounds:
        return of_offering(offering, [passed(name, "none yet: nobody has asked")])
    last = rounds[0]
    found = f"{_ago((now() - last.finished).total_seconds())} ago: {last.outcome}"
    if last.outcome == "erred":
        remedy = f"`waldur-import-agent history show {last.run}` tells more"
        first_line = last.message.partition("\n")[0]
        return of_offering(offering, [warned(name, f"{found}: {first_line}", remedy)])
    return of_offering(offering, [passed(name, found)])


def _ago(seconds: float) -> str:
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} seconds"


def _locks(settings: "Settings") -> list[Finding]:
    from waldur_import_agent.lock import lock_holder

    name, directory = "lock directory", settings.lock_dir
    shared = (
        f"install -d -m 1777 {directory}, or systemd/tmpfiles.d/waldur-import-agent.conf, which does so at each boot"
    )
    findings = [_usable(name, directory, shared)]
    for offering in settings.offerings:
        try:
            holder = lock_holder(directory, settings.waldur.url, offering.uuid)
        except AgentError as error:
            finding = failed_with("lock", error)
        else:
            finding = passed("lock", f"held by {holder}" if holder else "free: no agent on this host has it")
        findings += of_offering(offering.uuid, [finding])
    return findings


def _last_run(name: str, ended: str) -> Finding:
    """An agent that runs once at a time is not there in between; that it ran lately is what counts."""
    age = (now() - datetime.fromisoformat(ended)).total_seconds()
    found = f"its last single run ended {_ago(age)} ago"
    if age > RUNS_EXPECTED_WITHIN:
        return warned(name, found, "systemctl list-timers waldur-import-agent-once.timer")
    return passed(name, found)


def _agent(settings: "Settings") -> Finding:
    from waldur_import_agent.health import probe

    name, remedy = "agent", "systemctl status waldur-import-agent; a one-shot agent runs by its timer only"
    try:
        status = probe.read_status(str(settings.runtime_dir))
    except FileNotFoundError:
        if not (settings.state_dir / JOURNAL).exists():
            return skipped(name, "it has not run here yet; docs/operations.md tells how to start it")
        there = f"there is no {settings.runtime_dir / probe.NAME}"
        return warned(name, f"it does not run, or has another runtime_dir: {there}", remedy)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        return warned(name, f"it does not run, or not with this runtime_dir: {settings.runtime_dir}: {reason}", remedy)
    try:
        if status["state"] == "stopped" and status.get("once"):
            return _last_run(name, status["written"])
        reason = probe.unhealthy(status, time.monotonic())
        return warned(name, reason, remedy) if reason else passed(name, f"it runs: {status['doing']}")
    except (KeyError, TypeError, ValueError) as error:
        return warned(name, f"{probe.NAME} is not of this release: {error!r}", remedy)
