"""How sacctmgr is run, and what its failures mean."""

import re
from pathlib import Path
from typing import Any

import pytest

from unit.scanners.slurm.fake_sacctmgr import RECORDED, FakeSacctmgr
from waldur_import_agent.scanners.base import BackendError, BackendMisconfiguredError, BackendUnavailableError
from waldur_import_agent.scanners.slurm import SlurmScanner
from waldur_import_agent.scanners.slurm.settings import SlurmSettings

MEANING: dict[str, tuple[type[BackendError], str, str]] = {
    # file: what it means, sacctmgr's words, the remedy's words
    "bad-entity": (BackendMisconfiguredError, "No valid entity in list command", "This release of SLURM"),
    "bad-field": (BackendMisconfiguredError, "Unknown field 'nope'", "This release of SLURM"),
    "bad-option": (BackendMisconfiguredError, "unrecognized option", "This release of SLURM"),
    "bad-where": (BackendMisconfiguredError, "Unknown condition", "This release of SLURM"),
    "conf-empty": (BackendMisconfiguredError, "Unable to process configuration file", "set SLURM_CONF"),
    "conf-missing": (BackendMisconfiguredError, "cannot stat file /nonexistent/slurm.conf", "set SLURM_CONF"),
    "conf-unset": (BackendMisconfiguredError, "Could not establish a configuration source", "set SLURM_CONF"),
    "no-accounting": (
        BackendMisconfiguredError,
        "not running a supported accounting_storage",
        "accounting_storage/slurmdbd",
    ),
    "denied": (BackendMisconfiguredError, "Access/permission denied", "`accounts` out of PrivateData"),
    "database-down": (BackendUnavailableError, "Unable to connect to database", "slurmdbd's database"),
    "host-unresolvable": (BackendUnavailableError, "Name or service not known", "can resolve"),
    "munge-down": (BackendUnavailableError, "Munge encode failed", "Start munged"),
    "slurmdbd-down": (BackendUnavailableError, "Connection refused", "Start slurmdbd"),
    "slurmdbd-hung": (BackendUnavailableError, "No response to persist_init", "slurmdbd hangs"),
    "token-expired": (BackendUnavailableError, "Failed to unpack SLURM_PERSIST_INIT", "munge key"),
}


def scanner(sacctmgr: FakeSacctmgr | Path, **settings: Any) -> SlurmScanner:
    """A scanner of the recorded cluster."""
    program = sacctmgr if isinstance(sacctmgr, Path) else sacctmgr.program
    return SlurmScanner(SlurmSettings.model_validate({"cluster": "testcluster", "sacctmgr": program, **settings}))


def recorded_errors() -> list[Path]:
    """What sacctmgr of both releases wrote to stderr."""
    return sorted(RECORDED.glob("errors-*/*.err"))


@pytest.mark.parametrize("recorded", recorded_errors(), ids=lambda path: f"{path.parent.name}/{path.stem}")
async def test_failures_are_told_apart_by_sacctmgrs_words(sacctmgr: FakeSacctmgr, recorded: Path) -> None:
    """Each recorded failure ends the scan with its meaning, sacctmgr's own words, and what to do where one can."""
    meaning, words, remedy = MEANING[recorded.stem]
    sacctmgr.behave("assoc", f"cat '{recorded}' >&2; exit 1")
    with pytest.raises(meaning, match=re.escape(words)) as caught:
        await scanner(sacctmgr).scan()
    assert f"{sacctmgr.program} show assoc wopi withraw cluster=testcluster failed with exit code 1: " in str(
        caught.value
    )
    assert remedy in caught.value.remedy


async def test_a_slurmdbd_that_stops_while_it_answers_may_come_back(sacctmgr: FakeSacctmgr) -> None:
    """Seen with both releases; stdout is empty then."""
    words = "_conn_readable: persistent connection for fd 4 experienced error[104]: Connection reset by peer"
    sacctmgr.behave("assoc", f"echo '{words}' >&2; echo ' Error with request: Connection refused' >&2; exit 1")
    with pytest.raises(BackendUnavailableError, match="reset by peer; Error with request") as caught:
        await scanner(sacctmgr).scan()
    assert "slurmdbd stopped while it answered" in caught.value.remedy


