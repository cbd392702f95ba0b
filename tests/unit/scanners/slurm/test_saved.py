"""Answers that were saved, and dumps, read instead of running sacctmgr."""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from unit.scanners.slurm.fake_sacctmgr import RECORDED, FakeSacctmgr
from unit.scanners.slurm.scanning import found, scan
from waldur_import_agent import __version__
from waldur_import_agent.cli import main
from waldur_import_agent.errors import ExitCode
from waldur_import_agent.scanners.base import BackendMisconfiguredError, BackendUnavailableError, CheckStatus
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


def seal(directory: Path, name: str, content: bytes) -> None:
    """Put another answer into its place, as if it had been saved."""
    summary = json.loads((directory / "scan.json").read_text())
    summary["files"][f"{name}.txt"] |= {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (directory / f"{name}.txt").write_bytes(content)
    (directory / "scan.json").write_text(json.dumps(summary))


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
    assert (summary["agent"], summary["cluster"], summary["version"]) == (__version__, "testcluster", "22.05.8")
    assert set(summary["files"]) == names
    command = [str(sacctmgr.program), "-i", "-n", "-P", "-r", "show", "config"]
    assert summary["files"]["config.txt"]["command"] == command
    for name, file in summary["files"].items():
        content = (saved / name).read_bytes()
        assert (file["size"], file["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
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


async def refused(sacctmgr: FakeSacctmgr, directory: Path, words: str, **settings: Any) -> None:
    """A scan of the saved answers is none, with these words and how to get better ones."""
    with pytest.raises(BackendMisconfiguredError, match=words) as caught:
        await scan(sacctmgr, from_files=directory, **settings)
    assert "waldur-import-agent scan --save" in caught.value.remedy


async def test_what_was_not_asked_then_is_missing(sacctmgr: FakeSacctmgr, tmp_path: Path) -> None:
    """The file is named, and what gives it."""
    await save(sacctmgr, tmp_path / "saved")
    shutil.copy(RECORDED / "qos.out", tmp_path / "saved/qos.txt")
    await refused(sacctmgr, tmp_path / "saved", r"have no qos\.txt: nobody asked `show qos`", limits={"source": "qos"})


@pytest.mark.parametrize("lines", [0, 1, -1])
@pytest.mark.parametrize("name", ["config", "associations", "organizations", "descriptions"])
async def test_a_cut_answer_is_refused(sacctmgr: FakeSacctmgr, tmp_path: Path, name: str, lines: int) -> None:
    """Also where it ends with a whole line: what is missing would be withdrawn."""
    await save(sacctmgr, tmp_path / "saved")
    file = tmp_path / f"saved/{name}.txt"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:lines]))
    await refused(sacctmgr, tmp_path / "saved", rf"{name}\.txt has \d+ bytes, and \d+ were saved")
    file.unlink()
    await refused(sacctmgr, tmp_path / "saved", rf"{name}\.txt cannot be read: No such file")


async def test_a_changed_answer_is_refused(sacctmgr: FakeSacctmgr, tmp_path: Path) -> None:
    """Of the same size."""
    await save(sacctmgr, tmp_path / "saved")
    file = tmp_path / "saved/associations.txt"
    file.write_text(file.read_text().replace("hpc_awk-zero", "hpc_awk-nero"))
    await refused(sacctmgr, tmp_path / "saved", r"associations\.txt was changed after it was saved")


async def test_without_the_summary_nothing_is_read(sacctmgr: FakeSacctmgr, tmp_path: Path) -> None:
    """It is written last; without it, nobody can tell whether the rest is whole. Another one is none."""
    await save(sacctmgr, tmp_path / "saved")
    (tmp_path / "saved/scan.json").write_text('{"cluster": "testcluster"}')
    await refused(sacctmgr, tmp_path / "saved", r"scan\.json is not what `scan --save` writes")
    (tmp_path / "saved/scan.json").unlink()
    await refused(sacctmgr, tmp_path / "saved", r"scan\.json cannot be read: No such file")


