"""The slurm scanner keeps what the agent relies on, with a program that answers like sacctmgr."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from unit.scanners.slurm.answers import row, texts
from unit.scanners.slurm.fake_sacctmgr import RECORDED, FakeSacctmgr
from waldur_import_agent.records import Limit
from waldur_import_agent.scanners.slurm import SlurmScanner
from waldur_import_agent.scanners.testing import Block, ScannerConformance


class TestSlurmConformance(ScannerConformance):
    """A cluster of SLURM 24.11."""

    scanner = SlurmScanner
    exemptions: ClassVar = {
        "one-row pages": "sacctmgr prints everything at once",
        "secrets": "the settings have none: munge says who the agent is",
    }

    @pytest.fixture(autouse=True)
    def _places(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.places = (tmp_path / str(number) for number in itertools.count())
        monkeypatch.setattr("waldur_import_agent.scanners.slurm.reading.local_user", lambda: "agent")

    def _sacctmgr(self, descriptions: Mapping[str, str], **limits: str) -> FakeSacctmgr:
        """A program whose cluster has these accounts below root, all with the same limits."""
        directory = next(self.places)
        directory.mkdir()
        sacctmgr = FakeSacctmgr(directory)
        sacctmgr.release("24.11.5")
        rows = [row(name, number, 1, **limits) for number, name in enumerate(descriptions, start=2)]
        sacctmgr.answer("assoc", row("root", 1, 0) + "".join(rows))
        sacctmgr.answer("assoc-root", row("root", 1, 0))
        sacctmgr.answer("account-org", texts(**dict.fromkeys(descriptions, "lab")))
        sacctmgr.answer("account-descr", texts(**descriptions))
        return sacctmgr

    def _block(self, sacctmgr: FakeSacctmgr, **settings: object) -> Block:
        return {"cluster": "testcluster", "sacctmgr": str(sacctmgr.program), **settings}

    def backend(self, numbers: Sequence[int]) -> Block:
        """An account for each."""
        return self._block(self._sacctmgr({f"account{number}": "text" for number in numbers}))

    def texts(self, texts: Sequence[str]) -> Block:
        """Each is an account's description."""
        return self._block(self._sacctmgr({f"account{number}": text for number, text in enumerate(texts)}))

    def limits(self) -> tuple[Block, Mapping[str, Mapping[str, Limit]]]:
        """Memory in MiB, times in minutes; SLURM states no limit to be infinite."""
        sacctmgr = self._sacctmgr(
            {"a": "x"}, GrpTRES="cpu=4,mem=1.50G", GrpTRESMins="cpu=60", MaxJobs="7", GrpWall="1-00:00:00"
        )
        expected = {"GrpTRES.cpu": 4, "GrpTRES.mem": 1536, "GrpTRESMins.cpu": 60, "MaxJobs": 7, "GrpWall": 1440}
        return self._block(sacctmgr), {"a": expected}

    def denied_part(self) -> Block:
        """Slurmdbd hides the accounts of others, and the agent's user is no Operator."""
        sacctmgr = self._sacctmgr({"a": "x"})
        sacctmgr.private("users")
        sacctmgr.answer("user", "agent|None\n")
        return self._block(sacctmgr)

    def unreachable(self) -> Block:
        """Slurmdbd is down."""
        sacctmgr = self._sacctmgr({"a": "x"})
        for kind in ("config", "cluster", "assoc"):
            sacctmgr.behave(kind, f"cat '{RECORDED}/errors-24.11/slurmdbd-down.err' >&2; exit 1")
        return self._block(sacctmgr)

    def hanging(self, timeout: float) -> Block:
        """Slurmdbd takes the question and does not answer."""
        sacctmgr = self._sacctmgr({"a": "x"})
        sacctmgr.behave("assoc", "sleep 1000")
        return self._block(sacctmgr, timeout=timeout)

    def invalid(self) -> Mapping[str, Block]:
        """Of the settings, and of what only SLURM knows."""
        sacctmgr = self._sacctmgr({"a": "x"})
        return {
            "a pattern that is none": self._block(sacctmgr, accounts={"include": [{"name": "("}]}),
            "another cluster": {**self._block(sacctmgr), "cluster": "puhti"},
            "no such program": {**self._block(sacctmgr), "sacctmgr": "/nonexistent/sacctmgr"},
        }
