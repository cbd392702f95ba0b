"""The staff's side: listing, importing, explaining, and ending stuck requests, as a person runs them."""

import asyncio
import os
import pty
import random
import re
import signal
import sys
from typing import Any

import pytest

from support.station import Ended, Station
from waldur_import_agent.errors import ExitCode
from waldur_import_agent.sandbox import Answer, Fault, requests_to

ACCOUNTS = 60


@pytest.fixture
async def reported(station: Station) -> Station:
    """A station whose agent has reported 60 accounts."""
    station.has(*(f"hpc_{number:02}" for number in range(ACCOUNTS)))
    station.ask()
    assert (await station.run("run", "--once")).code == ExitCode.OK
    assert len(station.sandbox.records_of(station.offering)) == ACCOUNTS
    return station


async def importing(station: Station, *arguments: str) -> Ended:
    """`records import` with staff's token and the offering's plan."""
    token = ("--token-file", str(station.staff_token))
    return await station.run("records", "import", "--plan", "Standard", *token, *arguments)


def imported(station: Station) -> list[str]:
    """The ids of all resources, sorted; one that was imported twice is there twice."""
    return sorted(resource.backend_id for resource in station.sandbox.resources.values())


async def test_import_from_preview_to_receipt(reported: Station) -> None:
    """The preview, then one import per record, then the results; a further request reports nothing."""
    dry = await importing(reported, "--dry-run")
    assert dry.code == ExitCode.OK
    assert "hpc_07" in dry.out
    assert "60 records to import into 1 project" in dry.err
    assert not imported(reported)
    ended = await importing(reported, "--yes")
    assert ended.code == ExitCode.OK
    assert "60 imported" in ended.err
    assert "waldur_import_agent requests create" in ended.err
    assert imported(reported) == [f"hpc_{number:02}" for number in range(ACCOUNTS)]
    assert not reported.sandbox.records
    request = reported.ask()
    (report,) = (await reported.run("run", "--once", "-o", "json")).json()
    assert (request.state, report["counts"]["reported"], report["counts"]["kept"]) == ("Done", 0, ACCOUNTS)
    again = await importing(reported, "--yes")
    assert again.code == ExitCode.OK
    assert "0 records to import" in again.err


async def test_nothing_is_imported_without_a_yes(reported: Station) -> None:
    """Without a terminal and without --yes it is refused as wrong usage, and only GET was sent."""
    reported.sandbox.log.clear()
    ended = await importing(reported)
    assert ended.code == ExitCode.USAGE
    assert "add --yes" in ended.err
    assert {entry.method for entry in reported.sandbox.log} == {"GET"}


async def on_a_terminal(station: Station, answer: str, *words: str) -> Ended:
    """Run a command whose standard input is a terminal, at which somebody types `answer`."""
    ours, theirs = pty.openpty()
    try:
        process = await station.start(*words, stdin=theirs)
        os.write(ours, answer.encode())
        return await station.end(process)
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize(("answer", "code", "count"), [("y\n", ExitCode.OK, 1), ("\n", ExitCode.LEFT, 0)])
async def test_confirmation_on_a_terminal(reported: Station, *, answer: str, code: ExitCode, count: int) -> None:
    """A person is asked; anything but yes leaves all as it is, and tells how to go on."""
    token = ("--token-file", str(reported.staff_token))
    ended = await on_a_terminal(
        reported, answer, "records", "import", "--plan", "Standard", *token, "--select", "hpc_07"
    )
    assert "Import 1 record into SLURM cluster with the plan Standard? [y/N]" in ended.err
    assert (ended.code, len(imported(reported))) == (code, count)
    assert ("Nothing was imported. Next: `" in ended.err) == (code == ExitCode.LEFT)


async def test_json_is_asked_for_after_a_preview_too(reported: Station) -> None:
    """Who is asked has seen what it is about, on stderr; stdout has JSON and nothing else."""
    token = ("--token-file", str(reported.staff_token))
    words = ("records", "import", "--plan", "Standard", *token, "--select", "hpc_07", "-o", "json")
    ended = await on_a_terminal(reported, "y\n", *words)
    assert ended.err.index("To become resources of SLURM cluster") < ended.err.index("[y/N]")
    assert [result["outcome"] for result in ended.json()["results"]] == ["imported"]


