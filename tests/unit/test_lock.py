"""One agent per offering and host."""

import errno
import fcntl
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from support.builders import OFFERING
from waldur_import_agent.errors import ExitCode, LockedError, StateError
from waldur_import_agent.lock import lock_holder, offering_lock

URL = "https://waldur.example.com/api"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The lock directory, which does not exist yet."""
    return tmp_path / "run" / "lock"


def lock_file(directory: Path) -> Path:
    """The one lock file of the directory, taken once before."""
    with offering_lock(directory, URL, OFFERING):
        (path,) = directory.iterdir()
    return path


def descriptors(path: Path) -> list[int]:
    """The descriptors by which this process has `path` open."""
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the descriptor of the listing itself
            if entry.readlink() == path:
                found.append(int(entry.name))
    return found


@contextmanager
def held_by_somebody(path: Path, said: bytes) -> Iterator[None]:
    """A lock that another program holds, which wrote `said` into the file."""
    path.write_bytes(said)
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def test_second_agent_is_refused(directory: Path) -> None:
    """The error says which process has the lock, whose it is, since when, and where the lock is."""
    with offering_lock(directory, URL, OFFERING):
        (path,) = directory.iterdir()
        with pytest.raises(LockedError) as raised, offering_lock(directory, URL, OFFERING):
            pass
        holder = json.loads(path.read_text())
    assert holder["pid"] == os.getpid()
    assert holder["uid"] == os.getuid()
    assert datetime.fromisoformat(holder["since"]).tzinfo is not None
    assert str(raised.value) == (
        f"another agent on this host answers the offering {OFFERING}: process {os.getpid()} of uid {os.getuid()}, "
        f"since {holder['since']}. Stop it first; its lock is {path}"
    )


def test_refused_agent_does_not_take_the_lock_away(directory: Path) -> None:
    """A refusal changes nothing for the one who has it: the next is refused in the same way."""
    with offering_lock(directory, URL, OFFERING):
        for _ in range(2):
            with pytest.raises(LockedError, match=f"process {os.getpid()}"), offering_lock(directory, URL, OFFERING):
                pass


def test_lock_is_free_again_afterwards(directory: Path) -> None:
    """However the work ends, the next agent can have the offering."""

    def broken() -> None:
        with offering_lock(directory, URL, OFFERING):
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        broken()
    for _ in range(2):
        with offering_lock(directory, URL, OFFERING):
            pass


def test_lock_goes_with_its_process(directory: Path) -> None:
    """A killed agent leaves no lock behind, only a file; while it lives, it is the one named."""
    script = (
        "import sys, pathlib\n"
        "from waldur_import_agent.lock import offering_lock\n"
        "with offering_lock(pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]):\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", script, str(directory), URL, OFFERING]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(LockedError, match=f"process {holder.pid} of uid"), offering_lock(directory, URL, OFFERING):
            pass
        holder.kill()
        holder.wait()
    with offering_lock(directory, URL, OFFERING):
        (path,) = directory.iterdir()
        assert json.loads(path.read_text())["pid"] == os.getpid()


def test_other_offerings_and_other_waldurs_do_not_collide(directory: Path) -> None:
    """One host may serve many offerings, and the same offering of a test Waldur."""
    with (
        offering_lock(directory, URL, OFFERING),
        offering_lock(directory, URL, "0" * 32),
        offering_lock(directory, "https://test.example.com/api", OFFERING),
    ):
        assert len(list(directory.iterdir())) == 3


def test_file_is_named_after_waldur_and_offering(directory: Path) -> None:
    """Agents of different releases must agree on the name."""
    assert lock_file(directory).name == f"373cd6012145-{OFFERING}.lock"


def test_child_processes_do_not_inherit_the_lock(directory: Path) -> None:
    """A program that outlives the agent must not keep the offering locked."""
    with offering_lock(directory, URL, OFFERING):
        (path,) = directory.iterdir()
        assert [os.get_inheritable(number) for number in descriptors(path)] == [False]


# --- agents of different users


def test_directory_and_file_are_open_to_all_users(directory: Path) -> None:
    """Whatever the umask: every user's agent can make its locks and see the others', and remove only its own."""
    before = os.umask(0o077)
    try:
        path = lock_file(directory)
    finally:
        os.umask(before)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o1777
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_directory_that_is_there_keeps_its_mode(directory: Path) -> None:
    """A directory that the administrator made is left as it is."""
    directory.mkdir(parents=True)
    directory.chmod(0o750)
    lock_file(directory)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o750


@pytest.fixture
def not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lock files of another user: they can be read, not written."""
    real = os.open

    def refuse(path: Any, flags: int, mode: int = 0o777, **options: Any) -> int:
        if str(path).endswith(".lock") and flags & os.O_ACCMODE != os.O_RDONLY:
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, flags, mode, **options)

    monkeypatch.setattr(os, "open", refuse)


def test_file_of_another_user_can_be_locked(directory: Path, request: pytest.FixtureRequest) -> None:
    """A file that another user's agent left behind does not bar the offering; it is locked, not written."""
    path = lock_file(directory)
    path.write_text("left behind")
    request.getfixturevalue("not_ours")
    with offering_lock(directory, URL, OFFERING):
        with pytest.raises(LockedError, match="did not say who it is"), offering_lock(directory, URL, OFFERING):
            pass
        assert path.read_text() == "left behind"
        assert [os.get_inheritable(number) for number in descriptors(path)] == [False]


