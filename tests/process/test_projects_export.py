"""The directory of projects: written with a staff token, read by the agent in place of asking."""

import os
from datetime import UTC, datetime, timedelta

from support.station import Station
from waldur_import_agent.errors import ExitCode


async def test_export_for_an_agent_that_sees_no_project(station: Station) -> None:
    """Staff export all projects; with that file the agent places though its own token sees none, and asks for none."""
    hidden = station.sandbox.add_project(
        "=Hidden", "hidden", backend_id="b-1", customer="Org; Ltd", visible_to_agent=False
    )
    station.sandbox.revoke(station.sandbox.agent, next(iter(station.sandbox.projects.values())))
    path = station.directory / "directory.csv"
    ended = await station.run("projects", "export", "--token-file", "staff-token", "--file", "directory.csv")
    assert (ended.code, ended.out) == (ExitCode.OK, "")
    assert "2 projects" in ended.err
    assert "projects.directory_file" in ended.err
    assert "neither staff nor support" not in ended.err
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    assert lines[0].startswith("uuid,slug,backend_id,name,customer,exported ")
    assert lines[2] == f"{hidden.uuid},hidden,b-1,'=Hidden,Org; Ltd"
    offering = {
        "uuid": station.offering.uuid,
        "scanner": {"type": "inventory", "path": "inventory.jsonl"},
        "projects": {
            "directory_file": "directory.csv",
            "rules": [{"from": "parent", "match": "^hpc_(?P<slug>.+)$", "value": "{slug}"}],
        },
    }
    station.configure(offerings=[offering])
    station.has("one", parent="hpc_hidden")
    request = station.ask()
    station.sandbox.log.clear()
    assert (await station.run("run", "--once")).code == ExitCode.OK
    assert request.state == "Done"
    assert [record.project for record in station.sandbox.records_of(station.offering)] == [hidden]
    assert not [
        entry.path
        for entry in station.sandbox.log
        if "project" in entry.path and entry.method == "GET" and "field=project" not in entry.path
    ]
    os.utime(path, (0, 0))
    assert "written 0 minutes ago" in (await station.run("plan")).err, "whatever a copy does to the file's time"
    then = datetime.now(tz=UTC) - timedelta(days=30)
    path.write_text(path.read_text().replace(lines[0].split("exported ")[1], then.isoformat()))
    plan = await station.run("plan")
    assert "written 30 days ago" in plan.err
    assert "warning: the directory file" in plan.err


async def test_export_with_a_small_token_writes_nothing(station: Station) -> None:
    """A token that sees a part of the projects would put that part in the place of a good directory."""
    directory = station.directory / "directory.csv"
    directory.write_text("a good one")
    ended = await station.run("projects", "export", "--token-file", "token", "--file", str(directory))
    assert ended.code == ExitCode.AUTHENTICATION
    assert "agent is neither staff nor support" in ended.err
    assert directory.read_text() == "a good one"
    assert not ended.out


async def test_export_to_stdout(station: Station) -> None:
    """Without a file the CSV is on stdout."""
    ended = await station.run("projects", "export", "--token-file", str(station.staff_token))
    assert [line.split(",")[1] for line in ended.out.splitlines()] == ["slug", "alpha"]