async def test_selected_records_only(reported: Station) -> None:
    """By a pattern, or by the ids in a file, such as the list that `records list` wrote."""
    assert (await importing(reported, "--yes", "--select", "hpc_0*")).code == ExitCode.OK
    assert len(imported(reported)) == 10
    listed = await reported.run("records", "list", "-o", "csv", "--id", "hpc_1*")
    (reported.directory / "chosen.csv").write_text(listed.out)
    ended = await importing(reported, "--yes", "--from", str(reported.directory / "chosen.csv"), "-o", "json")
    assert ended.code == ExitCode.OK
    assert {result["outcome"] for result in ended.json()["results"]} == {"imported"}
    assert len(imported(reported)) == 20
    (reported.directory / "ids").write_text("hpc_20\nhpc_99\n")
    ended = await importing(reported, "--yes", "--from", str(reported.directory / "ids"))
    assert ended.code == ExitCode.FAILED
    assert "no record has this id" in ended.out
    assert len(imported(reported)) == 21


async def test_selection_that_means_nothing(reported: Station) -> None:
    """A pattern or a file that names nothing is wrong usage, and some of what there is is named."""
    ended = await importing(reported, "--yes", "--select", "hcp_*")
    assert ended.code == ExitCode.USAGE
    assert "'hcp_*' names none" in ended.err
    assert "hpc_00, hpc_01" in ended.err
    assert "and 50 more" in ended.err
    (reported.directory / "ids").write_text("hcp_1\n")
    ended = await importing(reported, "--yes", "--from", str(reported.directory / "ids"))
    assert (ended.code, "first id is 'hcp_1'" in ended.err) == (ExitCode.USAGE, True)
    assert (await importing(reported, "--yes", "--select", "HPC_01")).code == ExitCode.OK
    assert (await importing(reported, "--yes", "--select", "HPC_01")).code == ExitCode.OK, "safe to run again"


async def test_wrong_plan_and_wrong_token(reported: Station) -> None:
    """The plans are named; a token that is not staff's is told before anything is tried."""
    staff = ("--token-file", str(reported.staff_token))
    ended = await reported.run("records", "import", "--plan", "Gold", "--yes", *staff)
    assert (ended.code, "'Standard'" in ended.err) == (ExitCode.USAGE, True)
    agent = ("--token-file", str(reported.directory / "token"))
    ended = await reported.run("records", "import", "--plan", "Standard", "--yes", *agent)
    assert ended.code == ExitCode.AUTHENTICATION
    assert "who is not staff" in ended.err
    assert not imported(reported)


async def test_metadata_are_kept_where_asked_for(reported: Station) -> None:
    """`--metadata` sets at the resource what the import drops."""
    assert (await importing(reported, "--yes", "--metadata", "--select", "hpc_00")).code == ExitCode.OK
    (resource,) = reported.sandbox.resources.values()
    assert resource.backend_metadata["parent"] == "hpc_alpha"
    assert not {"limits", "import_agent"} & set(resource.backend_metadata)


async def test_metadata_after_an_interruption(reported: Station) -> None:
    """A second run of the same command sets what the first one could not; a third has nothing to do."""
    reported.sandbox.faults.append(
        Fault(requests_to("POST", "set_backend_metadata"), Answer(403, {"detail": "No."}), times=1)
    )
    ended = await importing(reported, "--yes", "--metadata", "--select", "hpc_0[01]")
    assert ended.code == ExitCode.FAILED
    ended = await importing(reported, "--yes", "--metadata", "--select", "hpc_0[01]")
    assert ended.code == ExitCode.OK, ended.err
    assert "1 metadata set" in ended.err
    assert "parent" in ended.out
    assert all(resource.backend_metadata for resource in reported.sandbox.resources.values())
    ended = await importing(reported, "--yes", "--metadata", "--select", "hpc_0[01]")
    assert (ended.code, ended.out) == (ExitCode.OK, "")


