"""Where the token comes from, when it is read again, and that nothing shows it."""

import logging
import os
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from unit.scanners.slurmrestd.conftest import Cluster
from unit.scanners.slurmrestd.scanning import jwt, scan, scanner, token_file
from waldur_import_agent.scanners.base import (
    BackendMisconfiguredError,
    BackendUnavailableError,
    CheckStatus,
    ReadsSecrets,
)
from waldur_import_agent.scanners.slurmrestd import token as token_module
from waldur_import_agent.system import read_in_thread

BOTH = pytest.mark.parametrize("cluster", ["v0.0.38", "v0.0.42"], indirect=True, ids=["22.05", "24.11"])


def program(directory: Path, lines: str) -> str:
    """A program of these lines of shell."""
    file = directory / "scontrol"
    file.write_text(f"#!/bin/sh\n{lines}\n")
    file.chmod(0o755)
    return str(file)


@pytest.fixture
def with_command(cluster: Cluster, tmp_path: Path) -> Callable[[str], dict[str, Any]]:
    """Settings with a command of these lines of shell in place of the file."""

    def settings(lines: str) -> dict[str, Any]:
        command = [program(tmp_path, lines), "token"]
        return {**cluster.settings, "token_file": None, "token_command": command}

    return settings


async def test_both_headers_are_sent(cluster: Cluster, tmp_path: Path) -> None:
    """22.05 takes no token without the name of its user, which the token itself tells."""
    token = jwt("someone")
    await scan(**{**cluster.settings, "token_file": token_file(tmp_path, token)})
    for headers in cluster.answers.headers:
        assert headers["X-SLURM-USER-NAME"] == "someone"
        assert headers["X-SLURM-USER-TOKEN"] == token
        assert headers["Accept"] == "application/json"


async def test_the_user_of_the_settings_wins(cluster: Cluster) -> None:
    """For tokens of others than SLURM, which have the name elsewhere."""
    await scan(**cluster.settings, user="operator")
    assert cluster.answers.headers[-1]["X-SLURM-USER-NAME"] == "operator"


@pytest.mark.parametrize("token", [jwt(None), "opaque", "a.!!!.c", "a.WzFd.c"])
async def test_a_token_that_names_no_user_is_sent_alone(cluster: Cluster, tmp_path: Path, token: str) -> None:
    """Newer releases need no more."""
    await scan(**{**cluster.settings, "token_file": token_file(tmp_path, token)})
    assert "X-SLURM-USER-NAME" not in cluster.answers.headers[-1]


async def test_the_file_is_read_again_in_each_scan(cluster: Cluster, tmp_path: Path) -> None:
    """It may be replaced at any time; with and without SLURM_JWT= and blanks."""
    first, second = jwt("one"), jwt("two")
    file = token_file(tmp_path, first)
    async with scanner(**{**cluster.settings, "token_file": file}) as entered:
        await entered.scan()
        file.write_text(f"  {second} \nanother line\n")
        await entered.scan()
    sent = [headers["X-SLURM-USER-TOKEN"] for headers in cluster.answers.headers]
    assert sent == [first] * 3 + [second] * 2


@BOTH
async def test_a_refused_token_is_read_again_at_once(
    cluster: Cluster, with_command: Callable[[str], dict[str, Any]], tmp_path: Path
) -> None:
    """It may have expired since the scan began: the command is run once more, and the scan goes on."""
    old, new = jwt("old"), jwt("new")
    cluster.answers.tokens = {new}
    (tmp_path / "next").write_text(f"SLURM_JWT={new}\n")
    lines = f"cd '{tmp_path}'; [ -e ran ] || {{ touch ran; echo SLURM_JWT={old}; exit; }}; cat next"
    assert (await scan(**with_command(lines))).complete
    sent = [headers["X-SLURM-USER-TOKEN"] for headers in cluster.answers.headers]
    assert sent == [old, old, new, new]


@BOTH
@pytest.mark.parametrize("failure", ["token-refused", "no-token"])
async def test_a_token_that_stays_refused_needs_a_person(cluster: Cluster, failure: str, tmp_path: Path) -> None:
    """What is refused, whose it is and since when it is over; asked once. It looks like a database that is down."""
    token = jwt("someone", expires=1_000_000_000)
    cluster.answers.fail("accounts/", failure)
    file = token_file(tmp_path, token)
    with pytest.raises(BackendMisconfiguredError) as raised:
        await scan(**{**cluster.settings, "token_file": file})
    words = (
        f"SLURM does not accept the token of the user someone from scanner.token_file {file}, which expired 2001-09-09"
    )
    assert words in str(raised.value)
    assert "scontrol token" in raised.value.remedy
    assert token not in str(raised.value)
    assert len(cluster.answers.asked) == 2


async def test_another_token_that_is_refused_too_is_not_asked_for_a_third_time(
    cluster: Cluster, with_command: Callable[[str], dict[str, Any]], tmp_path: Path
) -> None:
    """A command makes a new one each time, and none may be accepted."""
    cluster.answers.tokens = {"another"}
    lines = f"echo x >>'{tmp_path}/runs'; echo SLURM_JWT=token$(wc -l <'{tmp_path}/runs')"
    with pytest.raises(BackendMisconfiguredError, match=r"SLURM does not accept the token from scanner\.token_command"):
        await scan(**with_command(lines))
    assert (tmp_path / "runs").read_text() == "x\nx\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "its first line is empty"),
        ("SLURM_JWT=\n", "its first line is empty"),
        ("Bearer abc", "a blank or an unusual"),
    ],
)
async def test_a_file_without_a_token(cluster: Cluster, tmp_path: Path, text: str, words: str) -> None:
    """Said with the file's name and not with what is in it."""
    file = tmp_path / "other"
    file.write_text(text)
    with pytest.raises(BackendMisconfiguredError, match=words) as raised:
        await scan(**{**cluster.settings, "token_file": file})
    assert str(file) in str(raised.value)
    assert "abc" not in str(raised.value)


