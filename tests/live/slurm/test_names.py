"""Names that look like sacctmgr's own output, on real daemons: SLURM accepts them and escapes nothing."""

import pytest

from live.slurm.conftest import Backend
from live.slurm.slurm_lab import SlurmLab

FORGED = "x\n77|1|testcluster|1|" + "|" * 14 + "|" * 16 + "alloc"
"""An account's name that ends with what looks like a row of `alloc` without limits."""
MEMORY = {"m-t": "2621440M", "m-over-t": "2621952M", "m-one-t": "1049088M", "m-g": "1536M", "m-whole": "1537G"}


@pytest.fixture
def awkward(slurm_lab: SlurmLab) -> SlurmLab:
    """An account with limits, and around it QOS, users and a partition with the delimiter and line breaks."""
    slurm_lab.seed(12)
    for qos in ("a|b", "two\nlines"):
        slurm_lab.sacctmgr("add", "qos", qos)
    for account in ("alloc", "before", "after"):
        slurm_lab.sacctmgr("add", "account", account, "cluster=testcluster", f"description={account}", "organization=o")
        slurm_lab.sacctmgr("modify", "account", account, "set", "GrpTRESMins=cpu=64", "qos=normal,a|b,two\nlines")
    for words in (["u|x"], ["u\nx"], ["plain", "partition=p|q"]):
        slurm_lab.sacctmgr("add", "user", words[0], "account=alloc", "cluster=testcluster", *words[1:])
    return slurm_lab


async def test_delimiters_and_line_breaks_in_any_name(awkward: SlurmLab, backend: Backend) -> None:
    """Each account keeps its limits and its QOS, each member is counted, and the scan is whole."""
    result = await backend.scan()
    found = {resource.backend_id: resource for resource in result.resources}
    for name in ("alloc", "before", "after"):
        assert found[name].limits == {"GrpTRESMins.cpu": 64}
        assert set(str(found[name].attributes["qos"]).split(",")) == {"normal", "a|b", "two\nlines"}
        assert not found[name].problems
    assert found["alloc"].user_count == 3
    assert found["alloc"].attributes["partitions"] == "p|q"
    assert (result.complete, result.warnings) == (True, ())


async def test_a_forged_row_is_not_believed(awkward: SlurmLab, backend: Backend) -> None:
    """Neither it nor the account that it is like is offered, and nothing may be withdrawn."""
    awkward.sacctmgr("add", "account", FORGED, "cluster=testcluster", "description=d", "organization=o")
    result = await backend.scan()
    offered = {resource.backend_id for resource in result.resources}
    assert {"before", "after"} < offered
    assert not {"alloc", "x"} & offered
    assert not result.complete
    assert any("account 'alloc' has 2 rows of its own" in warning for warning in result.warnings)


async def test_a_rounded_memory_is_left_out(awkward: SlurmLab, backend: Backend) -> None:
    """SLURM shows two different amounts as 2.50T; whole numbers and halves of G are exact."""
    for name, memory in MEMORY.items():
        awkward.sacctmgr("add", "account", name, "cluster=testcluster", "description=d", "organization=o")
        awkward.sacctmgr("modify", "account", name, "set", f"GrpTRES=mem={memory}")
    found = await backend.found()
    assert found["m-g"].limits == {"GrpTRES.mem": 1536}
    assert found["m-whole"].limits == {"GrpTRES.mem": 1537 * 1024}
    for name, shown in (("m-t", "2.50T"), ("m-over-t", "2.50T"), ("m-one-t", "1.00T")):
        assert found[name].limits == {}
        assert f"SLURM shows it rounded: '{shown}'" in found[name].problems[0]


async def test_both_texts_in_one_read_are_the_same(
    awkward: SlurmLab, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As is made where the slower read leaves one start only."""
    wanted = await backend.scan()
    monkeypatch.setattr("waldur_import_agent.scanners.slurm.reading.MAX_STARTS", 3)
    assert await backend.scan() == wanted