async def test_rules_of_uniqueness_are_told_before_waldur_applies_them(reported: Station) -> None:
    """What the preview refuses Waldur refuses too: an id that a terminated resource of the provider has."""
    reported.offering.backend_id_rules = {"uniqueness": {"scope": "service_provider"}}
    sibling = reported.sandbox.add_offering("Old cluster")
    alpha = next(iter(reported.sandbox.projects.values()))
    old = reported.sandbox.add_resource(sibling, alpha, "hpc_07", state="Terminated")
    ended = await importing(reported, "--yes", "--select", "hpc_0[67]")
    assert ended.code == ExitCode.FAILED
    assert f"{old.uuid}" in ended.out
    assert "1 refused" in ended.err
    live = [resource.backend_id for resource in reported.sandbox.resources.values() if resource.state == "OK"]
    assert live == ["hpc_06"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_interrupted_and_run_again(reported: Station, *, number: signal.Signals) -> None:
    """A signal lets the record in hand end and tells what is left; run again, each is imported once."""
    process = await _stopped_at(reported, 17)
    process.send_signal(number)
    reported.gate.opened.set()
    ended = await reported.end(process)
    assert ended.code == ExitCode.LEFT
    assert "18 imported, 42 left" in ended.err
    assert f"records import --plan Standard --yes --token-file {reported.staff_token}`;" in ended.err
    assert len(imported(reported)) == 18
    assert (await importing(reported, "--yes")).code == ExitCode.OK
    assert imported(reported) == [f"hpc_{index:02}" for index in range(ACCOUNTS)]


async def test_killed_and_run_again(reported: Station) -> None:
    """SIGKILL at a random place: run again, each is imported once."""
    kill_at = random.randint(0, ACCOUNTS - 1)
    process = await _stopped_at(reported, kill_at)
    process.kill()
    await process.communicate()
    reported.gate.opened.set()
    reported.gate.holds = lambda method, path: False
    assert (await importing(reported, "--yes")).code == ExitCode.OK, f"killed at {kill_at}"
    assert imported(reported) == [f"hpc_{index:02}" for index in range(ACCOUNTS)]


async def _stopped_at(station: Station, count: int) -> asyncio.subprocess.Process:
    """An import that has done `count` records, and whose next one is held on its way to Waldur."""
    seen = 0

    def hold(method: str, path: str) -> bool:
        nonlocal seen
        seen += method == "POST" and "import_resource" in path
        return seen > count

    station.gate.holds = hold
    token = ("--token-file", str(station.staff_token))
    process = await station.start("records", "import", "--plan", "Standard", "--yes", *token)
    await station.gate.reached.wait()
    return process


async def test_refusals_show_in_the_exit_code(reported: Station) -> None:
    """What Waldur refuses is told in its words and ends with 1; the others are imported."""
    record = reported.sandbox.records_of(reported.offering)[3]
    reported.sandbox.faults.append(
        Fault(requests_to("POST", record.uuid), Answer(400, {"backend_id": ["not unique in the group"]}))
    )
    ended = await importing(reported, "--yes")
    assert ended.code == ExitCode.FAILED
    assert "not unique in the group" in ended.out
    assert len(imported(reported)) == ACCOUNTS - 1


async def test_records_list_filters_and_forms(reported: Station) -> None:
    """Patterns for id, name, type and project, a time, and CSV that a spreadsheet takes."""

    async def listed(*arguments: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await reported.run("records", "list", "-o", "json", *arguments)).json()
        return found

    assert [row["backend_id"] for row in await listed("--id", "HPC_07")] == ["hpc_07"]
    assert len(await listed("--name", "hpc_1*", "--project", "project alpha")) == 10
    assert not await listed("--project", "beta")
    assert not await listed("--type", "OpenStack*")
    assert len(await listed("--since", "1h")) == ACCOUNTS
    assert not await listed("--since", "2999-01-01")
    assert (await reported.run("records", "list", "--since", "soon")).code == ExitCode.USAGE
    ended = await reported.run("records", "list", "-o", "csv", "--id", "hpc_07")
    header, row = ended.out.splitlines()
    assert header == "backend_id,name,type,project,project_uuid,limits,reported,by,record"
    assert row.startswith("hpc_07,hpc_07,")
    assert "records import" in ended.err
    assert "records import" in (await reported.run("records", "list")).err


async def test_explain_shows_both_sides(station: Station) -> None:
    """One screen: where it is, the rule, the project, what Waldur has, the next round, the next command; no write."""
    ended = await station.run("explain", "HPC_one")
    assert ended.code == ExitCode.FAILED, "an inventory's ids are compared exactly"
    assert "not found; like it are hpc_one" in ended.out
    station.ask()
    await station.run("run", "--once")
    station.sandbox.log.clear()
    ended = await station.run("explain", "hpc_one")
    assert ended.code == ExitCode.OK
    for text in ("found: ", "below hpc_alpha", "Project Alpha", "rule 1", "Waldur: record", "ours", "next round: keep"):
        assert text in ended.out
    assert "records import --plan PLAN --select hpc_one" in ended.err
    assert {entry.method for entry in station.sandbox.log} == {"GET"}
    assert (await importing(station, "--yes")).code == ExitCode.OK
    data = (await station.run("explain", "hpc_one", "-o", "json")).json()
    assert [said["what"] for said in data["in_waldur"]] == ["resource"]
    assert data["placement"]["project"]["slug"] == "alpha"
    assert data["actions"][0]["why"] == "is a resource already (OK)"


async def test_explain_names_the_next_command_for_what_is_not_placed(station: Station) -> None:
    """What no rule places leads to the worksheet; what is new leads to a request."""
    assert "requests create" in (await station.run("explain", "hpc_one")).err
    station.has("hpc_one", parent="other")
    ended = await station.run("explain", "hpc_one")
    assert "no rule matches" in ended.out
    assert "plan --output csv" in ended.err


async def test_commands_in_texts_can_be_pasted(reported: Station) -> None:
    """They have the configuration, the offering and the staff token's file that the command was given."""
    config = reported.config.rename(reported.directory / "my config.yaml")
    given = ("--config", str(config), "--offering", reported.offering.uuid)
    token = str(reported.staff_token)
    ended = await reported.run("records", "import", "--plan", "Standard", "--token-file", token, "--dry-run", *given)
    next_line = ended.err.splitlines()[-1]
    command = next_line.removeprefix("Next: `").removesuffix("` imports them.")
    assert "--dry-run" not in command
    ended = await reported.run_shell(f"{command} --yes")
    assert ended.code == ExitCode.OK, ended.err
    (command,) = re.findall("`(.*)`", ended.err.splitlines()[-1])
    assert f"requests create --token-file {token} --offering {reported.offering.uuid} --config '{config}'" in command
    ended = await reported.run_shell(command)
    assert ended.code == ExitCode.OK, ended.err
    commands = re.findall("`([^`]*)`", ended.err.splitlines()[-1])
    assert [("--offering" in each, f"--config '{config}'" in each) for each in commands] == [(False, True)] * 2
    for command in commands:
        assert (await reported.run_shell(command)).code == ExitCode.OK


async def test_explain_suggests_the_id_and_nothing_like_it(station: Station) -> None:
    """An id with characters of a pattern is escaped in what is to be pasted."""
    station.has("hpc_[ab]*")
    station.ask()
    await station.run("run", "--once")
    ended = await station.run("explain", "hpc_[ab]*")
    assert "--select 'hpc_[[]ab][*]' " in ended.err


async def test_options_without_effect_are_wrong_usage(station: Station) -> None:
    """--older-than without --stuck, and --state with it."""
    for arguments, said in ((("--older-than", "1h"), "is for --stuck"), (("--stuck", "--state", "Sent"), "--state")):
        ended = await station.run("requests", "list", *arguments)
        assert ended.code == ExitCode.USAGE
        assert said in ended.err


async def test_stuck_requests_are_listed(station: Station) -> None:
    """Only those in Processing for long, with how long, and whether this host's journal has them."""
    station.ask()
    stuck = station.ask()
    station.sandbox.start_processing(stuck)
    assert (await station.run("requests", "list", "--stuck", "-o", "json")).json() == []
    (row,) = (await station.run("requests", "list", "--stuck", "--older-than", "0", "-o", "json")).json()
    assert (row["uuid"], row["journal"]) == (stuck.uuid, "does not have it")
    assert row["seconds"] >= 0
    assert not (station.directory / "state").exists(), "looking makes no journal"
    ended = await station.run("requests", "list", "--stuck", "--older-than", "0")
    assert stuck.uuid in ended.out
    assert f"requests fail {stuck.uuid} --reason" in ended.err


async def test_stuck_request_is_ended(station: Station) -> None:
    """With a yes it is Erred with the reason; without one, or in another state, it is left as it is."""
    request = station.ask()
    fail = ("requests", "fail", request.uuid, "--reason", "the host burnt down")
    ended = await station.run(*fail, "--yes")
    assert (ended.code, request.state) == (ExitCode.FAILED, "Sent")
    assert "is Sent, not in Processing" in ended.err
    station.sandbox.start_processing(request)
    ended = await station.run(*fail)
    assert (ended.code, request.state) == (ExitCode.USAGE, "Processing")
    assert "no agent on another host" in ended.err
    ended = await station.run(*fail, "--yes", "--token-file", str(station.staff_token), "-o", "json")
    assert (ended.code, request.state) == (ExitCode.OK, "Erred")
    assert (ended.json()["state"], request.error_message) == ("Erred", "the host burnt down")
    assert "requests create" in ended.err


async def test_stuck_request_is_left_without_a_yes_on_the_terminal(station: Station) -> None:
    """Anything but yes leaves it in Processing, and tells how to go on."""
    request = station.ask()
    station.sandbox.start_processing(request)
    ended = await on_a_terminal(station, "\n", "requests", "fail", request.uuid, "--reason", "the host burnt down")
    assert (ended.code, request.state) == (ExitCode.LEFT, "Processing")
    assert "requests list --stuck" in ended.err


async def test_request_that_was_ended_meanwhile_is_left(station: Station) -> None:
    """The state is looked at once more just before: what an agent has made Done stays Done."""
    request = station.ask()
    station.sandbox.start_processing(request)
    looks = 0

    def done_before_the_second_look(method: str, path: str) -> bool:
        nonlocal looks
        looks += method == "GET" and request.uuid in path
        if looks == 2 and request.state == "Processing":
            station.sandbox.set_done(request)
        return False

    station.sandbox.faults.append(Fault(done_before_the_second_look))
    ended = await station.run("requests", "fail", request.uuid, "--reason", "x", "--yes")
    assert (ended.code, request.state) == (ExitCode.FAILED, "Done")


async def test_request_that_this_hosts_agent_works_on_is_left_to_it(station: Station) -> None:
    """Refused while the agent runs and the journal has it; once the agent is gone it may be ended."""
    request = station.ask()
    station.gate.holds = lambda method, path: method == "POST" and path == "/api/backend-resources/"
    agent = await station.start("run")
    await station.gate.reached.wait()
    ended = await station.run("requests", "fail", request.uuid, "--reason", "x", "--yes")
    assert (ended.code, request.state) == (ExitCode.LOCKED, "Processing")
    assert f"process {agent.pid}" in ended.err
    other = station.ask()
    station.sandbox.start_processing(other)
    ended = await station.run("requests", "fail", other.uuid, "--reason", "another host's", "--yes")
    assert (ended.code, other.state) == (ExitCode.OK, "Erred"), "the running agent does not have this one"
    agent.kill()
    await agent.communicate()
    (row,) = (await station.run("requests", "list", "--stuck", "--older-than", "0", "-o", "json")).json()
    assert row["journal"] == "has it (claimed, attempt 1)"
    ended = await station.run("requests", "fail", request.uuid, "--reason", "x", "--yes")
    assert (ended.code, request.state) == (ExitCode.OK, "Erred")
    assert "This host's journal has it" in ended.err


async def test_request_is_not_failed_by_who_may_not_look(reported: Station) -> None:
    """A user who cannot read the journal cannot know whether the agent works on the request: it is left."""
    request = reported.ask()
    reported.sandbox.start_processing(request)
    for file in ("config.yaml", "token", "staff-token", "inventory.jsonl"):
        (reported.directory / file).chmod(0o644)
    for parent in (reported.directory, reported.directory.parent, reported.directory.parent.parent):
        parent.chmod(0o755)
    ended = await reported.run_shell(
        f"setpriv --reuid=65534 --regid=65534 --clear-groups {sys.executable} -m waldur_import_agent requests fail "
        f"{request.uuid} --reason x --yes"
    )
    assert ended.code != ExitCode.OK
    assert request.state == "Processing"
    assert "cannot be" in ended.err
