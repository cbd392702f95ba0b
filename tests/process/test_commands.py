"""The commands as people and timers run them: results on stdout, the rest on stderr, exit codes with a meaning."""

import os
import stat
import sys
from typing import Any

import pytest

from support.station import Station
from waldur_import_agent.errors import ExitCode
from waldur_import_agent.sandbox import Answer, Fault, requests_to


async def test_run_once_answers_what_is_sent(station: Station) -> None:
    """The single run answers the request, says what was done, names the next command, and ends with 0."""
    request = station.ask()
    ended = await station.run("run", "--once")
    assert (ended.code, request.state) == (ExitCode.OK, "Done")
    assert request.uuid in ended.out
    assert "2 found, 2 reported" in ended.out
    assert "records list" in ended.err
    assert "round finished" in ended.err
    assert "round finished" not in ended.out


async def test_run_once_with_nothing_to_do(station: Station) -> None:
    """Nothing Sent is a success with nothing on stdout."""
    ended = await station.run("run", "--once")
    assert (ended.code, ended.out) == (ExitCode.OK, "")
    assert "no request is Sent" in ended.err


async def test_run_once_as_json(station: Station) -> None:
    """The same result for programs."""
    request = station.ask()
    (report,) = (await station.run("run", "--once", "--output", "json")).json()
    assert report["requests"] == [request.uuid]
    assert report["outcome"] == "done"
    assert report["counts"]["reported"] == 2


async def test_erred_request_shows_in_the_exit_code(station: Station) -> None:
    """A timer must notice that a request ended Erred."""
    station.has("hpc_one", parent="other")
    request = station.ask()
    ended = await station.run("run", "--once")
    assert (ended.code, request.state) == (ExitCode.FAILED, "Erred")
    assert "no rule matches" in ended.out.replace("\n", " ")


async def test_unreachable_waldur(station: Station) -> None:
    """Waldur away: exit code 69 and the reason."""
    station.configure(
        waldur={
            "url": "http://127.0.0.1:9/",
            "token_file": "token",
            "effort": {"read": {"attempts": 1, "within": "5s"}},
        }
    )
    ended = await station.run("run", "--once")
    assert ended.code == ExitCode.UNAVAILABLE
    assert "Waldur could not answer" in ended.err


async def test_refused_token(station: Station) -> None:
    """A token that Waldur does not accept: exit code 77, the remedy, and not the token."""
    (station.directory / "token").write_text("wrong-token-wrong-token")
    ended = await station.run("run", "--once")
    assert ended.code == ExitCode.AUTHENTICATION
    assert "token_file" in ended.err
    assert "wrong-token" not in ended.out + ended.err


async def test_wrong_configuration(station: Station) -> None:
    """All problems of the configuration at once, each with its place; nothing is asked of Waldur."""
    station.config.write_text("waldur:\n  url: ftp://x\n  tokenfile: token\nofferings: []\n")
    ended = await station.run("run", "--once")
    assert ended.code == ExitCode.CONFIGURATION
    assert "config.yaml:2:" in ended.err
    assert "did you mean 'token_file'" in ended.err
    assert "offerings" in ended.err
    assert not station.sandbox.log


async def test_online_check(station: Station) -> None:
    """`config check --online` tells whose the token is, what each source gives, and whether the backend can be read."""
    ended = await station.run("config", "check", "--online")
    assert ended.code == ExitCode.OK
    flat = " ".join(ended.out.split())
    for text in (
        "agent",
        "what the token sees: 1",
        "the offering's resources: 0",
        "the service provider gives no projects",
    ):
        assert text in flat
    for text in ("SLURM cluster", "CUSTOMER.OWNER", "inventory: inventory file"):
        assert text in flat
    assert {entry.method for entry in station.sandbox.log} == {"GET"}


def placing(station: Station, **projects: Any) -> None:
    """The station's offering with these settings of `projects`."""
    offering = {"uuid": station.offering.uuid, "scanner": {"type": "inventory", "path": "inventory.jsonl"}}
    station.configure(offerings=[{**offering, "projects": projects}])


