"""Fixtures of the slurm scanner's tests."""

from pathlib import Path

import pytest

from unit.scanners.slurm.fake_sacctmgr import FakeSacctmgr


@pytest.fixture
def sacctmgr(tmp_path: Path) -> FakeSacctmgr:
    """A program that answers as SLURM 22.05 did."""
    return FakeSacctmgr(tmp_path)
