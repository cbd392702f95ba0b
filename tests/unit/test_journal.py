"""The journal: what is on disk when a crash comes, and what a person reads where it cannot be used."""

import errno
import os
import resource
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from support.builders import EPOCH, OFFERING
from waldur_import_agent.errors import ExitCode, StateBusyError, StateError
from waldur_import_agent.journal import Claim, Journal, Phase, Reason, Round, database
from waldur_import_agent.system import now

OTHER = "0" * 32


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The state directory, which does not exist yet."""
    return tmp_path / "var" / "state"


@pytest.fixture
def journal(directory: Path) -> Iterator[Journal]:
    """A journal that is open."""
    with Journal.open(directory) as opened:
        yield opened


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No waiting for another process that holds the file."""
    monkeypatch.setattr(database, "BUSY_SECONDS", 0)


def file(directory: Path) -> Path:
    """The journal's file."""
    return directory / "journal.sqlite3"


def other_connection(directory: Path) -> closing[sqlite3.Connection]:
    """Another program that has the file open."""
    return closing(sqlite3.connect(file(directory), timeout=0, isolation_level=None))


def claims(directory: Path, offering: str = OFFERING) -> list[Claim]:
    """The claims that are on disk, read by a journal of its own."""
    with Journal.open(directory) as second:
        return second.claims(offering)


def a_round(number: int = 0, *, run: str | None = None, offering: str = OFFERING) -> Round:
    """A round that ended, `number` seconds after the epoch."""
    started = EPOCH + timedelta(seconds=number)
    return Round(
        run or f"run-{offering[:2]}-{number}",
        offering,
        started,
        started + timedelta(milliseconds=1500),
        "Done",
        "2 reported",
        ("request1", "request2"),
        {"reported": 2, "kept": 0},
    )


# --- claims


def test_intent_is_on_disk(journal: Journal, directory: Path) -> None:
    """Before start_processing is sent the claim can be read by whoever comes after a crash."""
    before = now()
    journal.intend("request1", OFFERING)
    (claim,) = claims(directory)
    assert claim == Claim("request1", OFFERING, Phase.INTENDED, 0, claim.intended)
    assert before <= claim.intended <= now()


def test_another_process_reads_what_is_written(journal: Journal, directory: Path) -> None:
    """The words on disk are those of the phases; a reader needs no more than SQLite."""
    journal.intend("request1", OFFERING)
    query = "SELECT request, phase FROM claim"
    script = f"import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute({query!r}).fetchall())"
    read = subprocess.run(
        [sys.executable, "-c", script, str(file(directory))], capture_output=True, text=True, check=True
    )
    assert read.stdout.strip() == "[('request1', 'intended')]"


def test_claims_are_each_offerings_own_the_oldest_first(journal: Journal) -> None:
    """An offering sees its own claims, in the order in which they were intended, which is not that of their names."""
    for request in ("b", "c", "a"):
        journal.intend(request, OFFERING)
    journal.intend("d", OTHER)
    assert [claim.request for claim in journal.claims(OFFERING)] == ["b", "c", "a"]
    assert [claim.request for claim in journal.claims(OTHER)] == ["d"]


def test_second_intent_changes_nothing(journal: Journal) -> None:
    """A claim that is there already keeps its phase and its attempts: five attempts stay five over restarts."""
    journal.intend("request1", OFFERING)
    (first,) = journal.claims(OFFERING)
    journal.set_phase(["request1"], Phase.CLAIMED)
    journal.count_attempt(["request1"])
    journal.intend("request1", OFFERING)
    assert journal.claims(OFFERING) == [replace(first, phase=Phase.CLAIMED, attempts=1)]


def test_claim_of_one_request(journal: Journal) -> None:
    """One request's claim with all that is known of it, or None where there is none."""
    journal.intend("request1", OFFERING)
    journal.intend("request2", OTHER)
    journal.set_phase(["request2"], Phase.CLAIMED)
    journal.count_attempt(["request2"])
    claim = journal.claim("request2")
    assert claim is not None
    assert claim == Claim("request2", OTHER, Phase.CLAIMED, 1, claim.intended)
    assert journal.claim("request3") is None


