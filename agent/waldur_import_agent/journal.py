"""What this agent has claimed, and how each round ended: SQLite in the state directory.

Waldur keeps no owner of a request, so the journal is what tells this agent's own claims from another's after a crash.
A rollback journal and synchronous=EXTRA: a claim must be on disk before start_processing is sent, and write-ahead
logging would need write access for readers and fails on NFS (https://www.sqlite.org/wal.html).
"""

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self

from waldur_import_agent.errors import StateBusyError, StateError
from waldur_import_agent.system import now

SCHEMA_VERSION = 1
ROUNDS_KEPT = 100
"""Rounds of one offering that are kept with their reasons."""
BUSY_SECONDS = 10.0
"""How long to wait for another process that holds the file."""
PASSING = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR})
"""SQLite's primary result codes for what may be better later (https://www.sqlite.org/rescode.html)."""

SCHEMA = """
CREATE TABLE claim (
    request TEXT PRIMARY KEY,            -- UUID of the request in Waldur
    offering TEXT NOT NULL,              -- UUID of its offering
    phase TEXT NOT NULL,                 -- how far the claim has come
    attempts INTEGER NOT NULL DEFAULT 0, -- scans that were begun for it: five, and the agent gives up
    intended TEXT NOT NULL,              -- when the agent was first about to claim it
    refused TEXT                         -- since when it cannot be seen or ended, or NULL
);
CREATE TABLE round (
    run TEXT PRIMARY KEY,                -- the round's name in logs and records
    offering TEXT NOT NULL,              -- UUID of the offering
    started TEXT NOT NULL,
    finished TEXT NOT NULL,
    outcome TEXT NOT NULL,               -- how it ended: done, erred, ...
    message TEXT NOT NULL,               -- what was told to Waldur, or why nothing was
    requests TEXT NOT NULL,              -- UUIDs of the requests that it answered (JSON list)
    counts TEXT NOT NULL                 -- resources by what was done with them (JSON object)
);
CREATE INDEX round_offering ON round (offering, started);
CREATE TABLE reason (
    run TEXT NOT NULL REFERENCES round (run) ON DELETE CASCADE,
    backend_id TEXT NOT NULL,            -- a found resource that was not reported
    action TEXT NOT NULL,                -- what was done with it: unplaced, skipped, refused or held back
    why TEXT NOT NULL                    -- the reason, for a person
);
CREATE INDEX reason_run ON reason (run);
"""
TABLES = ("claim", "round", "reason")


