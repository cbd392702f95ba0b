"""Answers that were saved, and dumps, read instead of running sacctmgr."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from unit.scanners.slurm.fake_sacctmgr import RECORDED, FakeSacctmgr
from unit.scanners.slurm.scanning import found, scan
from waldur_import_agent.cli import main
from waldur_import_agent.errors import ExitCode
from waldur_import_agent.scanners.base import BackendMisconfiguredError, CheckStatus
from waldur_import_agent.scanners.slurm import SlurmScanner
from waldur_import_agent.scanners.slurm.settings import SlurmSettings

EVERYTHING: dict[str, Any] = {"coordinators": True, "user_names": True, "limits": {"source": "qos"}}


def scanner(sacctmgr: FakeSacctmgr, **settings: Any) -> SlurmScanner:
    """A scanner of the recorded cluster."""
    block = {"cluster": "testcluster", "sacctmgr": sacctmgr.program, **settings}
    return SlurmScanner(SlurmSettings.model_validate(block))


async def save(sacctmgr: FakeSacctmgr, directory: Path, **settings: Any) -> None:
    """One scan whose answers are saved."""
    saving = scanner(sacctmgr, **settings)
    saving.save_answers(directory)
    await saving.scan()


@pytest.mark.parametrize("settings", [{}, EVERYTHING])
async def test_saved_answers_give_the_same_scan(
    sacctmgr: FakeSacctmgr, tmp_path: Path, settings: dict[str, Any]
) -> None:
    """Without a start of sacctmgr, whatever was asked for."""
    wanted = await scan(sacctmgr, **settings)
    await save(sacctmgr, tmp_path / "saved", **settings)
    before = len(sacctmgr.starts)
    assert await scan(sacctmgr, **settings, from_files=tmp_path / "saved") == wanted
    assert len(sacctmgr.starts) == before


async def test_the_slower_read_is_saved_too(sacctmgr: FakeSacctmgr, tmp_path: Path) -> None:
    """Where the fast one gave no tree: the support case is the same again."""
    sacctmgr.answer("assoc", sacctmgr.recorded("assoc").replace("1|1|186|", "1|1|18|"))
    await save(sacctmgr, tmp_path / "saved")
    result = await scan(sacctmgr, from_files=tmp_path / "saved")
    assert result == await scan(sacctmgr)
    assert result.warnings


async def test_one_file_for_each_read_and_a_summary(sacctmgr: FakeSacctmgr, tmp_path: Path) -> None:
    """Byte for byte what sacctmgr printed, with the commands; only the owner may read it, since it has users' names."""
    await save(sacctmgr, tmp_path / "new/saved")
    saved = tmp_path / "new/saved"
    names = {"config.txt", "associations.txt", "organizations.txt", "descriptions.txt"}
    assert {file.name for file in saved.iterdir()} == {*names, "scan.json"}
    assert (saved / "associations.txt").read_bytes() == (RECORDED / "assoc.out").read_bytes()
    summary = json.loads((saved / "scan.json").read_text())
    assert (summary["cluster"], summary["version"]) == ("testcluster", "22.05.8")
    assert set(summary["commands"]) == names
    assert summary["commands"]["config.txt"] == [str(sacctmgr.program), "-i", "-n", "-P", "-r", "show", "config"]
    assert summary["time"]
    assert saved.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in saved.iterdir()} == {0o600}


async def test_what_may_be_a_password_is_not_saved(sacctmgr: FakeSacctmgr, tmp_path: Path) -> None:
    """Whatever `show config` has there; the rest of it is saved as it is."""
    sacctmgr.answer("config", sacctmgr.recorded("config").replace("/run/slurm/munge.sock", "Hunter2"))
    await save(sacctmgr, tmp_path)
    lines = (tmp_path / "config.txt").read_text().splitlines()
    assert "AccountingStoragePass  = (not saved)" in lines
    assert not [line for line in lines if line.startswith("AccountingStoragePass") and "Hunter2" in line]
    assert len(lines) == len(sacctmgr.recorded("config").splitlines())


async def test_what_cannot_be_saved_is_told(sacctmgr: FakeSacctmgr, tmp_path: Path) -> None:
    """A file is where the directory should be."""
    (tmp_path / "file").touch()
    with pytest.raises(BackendMisconfiguredError, match="cannot be saved as") as caught:
        await save(sacctmgr, tmp_path / "file")
    assert "--save" in caught.value.remedy


