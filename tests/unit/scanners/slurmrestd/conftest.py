"""Fixtures of the slurmrestd scanner's tests."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from unit.scanners.slurmrestd.scanning import accounts, associations, token_file
from unit.scanners.slurmrestd.stand_in import Answers, served


class Cluster:
    """A server with recorded answers, and the settings with which the scanner sees it."""

    def __init__(self, answers: Answers, settings: dict[str, Any]) -> None:
        self.answers = answers
        self.settings = settings

    def holds(self, *rows: dict[str, Any], **texts: str) -> None:
        """Have these associations below root, and the accounts in `texts` (all of the rows by default)."""
        names = dict.fromkeys(row["account"] for row in rows)
        described = texts or dict.fromkeys(names, "text")
        self.answers.record("associations/", associations(*rows))
        self.answers.record("accounts/", accounts(*described, texts=tuple(described.values())))


@pytest.fixture(params=["v0.0.42"])
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cluster]:
    """The newest version; a test names others with indirect parameters."""
    answers = Answers(request.param)
    with served(answers) as url:
        yield Cluster(answers, {"url": url, "token_file": token_file(tmp_path)})
