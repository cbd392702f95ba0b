"""What an installation occupies: the files of the locked core packages, and of the agent itself."""

import marshal
import re
from collections.abc import Collection, Iterator
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

import waldur_import_agent

LOCK = Path(__file__).parent.parent / "lock" / "core.txt"
BLOCK = 512
MIB = 1024 * 1024
PAGE = 4096
"""Bytes in which a file system hands out space."""


def core_install_mib(lock: Path = LOCK) -> float:
    """MiB on disk of an installation without extras, compiled modules included, beside Python and pip.

    Counted from the packages of the environment that this runs in, which holds them in the locked versions. Those that
    the lock names for another platform are not counted.
    """
    return (sum(map(_size, _locked(lock))) + _own_size()) / MIB


def _locked(lock: Path) -> Iterator[str]:
    """The names of the packages that the lock has for this platform."""
    for line in re.findall(r"^[A-Za-z0-9._-]+.*==[^\\]*", lock.read_text(), re.MULTILINE):
        requirement = Requirement(line.strip())
        if requirement.marker is None or requirement.marker.evaluate():
            yield requirement.name


def _size(name: str) -> int:
    """Bytes on disk of an installed package. Raises PackageNotFoundError."""
    return on_disk({Path(str(file.locate())) for file in distribution(name).files or ()})


def on_disk(files: Collection[Path]) -> int:
    """Bytes that files and their directories occupy, as du tells; those that are not there count nothing."""
    there = [file for file in files if file.is_file()]
    return sum(path.stat().st_blocks * BLOCK for path in (*there, *{file.parent for file in there}))


def _own_size() -> int:
    """The agent's own files: its modules with what they compile to, since it is here in an editable form."""
    root = Path(waldur_import_agent.__file__).parent
    size = 0
    for path in root.rglob("*"):
        if path.is_file() and path.suffix != ".pyc":
            size += _pages(path.stat().st_size)
        if path.suffix == ".py":
            size += _pages(len(marshal.dumps(compile(path.read_bytes(), path.name, "exec"))))
    directories = {path.parent for path in root.rglob("*.py")}
    return size + 2 * PAGE * len(directories)  # each has one of its compiled modules in it


def _pages(size: int) -> int:
    return -(-size // PAGE) * PAGE
