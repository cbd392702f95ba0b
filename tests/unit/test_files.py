"""Files that are replaced as a whole, and the input of child processes."""

import os
import stat
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from waldur_import_agent.system import ProcessTimedOutError, modified, run_process, write_file

READS_ALL = "import sys; sys.stdout.write(str(len(sys.stdin.buffer.read())))"


def test_modified_is_in_utc(tmp_path: Path) -> None:
    """The time of the last write, aware."""
    os.utime(tmp_path, (1_700_000_000, 1_700_000_000))
    assert modified(tmp_path) == datetime.fromtimestamp(1_700_000_000, tz=UTC)


def test_a_file_is_replaced_and_keeps_its_permissions(tmp_path: Path) -> None:
    """A new file stands in the old one's place, with its mode; nothing else is left in the directory."""
    path = tmp_path / "sheet.csv"
    path.write_text("old")
    path.chmod(0o604)
    before = path.stat().st_ino
    write_file(path, "ü\udcff\n")
    assert path.read_bytes() == "ü\\udcff\n".encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o604
    assert path.stat().st_ino != before
    assert [file.name for file in tmp_path.iterdir()] == ["sheet.csv"]


def test_a_link_still_leads_to_the_file(tmp_path: Path) -> None:
    """What a link leads to is replaced, not the link."""
    (tmp_path / "real.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to("real.csv")
    write_file(tmp_path / "link.csv", "new")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_text() == "new"


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk costs nobody what was there, and leaves no half a file behind."""
    path = tmp_path / "sheet.csv"
    path.write_text("old")

    def full(descriptor: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        write_file(path, "new")
    assert [file.read_text() for file in tmp_path.iterdir()] == ["old"]


@pytest.mark.parametrize("size", [0, 5, 1_000_000])
async def test_input_is_given_whole(size: int) -> None:
    """All of it arrives, and its end is seen."""
    done = await run_process(
        [sys.executable, "-c", READS_ALL], timeout=60, output_limit=100, environment={}, stdin=b"x" * size
    )
    assert done.stdout == str(size).encode()


async def test_input_need_not_be_read() -> None:
    """A program that ends, or closes its input, without reading a large one has not failed."""
    for text in ("print(1)", "import os; os.close(0); print(1)"):
        done = await run_process(
            [sys.executable, "-c", text], timeout=60, output_limit=100, environment={}, stdin=b"x" * 1_000_000
        )
        assert (done.returncode, done.stdout) == (0, b"1\n")


async def test_program_that_never_reads_its_input_is_killed() -> None:
    """A pipe that is full holds nobody up longer than the timeout."""
    with pytest.raises(ProcessTimedOutError):
        await run_process(["/bin/sleep", "60"], timeout=0.2, output_limit=100, environment={}, stdin=b"x" * 1_000_000)


def test_the_owner_stays_where_that_is_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of the agent's user that root replaces stays his; others may not give files away, and need not."""
    path = tmp_path / "sheet.csv"
    path.write_text("old")
    asked: list[tuple[int, int]] = []

    def refuse(descriptor: int, user: int, group: int) -> None:
        asked.append((user, group))
        raise PermissionError

    monkeypatch.setattr(os, "fchown", refuse)
    write_file(path, "new")
    assert path.read_text() == "new"
    assert asked == [(path.stat().st_uid, path.stat().st_gid)]
