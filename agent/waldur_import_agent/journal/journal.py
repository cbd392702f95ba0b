"""The journal of one state directory."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from waldur_import_agent.journal.database import Database
from waldur_import_agent.journal.entries import CLAIM_COLUMNS, Claim, Phase, Reason, Round
from waldur_import_agent.log import get_logger
from waldur_import_agent.system import now

ROUNDS_KEPT = 100
"""Rounds of one offering that are kept with their reasons."""


class Journal:
    """The claims and the past rounds. Every method that changes it returns only when the change is on disk."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Open the journal in `directory`, which is made if it is missing.

        Raises StateError where it cannot be used, before anything is claimed: see Database.open.
        """
        return cls(Database.open(directory))

    @classmethod
    def open_to_read(cls, directory: Path) -> Self:
        """Open the journal in `directory` to look into it: nothing is made or changed, whoever looks.

        Raises StateError where there is none, or it cannot be read.
        """
        return cls(Database.open_to_read(directory))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    # --- claims

    def intend(self, request: str, offering: str) -> None:
        """Note that start_processing is about to be sent for `request`."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO claim (request, offering, phase, intended) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (request) DO NOTHING",
                (request, offering, Phase.INTENDED, now().isoformat()),
            )

    def set_phase(self, requests: Iterable[str], phase: Phase) -> None:
        """Note how far these claims have come."""
        with self._database.write() as connection:
            connection.executemany(
                "UPDATE claim SET phase = ? WHERE request = ?", [(phase, request) for request in requests]
            )

    def count_attempt(self, requests: Iterable[str], step: int = 1) -> None:
        """Count one more attempt at these claims, before its scan; `step` -1 takes it back."""
        with self._database.write() as connection:
            connection.executemany(
                "UPDATE claim SET attempts = max(0, attempts + ?) WHERE request = ?",
                [(step, request) for request in requests],
            )

    def note_refused(self, request: str, when: datetime) -> None:
        """Note since when this claim cannot be seen or ended; the first time is kept."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE claim SET refused = coalesce(refused, ?) WHERE request = ?", (when.isoformat(), request)
            )

    def claim(self, request: str) -> Claim | None:
        """The claim of one request, or None."""
        statement = f"SELECT {CLAIM_COLUMNS} FROM claim WHERE request = ?"  # noqa: S608 - our own names
        rows = self._database.read(statement, (request,))
        return next(map(Claim.of_row, rows), None)

    def forget(self, request: str) -> None:
        """Note that `request` is finished, gone or another's."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM claim WHERE request = ?", (request,))

    def claims(self, offering: str) -> list[Claim]:
        """The claims of an offering, the oldest first."""
        rows = self._database.read(
            f"SELECT {CLAIM_COLUMNS} FROM claim WHERE offering = ? ORDER BY rowid",  # noqa: S608 - our own names
            (offering,),
        )
        return [Claim.of_row(row) for row in rows]

    # --- rounds

    def record_round(self, ended: Round, reasons: Iterable[Reason]) -> None:
        """Keep how a round ended; of each offering the last 100 are kept, in the order of writing: clocks may jump."""
        with self._database.write() as connection:
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
        rows = self._database.read(
            "SELECT run, started, finished, outcome, message, requests, counts FROM round"
            " WHERE offering = ? ORDER BY rowid DESC",
            (offering,),
        )
        return [read for row in rows if (read := _round(offering, row)) is not None]

    def reasons(self, run: str) -> list[Reason]:
        """Why resources were not reported in a round."""
        rows = self._database.read("SELECT backend_id, action, why FROM reason WHERE run = ? ORDER BY rowid", (run,))
        return [Reason(*row) for row in rows]


def _round(offering: str, row: Sequence[str]) -> Round | None:
    """A round as it was kept; None, and a line in the log, where its row cannot be understood."""
    run, started, finished, outcome, message, requests, counts = row
    try:
        began, ended = datetime.fromisoformat(started), datetime.fromisoformat(finished)
        return Round(run, offering, began, ended, outcome, message, json.loads(requests), json.loads(counts))
    except (ValueError, TypeError) as error:
        get_logger().warning("a round of the journal cannot be understood: it is left out", run=run, error=str(error))
        return None