def test_words_of_the_phases_are_a_promise() -> None:
    """The words are on disk: a journal of an older release must be understood."""
    assert [phase.value for phase in Phase] == ["intended", "ambiguous", "claimed", "finishing"]


@pytest.mark.parametrize("phase", list(Phase))
def test_phases_are_kept(journal: Journal, directory: Path, phase: Phase) -> None:
    """How far a claim has come is on disk; only the named claims change."""
    for request in ("request1", "request2", "request3"):
        journal.intend(request, OFFERING)
    journal.set_phase(["request2", "request3"], phase)
    assert [claim.phase for claim in claims(directory)] == [Phase.INTENDED, phase, phase]


def test_attempts_are_counted_and_taken_back(journal: Journal, directory: Path) -> None:
    """Each named claim counts by itself; an attempt that did not count is taken back, never below none."""
    for request in ("request1", "request2"):
        journal.intend(request, OFFERING)
    journal.count_attempt(["request1", "request2"])
    journal.count_attempt(["request1"])
    assert [claim.attempts for claim in claims(directory)] == [2, 1]
    journal.count_attempt(["request1", "request2"], -1)
    journal.count_attempt(["request2"], -1)
    assert [claim.attempts for claim in claims(directory)] == [1, 0]


def test_forgotten_claim_is_gone(journal: Journal, directory: Path) -> None:
    """What is finished is no longer ours; the others stay. To forget what is not there is no error."""
    for request in ("request1", "request2"):
        journal.intend(request, OFFERING)
    journal.forget("request1")
    journal.forget("never seen")
    assert [claim.request for claim in claims(directory)] == ["request2"]


# --- rounds


def test_round_is_read_back_as_it_was(journal: Journal, directory: Path) -> None:
    """Everything of a round and its reasons is on disk, in their order."""
    reasons = [Reason("b", "unplaced", "no rule matches"), Reason("a", "skipped", "empty id")]
    journal.record_round(a_round(), reasons)
    with Journal.open(directory) as second:
        assert second.rounds(OFFERING) == [
            Round(
                a_round().run,
                OFFERING,
                EPOCH,
                EPOCH + timedelta(seconds=1.5),
                "Done",
                "2 reported",
                ["request1", "request2"],
                {"reported": 2, "kept": 0},
            )
        ]
        assert second.reasons(a_round().run) == reasons


def test_rounds_are_each_offerings_own_the_newest_first(journal: Journal) -> None:
    """History starts with what was written last, though the clock was set back meanwhile."""
    for number in (2, 3, 1):
        journal.record_round(a_round(number), [])
    journal.record_round(a_round(9, offering=OTHER), [])
    assert [ended.started.second for ended in journal.rounds(OFFERING)] == [1, 3, 2]
    assert [ended.started.second for ended in journal.rounds(OTHER)] == [9]


def test_reasons_are_each_rounds_own(journal: Journal) -> None:
    """A round shows its own reasons alone."""
    journal.record_round(a_round(1), [Reason("a", "unplaced", "why 1")])
    journal.record_round(a_round(2), [Reason("a", "unplaced", "why 2")])
    assert [reason.why for reason in journal.reasons(a_round(2).run)] == ["why 2"]
    assert journal.reasons("never") == []


def test_last_hundred_rounds_of_each_offering_are_kept(journal: Journal, directory: Path) -> None:
    """The oldest go, with their reasons; another offering's rounds do not count."""
    journal.record_round(a_round(0, offering=OTHER), [])
    for number in range(102):
        journal.record_round(a_round(number), [Reason(f"acct{number}", "unplaced", "why")])
    assert [ended.run for ended in journal.rounds(OFFERING)] == [a_round(number).run for number in range(101, 1, -1)]
    assert len(journal.rounds(OTHER)) == 1
    with other_connection(directory) as other:
        assert other.execute("SELECT min(rowid), count(*) FROM reason").fetchone() == (3, 100)


def test_round_is_kept_though_the_clock_was_set_back(journal: Journal) -> None:
    """A hundred rounds with later times do not push out the one that is written now."""
    for number in range(1, 101):
        journal.record_round(a_round(number), [])
    journal.record_round(a_round(0), [])
    assert journal.rounds(OFFERING)[0].run == a_round(0).run


