"""Fixtures of the slurm scanner's tests."""

from collections.abc import Callable
from pathlib import Path

import pytest

from unit.scanners.slurm.answers import row, texts
from unit.scanners.slurm.fake_sacctmgr import FakeSacctmgr


@pytest.fixture
def sacctmgr(tmp_path: Path) -> FakeSacctmgr:
    """A program that answers as SLURM 22.05 did."""
    return FakeSacctmgr(tmp_path)


@pytest.fixture
def small(sacctmgr: FakeSacctmgr) -> Callable[..., None]:
    """Sets the answers to a cluster of few accounts, of SLURM 24.11: `small(rows, org={name: text}, descr=...)`.

    A text that is no dictionary is the answer itself.
    """

    def answer(*rows: str, org: dict[str, str] | str, descr: dict[str, str] | str | None = None) -> None:
        descr = org if descr is None else descr
        sacctmgr.release("24.11.5")
        sacctmgr.answer("assoc", row("root", 1, 0) + "".join(rows))
        sacctmgr.answer("assoc-wopl", row("root", 1, 0) + "".join(rows))
        sacctmgr.answer("account-org", org if isinstance(org, str) else texts(**org))
        sacctmgr.answer("account-descr", descr if isinstance(descr, str) else texts(**descr))

    return answer