async def test_an_answer_to_another_question_is_refused(sacctmgr: FakeSacctmgr, tmp_path: Path) -> None:
    """Without coordinators the list of users has none, and all would be counted as zero."""
    sacctmgr.private("users")
    await save(sacctmgr, tmp_path / "saved")
    words = r"users\.txt is one to another command: .*show user format=User,AdminLevel"
    await refused(sacctmgr, tmp_path / "saved", words, coordinators=True)


async def test_a_save_replaces_the_one_before(sacctmgr: FakeSacctmgr, tmp_path: Path) -> None:
    """Nothing of it stays: no answer that was not asked for now, and no permission for others."""
    await save(sacctmgr, tmp_path / "saved", **EVERYTHING)
    (tmp_path / "saved/notes").touch()
    for file in ("associations.txt", "scan.json"):
        (tmp_path / "saved" / file).chmod(0o644)
    await save(sacctmgr, tmp_path / "saved")
    files = {file.name: file.stat().st_mode & 0o777 for file in (tmp_path / "saved").iterdir()}
    del files["notes"]
    assert files == dict.fromkeys(
        ("config.txt", "associations.txt", "organizations.txt", "descriptions.txt", "scan.json"), 0o600
    )
    assert await scan(sacctmgr, from_files=tmp_path / "saved") == await scan(sacctmgr)


async def test_a_save_that_fails_leaves_the_one_before(sacctmgr: FakeSacctmgr, tmp_path: Path) -> None:
    """Whole and readable, with nothing beside it; where there was none, there is none."""
    await save(sacctmgr, tmp_path / "saved")
    wanted = await scan(sacctmgr)
    before = {file.name: file.read_bytes() for file in (tmp_path / "saved").iterdir()}
    sacctmgr.behave("account-descr", "echo broken >&2; exit 1")
    for directory in ("saved", "new"):
        with pytest.raises(BackendUnavailableError, match="broken"):
            await save(sacctmgr, tmp_path / directory)
    assert {file.name: file.read_bytes() for file in (tmp_path / "saved").iterdir()} == before
    assert await scan(sacctmgr, from_files=tmp_path / "saved") == wanted
    assert not list((tmp_path / "new").iterdir())


async def test_answers_that_cannot_take_their_place_are_told(sacctmgr: FakeSacctmgr, tmp_path: Path) -> None:
    """Somebody made a directory where a file belongs: what is there then is not taken for a save."""
    await save(sacctmgr, tmp_path / "saved")
    (tmp_path / "saved/descriptions.txt").unlink()
    (tmp_path / "saved/descriptions.txt").mkdir()
    with pytest.raises(BackendMisconfiguredError, match=r"cannot be saved as .*/descriptions\.txt: Is a directory"):
        await save(sacctmgr, tmp_path / "saved")
    assert not [file for file in (tmp_path / "saved").iterdir() if file.name.startswith(".")]
    await refused(sacctmgr, tmp_path / "saved", r"scan\.json cannot be read")


async def test_saved_answers_of_another_cluster_are_refused(sacctmgr: FakeSacctmgr, tmp_path: Path) -> None:
    """The error names the one that they are of."""
    await save(sacctmgr, tmp_path / "saved")
    with pytest.raises(BackendMisconfiguredError, match="no cluster puhti; it has: testcluster"):
        await scan(sacctmgr, from_files=tmp_path / "saved", cluster="puhti")


