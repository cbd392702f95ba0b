"""sacctmgr's answers as files: written by `scan --save`, read with `from_files`.

A directory holds one file for each read, as sacctmgr printed it but for a password, and `scan.json`, which is written
last: it lists the files with their commands, sizes and hashes, so that a part is never taken for the whole. They hold
users' names, so only their owner may read them.
"""

import hashlib
import json
import os
import re
import tempfile
from functools import partial
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, ValidationError

from waldur_import_agent import __version__
from waldur_import_agent.scanners.base import BackendMisconfiguredError
from waldur_import_agent.scanners.slurm.commands import FLAGS, Sacctmgr
from waldur_import_agent.scanners.slurm.reads import CONFIG
from waldur_import_agent.system import now, read_in_thread, read_regular

SUMMARY = "scan.json"
ANSWERS = {
    *("config.txt", "users.txt", "clusters.txt", "associations.txt", "associations-wopl.txt"),
    *("organizations.txt", "descriptions.txt", "qos.txt"),
}
"""All that a scan may ask for: what of it an earlier save left does not stay."""
ANSWER_MAX = 1 << 30
"""Bytes of a file that are read, far beyond what sacctmgr may print (`output_limit`)."""
SAVE_AGAIN = (
    "Save the answers again with these settings and this release of the agent (`waldur-import-agent scan --save`)"
)
SECRET = re.compile(rb"^(\w*Pass *=).*$", re.MULTILINE)
"""What of `show config` is left out: AccountingStoragePass is a socket with munge, and may be a password elsewhere."""


class SavedFile(BaseModel):
    """One answer: the command that gave it, and what the file must be. `size` is in bytes."""

    command: tuple[str, ...]
    size: int
    sha256: str


class Summary(BaseModel):
    """What `scan.json` holds: which agent saved which cluster of which SLURM when, and the files by their names."""

    agent: str
    cluster: str
    version: str
    time: str
    files: dict[str, SavedFile]


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
        self._summary: Summary | None = None

    async def answer(self, name: str, words: tuple[str, ...]) -> bytes:
        """The file's content. Raises BackendMisconfiguredError where it is not what was saved for these words."""
        file = self._directory / f"{name}.txt"
        self._summary = self._summary or await self._read_summary()
        saved = self._summary.files.get(file.name)
        if saved is None:
            raise BackendMisconfiguredError(
                f"the saved answers in {self._directory} have no {file.name}: nobody asked `show {words[0]}` then",
                remedy=SAVE_AGAIN,
            )
        if _asked(saved.command)[1:] != [*FLAGS, "show", *_asked(words)]:
            raise BackendMisconfiguredError(
                f"the saved answer {file} is one to another command: {' '.join(saved.command)}", remedy=SAVE_AGAIN
            )
        printed = await _content(file)
        if len(printed) != saved.size:
            raise BackendMisconfiguredError(
                f"the saved answer {file} has {len(printed)} bytes, and {saved.size} were saved", remedy=SAVE_AGAIN
            )
        if hashlib.sha256(printed).hexdigest() != saved.sha256:
            raise BackendMisconfiguredError(
                f"the saved answer {file} was changed after it was saved", remedy=SAVE_AGAIN
            )
        return printed

    async def _read_summary(self) -> Summary:
        file = self._directory / SUMMARY
        try:
            return Summary.model_validate_json(await _content(file))
        except ValidationError as error:
            raise BackendMisconfiguredError(
                f"the saved answer {file} is not what `scan --save` writes", remedy=SAVE_AGAIN
            ) from error


async def _content(file: Path) -> bytes:
    """Raises BackendMisconfiguredError."""
    try:
        return await read_in_thread(file, partial(read_regular, file, ANSWER_MAX), seconds=None)
    except OSError as error:
        raise BackendMisconfiguredError(
            f"the saved answer {file} cannot be read: {error.strerror}", remedy=SAVE_AGAIN
        ) from error


def _asked(words: tuple[str, ...]) -> list[str]:
    """The words that decide what an answer holds; of which cluster it is stands in the answer itself."""
    return [word for word in words if not word.startswith("cluster=")]


class SavingAnswers:
    """Passes on what sacctmgr answers, and writes it beside; it stands in the directory once `finish` has put it there.

    Until then an earlier save stays as it is. Whatever happens, `discard` must be called at the end.
    """

    def __init__(self, sacctmgr: Sacctmgr, directory: Path) -> None:
        self._sacctmgr = sacctmgr
        self._directory = directory
        self._files: dict[str, SavedFile] = {}
        self._temporary: dict[str, Path] = {}

    @property
    def starts(self) -> int:
        """How often sacctmgr was started."""
        return self._sacctmgr.starts

    async def answer(self, name: str, words: tuple[str, ...]) -> bytes:
        """What sacctmgr prints; it is in a temporary file when this returns."""
        printed = await self._sacctmgr.answer(name, words)
        content = SECRET.sub(rb"\1 (not saved)", printed) if words == CONFIG else printed
        self._write(f"{name}.txt", content)
        self._files[f"{name}.txt"] = SavedFile(
            command=tuple(self._sacctmgr.command(words)),
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
        )
        return printed

    def finish(self, cluster: str, version: str) -> None:
        """Let the answers take the place of those of an earlier save, the summary last.

        Raises BackendMisconfiguredError.
        """
        summary = Summary(
            agent=__version__,
            cluster=cluster,
            version=version,
            time=now().isoformat(timespec="seconds"),
            files=self._files,
        )
        content = json.dumps(summary.model_dump(mode="json"), indent=2, ensure_ascii=False)
        self._write(SUMMARY, content.encode() + b"\n")
        try:
            (self._directory / SUMMARY).unlink(missing_ok=True)
            for stale in ANSWERS - self._files.keys():
                (self._directory / stale).unlink(missing_ok=True)
            for name in [*self._files, SUMMARY]:
                self._temporary[name].rename(self._directory / name)
                del self._temporary[name]
        except OSError as error:
            raise self._not_saved(error.filename2 or error.filename, error) from error

    def discard(self) -> None:
        """Remove what is still temporary."""
        for file in self._temporary.values():
            file.unlink(missing_ok=True)

    def _write(self, name: str, content: bytes) -> None:
        """Raises BackendMisconfiguredError."""
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor, file = tempfile.mkstemp(prefix=f".{name}.", dir=self._directory)  # for its owner only: 0600
            self._temporary[name] = Path(file)
            with os.fdopen(descriptor, "wb") as opened:
                opened.write(content)
        except OSError as error:
            raise self._not_saved(self._directory / name, error) from error

    def _not_saved(self, file: object, error: OSError) -> BackendMisconfiguredError:
        return BackendMisconfiguredError(
            f"the answer cannot be saved as {file}: {error.strerror}", remedy="Choose another directory for --save"
        )
