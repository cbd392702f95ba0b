"""The command scanner: what a program may print, how it may end, and what it is given."""

import asyncio
import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from waldur_import_agent.records import FoundResource, Scan
from waldur_import_agent.scanners.base import (
    BackendError,
    BackendMisconfiguredError,
    BackendUnavailableError,
    Check,
    CheckStatus,
    ScannerSettings,
)
from waldur_import_agent.scanners.command import CommandScanner, CommandSettings
from waldur_import_agent.scanners.inventory import InventorySettings

Program = Callable[[str], Path]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Makes a shell script into a program."""

    def make(script: str) -> Path:
        path = tmp_path / "list-shares"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return make


async def scan(*command: Any, **settings: Any) -> Scan:
    """One scan by a program."""
    block = {"command": [str(word) for word in command], **settings}
    async with CommandScanner(CommandSettings.model_validate(block)) as scanner:
        return await scanner.scan()


async def check(*command: Any, **settings: Any) -> list[Check]:
    """What a check says."""
    block = {"command": [str(word) for word in command], **settings}
    async with CommandScanner(CommandSettings.model_validate(block)) as scanner:
        return list(await scanner.check())


async def test_records_are_taken_from_stdout(program: Program) -> None:
    """In the order of their ids; the last one needs no line break. Arguments are passed as they are, by no shell."""
    path = program('echo "{\\"backend_id\\": \\"$2\\"}"; printf \'{"backend_id": "a", "limits": {"x": null}}\'')
    assert await scan(path, "--all", "b $HOME;*") == Scan(
        (FoundResource("a", "a", "resource", limits={"x": None}), FoundResource("b $HOME;*", "b $HOME;*", "resource"))
    )


async def test_a_last_line_says_that_the_scan_is_partial(program: Program) -> None:
    """With the reason, which is a warning of the scan."""
    line = {"scan": {"complete": False, "warnings": ["share B did not answer"]}}
    found = await scan(program(f"echo '{json.dumps(line)}'"))
    assert found == Scan((), warnings=("share B did not answer",), complete=False)


async def test_bad_lines_are_told_with_their_numbers(program: Program) -> None:
    """Also where pieces of the output end within a line; nothing of the output is used."""
    path = program(
        "printf '{\"backend_id\"'; sleep 0.01; printf ': \"a\"}\\n\\nnonsense\\n'; echo '{\"backend_id\": 1}'"
    )
    with pytest.raises(BackendMisconfiguredError) as caught:
        await scan(path)
    assert str(caught.value).splitlines()[1:] == [
        f"{path}:3: this is not JSON: Expecting value at character 1",
        f"{path}:4: backend_id: a text is needed (put it into quotes)",
    ]


async def test_many_records_come_in_pieces(program: Program) -> None:
    """The output is read while it comes, lines longer than a piece included."""
    script = (
        "import json\nfor n in range(3000): print(json.dumps({'backend_id': f'{n:05}', 'attributes': {'x': 'é' * 50}}))"
    )
    script += "\nprint(json.dumps({'backend_id': 'long', 'name': 'x' * 300_000}))"
    path = program(f"exec {shlex.quote(sys.executable)} -c {shlex.quote(script)}")
    found = (await scan(path)).resources
    assert [resource.backend_id for resource in found] == [f"{number:05}" for number in range(3000)] + ["long"]
    assert {resource.attributes["x"] for resource in found[:-1]} == {"é" * 50}
    assert len(found[-1].name) == 300_000


async def test_no_output_is_not_an_empty_backend(program: Program) -> None:
    """A program that forgot to print would withdraw all records. That there is nothing is said explicitly."""
    with pytest.raises(
        BackendMisconfiguredError, match=r"list-shares:1: nothing was printed; if there really is nothing"
    ):
        await scan(program("true"))
    assert await scan(program('echo \'{"scan": {"complete": true}}\'')) == Scan(())


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (69, BackendUnavailableError, "says that the backend is unavailable (exit code 69): no answer"),
        (75, BackendUnavailableError, "says that the backend is unavailable (exit code 75): no answer"),
        (64, BackendMisconfiguredError, "says that it is not set up rightly (exit code 64): no answer"),
        (77, BackendMisconfiguredError, "says that it is not set up rightly (exit code 77): no answer"),
        (78, BackendMisconfiguredError, "says that it is not set up rightly (exit code 78): no answer"),
        (126, BackendMisconfiguredError, "says that it is not set up rightly (exit code 126): no answer"),
        (127, BackendMisconfiguredError, "says that it is not set up rightly (exit code 127): no answer"),
        (1, BackendError, "failed (exit code 1): no answer"),
        (70, BackendError, "failed (exit code 70): no answer"),
    ],
)
async def test_the_exit_code_says_what_failed(
    program: Program, code: int, kind: type[BackendError], words: str
) -> None:
    """Unavailable is tried again, the others are not; stderr says the reason, and stdout does not count."""
    path = program(f"echo '{{\"backend_id\": \"a\"}}'; echo 'no answer' >&2; exit {code}")
    with pytest.raises(BackendError) as caught:
        await scan(path)
    assert type(caught.value) is kind
    assert caught.value.args[0] == f"{path} {words}"
    assert ("bug" in caught.value.remedy) == (kind is BackendError)


async def test_a_program_that_was_killed_failed(program: Program) -> None:
    """The signal is named; a program that says nothing has that said of it."""
    path = program("kill -9 $$")
    with pytest.raises(BackendError) as caught:
        await scan(path)
    assert caught.value.args[0] == f"{path} failed (killed by signal 9): it wrote nothing to stderr"


async def test_of_many_words_on_stderr_the_last_are_shown(program: Program) -> None:
    """They say why a program gave up; a traceback begins with what is of no use."""
    with pytest.raises(BackendError) as caught:
        await scan(program("yes begin | head -1000 >&2; echo the reason >&2; exit 1"))
    assert caught.value.args[0].endswith("begin\nthe reason")
    assert len(caught.value.args[0]) < 1000


async def test_words_on_stderr_of_a_good_run_are_logged(program: Program, caplog: pytest.LogCaptureFixture) -> None:
    """They do no harm."""
    assert (await scan(program("echo 'b is slow' >&2; echo '{\"backend_id\": \"a\"}'"))).complete
    assert "b is slow" in caplog.text


async def test_a_program_that_is_not_there_is_a_matter_of_configuration(tmp_path: Path) -> None:
    """And one that may not be executed."""
    (tmp_path / "file").write_text("#!/bin/sh\n")
    for path, reason in ((tmp_path / "none", "No such file or directory"), (tmp_path / "file", "Permission denied")):
        with pytest.raises(BackendMisconfiguredError, match=f"could not be started: {reason}. Let scanner.command"):
            await scan(path)


async def test_a_program_that_does_not_end_is_killed(program: Program) -> None:
    """The backend is unavailable then. No argument stands in the error, nor in what led to it: one may be a secret."""
    path = program("sleep 1000")
    with pytest.raises(BackendUnavailableError) as caught:
        await scan(path, "Hunter2", timeout="100ms")
    assert caught.value.args[0] == f"{path} did not end within 0.1 seconds and was killed"
    assert caught.value.__suppress_context__


async def test_a_program_that_floods_is_killed(program: Program) -> None:
    """On stdout beyond the limit that is set, on stderr beyond 1 MiB."""
    for script, limit in (("yes", 1000), ("yes >&2", 1024 * 1024)):
        with pytest.raises(BackendMisconfiguredError) as caught:
            await scan(program(script), "Hunter2", output_limit=1000)
        assert f"printed more than {limit} bytes and was killed" in str(caught.value)
        assert "Hunter2" not in str(caught.value)
        assert caught.value.__suppress_context__


async def test_a_cancelled_scan_leaves_no_process(program: Program, tmp_path: Path) -> None:
    """Not even one that the program started: the pipe that all of them hold is closed."""
    reader = asyncio.StreamReader()
    pipe = tmp_path / "pipe"
    path = program(f"mkfifo {pipe}.made; mv {pipe}.made {pipe}; (sleep 1000) 9>{pipe} & sleep 1000 9>{pipe}")
    task = asyncio.create_task(scan(path))
    async with asyncio.timeout(60):
        while not pipe.exists():  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0.005)
        with pipe.open("rb", buffering=0) as file:  # waits for a writer
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), file)
            assert await reader.read() == b""


async def test_a_program_gets_only_the_variables_that_are_named(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And PATH, HOME, LANG, LC_ALL and TZ, as far as they are set."""
    for name, value in {
        "LANG": "C.UTF-8",
        "LC_ALL": "C",
        "TZ": "UTC",
        "HOME": "/h",
        "S3_KEY": "k",
        "OTHER": "o",
    }.items():
        monkeypatch.setenv(name, value)
    path = program('for name in $(env | cut -d= -f1); do echo "{\\"backend_id\\": \\"$name\\"}"; done')
    found = {resource.backend_id for resource in (await scan(path, environment=["S3_KEY", "UNSET"])).resources}
    assert found - {"PWD", "SHLVL", "_", "OLDPWD"} == {"PATH", "HOME", "LANG", "LC_ALL", "TZ", "S3_KEY"}


