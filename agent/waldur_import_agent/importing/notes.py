"""What a later run must know where one is cut off: the import that is under way, and metadata that are still to be set.

An import that was sent may take effect minutes later, and with a record its metadata are gone: both are noted in the
state directory before.
"""

import contextlib
import json
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from waldur_import_agent.errors import StateError
from waldur_import_agent.log import get_logger
from waldur_import_agent.system import write_file

FORGOTTEN_AFTER = 3600.0
"""Seconds after which no import that was sent can still be under way."""


class ImportNotes:
    """The notes of one offering in `directory`, which is made when something is noted."""

    def __init__(self, directory: Path, offering: str) -> None:
        self._directory = directory
        self._sent = directory / f"import-{offering}.sent.json"
        self._metadata = directory / f"import-{offering}.metadata.json"
        self._can_note = True
        self._earlier: dict[str, float] = {}

    # --- imports under way

    def under_way(self) -> dict[str, float]:
        """The records whose import a run that was cut off had sent, and how many seconds ago each."""
        with contextlib.suppress(OSError, ValueError):
            sent: dict[str, float] = json.loads(self._sent.read_bytes())
            self._earlier = sent
        return {record: max(0.0, time.time() - moment) for record, moment in self._earlier.items()}

    def note_sent(self, record: str) -> None:
        """Note that the import of `record` is about to be sent. Without a state directory it is only said, once."""
        if not self._can_note:
            return
        try:
            self._make_directory()
            self._sent.write_text(json.dumps({**self._earlier, record: time.time()}))
        except OSError as error:
            self._can_note = False
            get_logger().warning(
                "imports under way are not noted: wait some minutes before this is run again after a kill",
                state_dir=str(self._directory),
                reason=error.strerror,
            )

    def settled(self, record: str) -> None:
        """What became of a record that an earlier run had sent is known: the next note leaves it out."""
        self._earlier.pop(record, None)

    def forget_sent(self) -> None:
        """Nothing of this run is under way any more; what an earlier one had sent and nobody looked for stays."""
        young = {record: moment for record, moment in self._earlier.items() if time.time() - moment < FORGOTTEN_AFTER}
        with contextlib.suppress(OSError):  # of another user, or not there: it is too old to matter soon
            if young:
                self._sent.write_text(json.dumps(young))
            else:
                self._sent.unlink()

    # --- metadata that are still to be set

    def add_metadata(self, metadata: Mapping[str, Mapping[str, Any]]) -> None:
        """Note what is to be set, by backend id. Raises StateError."""
        self._write({**self.metadata(), **metadata})

    def metadata(self) -> dict[str, dict[str, Any]]:
        """What is still to be set, by backend id. Raises StateError."""
        try:
            found = json.loads(self._metadata.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except (OSError, ValueError) as error:
            raise StateError(
                f"{self._metadata}, which holds the metadata that are still to be set, cannot be read: {error}",
                remedy="Run this as the user who ran the import, or remove the file and go without these metadata",
            ) from error
        return dict(found)

    def forget_metadata(self, backend_ids: Iterable[str]) -> None:
        """These are set. Raises StateError."""
        there, gone = self.metadata(), set(backend_ids)
        left = {backend_id: metadata for backend_id, metadata in there.items() if backend_id not in gone}
        if left != there:
            self._write(left)

    def _write(self, metadata: Mapping[str, Any]) -> None:
        try:
            self._make_directory()
            if metadata:
                write_file(self._metadata, json.dumps(metadata))
            else:
                self._metadata.unlink(missing_ok=True)
        except OSError as error:
            raise StateError(
                f"the metadata to be set cannot be noted in {self._directory}: {error.strerror}",
                remedy=f"It must be writable for this user (uid {os.getuid()}): see state_dir in the configuration; "
                "or import without --metadata",
            ) from error

    def _make_directory(self) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
