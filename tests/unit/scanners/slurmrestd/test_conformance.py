"""The slurmrestd scanner keeps what the agent relies on, with a server that answers like slurmrestd."""

import contextlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from unit.scanners.slurmrestd.scanning import accounts, association, associations, jwt, token_file
from unit.scanners.slurmrestd.stand_in import Answers, served
from waldur_import_agent.records import Limit
from waldur_import_agent.scanners.slurmrestd import SlurmrestdScanner
from waldur_import_agent.scanners.testing import Block, ScannerConformance

TOKEN = jwt("agent")


class TestSlurmrestdConformance(ScannerConformance):
    """A cluster of SLURM 24.11."""

    scanner = SlurmrestdScanner
    secrets = (TOKEN, TOKEN.rpartition(".")[2])
    exemptions: ClassVar = {"one-row pages": "slurmrestd has no pages"}

    @pytest.fixture(autouse=True)
    def _servers(self, tmp_path: Path) -> Iterator[None]:
        self.token_file = token_file(tmp_path, TOKEN)
        self.directories = (tmp_path / str(number) for number in itertools.count())
        with contextlib.ExitStack() as self.running:
            yield

    def _answers(self, descriptions: Mapping[str, str], **limits: Any) -> Answers:
        """What is answered of a cluster that has these accounts below root, all with the same limits."""
        answers = Answers("v0.0.42")
        answers.tokens = {TOKEN}
        answers.record("associations/", associations(*(association(name, **limits) for name in descriptions)))
        answers.record("accounts/", accounts(*descriptions, texts=list(descriptions.values())))
        answers.record("account/root", accounts())
        return answers

    def _block(self, answers: Answers, **settings: Any) -> Block:
        url = self.running.enter_context(served(answers))
        return {"cluster": "testcluster", "url": url, "token_file": str(self.token_file), **settings}

    def backend(self, numbers: Sequence[int]) -> Block:
        """An account for each."""
        return self._block(self._answers({f"account{number}": "text" for number in numbers}))

    def texts(self, texts: Sequence[str]) -> Block:
        """Each is an account's description."""
        return self._block(self._answers({f"account{number}": text for number, text in enumerate(texts)}))

    def limits(self) -> tuple[Block, Mapping[str, Mapping[str, Limit]]]:
        """Memory in MiB, times in minutes; SLURM states no limit to be infinite."""
        total = [{"type": "cpu", "name": "", "count": 4}, {"type": "mem", "name": "", "count": 1536}]
        number = {"set": True, "infinite": False}
        limits = {
            "tres": {"total": total, "group": {"minutes": [{"type": "gres", "name": "gpu", "count": 60}]}},
            "jobs": {"active": {**number, "number": 7}},
            "per": {"account": {"wall_clock": {**number, "number": 1440}}},
        }
        expected = {"GrpTRES.cpu": 4, "GrpTRES.mem": 1536, "GrpTRESMins.gres/gpu": 60, "MaxJobs": 7, "GrpWall": 1440}
        return self._block(self._answers({"a": "x"}, max=limits)), {"a": expected}

    def denied_part(self) -> Block:
        """PrivateData=users: the associations of the token's user alone."""
        answers = self._answers({"a": "x"})
        document = associations(association("a"))
        answers.record("associations/", {**document, "associations": document["associations"][2:]})
        return self._block(answers)

    def unreachable(self) -> Block:
        """Nothing listens on the socket."""
        socket = next(self.directories) / "socket"
        return {"cluster": "testcluster", "socket": str(socket), "token_file": str(self.token_file)}

    def hanging(self, timeout: float) -> Block:
        """The server takes the question and does not answer."""
        answers = self._answers({"a": "x"})
        answers.hang.set()
        return self._block(answers, timeout=timeout)

    def invalid(self) -> Mapping[str, Block]:
        """Of the settings, and of what only SLURM knows."""
        block = self._block(self._answers({"a": "x"}))
        refused = self._answers({"a": "x"})
        refused.tokens = set()
        return {
            "an address that is none": {**block, "url": "slurm:6820"},
            "another cluster": {**self._nothing_found(), "cluster": "puhti"},
            "a token that is refused": self._block(refused),
            "no such file": {**block, "token_file": "/nonexistent/token"},
        }

    def _nothing_found(self) -> Block:
        answers = self._answers({})
        answers.fail("associations/", "nothing-found")
        return self._block(answers)
