"""What the scanner says of a SLURM that is broken, on real daemons: never a part, and nothing is left running."""

import os
from pathlib import Path

import pytest

from live.slurm.conftest import Backend
from live.slurm.slurm_lab import SlurmLab
from waldur_import_agent.scanners.base import BackendMisconfiguredError, BackendUnavailableError, CheckStatus


@pytest.fixture(scope="module", autouse=True)
def _seeded(slurm_lab: SlurmLab) -> None:
    """A few accounts."""
    slurm_lab.seed(30, direct=False)


def left_running() -> list[str]:
    """The processes that this one has started and not waited for, zombies among them."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            number, rest = stat.read_text().split(" (", 1)
        except (FileNotFoundError, ProcessLookupError):  # ended while we looked
            continue
        name, fields = rest.rsplit(") ", 1)
        if int(fields.split()[1]) == os.getpid():
            found.append(f"{name} {number}")
    return found


def wrapper(directory: Path, line: str) -> Path:
    """A program that runs this line of shell in place of sacctmgr."""
    program = directory / "sacctmgr"
    program.write_text(f"#!/bin/sh\n{line}\n")
    program.chmod(0o755)
    return program


async def test_a_slurmdbd_that_is_down_is_unavailable(backend: Backend, slurm_lab: SlurmLab) -> None:
    """In sacctmgr's words, from a scan and from check; when it is up again the scan is whole again."""
    before = await backend.scan()
    with slurm_lab.without("slurmdbd"):
        with pytest.raises(BackendUnavailableError, match="Connection refused"):
            await backend.scan()
        failed = (await backend.scanner().check())[-1]
        assert failed.status is CheckStatus.FAIL
        assert "Connection refused" in failed.detail
    assert await backend.scan() == before


@pytest.mark.parametrize(
    ("daemon", "words"), [("mariadbd", "Unable to connect to database"), ("munged", "Munge encode failed")]
)
async def test_what_slurmdbd_needs_is_down(backend: Backend, slurm_lab: SlurmLab, daemon: str, words: str) -> None:
    """The database or munge: unavailable, in sacctmgr's words."""
    with slurm_lab.without(daemon), pytest.raises(BackendUnavailableError, match=words):
        await backend.scan()


async def test_slurmctld_is_not_needed(backend: Backend, slurm_lab: SlurmLab) -> None:
    """The accounts are slurmdbd's: nothing changes where only slurmctld is down."""
    before = await backend.scan()
    with slurm_lab.without("slurmctld"):
        assert await backend.scan() == before


async def test_a_slurmdbd_that_hangs_is_left_in_time(backend: Backend, slurm_lab: SlurmLab) -> None:
    """Sacctmgr would wait for 45 seconds: it is killed at the scanner's limit, and no process stays."""
    with slurm_lab.hung("slurmdbd"), pytest.raises(BackendUnavailableError, match="did not end within 1 seconds"):
        await backend.scan(timeout=1)
    assert left_running() == []
    assert (await backend.scan()).complete


async def test_an_endless_question_is_cut_off(backend: Backend, slurm_lab: SlurmLab, tmp_path: Path) -> None:
    """Without -i sacctmgr asks on stdout, and floods it where nobody answers: killed at the limit of its output."""
    flood = wrapper(tmp_path, f"exec {slurm_lab.program} -n -P show account where cluster=testcluster")
    with pytest.raises(BackendMisconfiguredError, match="printed more than 1000000 bytes and was killed"):
        await backend.scan(sacctmgr=flood, output_limit=1_000_000)
    assert left_running() == []


async def test_the_scanner_is_never_asked_a_question(backend: Backend, slurm_lab: SlurmLab, tmp_path: Path) -> None:
    """All its commands answer questions beforehand, refuse to write, and ask for each column once."""
    noting = wrapper(tmp_path, f'echo "$*" >>{tmp_path}/starts\nexec {slurm_lab.program} "$@"')
    await backend.scan(sacctmgr=noting, coordinators=True)
    starts = (tmp_path / "starts").read_text().splitlines()
    for start in starts:
        assert start == "--version" or start.startswith("-i -n -P -r show ")
        columns = start.partition("format=")[2].lower().split(",")
        assert len(columns) == len(set(columns)), start
        assert "withdeleted" not in start


async def test_a_token_in_the_environment_is_not_used(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """SLURM_JWT would silently make sacctmgr another user, or nobody."""
    before = await backend.scan()
    monkeypatch.setenv("SLURM_JWT", "garbage")
    assert await backend.scan() == before


async def test_a_cluster_without_accounting_is_misconfigured(backend: Backend, slurm_lab: SlurmLab) -> None:
    """AccountingStorageType=none in slurm.conf: nothing to read, and trying again cannot help."""
    with (
        slurm_lab.configured("accounting_storage/slurmdbd", "accounting_storage/none"),
        pytest.raises(BackendMisconfiguredError, match="supported accounting_storage plugin"),
    ):
        await backend.scan()


async def test_names_that_agree_in_their_first_42_characters(backend: Backend, slurm_lab: SlurmLab) -> None:
    """22.05 refuses the second; 24.11 lets it take over the first one's row, which then shows."""
    first, second = "collision-" + "x" * 32 + "-a", "collision-" + "x" * 32 + "-b"
    slurm_lab.sacctmgr("add", "account", first, "description=one", "organization=tests")
    refused = slurm_lab.refuses("add", "account", second, "description=two", "organization=tests")
    result = await backend.scan()
    resources = {resource.backend_id: resource for resource in result.resources}
    if slurm_lab.release == "22.05":
        assert refused
        assert (first in resources, second in resources) == (True, False)
        assert not resources[first].problems
    else:
        assert not refused
        assert first not in resources
        assert result.absent[first] == f"has no association on the cluster {slurm_lab.cluster}"
        assert any("description missing" in problem for problem in resources[second].problems)
