"""The daemon while the site changes around it: tokens, overrides and directories, without a restart or a signal."""

import asyncio
import socket
from http import HTTPStatus

import httpx

from support.station import LIMIT, Station
from waldur_import_agent.errors import ExitCode

RULE = {"from": "parent", "match": "^hpc_(?P<slug>.+)$", "value": "{slug}"}


async def stopped(station: Station, daemon: asyncio.subprocess.Process) -> None:
    """End the daemon, which must have been up until now."""
    assert daemon.returncode is None
    daemon.terminate()
    assert (await station.end(daemon)).code == ExitCode.OK


async def ready(port: int) -> int:
    """How the daemon answers a probe of its readiness."""
    async with httpx.AsyncClient() as probe:
        return (await probe.get(f"http://127.0.0.1:{port}/readyz")).status_code


async def test_token_that_expires_is_waited_out(station: Station) -> None:
    """401: the daemon is not ready and stays up, claims nothing, and goes on by itself with a new token in the file."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    station.configure(poll_interval="100ms", metrics={"listen": f"127.0.0.1:{port}"})
    daemon = await station.start("run")
    await station.until(lambda: any("state=Sent" in entry.path for entry in station.sandbox.log))
    station.sandbox.agent.token = "renewed-token-0123456789"
    request = station.ask()
    await station.hears(daemon, "Waldur does not accept the token")
    assert request.state == "Sent"
    assert await ready(port) == HTTPStatus.SERVICE_UNAVAILABLE
    (station.directory / "token").write_text("renewed-token-0123456789")
    await station.until(lambda: request.state == "Done")
    async with asyncio.timeout(LIMIT):
        while await ready(port) != HTTPStatus.OK:  # noqa: ASYNC110 - a probe has no events
            await asyncio.sleep(0.05)
    await stopped(station, daemon)


async def test_token_that_is_rotated_in_the_middle_of_a_round(station: Station) -> None:
    """The file is read again at the first 401, so a round goes on over a rotation without anybody noticing."""
    station.gate.holds = lambda method, path: (method, path) == ("POST", "/api/backend-resources/")
    request = station.ask()
    daemon = await station.start("run")
    await station.gate.reached.wait()
    station.sandbox.agent.token = "renewed-token-0123456789"
    (station.directory / "token").write_text("renewed-token-0123456789")
    station.gate.opened.set()
    await station.until(lambda: request.state == "Done")
    assert len(station.sandbox.records_of(station.offering)) == 2
    await stopped(station, daemon)


async def test_token_that_expires_in_the_middle_of_a_round(station: Station) -> None:
    """The request stays in Processing, and is finished once the file has a good token."""
    station.configure(poll_interval="100ms")
    station.gate.holds = lambda method, path: (method, path) == ("POST", "/api/backend-resources/")
    request = station.ask()
    daemon = await station.start("run")
    await station.gate.reached.wait()
    station.sandbox.agent.token = "renewed-token-0123456789"
    station.gate.opened.set()
    await station.hears(daemon, "Waldur does not accept the token")
    assert request.state == "Processing"
    (station.directory / "token").write_text("renewed-token-0123456789")
    await station.until(lambda: request.state == "Done")
    assert len(station.sandbox.records_of(station.offering)) == 2
    await stopped(station, daemon)


async def test_token_file_that_is_missing_for_a_while(station: Station) -> None:
    """A file that a secret store replaces may be away for a moment: the daemon says so and goes on afterwards."""
    station.configure(poll_interval="100ms")
    daemon = await station.start("run")
    await station.until(lambda: any("state=Sent" in entry.path for entry in station.sandbox.log))
    token = (station.directory / "token").read_text()
    (station.directory / "token").unlink()
    await station.hears(daemon, "cannot be read")
    (station.directory / "token").write_text(token)
    request = station.ask()
    await station.until(lambda: request.state == "Done")
    await stopped(station, daemon)


async def test_refused_token_in_single_commands(station: Station) -> None:
    """Where nobody waits, the exit code is the one for authentication, and the request is untouched."""
    request = station.ask()
    (station.directory / "token").write_text("expired-token-0123456789")
    once = await station.run("run", "--once")
    check = await station.run("config", "check", "--online")
    assert (once.code, check.code) == (ExitCode.AUTHENTICATION, ExitCode.AUTHENTICATION)
    assert request.state == "Sent"
    assert "expired-token" not in once.out + once.err + check.out + check.err


async def test_overrides_and_directory_are_read_again(station: Station) -> None:
    """What a person writes into the overrides, or staff export into the directory, counts in the next round."""
    beta = station.sandbox.add_project("Project Beta", "beta", visible_to_agent=False)
    directory, overrides = station.directory / "directory.csv", station.directory / "overrides.csv"
    directory.write_text("uuid,slug,backend_id,name,customer\n")
    overrides.write_text("backend_id,project\n")
    projects = {"rules": [RULE], "directory_file": str(directory), "overrides_file": str(overrides)}
    scanner = {"type": "inventory", "path": "inventory.jsonl"}
    station.configure(
        poll_interval="100ms",
        offerings=[{"uuid": station.offering.uuid, "scanner": scanner, "projects": projects}],
    )
    station.has("hpc_one", parent="hpc_beta")
    daemon = await station.start("run")
    first = station.ask()
    await station.until(lambda: first.state == "Erred")
    directory.write_text(f"uuid,slug,backend_id,name,customer\n{beta.uuid},beta,,Project Beta,Org\n")
    second = station.ask()
    await station.until(lambda: second.state == "Done")
    alpha = next(project for project in station.sandbox.projects.values() if project.slug == "alpha")
    overrides.write_text(f"backend_id,project\nhpc_one,{alpha.uuid}\n")
    third = station.ask()
    await station.until(lambda: third.state == "Done")
    await stopped(station, daemon)
    assert [record.project for record in station.sandbox.records_of(station.offering)] == [alpha]