async def test_a_missing_answer_names_the_command(sacctmgr: FakeSacctmgr, tmp_path: Path) -> None:
    """So that somebody else can run it."""
    await save(sacctmgr, tmp_path / "saved")
    with pytest.raises(BackendMisconfiguredError, match=r"qos\.txt cannot be read: No such file") as caught:
        await scan(sacctmgr, from_files=tmp_path / "saved", limits={"source": "qos"})
    assert "sacctmgr -i -n -P -r show qos format=" in caught.value.remedy


async def test_a_cut_answer_is_refused(sacctmgr: FakeSacctmgr, tmp_path: Path) -> None:
    """All that sacctmgr prints ends with a line break."""
    await save(sacctmgr, tmp_path / "saved")
    file = tmp_path / "saved/descriptions.txt"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(BackendMisconfiguredError, match="ends in the middle of a line"):
        await scan(sacctmgr, from_files=tmp_path / "saved")


async def test_saved_answers_of_another_cluster_are_refused(sacctmgr: FakeSacctmgr, tmp_path: Path) -> None:
    """The error names the one that they are of."""
    await save(sacctmgr, tmp_path / "saved")
    with pytest.raises(BackendMisconfiguredError, match="no cluster puhti; it has: testcluster"):
        await scan(sacctmgr, from_files=tmp_path / "saved", cluster="puhti")
    (tmp_path / "saved/associations.txt").write_text("")
    with pytest.raises(BackendMisconfiguredError, match="does not show the agent the account root"):
        await scan(sacctmgr, from_files=tmp_path / "saved")


async def test_saved_answers_that_were_a_part_are_refused(sacctmgr: FakeSacctmgr, tmp_path: Path) -> None:
    """Whoever saved them had no rights; what the reader of the files is does not matter."""
    await save(sacctmgr, tmp_path / "saved")
    for file, recorded in (("config", "config-users"), ("users", "user-plain"), ("associations", "assoc-plain")):
        (tmp_path / f"saved/{file}.txt").write_text((RECORDED / f"private/{recorded}.out").read_text())
    with pytest.raises(BackendMisconfiguredError, match="only a part of the accounts"):
        await scan(sacctmgr, from_files=tmp_path / "saved")


async def test_a_dump_gives_what_sacctmgr_gives(sacctmgr: FakeSacctmgr) -> None:
    """Names, texts, places, limits, users; accounts without an association are not in it, and that is said."""
    wanted = await found(sacctmgr)
    before = len(sacctmgr.starts)
    assert await found(sacctmgr, from_dump=RECORDED / "dump.out") == wanted
    assert len(sacctmgr.starts) == before
    result = await scan(sacctmgr, from_dump=RECORDED / "dump.out")
    assert "accounts without an association" in result.warnings[0]
    assert result.complete


async def test_a_dumps_coordinators_are_those_that_it_names(sacctmgr: FakeSacctmgr) -> None:
    """Where they are asked for."""
    accounts = await found(sacctmgr, from_dump=RECORDED / "dump.out", coordinators=True)
    assert accounts["hpc_awk-coord"].attributes["coordinators_count"] == 2


CLUSTER = "Cluster - 'c':Fairshare=1:QOS='normal'\nParent - 'root'\n"


@pytest.mark.parametrize(
    ("lines", "doubtful"),
    [
        ("Account - 'a':Description='it's':Organization='o \"x'y':Fairshare=1\n", []),
        ("Account - 'a':Description='x':Organization='y':DefaultQOS='q':Fairshare=1:QOS='q,r'\n", []),
        ("Account - 'a':Description='x\nmore: 'z\n':Organization='y':Fairshare=1:GrpTRES=gres/gpu:a=1\n", []),
        ("Account - 'a':Description='x':Organization='y':Fairshare=5':Fairshare=1\n", ["a"]),
        ("Account - 'a':Description='x':Organization='y':QOS='q':Fairshare=1\n", ["a"]),
        ("Account - 'a':Description='x':Organization='z':Organization='y':Fairshare=1\n", ["a"]),
        (
            (
                "Account - 'a':Description='x':Organization='y':Fairshare=1\n"
                "Account - 'b':Description='x\nAccount - 'a':Fairshare=1\n':Organization='y':Fairshare=1\n"
            ),
            ["a", "b"],
        ),
    ],
)
async def test_a_text_that_looks_like_a_key_is_a_problem_of_its_account(
    sacctmgr: FakeSacctmgr, tmp_path: Path, lines: str, doubtful: list[str]
) -> None:
    """A dump escapes nothing, and quotes come through slurmrestd."""
    (tmp_path / "dump").write_text(CLUSTER + lines)
    result = await scan(sacctmgr, cluster="c", from_dump=tmp_path / "dump")
    assert [resource.backend_id for resource in result.resources if resource.problems] == doubtful
    assert "a" in {resource.backend_id for resource in result.resources}


