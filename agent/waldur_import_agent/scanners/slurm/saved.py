"""sacctmgr's answers as files: written by `scan --save`, read with `from_files`.

A directory holds one file for each read, as sacctmgr printed it but for a password, and `scan.json` with the commands.
They hold users' names, so only their owner may read them.
"""

import json
import re
from pathlib import Path
from typing import Protocol

from waldur_import_agent.scanners.base import BackendMisconfiguredError
from waldur_import_agent.scanners.slurm.commands import Sacctmgr
from waldur_import_agent.scanners.slurm.reads import CONFIG
from waldur_import_agent.system import now

SUMMARY = "scan.json"
SECRET = re.compile(rb"^(\w*Pass *=).*$", re.MULTILINE)
"""What of `show config` is left out: AccountingStoragePass is a socket with munge, and may be a password elsewhere."""


class Answers(Protocol):
    """Where sacctmgr's answers come from. `name` is what one is called in a directory of saved ones."""

    @property
    def starts(self) -> int:
        """How often sacctmgr was started."""
        ...

    async def answer(self, name: str, words: tuple[str, ...]) -> bytes:
        """What `show` prints with these words. Raises BackendUnavailableError or BackendMisconfiguredError."""
        ...


class SavedAnswers:
    """Reads the files of a directory instead of running sacctmgr; nothing is started."""

    starts = 0

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def answer(self, name: str, words: tuple[str, ...]) -> bytes:
        """The file's content. Raises BackendMisconfiguredError, naming the command whose answer is missing."""
        file = self._directory / f"{name}.txt"
        try:
            printed = file.read_bytes()
        except OSError as error:
            raise BackendMisconfiguredError(
                f"the saved answer {file} cannot be read: {error.strerror}",
                remedy="Save the answers again with these settings (`waldur-import-agent scan --save`), or write "
                f"into it what `sacctmgr -i -n -P -r show {' '.join(words)}` prints",
            ) from error
        if printed and not printed.endswith(b"\n"):
            raise BackendMisconfiguredError(
                f"the saved answer {file} ends in the middle of a line", remedy="Save the answers again"
            )
        return printed


class SavingAnswers:
    """Passes on what sacctmgr answers, and writes it into a directory; `finish` adds the summary."""

    def __init__(self, sacctmgr: Sacctmgr, directory: Path) -> None:
        self._sacctmgr = sacctmgr
        self._directory = directory
        self._commands: dict[str, list[str]] = {}

    @property
    def starts(self) -> int:
        """How often sacctmgr was started."""
        return self._sacctmgr.starts

    async def answer(self, name: str, words: tuple[str, ...]) -> bytes:
        """What sacctmgr prints; it is in its file when this returns."""
        printed = await self._sacctmgr.answer(name, words)
        self._commands[f"{name}.txt"] = self._sacctmgr.command(words)
        self._write(f"{name}.txt", SECRET.sub(rb"\1 (not saved)", printed) if words == CONFIG else printed)
        return printed

    def finish(self, cluster: str, version: str) -> None:
        """Write the summary: which cluster and release, when, and the command of each file."""
        summary = {
            "cluster": cluster,
            "version": version,
            "time": now().isoformat(timespec="seconds"),
            "commands": self._commands,
        }
        self._write(SUMMARY, json.dumps(summary, indent=2, ensure_ascii=False).encode() + b"\n")

    def _write(self, name: str, content: bytes) -> None:
        """Raises BackendMisconfiguredError."""
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = self._directory / name
            file.touch(mode=0o600)
            file.write_bytes(content)
        except OSError as error:
            raise BackendMisconfiguredError(
                f"the answer cannot be saved as {self._directory / name}: {error.strerror}",
                remedy="Choose another directory for --save",
            ) from error
