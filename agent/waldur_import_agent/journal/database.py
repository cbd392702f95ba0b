"""The journal's file: its tables, how it is opened and looked over, and what SQLite's errors mean.

A rollback journal and synchronous=EXTRA: a claim must be on disk before start_processing is sent, and write-ahead
logging would need write access for readers and fails on NFS (https://www.sqlite.org/wal.html).
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from waldur_import_agent.errors import StateBusyError, StateError
from waldur_import_agent.journal.entries import CLAIM_COLUMNS, Claim
from waldur_import_agent.system import may_pass

SCHEMA_VERSION = 1
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


class Database:
    """The file, open. Every change is on disk when the block that made it has ended."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Open the file in `directory`, which is made if it is missing.

        A good journal is proved now, before anything is claimed: its pages are checked, and something is written to it.

        Raises StateError where the directory or the file cannot be used: another user's, read-only, on a full disk,
        corrupt, or written by a newer release.
        """
        path = directory / "journal.sqlite3"
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
        except OSError as error:
            if may_pass(error):
                raise StateBusyError(
                    f"the state directory {directory} cannot be used: {error.strerror}", remedy="Make room on its disk"
                ) from error
            raise StateError(
                f"the state directory {directory} cannot be used: {error.strerror}",
                remedy=f"It must be writable for this user (uid {os.getuid()}): see state_dir in the configuration",
            ) from error
        with _errors(path):
            connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        database = cls(connection, path)
        try:
            with _errors(path):
                connection.execute("PRAGMA journal_mode = DELETE")
                connection.execute("PRAGMA synchronous = EXTRA")
                connection.execute("PRAGMA foreign_keys = ON")
                database._prepare()
        except BaseException:
            connection.close()
            raise
        return database

    @classmethod
    def open_to_read(cls, directory: Path) -> Self:
        """Open the file in `directory` to look into it: nothing is made or changed, whoever looks.

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
        database = cls(connection, path)
        try:
            with _errors(path):
                database._check_version()
        except BaseException:
            connection.close()
            raise
        return database

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def read(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        """The rows that a SELECT gives. Raises StateError."""
        with _errors(self._path):
            return self._connection.execute(statement, values).fetchall()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction: on disk at the end of the block, or not at all. Raises StateError."""
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

    def _prepare(self) -> None:
        with self.write() as connection:
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
        for row in self._connection.execute(f"SELECT {CLAIM_COLUMNS} FROM claim"):  # noqa: S608 - our own names
            try:
                Claim.of_row(row)
            except (ValueError, TypeError) as error:
                raise sqlite3.DatabaseError(f"the claim of {row[0]!r} cannot be understood: {error}") from error

    def _version(self) -> int:
        version: int = self._connection.execute("PRAGMA user_version").fetchone()[0]
        return version


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