@pytest.mark.parametrize("kind", ["config", "assoc", "account-org", "account-descr", "user-coord", "qos"])
async def test_each_read_must_succeed(sacctmgr: FakeSacctmgr, kind: str) -> None:
    """One failed read fails the scan, whichever it is."""
    sacctmgr.behave(kind, "echo 'that went wrong' >&2; exit 1")
    with pytest.raises(BackendUnavailableError, match="that went wrong"):
        await scanner(sacctmgr, coordinators=True, limits={"source": "qos"}).scan()


async def test_words_on_stderr_are_a_failure_although_the_exit_code_is_zero(sacctmgr: FakeSacctmgr) -> None:
    """The answer may then be empty or a part."""
    sacctmgr.behave("account-org", "echo 'sacctmgr: error: something' >&2")
    with pytest.raises(BackendUnavailableError, match="exit code 0: sacctmgr: error: something"):
        await scanner(sacctmgr).scan()


async def test_an_exit_code_without_words_is_a_failure(sacctmgr: FakeSacctmgr) -> None:
    """A program that was killed says nothing."""
    sacctmgr.behave("account-org", "exit 5")
    with pytest.raises(BackendUnavailableError, match="exit code 5: it gave no reason"):
        await scanner(sacctmgr).scan()


async def test_repeated_and_long_words_are_cut(sacctmgr: FakeSacctmgr) -> None:
    """A text of many equal lines, or of one that is very long, stays readable."""
    sacctmgr.behave("account-org", "for i in 1 2 3; do echo same; done >&2; printf 'x%.0s' $(seq 2000) >&2; exit 1")
    with pytest.raises(BackendUnavailableError) as caught:
        await scanner(sacctmgr).scan()
    assert str(caught.value).count("same") == 1
    assert len(str(caught.value)) < 1000


async def test_an_answer_cut_in_the_middle_of_a_line_is_a_failure(sacctmgr: FakeSacctmgr) -> None:
    """All that sacctmgr prints ends with a line break."""
    sacctmgr.answer("account-org", sacctmgr.recorded("account-org")[:-1])
    with pytest.raises(BackendUnavailableError, match="show account ended in the middle of a line"):
        await scanner(sacctmgr).scan()


async def test_a_program_that_does_not_end_is_killed(sacctmgr: FakeSacctmgr) -> None:
    """The error says how long was waited, and what to look at."""
    sacctmgr.behave("assoc", "sleep 60")
    with pytest.raises(BackendUnavailableError, match=r"did not end within 0\.3 seconds") as caught:
        await scanner(sacctmgr, timeout=0.3).scan()
    assert "slurmdbd" in caught.value.remedy


async def test_endless_output_is_stopped(sacctmgr: FakeSacctmgr) -> None:
    """Sacctmgr can print `Y or N please` for ever: the cap ends it, and trying again would not help."""
    sacctmgr.behave("account-org", "exec yes 'Y or N please'")
    with pytest.raises(BackendMisconfiguredError, match="printed more than 20000 bytes") as caught:
        await scanner(sacctmgr, output_limit=20000).scan()
    assert caught.value.remedy.startswith("Look at what it printed, it began with 'Y or N please'")
    assert "scanner.output_limit" in caught.value.remedy


async def test_a_first_line_without_end_is_not_quoted_whole(sacctmgr: FakeSacctmgr) -> None:
    """Nor are bytes that are no text."""
    sacctmgr.behave("account-org", r"printf '\377'; while :; do printf xxxxxxxx; done")
    with pytest.raises(BackendMisconfiguredError, match="printed more than 20000 bytes") as caught:
        await scanner(sacctmgr, output_limit=20000).scan()
    assert "\\xffxxx" in caught.value.remedy
    assert len(caught.value.remedy) < 500


