"""What the agent asks of the operating system: the time, waiting, files, and programs that cannot outlive a round."""

from waldur_import_agent.system.files import (
    may_pass,
    modified,
    open_regular,
    owner_other_than_root,
    read_in_thread,
    read_regular,
    why_unreadable,
    write_file,
)
from waldur_import_agent.system.processes import (
    OWN_VARIABLES,
    Completed,
    ProcessError,
    ProcessNotStartedError,
    ProcessOutputError,
    ProcessTimedOutError,
    child_environment,
    run_process,
)
from waldur_import_agent.system.tasks import exit_after, for_each, in_daemon_thread, now, unless, wait_for_event
from waldur_import_agent.system.terminal import how_to_install, printable

__all__ = [
    "OWN_VARIABLES",
    "Completed",
    "ProcessError",
    "ProcessNotStartedError",
    "ProcessOutputError",
    "ProcessTimedOutError",
    "child_environment",
    "exit_after",
    "for_each",
    "how_to_install",
    "in_daemon_thread",
    "may_pass",
    "modified",
    "now",
    "open_regular",
    "owner_other_than_root",
    "printable",
    "read_in_thread",
    "read_regular",
    "run_process",
    "unless",
    "wait_for_event",
    "why_unreadable",
    "write_file",
]
