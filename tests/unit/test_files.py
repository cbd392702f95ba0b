"""Reading files that may be pipes, or on a file server that hangs. A pipe without a writer stands in for that."""

import asyncio
import errno
import gc
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from waldur_import_agent.system import open_regular, read_in_thread, read_regular


@pytest.fixture
def hanging(tmp_path: Path) -> Iterator[Path]:
    """A file that hangs whoever opens it."""
    path = tmp_path / "hanging"
    os.mkfifo(path)
    yield path
    release(path)


def release(path: Path) -> None:
    """The file server answers again: whoever waits reads an empty file."""
    with suppress(OSError):  # nobody waits
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))


def readers(path: Path) -> list[threading.Thread]:
    """The threads that read this file."""
    return [thread for thread in threading.enumerate() if thread.name == f"reading {path.name}"]


async def test_what_is_read_in_a_thread_is_handed_on(tmp_path: Path) -> None:
    """The result, or the error."""
    path = tmp_path / "file"
    path.write_text("content")
    assert await read_in_thread(path, path.read_text) == "content"
    path.unlink()
    with pytest.raises(FileNotFoundError):
        await read_in_thread(path, path.read_text)


async def test_a_file_that_hangs_is_given_up_in_words(hanging: Path) -> None:
    """As an OSError, which whoever reads files expects; meanwhile the loop goes on."""
    with pytest.raises(OSError, match="did not answer") as caught:
        await read_in_thread(hanging, hanging.read_bytes, seconds=0.01)
    assert isinstance(caught.value, TimeoutError)
    assert caught.value.errno == errno.ETIMEDOUT
    assert caught.value.strerror == "its file system did not answer within 0.01 seconds"


async def test_a_timeout_of_the_reader_itself_is_not_ours(tmp_path: Path) -> None:
    """NFS can answer with ETIMEDOUT: those are its own words."""

    def read() -> None:
        raise TimeoutError(errno.ETIMEDOUT, "Connection timed out")

    with pytest.raises(TimeoutError, match="Connection timed out"):
        await read_in_thread(tmp_path, read)


async def test_one_thread_hangs_however_often_a_file_is_read(hanging: Path) -> None:
    """Every poll reads the token: over a weekend they would be thousands."""
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await read_in_thread(hanging, hanging.read_bytes, seconds=0.01)
    assert len(readers(hanging)) == 1


async def test_what_a_thread_read_that_had_hung_is_not_used(hanging: Path) -> None:
    """It may be old: the file is read again once the server answers."""
    with pytest.raises(TimeoutError):
        await read_in_thread(hanging, hanging.read_bytes, seconds=0.01)
    again = asyncio.create_task(read_in_thread(hanging, lambda: "read again"))
    await asyncio.sleep(0)
    assert not again.done()
    release(hanging)
    assert await again == "read again"


async def test_a_cancelled_reader_does_not_wait(hanging: Path) -> None:
    """The second signal."""
    task = asyncio.create_task(read_in_thread(hanging, hanging.read_bytes, seconds=None))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert readers(hanging)


async def test_the_error_of_an_earlier_reader_is_its_own(tmp_path: Path) -> None:
    """Whoever waits for that reader to end is not told, and nothing is logged as forgotten."""
    logged: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: logged.append(context["message"]))
    may_fail = threading.Event()

    def fail() -> None:
        may_fail.wait()
        raise OSError("broken")

    with pytest.raises(TimeoutError):
        await read_in_thread(tmp_path, fail, seconds=0.01)
    again = asyncio.create_task(read_in_thread(tmp_path, lambda: "read again"))
    await asyncio.sleep(0)
    may_fail.set()
    assert await again == "read again"
    gc.collect()
    assert not logged


async def test_where_no_thread_can_be_started_the_next_one_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for a thread that there never was."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError):
            await read_in_thread(tmp_path, lambda: 1)
    assert await read_in_thread(tmp_path, lambda: 2) == 2


def test_the_process_ends_though_a_file_hangs(hanging: Path) -> None:
    """The interpreter does not wait for the thread, nor does the loop's end."""
    program = (
        "import asyncio, pathlib, sys\n"
        "from waldur_import_agent.system import read_in_thread\n"
        "path = pathlib.Path(sys.argv[1])\n"
        "asyncio.run(read_in_thread(path, path.read_bytes, seconds=0.01))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, hanging], check=False, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 1
    assert "did not answer within 0.01 seconds" in ended.stderr


def test_only_regular_files_are_opened(tmp_path: Path, hanging: Path) -> None:
    """A pipe is not waited for, whether somebody writes into it or not; /dev/zero would have no end."""
    path = tmp_path / "file"
    path.write_bytes(b"content")
    (tmp_path / "link").symlink_to(path)
    with open_regular(tmp_path / "link") as file:
        assert file.read() == b"content"
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    for other in (hanging, tmp_path, Path("/dev/zero")):
        with pytest.raises(OSError, match="it is no regular file"):
            open_regular(other)
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    """The limit itself is allowed."""
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_regular(path, 5) == b"12345"
    with pytest.raises(OSError, match="it has more than 4 bytes"):
        read_regular(path, 4)