class Phase(StrEnum):
    """How far a claim has come; after a crash every phase means: ask Waldur, then scan again."""

    INTENDED = "intended"
    """start_processing was sent, or is about to be, and nobody knows yet whether it arrived."""
    AMBIGUOUS = "ambiguous"
    """Processing, by our claim or by another's: it may be set Done by a successful round, and never Erred."""
    CLAIMED = "claimed"
    """Waldur said yes."""
    FINISHING = "finishing"
    """The outcome is known and is being told to Waldur."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A request that this agent has claimed, or was about to; `intended` is when that was first noted.

    `refused` is when it could first not be seen or ended, or None.
    """

    request: str
    offering: str
    phase: Phase
    attempts: int
    intended: datetime
    refused: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a found resource was not reported."""

    backend_id: str
    action: str
    why: str


@dataclass(frozen=True, slots=True)
class Round:
    """How a round that answered requests ended."""

    run: str
    offering: str
    started: datetime
    finished: datetime
    outcome: str
    message: str
    requests: Sequence[str]
    counts: Mapping[str, int]


class Journal:
    """The journal of one state directory. Every method that changes it returns only when the change is on disk."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Open the journal in `directory`, which is made if it is missing.

        A good journal is proved now, before anything is claimed: its pages are checked, and something is written to it.

        Raises StateError where the directory or the file cannot be used: another user's, read-only, on a full disk,
        corrupt, or written by a newer release.
        """
        path = directory / "journal.sqlite3"
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
        except OSError as error:
            raise StateError(
                f"the state directory {directory} cannot be used: {error.strerror}",
                remedy=f"It must be writable for this user (uid {os.getuid()}): see state_dir in the configuration",
            ) from error
        with _errors(path):
            connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        journal = cls(connection, path)
        try:
            with _errors(path):
                connection.execute("PRAGMA journal_mode = DELETE")
                connection.execute("PRAGMA synchronous = EXTRA")
                connection.execute("PRAGMA foreign_keys = ON")
                journal._prepare()
        except BaseException:
            connection.close()
            raise
        return journal

    @classmethod
    def open_to_read(cls, directory: Path) -> Self:
        """Open the journal in `directory` to look into it: nothing is made or changed, whoever looks.

        Raises StateError where there is none, or it cannot be read.
        """
        path = directory / "journal.sqlite3"
        try:
            path.stat()
        except FileNotFoundError as error:
            raise StateError(
                f"there is no journal in {directory}",
                remedy="The agent has not run yet, or has another state_dir",
            ) from error
        except OSError as error:
            raise StateError(
                f"the journal {path} cannot be read: {error.strerror}", remedy="Look into it as the agent's own user"
            ) from error
        with _errors(path):
            connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS)
        journal = cls(connection, path)
        try:
            with _errors(path):
                journal._check_version()
        except BaseException:
            connection.close()
            raise
        return journal

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    # --- claims

    def intend(self, request: str, offering: str) -> None:
        """Note that start_processing is about to be sent for `request`."""
        with self._write() as connection:
            connection.execute(
                "INSERT INTO claim (request, offering, phase, intended) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (request) DO NOTHING",
                (request, offering, Phase.INTENDED, now().isoformat()),
            )

    def set_phase(self, requests: Iterable[str], phase: Phase) -> None:
        """Note how far these claims have come."""
        with self._write() as connection:
            connection.executemany(
                "UPDATE claim SET phase = ? WHERE request = ?", [(phase, request) for request in requests]
            )

    def count_attempt(self, requests: Iterable[str], step: int = 1) -> None:
        """Count one more attempt at these claims, before its scan; `step` -1 takes it back."""
        with self._write() as connection:
            connection.executemany(
                "UPDATE claim SET attempts = max(0, attempts + ?) WHERE request = ?",
                [(step, request) for request in requests],
            )

    def note_refused(self, request: str, when: datetime) -> None:
        """Note since when this claim cannot be seen or ended; the first time is kept."""
        with self._write() as connection:
            connection.execute(
                "UPDATE claim SET refused = coalesce(refused, ?) WHERE request = ?", (when.isoformat(), request)
            )

    def claim(self, request: str) -> Claim | None:
        """The claim of one request, or None."""
        with _errors(self._path):
            row = self._connection.execute(
                "SELECT request, offering, phase, attempts, intended, refused FROM claim WHERE request = ?", (request,)
            ).fetchone()
        return None if row is None else _claim(row)

    def forget(self, request: str) -> None:
        """Note that `request` is finished, gone or another's."""
        with self._write() as connection:
            connection.execute("DELETE FROM claim WHERE request = ?", (request,))

    def claims(self, offering: str) -> list[Claim]:
        """The claims of an offering, the oldest first."""
        with _errors(self._path):
            rows = self._connection.execute(
                "SELECT request, offering, phase, attempts, intended, refused FROM claim"
                " WHERE offering = ? ORDER BY rowid",
                (offering,),
            ).fetchall()
        return [_claim(row) for row in rows]

    # --- rounds

    def record_round(self, ended: Round, reasons: Iterable[Reason]) -> None:
        """Keep how a round ended; of each offering the last 100 are kept, in the order of writing: clocks may jump."""
        with self._write() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO round VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    ended.run,
                    ended.offering,
                    ended.started.isoformat(),
                    ended.finished.isoformat(),
                    ended.outcome,
                    ended.message,
                    json.dumps(list(ended.requests)),
                    json.dumps(dict(ended.counts)),
                ),
            )
            connection.executemany(
                "INSERT INTO reason VALUES (?, ?, ?, ?)",
                [(ended.run, reason.backend_id, reason.action, reason.why) for reason in reasons],
            )
            connection.execute(
                "DELETE FROM round WHERE offering = ?1 AND run NOT IN"
                " (SELECT run FROM round WHERE offering = ?1 ORDER BY rowid DESC LIMIT ?2)",
                (ended.offering, ROUNDS_KEPT),
            )

    def rounds(self, offering: str) -> list[Round]:
        """The rounds of an offering that are kept, the newest first."""
        with _errors(self._path):
            rows = self._connection.execute(
                "SELECT run, offering, started, finished, outcome, message, requests, counts FROM round"
                " WHERE offering = ? ORDER BY rowid DESC",
                (offering,),
            ).fetchall()
        return [
            Round(
                run,
                offering,
                datetime.fromisoformat(started),
                datetime.fromisoformat(finished),
                outcome,
                message,
                json.loads(requests),
                json.loads(counts),
            )
            for run, offering, started, finished, outcome, message, requests, counts in rows
        ]

    def reasons(self, run: str) -> list[Reason]:
        """Why resources were not reported in a round."""
        with _errors(self._path):
            rows = self._connection.execute(
                "SELECT backend_id, action, why FROM reason WHERE run = ? ORDER BY rowid", (run,)
            ).fetchall()
        return [Reason(*row) for row in rows]

    # --- inside

    def _prepare(self) -> None:
        with self._write() as connection:
            # within the lock: nobody else may make the tables meanwhile
            if self._version() == 0:
                if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                    raise StateError(f"{self._path} is another program's database", remedy="See state_dir")
                for statement in SCHEMA.split(";"):
                    connection.execute(statement)
            else:
                self._check_version()
            self._check()
            # also where it is the same: a full disk or a read-only directory must show now
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _check_version(self) -> None:
        version = self._version()
        if version != SCHEMA_VERSION:
            raise StateError(
                f"the journal {self._path} has schema version {version}, this release knows {SCHEMA_VERSION}",
                remedy="A newer release wrote it: install that one, or move the file away when nothing is Processing",
            )

    def _check(self) -> None:
        """Raises sqlite3.DatabaseError where pages are damaged, a table is missing or a claim says what is none.

        A page can be well formed and its text wrong: each round would fail on such a claim, and end no request.
        """
        found = self._connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise sqlite3.DatabaseError(found)
        try:
            for table in TABLES:
                self._connection.execute(f"SELECT count(*) FROM {table} WHERE 0")  # noqa: S608 - our own names
        except sqlite3.OperationalError as error:
            raise sqlite3.DatabaseError(str(error)) from error
        for row in self._connection.execute("SELECT request, offering, phase, attempts, intended, refused FROM claim"):
            try:
                _claim(row)
            except (ValueError, TypeError) as error:
                raise sqlite3.DatabaseError(f"the claim of {row[0]!r} cannot be understood: {error}") from error

    def _version(self) -> int:
        version: int = self._connection.execute("PRAGMA user_version").fetchone()[0]
        return version

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        with _errors(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                # a full disk can make SQLite roll back by itself; a COMMIT that a reader blocks leaves it to us
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise


def _claim(row: tuple[str, str, str, int, str, str | None]) -> Claim:
    """The claim in a row. Raises ValueError or TypeError where it is none."""
    request, offering, phase, attempts, intended, refused = row
    since = None if refused is None else datetime.fromisoformat(refused)
    return Claim(request, offering, Phase(phase), int(attempts), datetime.fromisoformat(intended), since)


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    """Say what SQLite's errors mean for the journal `path`: raises StateError instead."""
    try:
        yield
    except sqlite3.Error as error:
        broken = isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)
        remedy = (
            "Move it away; requests that this agent left in Processing must then be ended by hand"
            if broken
            else "Look for a full disk, a read-only file system or the permissions of the state directory"
        )
        passing = getattr(error, "sqlite_errorcode", 0) & 0xFF in PASSING
        kind = StateBusyError if passing else StateError
        raise kind(f"the journal {path} cannot be used: {error}", remedy=remedy) from error
