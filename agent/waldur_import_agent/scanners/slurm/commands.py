"""The commands that read SLURM's accounting, how they are run, and what their failures mean.

sacctmgr's own flags, always: -i answers its questions (without it some reads ask on stdout, and with nothing on stdin
they ask for ever), -n prints no header, -P separates columns by `|` and cuts none, -r refuses to write. There is no
error code: the exit code is 0 or 1, and what happened is a text on stderr.
"""

import errno

from waldur_import_agent.scanners.base import BackendError, BackendMisconfiguredError, BackendUnavailableError
from waldur_import_agent.scanners.slurm.reads import CONFIG
from waldur_import_agent.scanners.slurm.rights import OPERATOR
from waldur_import_agent.scanners.slurm.settings import SlurmSettings
from waldur_import_agent.system import (
    Completed,
    ProcessNotStartedError,
    ProcessOutputError,
    ProcessTimedOutError,
    child_environment,
    run_process,
)

FLAGS = ("-i", "-n", "-P", "-r")
WORDS_SHOWN = 600
"""Characters of sacctmgr's own words in an error: it says the same thing many times over."""

SHORT_LIMIT = 1024 * 1024
"""Bytes that a short answer may have (the configuration, the version), and what is written to stderr."""
FIRST_LINE_SHOWN = 200
"""Characters of the first line that are shown of an answer that was too long."""

NO_PROGRAM = {errno.ENOENT, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.ENOEXEC, errno.ELOOP}
"""Why a program cannot be started that trying again does not cure; no memory, or no process left, may pass."""

CONFIGURATION = (
    "Let the agent read this cluster's slurm.conf: put it to its usual place, or set SLURM_CONF for the agent"
)
UNKNOWN_WORD = (
    "This release of SLURM does not know what the agent asks for: report it, with what `sacctmgr --version` says"
)
MISCONFIGURED = {
    "Access/permission denied": OPERATOR.format(word="accounts"),
    "supported accounting_storage plugin": "Only a cluster with AccountingStorageType=accounting_storage/slurmdbd "
    "in its slurm.conf has accounts to read",
    "Could not establish a configuration source": CONFIGURATION,
    "Unable to process configuration file": CONFIGURATION,
    "Unknown field": UNKNOWN_WORD,
    "Unknown condition": UNKNOWN_WORD,
    "No valid entity": UNKNOWN_WORD,
    "unrecognized option": UNKNOWN_WORD,
    "invalid option": UNKNOWN_WORD,
}
"""What of sacctmgr's texts (22.05 and 24.11) says that trying again cannot help, and the remedy."""
UNAVAILABLE = {
    "Unable to connect to database": "Start slurmdbd's database, or mend slurmdbd's access to it",
    "Munge encode failed": "Start munged on the agent's host",
    "SLURM_PERSIST_INIT": "The munge key of the agent's host must be that of slurmdbd's host",
    "getaddrinfo() failed": "Let AccountingStorageHost in slurm.conf be a name that the agent's host can resolve",
    "No response to persist_init": "slurmdbd hangs: look at its log and at its database, and start it again",
    "reset by peer": "slurmdbd stopped while it answered: look at its log",
    "Connection refused": "Start slurmdbd, or mend AccountingStorageHost and AccountingStoragePort in slurm.conf",
}
"""What of sacctmgr's texts may pass, and what helps where it does not; the most telling text comes first."""


class Sacctmgr:
    """Runs sacctmgr, for one scan or one check; `starts` counts how often.

    All methods raise BackendUnavailableError or BackendMisconfiguredError with sacctmgr's own words.
    """

    def __init__(self, settings: SlurmSettings) -> None:
        self._settings = settings
        self.starts = 0

    async def version(self) -> str:
        """The release, like `22.05.8`: Debian's program calls itself slurm-wlm, others slurm."""
        words = (await self._run("--version", limit=SHORT_LIMIT)).decode("utf-8", "replace").split()
        return words[-1] if words else "unknown"

    async def answer(self, name: str, words: tuple[str, ...]) -> bytes:  # noqa: ARG002 - what saved answers go by
        """What `show` prints with these words."""
        limit = self._settings.output_limit
        if words == CONFIG:
            limit = min(limit, SHORT_LIMIT)
        printed = await self._run(*FLAGS, "show", *words, limit=limit)
        if printed and not printed.endswith(b"\n"):
            raise BackendUnavailableError(f"{self._named('show', *words)} ended in the middle of a line")
        return printed

    def command(self, words: tuple[str, ...]) -> list[str]:
        """The whole command, for whoever wants to run it again."""
        return [str(self._settings.sacctmgr), *FLAGS, "show", *words]

    async def _run(self, *arguments: str, limit: int) -> bytes:
        settings = self._settings
        self.starts += 1
        what = self._named(*arguments)
        environment = child_environment()
        # C.UTF-8 is there on every host
        environment["LC_ALL"] = "C.UTF-8"
        try:
            done = await run_process(
                [str(settings.sacctmgr), *arguments],
                timeout=settings.timeout,
                output_limit=limit,
                error_limit=min(limit, SHORT_LIMIT),
                environment=environment,
            )
        except ProcessNotStartedError as error:
            raise _not_started(error) from error
        except ProcessTimedOutError as error:
            raise BackendUnavailableError(
                f"{what} did not end within {settings.timeout:g} seconds and was killed",
                remedy="Look whether slurmdbd and its database answer; a large database needs a longer scanner.timeout",
            ) from error
        except ProcessOutputError as error:
            first = error.beginning.partition(b"\n")[0].decode("utf-8", "backslashreplace")[:FIRST_LINE_SHOWN]
            raise BackendMisconfiguredError(
                f"{what} printed more than {error.limit} bytes and was killed",
                remedy=f"Look at what it printed, it began with {first!r}: if these are rows of the database, it needs "
                "a higher scanner.output_limit; else mend scanner.sacctmgr",
            ) from error
        if done.returncode or done.stderr.strip():
            raise classify(what, done)
        return done.stdout

    def _named(self, *arguments: str) -> str:
        """The command as an error names it: its list of columns helps nobody."""
        words = [word for word in arguments if word not in FLAGS and not word.startswith("format=")]
        return " ".join([str(self._settings.sacctmgr), *words])


def classify(what: str, done: Completed) -> BackendError:
    """The error for a command that failed: it exited with another code than 0, or wrote to stderr.

    `what` names the command. Where the text is none of those that are known to need a person, the backend is
    unavailable: the round tries again within its deadline.
    """
    words = (done.stderr.strip() or done.stdout.strip()).decode("utf-8", "backslashreplace")
    lines = dict.fromkeys(line.strip() for line in words.splitlines())
    shown = "; ".join(line for line in lines if line)[:WORDS_SHOWN] or "it gave no reason"
    message = f"{what} failed with exit code {done.returncode}: {shown}"
    for text, remedy in MISCONFIGURED.items():
        if text in words:
            return BackendMisconfiguredError(message, remedy=remedy)
    return BackendUnavailableError(
        message, remedy=next((remedy for text, remedy in UNAVAILABLE.items() if text in words), "")
    )


def _not_started(error: ProcessNotStartedError) -> BackendError:
    cause = error.__cause__
    if isinstance(cause, OSError) and cause.errno in NO_PROGRAM:
        return BackendMisconfiguredError(
            str(error), remedy="Install SLURM's client programs, or set scanner.sacctmgr to where sacctmgr is"
        )
    return BackendUnavailableError(str(error))