async def test_a_file_that_is_not_there(cluster: Cluster, tmp_path: Path) -> None:
    """A person has to mend it; check() says the same."""
    settings = {**cluster.settings, "token_file": tmp_path / "nowhere"}
    with pytest.raises(BackendMisconfiguredError, match=r"nowhere cannot be read: No such file or directory"):
        await scan(**settings)
    checks = await scanner(**settings).check()
    assert [(check.name, check.status) for check in checks] == [("token", CheckStatus.FAIL)]
    assert cluster.answers.asked == []


@pytest.mark.parametrize(
    ("lines", "kind", "words"),
    [
        ("echo 'Invalid user id' >&2; exit 1", BackendMisconfiguredError, "exit code 1: Invalid user id"),
        ("echo 'Unable to contact slurm controller' >&2; exit 1", BackendUnavailableError, "contact slurm controller"),
        ("exit 3", BackendUnavailableError, "exit code 3: it gave no reason"),
        ("yes token", BackendUnavailableError, "printed more than 65536 bytes"),
    ],
)
async def test_a_command_that_fails(
    with_command: Callable[[str], dict[str, Any]], lines: str, kind: type[Exception], words: str
) -> None:
    """In its own words from stderr, never with what it printed."""
    with pytest.raises(kind, match=words):
        await scan(**with_command(lines))


async def test_a_command_that_is_not_there(cluster: Cluster) -> None:
    """A person has to mend it."""
    settings = {**cluster.settings, "token_file": None, "token_command": ["/nonexistent/scontrol", "token"]}
    with pytest.raises(BackendMisconfiguredError, match="/nonexistent/scontrol could not be started"):
        await scan(**settings)


async def test_a_command_gets_no_secret_of_the_agent(
    with_command: Callable[[str], dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor a SLURM_JWT, which would make scontrol another user."""
    monkeypatch.setenv("SLURM_JWT", "stranger")
    monkeypatch.setenv("WALDUR_IMPORT_AGENT__WALDUR__TOKEN", "secret")
    lines = "env | grep -q -e SLURM_JWT -e WALDUR && exit 1; echo SLURM_JWT=token"
    assert (await scan(**with_command(lines))).complete


async def test_nothing_shows_the_token(cluster: Cluster, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither checks nor logs, nor the exceptions behind an error."""
    token = jwt("someone")
    caplog.set_level(logging.DEBUG, "httpx")
    settings = {**cluster.settings, "token_file": token_file(tmp_path, token)}
    checks = await scanner(**settings).check()
    cluster.answers.fail("accounts/", "token-refused")
    with pytest.raises(BackendMisconfiguredError) as raised:
        await scan(**settings)
    shown = f"{checks} {caplog.text} {raised.value!r} {raised.value.__cause__!r} {scanner(**settings)!r}"
    assert token not in shown
    assert token.rpartition(".")[2] not in shown


async def test_check_says_until_when_the_token_is_valid(cluster: Cluster) -> None:
    """Whose it is, from where, and when somebody has to make a new one."""
    cluster.answers.record("account/root", cluster.answers.recorded("accounts/"))
    checks = await scanner(**cluster.settings).check()
    assert checks[0].detail.startswith("the token of the user agent from scanner.token_file ")
    assert checks[0].detail.endswith(", which expires 2096-10-02 07:06 UTC can be read")


async def test_a_pipe_is_no_token_file(cluster: Cluster, tmp_path: Path) -> None:
    """Whoever opened it would wait for a writer."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BackendMisconfiguredError, match="pipe cannot be read: it is no regular file"):
        await scan(**{**cluster.settings, "token_file": tmp_path / "pipe"})


async def test_a_file_server_that_hangs_may_answer_later(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has to correct a setting."""
    answers = threading.Event()
    monkeypatch.setattr(token_module, "open_regular", lambda path: answers.wait())
    monkeypatch.setattr(token_module, "read_in_thread", partial(read_in_thread, seconds=0.01))
    try:
        with pytest.raises(BackendUnavailableError, match="its file system did not answer"):
            await scan(**{**cluster.settings, "token_file": token_file(tmp_path)})
    finally:
        answers.set()


async def test_each_token_is_told_for_the_logs(cluster: Cluster, tmp_path: Path) -> None:
    """Before it is used, in a scan, in a check, and when it is read again."""
    old, new = jwt("old"), jwt("new")
    file = token_file(tmp_path, old)
    told: list[tuple[str, int]] = []
    made = scanner(**{**cluster.settings, "accounts": {"select": "all"}, "token_file": file})
    assert isinstance(made, ReadsSecrets)
    made.tell_secrets(lambda secret: told.append((secret, len(cluster.answers.asked))))
    await made.check()
    asked = len(cluster.answers.asked)
    cluster.answers.tokens = {new}
    with pytest.raises(BackendMisconfiguredError, match="does not accept"):
        await made.scan()
    file.write_text(new)
    await made.scan()
    assert [secret for secret, _ in told] == [old, old, old, new]
    assert [before for _, before in told[:2]] == [0, asked]