async def test_online_check_of_all_that_places(station: Station) -> None:
    """The directory with its age, the overrides file with its bad lines, the mapping command by running it."""
    (station.directory / "directory.csv").write_text("uuid,slug,exported 2020-01-01T00:00:00+00:00\nx,y,\n")
    (station.directory / "projects.csv").write_text("backend_id,project\n,alpha\nhpc_one,alpha\n")
    command = ["/bin/sh", "-c", "cat > given"]
    placing(
        station,
        directory_file="directory.csv",
        overrides_file="projects.csv",
        mapping_command={"command": command},
    )
    ended = await station.run("config", "check", "--online")
    assert ended.code == ExitCode.OK
    flat = " ".join(ended.out.split())
    assert "the directory file: 0, written " in flat
    for text in ("days ago: newer projects are not in it", "holds no project", "2: uuid: this is not a UUID"):
        assert text in flat
    for text in ("1 lines name a project", "2: no backend_id", "/bin/sh runs, with nothing to map"):
        assert text in flat
    assert (station.directory / "given").read_text() == ""


async def test_online_check_of_what_cannot_place(station: Station) -> None:
    """Each failure beside the others: no readable directory, a mapping command that fails or is not there."""
    (station.directory / "directory.csv").write_text("name\n")
    for command, said in ((["/bin/sh", "-c", "echo nodatabase >&2; exit 3"], "nodatabase"), (["/none"], "/none")):
        placing(station, directory_file="directory.csv", mapping_command={"command": command})
        ended = await station.run("config", "check", "--online")
        assert ended.code == ExitCode.CONFIGURATION
        assert ended.out.count("FAIL") == 2
        flat = " ".join(ended.out.split())
        assert "has no column uuid" in flat
        assert said in flat


async def test_online_check_of_a_token_that_sees_no_project(station: Station) -> None:
    """It is a warning with the ways out, as in each round."""
    station.sandbox.projects.clear()
    ended = await station.run("config", "check", "--online")
    flat = " ".join(ended.out.split())
    assert ended.code == ExitCode.OK
    assert "what the token sees: 0" in flat
    assert "the token can see no project" in flat
    assert "projects export" in flat


async def test_online_check_of_a_broken_site(station: Station) -> None:
    """A refused token has its own exit code; a backend that cannot be read is told in the same table."""
    (station.directory / "token").write_text("wrong-token-wrong-token")
    (station.directory / "inventory.jsonl").unlink()
    ended = await station.run("config", "check", "--online")
    assert ended.code == ExitCode.AUTHENTICATION
    assert ended.out.count("FAIL") == 2
    assert "SKIP" in ended.out
    assert "inventory.jsonl" in ended.out


async def test_wrong_offering_is_told(station: Station) -> None:
    """An offering that the token cannot see is a matter of the configuration, not `nothing to do`."""
    station.sandbox.revoke(station.sandbox.agent, station.offering)
    ended = await station.run("run", "--once", "-o", "json")
    assert ended.code == ExitCode.CONFIGURATION
    (report,) = ended.json()
    assert "cannot see the offering" in report["message"]


async def test_bug_has_its_exit_code_and_shows_no_secret(station: Station) -> None:
    """What nobody expected ends with 70 and a traceback to report, without the token."""
    code = (
        "import sys; from waldur_import_agent import app; from waldur_import_agent.cli import main;"
        "app.open_answerers = lambda configuration, around: (around.redact.add('sesame-sesame'), 1/0);"
        "sesame = 'sesame-sesame'; sys.exit(main(['run', '--once']))"
    )
    ended = await station.run_shell(f'{sys.executable} -c "{code}"')
    assert ended.code == ExitCode.BUG
    assert "this is a bug" in ended.err
    assert "ZeroDivisionError" in ended.err
    assert "sesame-sesame" not in ended.err


async def test_full_disk_behind_stdout_is_told(station: Station) -> None:
    """A result that cannot be written is a failure in one line."""
    ended = await station.run_shell(f"{sys.executable} -m waldur_import_agent scan -o json > /dev/full")
    assert ended.code == ExitCode.FAILED
    assert "No space left" in ended.err
    assert "Traceback" not in ended.err


async def test_terminal_that_knows_no_umlaut(station: Station) -> None:
    """A terminal with another encoding gets a question mark, not a traceback."""
    station.has("hpc_õäö" + "x" * 80)
    ended = await station.run_shell(f"PYTHONIOENCODING=ascii {sys.executable} -m waldur_import_agent scan")
    assert ended.code == ExitCode.OK
    assert "hpc_???" in ended.out


async def test_control_characters_in_errors_do_not_reach_the_terminal(station: Station) -> None:
    """A key of the inventory cannot move the cursor by way of an error message."""
    (station.directory / "inventory.jsonl").write_text('{"backend_id": "a", "\\u001b[31mX": 1}\n')
    ended = await station.run("scan")
    assert ended.code == ExitCode.CONFIGURATION
    assert "\x1b" not in ended.err