@pytest.mark.parametrize(
    "parts",
    [
        {"config": "private/config-users", "users": "private/user-plain", "associations": "private/assoc-plain"},
        {"associations": ""},
        {"organizations": ""},
    ],
)
async def test_saved_answers_that_were_a_part_are_refused(
    sacctmgr: FakeSacctmgr, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parts: dict[str, str]
) -> None:
    """Whoever saved them had no rights: the user who reads the files is not blamed, and needs no rights."""
    monkeypatch.setattr("waldur_import_agent.scanners.slurm.reading.local_user", lambda: "reader")
    sacctmgr.private("users")
    await save(sacctmgr, tmp_path / "saved")
    for file, recorded in parts.items():
        seal(tmp_path / "saved", file, (RECORDED / f"{recorded}.out").read_bytes() if recorded else b"")
    scanning = scanner(sacctmgr, from_files=tmp_path / "saved")
    with pytest.raises(BackendMisconfiguredError, match="saved by somebody who may not see all") as caught:
        await scanning.scan()
    assert str(tmp_path / "saved") in str(caught.value)
    assert "reader" not in str(caught.value)
    assert "agent's user" not in str(caught.value)
    (failed,) = await scanning.check()
    assert failed.detail == caught.value.args[0]


async def test_a_dump_gives_what_sacctmgr_gives(sacctmgr: FakeSacctmgr) -> None:
    """Names, texts, places, limits, users; accounts without an association are not in it, and that is said."""
    wanted = await found(sacctmgr)
    before = len(sacctmgr.starts)
    assert await found(sacctmgr, from_dump=RECORDED / "dump.out") == wanted
    assert len(sacctmgr.starts) == before
    result = await scan(sacctmgr, from_dump=RECORDED / "dump.out")
    assert "accounts without an association" in result.warnings[0]


async def test_nothing_is_withdrawn_on_the_word_of_a_dump(sacctmgr: FakeSacctmgr, tmp_path: Path) -> None:
    """Nothing marks its end: one that was cut after a whole line looks like any other, and says so."""
    lines = (RECORDED / "dump.out").read_text().splitlines(keepends=True)
    for part in (lines, lines[:-2]):
        (tmp_path / "dump").write_text("".join(part))
        result = await scan(sacctmgr, from_dump=tmp_path / "dump")
        assert result.resources
        assert not result.complete
        assert "nothing marks its end, so it may be a part, and nothing is withdrawn" in result.warnings[0]


async def test_a_dump_that_ends_within_a_line_is_refused(sacctmgr: FakeSacctmgr, tmp_path: Path) -> None:
    """It is certainly cut."""
    (tmp_path / "dump").write_bytes((RECORDED / "dump.out").read_bytes()[:-1])
    with pytest.raises(BackendMisconfiguredError, match="the dump ends in the middle of a line") as caught:
        await scan(sacctmgr, from_dump=tmp_path / "dump")
    assert "sacctmgr dump CLUSTER file=FILE" in caught.value.remedy


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
    assert "1 accounts are not below root in SLURM's answer: a" in result.warnings


async def test_check_reads_the_files(sacctmgr: FakeSacctmgr, tmp_path: Path) -> None:
    """It says what they hold, or why they cannot be read."""
    (good,) = await scanner(sacctmgr, from_dump=RECORDED / "dump.out").check()
    assert (good.name, good.status) == ("dump", CheckStatus.PASS)
    assert "accounts to offer" in good.detail
    (bad,) = await scanner(sacctmgr, from_files=tmp_path / "nothing").check()
    assert (bad.name, bad.status) == ("saved answers", CheckStatus.FAIL)
    assert "scan --save" in bad.remedy


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


async def test_a_pipe_is_no_dump(sacctmgr: FakeSacctmgr, tmp_path: Path) -> None:
    """Whoever opened it would wait for a writer; nor is one of the saved answers."""
    os.mkfifo(tmp_path / "dump")
    with pytest.raises(BackendMisconfiguredError, match="dump cannot be read: it is no regular file"):
        await scan(sacctmgr, from_dump=tmp_path / "dump")
    os.mkfifo(tmp_path / "scan.json")
    with pytest.raises(BackendMisconfiguredError, match=r"scan\.json cannot be read: it is no regular file"):
        await scan(sacctmgr, from_files=tmp_path)