@pytest.mark.usefixtures("not_ours")
def test_file_that_cannot_be_made(directory: Path) -> None:
    """A directory in which this user cannot make a lock is an error with the way out, not an unlocked offering."""
    with pytest.raises(StateError, match=r"the lock .*\.lock cannot be opened: No such file") as raised:
        lock_file(directory)
    assert raised.value.remedy.startswith(f"Create it with `install -d -m 1777 {directory}`")


# --- what is in the file


@pytest.mark.parametrize(
    "said", [b"", b"\xff", b"{", b"[]", b"{}", b'{"pid": 1, "uid": 0}', b'{"pid": "one", "uid": 0, "since": "now"}']
)
def test_holder_that_does_not_say_who_it_is(directory: Path, said: bytes) -> None:
    """A lock whose file tells nothing is held all the same."""
    path = lock_file(directory)
    with (
        held_by_somebody(path, said),
        pytest.raises(LockedError, match="its process did not say who it is"),
        offering_lock(directory, URL, OFFERING),
    ):
        pass


def test_longer_text_of_the_last_holder_is_replaced(directory: Path) -> None:
    """Nothing of what the last holder wrote stays."""
    path = lock_file(directory)
    path.write_text("x" * 5000)
    with offering_lock(directory, URL, OFFERING):
        assert json.loads(path.read_text())["pid"] == os.getpid()


# --- what can go wrong


def test_full_disk_does_not_unlock(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the holder's name cannot be written the lock is held all the same."""

    def refuse(descriptor: int, data: bytes, offset: int) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", refuse)
    with (
        offering_lock(directory, URL, OFFERING),
        pytest.raises(LockedError, match="did not say who it is"),
        offering_lock(directory, URL, OFFERING),
    ):
        pass


def test_disk_without_room_for_the_lock(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There may be room later: the exit code is one after which systemd tries again."""

    def refuse(path: Path, flags: int, mode: int = 0) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    directory.mkdir(parents=True)
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(StateError, match=r"\.lock cannot be opened: No space left") as raised:
        lock_file(directory)
    assert raised.value.exit_code is ExitCode.LEFT
    assert "Make room" in raised.value.remedy


@pytest.mark.parametrize("where", ["file", "file/below"])
def test_directory_that_cannot_be_used(tmp_path: Path, where: str) -> None:
    """A path that can be no directory: the error names the lock and how to make the directory."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match=r"\.lock cannot be opened: ") as raised:
        lock_file(tmp_path / where)
    assert raised.value.remedy == (
        f"Create it with `install -d -m 1777 {tmp_path / where}`, or see lock_dir in the configuration"
    )


def test_link_in_the_place_of_the_lock_is_not_followed(directory: Path, tmp_path: Path) -> None:
    """Everybody may write in the directory: what a link there leads to is neither emptied nor opened to others."""
    path = lock_file(directory)
    path.unlink()
    target = tmp_path / "target"
    target.write_text("precious")
    target.chmod(0o600)
    path.symlink_to(target)
    with pytest.raises(StateError, match=r"\.lock cannot be opened: "):
        lock_file(directory)
    assert target.read_text() == "precious"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.ENOSPC, ExitCode.LEFT), (errno.EROFS, ExitCode.CONFIGURATION)],
    ids=["full", "read-only"],
)
def test_full_file_system_is_no_wrong_configuration(
    directory: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: ExitCode
) -> None:
    """Where /run is full systemd starts the agent again, as it does not where the directory can never be used."""

    def refuse(path: Path, flags: int, mode: int = 0o777) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(StateError, match="cannot be opened") as raised:
        lock_file(directory)
    assert raised.value.exit_code is code


def test_file_system_without_locks(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where files cannot be locked at all no other agent is blamed."""

    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(StateError, match="cannot be taken: No locks available") as raised:
        lock_file(directory)
    assert "lock_dir" in raised.value.remedy


@pytest.mark.parametrize("error", [BlockingIOError(errno.EAGAIN, "held"), OSError(errno.ENOLCK, "no locks")])
def test_refusal_keeps_no_descriptor(directory: Path, monkeypatch: pytest.MonkeyPatch, error: OSError) -> None:
    """An agent that tries again for days does not run out of descriptors."""

    def refuse(descriptor: int, operation: int) -> None:
        raise error

    before = len(list(Path("/proc/self/fd").iterdir()))
    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises((LockedError, StateError)):
        lock_file(directory)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_pipe_in_the_place_of_the_lock_holds_nobody_up(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user's, which may only be read: opening it would wait for a writer, before any signal is heard."""
    path = lock_file(directory)
    path.unlink()
    os.mkfifo(path)
    assert lock_holder(directory, URL, OFFERING) is None
    really = os.open

    def refuse_writing(path: Path, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_RDWR:
            raise PermissionError
        return really(path, flags, mode)

    monkeypatch.setattr(os, "open", refuse_writing)
    with offering_lock(directory, URL, OFFERING), pytest.raises(LockedError), offering_lock(directory, URL, OFFERING):
        pass