@pytest.mark.parametrize(("kind", "shell"), [("config", "exec yes"), ("account-org", "exec yes >&2")])
async def test_what_is_short_is_stopped_at_a_mebibyte(sacctmgr: FakeSacctmgr, kind: str, shell: str) -> None:
    """The configuration, and whatever is written to stderr: nothing is gained by keeping more of it."""
    sacctmgr.behave(kind, shell)
    with pytest.raises(BackendMisconfiguredError, match="printed more than 1048576 bytes"):
        await scanner(sacctmgr).scan()


async def test_a_version_is_stopped_at_a_mebibyte(sacctmgr: FakeSacctmgr) -> None:
    """The check asks for it."""
    sacctmgr.behave("version", "exec yes")
    (failed,) = await scanner(sacctmgr).check()
    assert "printed more than 1048576 bytes" in failed.detail


async def test_a_missing_program_is_a_matter_of_configuration(tmp_path: Path) -> None:
    """Trying again cannot help."""
    with pytest.raises(BackendMisconfiguredError, match="could not be started: No such file") as caught:
        await scanner(tmp_path / "sacctmgr").scan()
    assert "scanner.sacctmgr" in caught.value.remedy


async def test_a_program_that_may_not_be_executed_is_a_matter_of_configuration(sacctmgr: FakeSacctmgr) -> None:
    """Trying again cannot help."""
    sacctmgr.program.chmod(0o644)
    with pytest.raises(BackendMisconfiguredError, match="Permission denied"):
        await scanner(sacctmgr).scan()


async def test_a_host_without_free_processes_may_have_one_later(
    sacctmgr: FakeSacctmgr, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the system lacks for a moment is no matter of configuration."""

    async def refuse(*_: Any, **__: Any) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("asyncio.create_subprocess_exec", refuse)
    with pytest.raises(BackendUnavailableError, match="Resource temporarily unavailable"):
        await scanner(sacctmgr).scan()


async def test_a_mistake_in_the_agent_is_not_taken_for_the_backends(
    sacctmgr: FakeSacctmgr, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nobody foresaw comes out as it is, so that it ends with a traceback and not with a wrong remedy."""

    async def fail(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("asyncio.create_subprocess_exec", fail)
    with pytest.raises(ZeroDivisionError):
        await scanner(sacctmgr).scan()


async def test_what_is_not_an_answer_is_a_failure(sacctmgr: FakeSacctmgr) -> None:
    """Text that is no association is never taken for an empty list."""
    sacctmgr.answer("assoc", "Welcome to the login node!\n")
    with pytest.raises(BackendUnavailableError, match="cannot be read: this is not an association: 'Welcome"):
        await scanner(sacctmgr).scan()


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("account-org", "show account cannot be read: this is not the record of an account: 'Welcome"),
        ("qos", "show qos cannot be read: this is not a QOS: 'Welcome"),
    ],
)
async def test_no_other_answer_is_believed_either(sacctmgr: FakeSacctmgr, kind: str, words: str) -> None:
    """Whichever read it is."""
    sacctmgr.answer(kind, "Welcome to the login node!\n")
    with pytest.raises(BackendUnavailableError, match=words):
        await scanner(sacctmgr, limits={"source": "qos"}).scan()


async def test_sacctmgr_is_started_with_its_guards(sacctmgr: FakeSacctmgr, monkeypatch: pytest.MonkeyPatch) -> None:
    """It asks nothing, writes nothing, prints in one locale, and gets no token by the environment."""
    monkeypatch.setenv("SLURM_JWT", "token")
    monkeypatch.setenv("LC_ALL", "et_EE.UTF-8")
    monkeypatch.setenv("WALDUR_IMPORT_AGENT__WALDUR__TOKEN", "sesame")
    await scanner(sacctmgr, coordinators=True).scan()
    assert all(start.startswith("-i -n -P -r show ") for start in sacctmgr.starts)
    assert set(sacctmgr.environments) == {"SLURM_JWT=none LC_ALL=C.UTF-8 own=0"}