def test_round_that_is_recorded_again_replaces_itself(journal: Journal) -> None:
    """One run is one round, with the reasons that were given last."""
    journal.record_round(a_round(), [Reason("a", "unplaced", "first")])
    journal.record_round(a_round(5, run=a_round().run), [Reason("a", "unplaced", "second")])
    assert len(journal.rounds(OFFERING)) == 1
    assert [reason.why for reason in journal.reasons(a_round().run)] == ["second"]


# --- writing is all or nothing


def test_change_that_fails_midway_is_taken_back(journal: Journal) -> None:
    """An error in the middle of a change leaves nothing of it, and the next change works."""

    def broken() -> Iterator[str]:
        yield "request1"
        raise ValueError("broken")

    journal.intend("request1", OFFERING)

    def reasons() -> Iterator[Reason]:
        yield Reason("a", "unplaced", "why")
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        journal.record_round(a_round(), reasons())
    with pytest.raises(ValueError, match="broken"):
        journal.set_phase(broken(), Phase.CLAIMED)
    assert journal.rounds(OFFERING) == []
    assert [claim.phase for claim in journal.claims(OFFERING)] == [Phase.INTENDED]
    journal.record_round(a_round(), [])
    assert len(journal.rounds(OFFERING)) == 1


def test_change_that_sqlite_takes_back_itself_is_told_by_its_cause(journal: Journal, directory: Path) -> None:
    """Where SQLite has rolled back (a full disk can make it) the error tells why, not that nothing is to be undone."""
    with other_connection(directory) as other:
        other.execute("CREATE TRIGGER full BEFORE INSERT ON claim BEGIN SELECT RAISE(ROLLBACK, 'disk is full'); END")
    with pytest.raises(StateError, match="cannot be used: disk is full"):
        journal.intend("request1", OFFERING)
    with other_connection(directory) as other:
        other.execute("DROP TRIGGER full")
    journal.intend("request1", OFFERING)
    assert len(journal.claims(OFFERING)) == 1


@pytest.mark.parametrize(("column", "value"), [("counts", "{"), ("requests", "[1"), ("finished", "yesterday")])
def test_a_round_that_cannot_be_understood_is_left_out(directory: Path, column: str, value: str) -> None:
    """What a hand or a broken disk has changed hides no other round, and the log says which one."""
    with Journal.open(directory) as journal:
        for run in ("run1", "run2"):
            journal.record_round(a_round(run=run), [])
        with other_connection(directory) as other:
            other.execute(f"UPDATE round SET {column} = ? WHERE run = 'run1'", (value,))
            other.commit()
        with capture_logs() as logs:
            assert [kept.run for kept in journal.rounds(OFFERING)] == ["run2"]
    assert [(line["log_level"], line["run"]) for line in logs] == [("warning", "run1")]


@pytest.mark.usefixtures("at_once")
def test_reader_that_holds_the_file_does_not_break_the_journal(directory: Path) -> None:
    """A change that could not be written is an error and no change; once the reader has gone all is well."""
    with Journal.open(directory) as journal, other_connection(directory) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM claim").fetchall()
        with pytest.raises(StateBusyError, match=r"journal\.sqlite3 cannot be used: database is locked") as raised:
            journal.intend("request1", OFFERING)
        assert "Look for a full disk" in raised.value.remedy
        reader.execute("COMMIT")
        assert journal.claims(OFFERING) == []
        journal.intend("request2", OFFERING)
        assert [claim.request for claim in journal.claims(OFFERING)] == ["request2"]


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("read", ["claim", "claims", "rounds", "reasons"])
def test_reading_what_another_program_writes_is_a_state_error(directory: Path, read: str) -> None:
    """A file that another program holds for itself cannot be read: a readable error."""
    with Journal.open(directory) as journal, other_connection(directory) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StateError, match="database is locked"):
            getattr(journal, read)(OFFERING)


def test_every_change_is_flushed_to_disk(directory: Path) -> None:
    """A rollback journal whose removal is flushed too, also where the file once had a write-ahead log."""
    Journal.open(directory).close()
    with other_connection(directory) as other:
        other.execute("PRAGMA journal_mode = WAL")
    with Journal.open(directory) as journal:
        assert journal._database._connection.execute("PRAGMA synchronous").fetchone() == (3,)
    with other_connection(directory) as other:
        assert other.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_another_process_is_waited_for(journal: Journal) -> None:
    """A `history` command that reads for a moment makes no round fail: SQLite tries again for ten seconds."""
    assert journal._database._connection.execute("PRAGMA busy_timeout").fetchone() == (10_000,)