async def test_values_of_named_variables_are_no_part_of_an_error(
    program: Program, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A program that prints its password on stderr does not send it to Waldur, or into the log."""
    monkeypatch.setenv("S3_KEY", "Hunter2Hunter2")
    with pytest.raises(BackendError, match=r"wrong key \[secret\]") as caught:
        await scan(program('echo "wrong key $S3_KEY" >&2; exit 1'), environment=["S3_KEY"])
    assert "Hunter2" not in str(caught.value)
    await scan(program('echo "key $S3_KEY" >&2; echo \'{"backend_id": "a"}\''), environment=["S3_KEY"])
    assert "key [secret]" in caplog.text
    assert "Hunter2" not in caplog.text


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ({"command": []}, "at least 1"),
        ({"command": [""]}, "the program needs its whole path"),
        ({"command": ["bin/list"]}, "the program needs its whole path: a daemon runs in another directory than you"),
        ({"command": ["/bin/ls", "a\0"]}, "a NUL character cannot be passed to a program"),
        ({"command": ["ls"], "environment": ["A=b"]}, "names of variables are needed, without values"),
        ({"command": ["ls"], "environment": ["waldur_import_agent__waldur__token"]}, "the agent's own variables"),
        ({"command": ["ls"], "output_limit": 0}, "greater than 0"),
        ({"command": ["ls"], "timeout": 0}, "greater than 0"),
        ({"command": ["ls"], "shell": True}, "Extra inputs"),
    ],
)
def test_settings_that_cannot_work_are_refused(block: dict[str, Any], words: str) -> None:
    """When the configuration is read."""
    with pytest.raises(ValidationError, match=words):
        CommandSettings.model_validate(block)


async def test_a_program_by_its_name_is_looked_for_on_the_path(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As everywhere."""
    path = program('echo \'{"backend_id": "a"}\'')
    monkeypatch.setenv("PATH", f"{path.parent}:/usr/bin:/bin")
    assert len((await scan("list-shares")).resources) == 1


async def test_check_runs_the_program(program: Program) -> None:
    """And says what it printed, that it is not all, or why it failed."""
    path = program('echo \'{"backend_id": "a"}\'')
    assert await check(path) == [Check("command", CheckStatus.PASS, f"{path} printed 1 records")]
    path = program('echo \'{"scan": {"complete": false, "warnings": ["B is down"]}}\'')
    (found,) = await check(path)
    assert (found.status, found.detail) == (
        CheckStatus.WARN,
        f"{path} printed 0 records, and says that they are not all: B is down",
    )
    (found,) = await check(program('echo \'{"scan": {"complete": false}}\''))
    assert found.detail.endswith("it gives no reason")
    (found,) = await check(program("exit 78"))
    assert (found.status, "Mend what it names" in found.remedy) == (CheckStatus.FAIL, True)


async def test_check_warns_of_variables_that_are_not_set(program: Program) -> None:
    """The program would miss them; what it makes of that is told too."""
    warning, found = await check(program("exit 78"), environment=["S3_KEY"])
    assert warning.status == CheckStatus.WARN
    assert warning.detail == "S3_KEY is not set for the agent, so the program does not get it"
    assert found.status == CheckStatus.FAIL


def test_settings_of_another_scanner_are_refused() -> None:
    """A mistake in a composition shows where it is made."""
    other: ScannerSettings = InventorySettings(path=Path("x.csv"))
    with pytest.raises(TypeError, match="the command scanner needs CommandSettings, not InventorySettings"):
        CommandScanner(other)