async def test_a_dump_of_another_cluster_and_another_file_are_refused(sacctmgr: FakeSacctmgr, tmp_path: Path) -> None:
    """With what it is, and what to do."""
    with pytest.raises(BackendMisconfiguredError, match="the dump is of the cluster testcluster, not of puhti"):
        await scan(sacctmgr, cluster="puhti", from_dump=RECORDED / "dump.out")
    with pytest.raises(BackendMisconfiguredError, match="the dump has no line for a cluster"):
        await scan(sacctmgr, from_dump=RECORDED / "qos.out")
    with pytest.raises(BackendMisconfiguredError, match="cannot be read: No such file"):
        await scan(sacctmgr, from_dump=tmp_path / "nothing")
    (tmp_path / "dump").write_text("Cluster - 'c\n")
    with pytest.raises(BackendMisconfiguredError, match="this line of the dump cannot be read"):
        await scan(sacctmgr, from_dump=tmp_path / "dump")


async def test_a_dump_that_lacks_a_parent_is_incomplete(sacctmgr: FakeSacctmgr, tmp_path: Path) -> None:
    """Somebody cut it."""
    (tmp_path / "dump").write_text(
        CLUSTER + "Parent - 'gone'\nAccount - 'a':Description='x':Organization='y':Fairshare=1\n"
    )
    result = await scan(sacctmgr, cluster="c", from_dump=tmp_path / "dump")
    assert not result.complete
    assert "account a: it is not below root in sacctmgr's answer" in result.warnings


async def test_check_reads_the_files(sacctmgr: FakeSacctmgr, tmp_path: Path) -> None:
    """It says what they hold, or why they cannot be read."""
    (good,) = await scanner(sacctmgr, from_dump=RECORDED / "dump.out").check()
    assert (good.name, good.status) == ("dump", CheckStatus.PASS)
    assert "accounts to offer" in good.detail
    (bad,) = await scanner(sacctmgr, from_files=tmp_path / "nothing").check()
    assert (bad.name, bad.status) == ("saved answers", CheckStatus.FAIL)
    assert "show config" in bad.remedy


@pytest.fixture
def configuration(sacctmgr: FakeSacctmgr, tmp_path: Path) -> Path:
    """A configuration with the recorded cluster, and another offering whose scanner saves nothing."""
    (tmp_path / "storage.jsonl").touch()
    slurm = {"type": "slurm", "cluster": "testcluster", "sacctmgr": str(sacctmgr.program)}
    rules = {"rules": [{"from": "parent", "match": "(?P<slug>.+)", "value": "{slug}"}]}
    offerings = [
        {"uuid": f"{number:032}", "scanner": block, "projects": rules}
        for number, block in enumerate((slurm, {"type": "inventory", "path": "storage.jsonl"}))
    ]
    waldur = {"url": "https://waldur.example.com/", "token": "x" * 20}
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump({"waldur": waldur, "offerings": offerings}))
    file.chmod(0o600)
    return file


def test_the_command_scan_saves(configuration: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And says where, and what is in it."""
    command = ["scan", "--config", str(configuration), "--offering", f"{0:032}", "--save", str(tmp_path / "saved")]
    assert main(command) == ExitCode.OK
    assert (tmp_path / "saved/scan.json").exists()
    printed = capsys.readouterr()
    assert "users' names" in printed.out + printed.err


def test_the_command_scan_saves_nothing_that_is_no_answer(
    configuration: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another scanner, and one that reads saved answers itself."""
    command = ["scan", "--config", str(configuration), "--save", str(tmp_path / "saved"), "--offering"]
    assert main([*command, f"{1:032}"]) == ExitCode.USAGE
    assert "the scanner inventory cannot save its answers" in capsys.readouterr().err
    configuration.write_text(configuration.read_text().replace("cluster: testcluster", "from_dump: dump"))
    assert main([*command, f"{0:032}"]) == ExitCode.CONFIGURATION
    assert "nothing to save" in capsys.readouterr().err
    assert not (tmp_path / "saved").exists()