# --- the file


def test_file_and_directory_are_the_owners_alone(journal: Journal, directory: Path) -> None:
    """Names of accounts stand in the journal: nobody else reads it."""
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE(file(directory).stat().st_mode) == 0o600


def test_directory_that_is_there_keeps_its_mode(directory: Path) -> None:
    """A directory that the administrator made is left as it is."""
    directory.mkdir(parents=True)
    directory.chmod(0o750)
    Journal.open(directory).close()
    assert stat.S_IMODE(directory.stat().st_mode) == 0o750


def test_closed_journal_lets_go_of_the_file(directory: Path) -> None:
    """After the `with` nothing can be written through it."""
    with Journal.open(directory) as journal:
        pass
    with pytest.raises(StateError, match="closed"):
        journal.intend("request1", OFFERING)


@pytest.mark.parametrize("where", ["file", "file/below"])
def test_directory_that_cannot_be_made(tmp_path: Path, where: str) -> None:
    """A path that can be no directory: the error names it and what it must be."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match=f"the state directory {tmp_path / where} cannot be used: ") as raised:
        Journal.open(tmp_path / where)
    assert f"writable for this user (uid {os.getuid()})" in raised.value.remedy


@pytest.mark.parametrize(("number", "code"), [(errno.ENOSPC, ExitCode.LEFT), (errno.EROFS, ExitCode.CONFIGURATION)])
def test_disk_without_room_for_a_new_journal(
    directory: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: ExitCode
) -> None:
    """A full disk may have room later, so that systemd tries again; a read-only one is a wrong configuration."""

    def refuse(path: Path, **options: object) -> None:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(StateError, match=f"cannot be used: {os.strerror(number)}") as raised:
        Journal.open(directory)
    assert raised.value.exit_code is code
    assert ("Make room" in raised.value.remedy) is (code is ExitCode.LEFT)


def test_journal_that_is_a_directory(directory: Path) -> None:
    """Something else in the place of the file is a readable error."""
    file(directory).mkdir(parents=True)
    with pytest.raises(StateError, match=r"journal\.sqlite3 cannot be used: unable to open"):
        Journal.open(directory)


@pytest.mark.parametrize("content", [b"this is no database" * 100, b"SQLite format 3\0" + b"\xff" * 4096])
def test_corrupt_file(directory: Path, content: bytes) -> None:
    """A file that is no journal is not overwritten; the remedy says what its loss means."""
    directory.mkdir(parents=True)
    file(directory).write_bytes(content)
    with pytest.raises(StateError, match="cannot be used") as raised:
        Journal.open(directory)
    assert "Move it away" in raised.value.remedy
    assert file(directory).read_bytes() == content


def test_journal_of_a_newer_release(journal: Journal, directory: Path) -> None:
    """A schema that this release does not know is left alone, also where the file is otherwise fine."""
    journal.intend("request1", OFFERING)
    with other_connection(directory) as other:
        other.execute("PRAGMA user_version = 2")
    with pytest.raises(StateError, match="has schema version 2, this release knows 1") as raised:
        Journal.open(directory)
    assert "A newer release wrote it" in raised.value.remedy
    with other_connection(directory) as other:
        assert other.execute("SELECT count(*) FROM claim").fetchone() == (1,)


def test_failed_open_lets_go_of_the_file(directory: Path) -> None:
    """An open that fails keeps no descriptor: an agent that tries again for days does not run out of them."""
    directory.mkdir(parents=True)
    file(directory).write_bytes(b"this is no database" * 100)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(StateError) as raised:
        Journal.open(directory)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert isinstance(raised.value.__cause__, sqlite3.Error)


def test_many_that_make_the_journal_at_once(directory: Path) -> None:
    """Agents of several offerings that share a directory may start at once: one makes the tables, all can write."""

    def use(number: int) -> None:
        with Journal.open(directory) as opened:
            opened.intend(f"request{number}", OFFERING)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(use, range(8)))
    assert len(claims(directory)) == 8


def damaged(directory: Path, page: int) -> None:
    """A journal with claims and reasons, one of whose pages was overwritten on the disk."""
    with Journal.open(directory) as journal:
        for number in range(200):
            journal.intend(f"request{number}", OFFERING)
        journal.record_round(a_round(), [Reason(f"acct{number}", "unplaced", "why" * 50) for number in range(500)])
    with file(directory).open("r+b") as opened:
        opened.seek(page * 4096)
        opened.write(b"\xff" * 4096)


@pytest.mark.parametrize("page", [1, 5, 12])
def test_damaged_page_is_found_before_anything_is_claimed(directory: Path, page: int) -> None:
    """A disk that lost a page in the middle: the journal opens no more, and what to do is said."""
    damaged(directory, page)
    before = file(directory).read_bytes()
    with pytest.raises(StateError, match="cannot be used") as raised:
        Journal.open(directory)
    assert "Move it away" in raised.value.remedy
    assert file(directory).read_bytes() == before


@pytest.mark.parametrize(
    ("column", "value"), [("phase", "xlaimed"), ("attempts", "x"), ("intended", "2026-13-01"), ("intended", b"\xff")]
)
def test_claim_that_cannot_be_understood_is_found_at_the_start(directory: Path, column: str, value: object) -> None:
    """Pages that are well formed and a text that is wrong: not in each round anew, but at once and with the request."""
    with Journal.open(directory) as journal:
        journal.intend("request1", OFFERING)
    with other_connection(directory) as other:
        other.execute(f"UPDATE claim SET {column} = ?", (value,))
    with pytest.raises(StateError, match="the claim of 'request1' cannot be understood") as raised:
        Journal.open(directory)
    assert "Move it away" in raised.value.remedy


@pytest.mark.parametrize(
    ("statement", "words"),
    [("DROP TABLE reason", "no such table: reason"), ("PRAGMA user_version = 0", "is another program's database")],
)
def test_database_of_another_form_is_not_taken_for_a_journal(directory: Path, statement: str, words: str) -> None:
    """A database that lacks a table, or has tables and no version, is refused as it is."""
    Journal.open(directory).close()
    with other_connection(directory) as other:
        other.execute(statement)
    with pytest.raises(StateError, match=words):
        Journal.open(directory)


def test_disk_without_room_is_found_at_the_start(journal: Journal, directory: Path) -> None:
    """Opening a good journal writes to it: where no file may grow, the agent does not start, and nothing is lost."""
    journal.intend("request1", OFFERING)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        with pytest.raises(StateError, match="cannot be used") as raised:
            Journal.open(directory)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "Look for a full disk" in raised.value.remedy
    assert raised.value.exit_code is ExitCode.LEFT  # systemd tries again: there may be room later
    assert len(claims(directory)) == 1


# --- looking into it


def test_looking_into_a_journal_changes_nothing(directory: Path, journal: Journal) -> None:
    """Rounds and reasons can be read while the agent has it open, and nothing can be written."""
    journal.record_round(a_round(run="r1"), [Reason("acct1", "skipped", "no name")])
    with Journal.open_to_read(directory) as reading:
        assert [past.run for past in reading.rounds(OFFERING)] == ["r1"]
        assert reading.reasons("r1") == [Reason("acct1", "skipped", "no name")]
        with pytest.raises(StateError, match="readonly"):
            reading.forget("q1")


def test_looking_for_a_journal_makes_none(directory: Path) -> None:
    """Where there is none, that is told with the reason, and the directory is not made."""
    with pytest.raises(StateError, match=r"there is no journal in .*The agent has not run yet"):
        Journal.open_to_read(directory)
    assert not directory.exists()


def test_looking_into_a_journal_of_a_newer_release_is_refused(directory: Path, journal: Journal) -> None:
    """What it means is not known here."""
    with other_connection(directory) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StateError, match="schema version 99"):
        Journal.open_to_read(directory)


def test_looking_into_what_is_no_journal_is_told(directory: Path) -> None:
    """A file of something else."""
    directory.mkdir(parents=True)
    file(directory).write_text("no database, but a text that is longer than a header " * 10)
    with pytest.raises(StateError, match="cannot be used"):
        Journal.open_to_read(directory)