async def test_missing_configuration(station: Station) -> None:
    """A configuration that is not there is named."""
    station.config.unlink()
    ended = await station.run("plan")
    assert ended.code == ExitCode.CONFIGURATION
    assert str(station.config) in ended.err


async def test_second_agent_is_locked_out(station: Station) -> None:
    """A second agent on the host for the same offering ends with its own exit code and names the holder."""
    station.gate.holds = lambda method, path: method == "GET" and "requests" in path
    first = await station.start("run")
    await station.gate.reached.wait()
    second = await station.run("run", "--once")
    first.kill()
    await first.communicate()
    assert second.code == ExitCode.LOCKED
    assert f"process {first.pid}" in second.err


async def test_wrong_usage(station: Station) -> None:
    """What the command line does not know ends with 2."""
    assert (await station.run("run", "--twice")).code == ExitCode.USAGE
    assert (await station.run("run", "--allow-withdrawals")).code == ExitCode.USAGE
    assert (await station.run("sandbox", "--port", "99999")).code == ExitCode.USAGE
    assert (await station.run("requests", "create", "--token-file", "x", "--timeout", "-5")).code == ExitCode.USAGE
    assert (await station.run("scan", "--offering", "nonsense")).code == ExitCode.USAGE
    assert (await station.run("requests", "show", "nonsense")).code == ExitCode.USAGE


async def test_scan_shows_what_the_backend_has(station: Station) -> None:
    """`scan` reads the backend alone: Waldur gets no request."""
    ended = await station.run("scan")
    assert ended.code == ExitCode.OK
    assert "hpc_one" in ended.out
    assert "2 found" in ended.err
    assert not station.sandbox.log


async def test_plan_writes_nothing(station: Station) -> None:
    """`plan` shows what would be reported and sends nothing but GET."""
    station.ask()
    ended = await station.run("plan")
    assert ended.code == ExitCode.OK
    assert "report" in ended.out
    assert "Project Alpha" in ended.out
    assert {entry.method for entry in station.sandbox.log} == {"GET"}
    plan = (await station.run("plan", "-o", "json")).json()["plan"]
    assert [wanted["backend_id"] for wanted in plan["report"]] == ["hpc_one", "hpc_two"]


async def test_plan_with_unreachable_backend(station: Station) -> None:
    """A backend that cannot be read ends `plan` with the scanner's words."""
    (station.directory / "inventory.jsonl").write_text("{broken\n")
    ended = await station.run("plan")
    assert ended.code == ExitCode.CONFIGURATION
    assert "inventory.jsonl" in ended.err


async def test_request_from_creation_to_end(station: Station) -> None:
    """Staff create a request and wait; the daemon answers; the command ends with 0 and shows Done."""
    daemon = await station.start("run")
    ended = await station.run("requests", "create", "--wait", "--token-file", str(station.staff_token), "-o", "json")
    daemon.terminate()
    assert (await station.end(daemon)).code == ExitCode.OK
    assert ended.code == ExitCode.OK
    assert ended.json()["state"] == "Done"


async def test_only_staff_may_ask(station: Station) -> None:
    """The agent's own token cannot create requests: the refusal says who may."""
    ended = await station.run("requests", "create", "--token-file", str(station.directory / "token"))
    assert ended.code == ExitCode.FAILED
    assert "only staff may create requests" in ended.err


async def test_waiting_has_an_end(station: Station) -> None:
    """Without an agent `--wait` gives up after its time, with an exit code that says that it is open."""
    ended = await station.run(
        "requests", "create", "--wait", "--timeout", "0", "--token-file", str(station.staff_token)
    )
    assert ended.code == ExitCode.LEFT
    assert "does an agent run" in ended.err


async def test_requests_are_listed_and_shown(station: Station) -> None:
    """`requests list` filters by state; `requests show` has the whole message and traceback."""
    first, second = station.ask(), station.ask()
    station.sandbox.set_erred(first, "the backend\nwas away", "Traceback: all of it")
    listed = await station.run("requests", "list", "--state", "Erred", "--output", "json")
    assert [request["uuid"] for request in listed.json()] == [first.uuid]
    table = (await station.run("requests", "list")).out
    assert table.index(second.uuid) < table.index(first.uuid), "the newest first"
    shown = (await station.run("requests", "show", first.uuid)).out
    assert "was away" in shown
    assert "Traceback: all of it" in shown


async def test_records_are_listed(station: Station) -> None:
    """`records list` shows what Waldur offers for import, and who reported it."""
    station.ask()
    await station.run("run", "--once")
    ended = await station.run("records", "list")
    assert "hpc_one" in ended.out
    assert "default on" in ended.out
    assert "2 records" in ended.err
    assert len((await station.run("records", "list", "-o", "json")).json()) == 2


