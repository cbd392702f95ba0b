"""Saved answers and dumps of a real cluster, read without it: they say the same."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from live.slurm.conftest import Backend
from live.slurm.slurm_lab import SlurmLab
from waldur_import_agent.records import Scan

NO_PROGRAM = "/nonexistent/sacctmgr"


@pytest.fixture(scope="module")
def manifest(slurm_lab: SlurmLab) -> dict[str, Any]:
    """The same as for the scanner's other tests."""
    return slurm_lab.seed(1000, direct=True, awkward=True)


async def test_saved_answers_give_the_same_scan(backend: Backend, manifest: dict[str, Any], tmp_path: Path) -> None:
    """Without sacctmgr, byte for byte the same, whatever was asked for."""
    settings: dict[str, Any] = {"coordinators": True, "limits": {"source": "qos"}}
    scanner = backend.scanner(**settings)
    scanner.save_answers(tmp_path / "saved")
    async with scanner:
        live = await scanner.scan()
    assert await backend.scan(**settings, sacctmgr=NO_PROGRAM, from_files=tmp_path / "saved") == live


async def test_a_dump_gives_the_same_accounts(
    backend: Backend, manifest: dict[str, Any], slurm_lab: SlurmLab, tmp_path: Path
) -> None:
    """Regular accounts exactly; an awkward one is the same too, or says what could not be read."""
    name = f"{slurm_lab.cluster}.cfg"
    slurm_lab.sacctmgr("dump", slurm_lab.cluster, f"file={slurm_lab.inside / name}")
    shutil.copy(slurm_lab.files / name, tmp_path)
    live, dumped = await backend.scan(), await backend.scan(sacctmgr=NO_PROGRAM, from_dump=tmp_path / name)
    before, after = by_id(live), by_id(dumped)
    regular = {account["name"] for account in manifest["regular"]} & set(before)
    assert len(regular) == 780
    for backend_id in regular:
        assert after[backend_id] == before[backend_id]
    assert set(after) == set(before)
    for backend_id in set(before) - regular:
        assert after[backend_id].problems or after[backend_id] == before[backend_id]


def by_id(scan: Scan) -> dict[str, Any]:
    """The found resources by their ids."""
    return {resource.backend_id: resource for resource in scan.resources}