async def test_several_offerings_need_a_choice(station: Station) -> None:
    """Where several offerings are configured, a command about one asks for it and names them."""
    other = station.sandbox.add_offering("Other", components=())
    scanner = {"type": "inventory", "path": "inventory.jsonl"}
    station.configure(offerings=[{"uuid": uuid, "scanner": scanner} for uuid in (station.offering.uuid, other.uuid)])
    ended = await station.run("records", "list")
    assert ended.code == ExitCode.USAGE
    assert other.uuid in ended.err
    assert (await station.run("records", "list", "--offering", other.uuid)).code == ExitCode.OK


async def test_piped_output_has_no_colours_and_names_cannot_send_control_characters(station: Station) -> None:
    """What goes into a pipe is plain text, and an account's name cannot move a terminal's cursor."""
    station.has("hpc_\u001b[31mred")
    ended = await station.run("scan")
    assert "\x1b" not in ended.out + ended.err
    assert "hpc_�[31mred" in ended.out


async def test_no_secret_in_any_output(station: Station) -> None:
    """Neither token appears anywhere, at the most talkative level and with a Waldur that echoes it."""
    token = station.sandbox.agent_token
    station.sandbox.faults.append(
        Fault(requests_to("POST", "/api/backend-resources/"), Answer(400, {"name": [f"your token is {token}"]}))
    )
    request = station.ask()
    ended = await station.run("--log-level", "debug", "run", "--once")
    assert ended.code == ExitCode.FAILED
    for text in (ended.out, ended.err, request.error_message, request.error_traceback):
        assert token not in text


async def test_state_on_disk_is_private(station: Station) -> None:
    """Journal and state directory are this user's alone."""
    station.ask()
    await station.run("run", "--once")
    assert stat.S_IMODE((station.directory / "state").stat().st_mode) == 0o700
    assert stat.S_IMODE((station.directory / "state" / "journal.sqlite3").stat().st_mode) == 0o600


async def test_demo(station: Station) -> None:
    """The demo shows the states, the plan with each kind of outcome, what Waldur lists, and the next command."""
    ended = await station.run("demo")
    assert ended.code == ExitCode.OK
    for word in ("Sent", "Processing", "Done", "report", "keep", "unplaced", "skip", "Waldur offers for import"):
        assert word in ended.out
    assert "waldur_import_agent sandbox` serves the same Waldur" in ended.err
    data = (await station.run("demo", "--output", "json")).json()
    assert data["request"]["state"] == "Done"
    assert len(data["records"]) == len(data["plan"]["report"])


async def test_sandbox_command_can_be_worked_with(station: Station) -> None:
    """The sandbox writes a configuration with which the other commands work, and ends at SIGTERM leaving nothing."""
    sandbox = await station.start("sandbox", "--port", "0")
    assert sandbox.stdout is not None
    lines = []
    while not (lines and "Ctrl-C" in lines[-1]):
        lines.append((await sandbox.stdout.readline()).decode())
    config = next(line.split("=", 1)[1].strip() for line in lines if "WALDUR_IMPORT_AGENT_CONFIG=" in line)
    directory = os.path.dirname(config)  # noqa: PTH120 - a text from a command's output
    created = await station.run("requests", "create", "-c", config, "--token-file", f"{directory}/staff-token")
    once = await station.run("run", "--once", "-c", config)
    listed = await station.run("records", "list", "-c", config, "-o", "json")
    sandbox.terminate()
    assert (await station.end(sandbox)).code == ExitCode.OK
    assert (created.code, once.code) == (ExitCode.OK, ExitCode.OK)
    assert len(listed.json()) > 5
    assert not os.path.exists(directory)  # noqa: PTH110, ASYNC240 - one look


async def test_reader_that_goes_away_is_no_crash(station: Station) -> None:
    """`waldur-import-agent ... | head -1` ends without a traceback."""
    station.has(*(f"hpc_{number:05}" for number in range(5000)))
    ended = await station.run_shell(f"{sys.executable} -m waldur_import_agent scan -o json | head -1")
    assert ended.out == "{\n"
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    "command",
    ["run", "scan", "plan", "explain", "projects", "requests", "records", "config", "scanners", "sandbox", "demo"],
)
async def test_every_command_has_help(station: Station, command: str) -> None:
    """Help is on stdout and says what the command is for."""
    ended = await station.run(command, "--help")
    assert ended.code == ExitCode.OK
    assert f"waldur-import-agent {command}" in ended.out
