"""`doctor` on the sandbox with real sockets: each check ends well, and each in the other ways."""

import asyncio
import json
import os
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support.station import Ended, Station
from waldur_import_agent.errors import ExitCode
from waldur_import_agent.sandbox import Answer, Fault, requests_to
from waldur_import_agent.sandbox.server import Server

NEEDED = "OFFERING.MANAGE_BACKEND_RESOURCES"


async def doctor(station: Station, *arguments: str) -> tuple[Ended, dict[str, list[dict[str, str]]]]:
    """The command's end, and its findings by check."""
    ended = await station.run("doctor", "-o", "json", *arguments)
    findings: dict[str, list[dict[str, str]]] = {}
    for finding in ended.json():
        findings.setdefault(finding["check"], []).append(finding)
    return ended, findings


def statuses(findings: dict[str, list[dict[str, str]]], name: str) -> list[str]:
    """How a check ended, once for each finding."""
    return [finding["status"] for finding in findings[name]]


def personal_token(station: Station, life: timedelta, *scopes: str) -> None:
    """Give the agent a personal access token that ends in `life`."""
    agent = station.sandbox.agent
    agent.token = f"w_{int((datetime.now(tz=UTC) + life).timestamp())}_verysecretrandom"
    agent.scopes = scopes
    (station.directory / "token").write_text(agent.token)


async def test_all_is_well(station: Station) -> None:
    """Every check of a good site, before the first round: nothing fails, exit code 0, and only GET was sent."""
    (station.directory / "token").chmod(0o600)
    ended, findings = await doctor(station)
    assert ended.code == ExitCode.OK, ended.out
    good = (
        *("configuration", "proxy", "dns", "connection", "tls", "clock", "token", "token's life", "offering"),
        *("permission", "backend resources", "other agent", "inventory: inventory file", "placement"),
        *("state directory", "lock directory", "lock"),
    )
    for name in good:
        assert statuses(findings, name) == ["PASS"], name
    assert "SLURM cluster" in findings["offering"][0]["found"]
    assert findings["offering"][0]["offering"] == station.offering.uuid
    assert "OFFERING.MANAGER" in findings["permission"][0]["found"]
    assert findings["placement"][0]["found"] == "2 found on the backend, 2 of them get a project"
    assert "an API token" in findings["token"][0]["found"]
    assert "what the token sees: 1" in [finding["found"] for finding in findings["projects"]]
    assert statuses(findings, "last round") == ["SKIP"]
    assert statuses(findings, "agent") == ["SKIP"]
    assert {entry.method for entry in station.sandbox.log} == {"GET"}
    assert not (station.directory / "state").exists()
    assert not (station.directory / "lock").exists()


async def test_table(station: Station) -> None:
    """For people: a table, with what to do."""
    station.sandbox.revoke(station.sandbox.agent, station.offering)
    ended = await station.run("doctor")
    assert ended.code == ExitCode.FAILED
    flat = " ".join(ended.out.split())
    for text in ("status", "what to do", "PASS", "FAIL", "Check offerings[].uuid"):
        assert text in flat
    assert "offering_uuid" not in flat


async def test_configuration(station: Station) -> None:
    """A bad one fails with its code and leaves the rest out; a doubtful one is a warning."""
    (station.directory / "token").chmod(0o644)
    ended, findings = await doctor(station)
    assert statuses(findings, "configuration") == ["PASS", "WARN"]
    of_scanners = {name for name in findings if ": " in name}
    needing = {*findings} - of_scanners - {"configuration", "token's life", "systemd"} | {"scanner"}
    station.config.write_text("waldur: {}\n")
    ended, findings = await doctor(station)
    assert ended.code == ExitCode.CONFIGURATION
    assert statuses(findings, "configuration") == ["FAIL"]
    assert statuses(findings, "systemd")  # which needs no configuration
    skipped = {name for name, rows in findings.items() if {row["status"] for row in rows} == {"SKIP"}}
    assert skipped - {"systemd"} == needing


async def test_name_that_is_not_known(station: Station) -> None:
    """DNS fails; what needs Waldur is left out, while the backend and the host are still looked at."""
    station.configure(waldur={"url": "https://waldur.invalid/api/", "token_file": "token"})
    ended, findings = await doctor(station)
    assert ended.code == ExitCode.UNAVAILABLE
    assert statuses(findings, "dns") == ["FAIL"]
    for name in ("connection", "tls", "clock", "token", "offering", "permission", "other agent", "placement"):
        assert statuses(findings, name) == ["SKIP"], name
    assert statuses(findings, "inventory: inventory file") == ["PASS"]
    assert statuses(findings, "state directory") == ["PASS"]


async def test_nobody_listens(station: Station) -> None:
    """A refused connection, by the proxy's address where one is on the way; its password is not shown."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    proxy = f"http://user:pa55word@127.0.0.1:{port}"
    station.configure(waldur={"url": station.url, "token_file": "token", "proxy": proxy})
    ended, findings = await doctor(station)
    assert ended.code == ExitCode.UNAVAILABLE
    assert statuses(findings, "connection") == ["FAIL"]
    assert statuses(findings, "tls") == ["SKIP"]
    assert f"***@127.0.0.1:{port} (waldur.proxy)" in findings["proxy"][0]["found"]
    assert "pa55word" not in ended.out
    station.configure()
    station.environment |= {"HTTP_PROXY": proxy, "NO_PROXY": ""}
    ended, findings = await doctor(station)
    assert "HTTP_PROXY in the environment" in findings["proxy"][0]["found"]
    station.environment["NO_PROXY"] = "127.0.0.1"
    ended, findings = await doctor(station)
    assert findings["proxy"][0]["found"] == "none"


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """A self-signed certificate for localhost, good for a year, and its key beside it."""
    return make_certificate(tmp_path, days=365)


def make_certificate(directory: Path, *, days: int) -> Path:
    """A self-signed certificate for localhost; its key is `key.pem`."""
    path = directory / f"ca-{days}.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-subj", "/CN=Test Authority", "-addext", "subjectAltName=DNS:localhost", "-days", str(days)),
            *("-keyout", str(directory / "key.pem"), "-out", str(path)),
        ],
        check=True,
        capture_output=True,
    )
    return path


@asynccontextmanager
async def serving_tls(station: Station, certificate: Path) -> AsyncIterator[str]:
    """The station's sandbox behind TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = Server(station.sandbox.app, close_wait=5)
        server.config.load()
        server.config.ssl = context
        task = asyncio.create_task(server.serve(sockets=[listener]))
        await server.until_started(task)
        yield f"https://localhost:{listener.getsockname()[1]}/api/"
        server.should_exit = True
        await task


async def test_tls(station: Station, authority: Path) -> None:
    """With the authority's certificate it passes and says whose it is; without it fails; unverified is a warning."""
    async with serving_tls(station, authority) as url:
        station.configure(waldur={"url": url, "token_file": "token", "ca_file": str(authority)})
        ended, findings = await doctor(station)
        assert ended.code == ExitCode.OK, ended.out
        assert statuses(findings, "tls") == ["PASS"]
        assert "signed by Test Authority" in findings["tls"][0]["found"]
        assert f"waldur.ca_file {authority}" in findings["tls"][0]["found"]
        station.configure(waldur={"url": url, "token_file": "token"})
        ended, findings = await doctor(station)
        assert ended.code == ExitCode.UNAVAILABLE
        assert statuses(findings, "tls") == ["FAIL"]
        assert "ca_file" in findings["tls"][0]["remedy"]
        assert "the system's certificates" in findings["tls"][0]["remedy"]
        assert statuses(findings, "clock") == ["SKIP"]
        station.configure(waldur={"url": url, "token_file": "token", "accept_any_certificate": True})
        ended, findings = await doctor(station)
        assert ended.code == ExitCode.OK
        assert statuses(findings, "tls") == ["WARN"]


async def test_tls_that_ends_soon(station: Station, tmp_path: Path) -> None:
    """A certificate with less than two weeks to go is a warning."""
    certificate = make_certificate(tmp_path, days=5)
    async with serving_tls(station, certificate) as url:
        station.configure(waldur={"url": url, "token_file": "token", "ca_file": str(certificate)})
        _, findings = await doctor(station)
        assert statuses(findings, "tls") == ["WARN"]
        assert "days left" in findings["tls"][0]["found"]


@pytest.mark.parametrize(("seconds", "status"), [(5, "PASS"), (-120, "WARN"), (3600, "FAIL"), (None, "WARN")])
async def test_clock(station: Station, seconds: int | None, status: str) -> None:
    """By the Date of Waldur's answer: half a minute off or no date is a warning, five minutes off a failure."""
    date = ""
    if seconds is not None:
        date = f"Date: {datetime.now(tz=UTC) + timedelta(seconds=seconds):%a, %d %b %Y %H:%M:%S} GMT\r\n"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = '{"detail": "no"}'
        writer.write(
            f"HTTP/1.1 403 No\r\n{date}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()
        )
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1") as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/api/"
        station.configure(waldur={"url": url, "token_file": "token"})
        _, findings = await doctor(station)
    assert statuses(findings, "clock") == [status]
    assert statuses(findings, "token") == ["FAIL"]


async def test_refused_token(station: Station) -> None:
    """It fails with the code of authentication; what needs it is left out. It is not shown."""
    (station.directory / "token").write_text("wrong-token-wrong-token")
    ended, findings = await doctor(station)
    assert ended.code == ExitCode.AUTHENTICATION
    assert statuses(findings, "token") == ["FAIL"]
    assert statuses(findings, "offering") == ["SKIP"]
    assert statuses(findings, "placement") == ["SKIP"]
    assert "wrong-token" not in ended.out + ended.err
    (station.directory / "token").unlink()
    _, findings = await doctor(station)
    assert [rows for rows in findings.values() if rows[0]["status"] == "FAIL"]


@pytest.mark.parametrize(
    ("lifetime", "status"), [(None, "PASS"), (30 * 86400, "PASS"), (3600, "FAIL"), (2 * 86400, "FAIL")]
)
async def test_idle_lifetime(station: Station, lifetime: int | None, status: str) -> None:
    """A token that a weekend without the agent would end is a failure."""
    station.sandbox.agent.token_lifetime = lifetime
    ended, findings = await doctor(station)
    assert statuses(findings, "token's life") == [status]
    assert ended.code == (ExitCode.FAILED if status == "FAIL" else ExitCode.OK)
    if status == "FAIL":
        assert "token lifetime" in findings["token's life"][0]["remedy"]


async def test_lifetime_that_is_not_told(station: Station) -> None:
    """It is a warning, not good news."""
    agent = station.sandbox.agent
    answer: dict[str, Any] = {"uuid": agent.uuid, "username": "agent", "permissions": []}
    station.sandbox.faults.append(Fault(requests_to("GET", "/users/me/"), answer=Answer(200, answer)))
    _, findings = await doctor(station)
    assert statuses(findings, "token's life") == ["WARN"]


@pytest.mark.parametrize(("days", "status"), [(200, "PASS"), (10, "WARN"), (2, "FAIL")])
async def test_personal_access_token(station: Station, days: int, status: str) -> None:
    """Its end is read out of it; its scopes are Waldur's to tell."""
    personal_token(station, timedelta(days=days), NEEDED)
    ended, findings = await doctor(station)
    assert "a personal access token" in findings["token"][0]["found"]
    assert statuses(findings, "token's life") == [status]
    assert statuses(findings, "token's scopes") == ["PASS"]
    assert "verysecret" not in ended.out + ended.err


async def test_scopes(station: Station) -> None:
    """Without the one that is needed it fails; where Waldur does not tell, or not of which, it is a warning."""
    personal_token(station, timedelta(days=100), "OFFERING.UPDATE")
    ended, findings = await doctor(station)
    assert ended.code == ExitCode.FAILED
    assert statuses(findings, "token's scopes") == ["FAIL"]
    assert "OFFERING.UPDATE" in findings["token's scopes"][0]["found"]
    personal_token(station, timedelta(days=100), NEEDED, "SERVICE_PROVIDER.LIST_PROJECTS")
    _, findings = await doctor(station)
    assert findings["token's scopes"][0]["found"] == f"{NEEDED}, SERVICE_PROVIDER.LIST_PROJECTS"
    tokens = requests_to("GET", "/personal-access-tokens/")
    station.sandbox.faults[:] = [Fault(tokens, answer=Answer(404, "<h1>Not Found</h1>"))]
    _, findings = await doctor(station)
    assert statuses(findings, "token's scopes") == ["WARN"]
    assert "this release" in findings["token's scopes"][0]["found"]
    station.sandbox.faults[:] = [Fault(tokens, answer=Answer(200, [], {"x-result-count": "0"}))]
    _, findings = await doctor(station)
    assert statuses(findings, "token's scopes") == ["WARN"]


async def test_personal_access_token_that_has_ended(station: Station) -> None:
    """It says when."""
    personal_token(station, timedelta(days=-1), NEEDED)
    ended, findings = await doctor(station)
    assert ended.code == ExitCode.AUTHENTICATION
    assert findings["token"][0]["remedy"].startswith("It ended on ")


async def test_permission(station: Station) -> None:
    """By what the roles let do: Waldur's own pass, staff is too much, none fails."""
    sandbox = station.sandbox
    sandbox.revoke(sandbox.agent, station.offering)
    sandbox.grant(sandbox.agent, station.offering.customer)
    _, findings = await doctor(station)
    assert statuses(findings, "permission") == ["PASS"]
    assert "CUSTOMER.OWNER" in findings["permission"][0]["found"]
    sandbox.agent.support = True
    sandbox.revoke(sandbox.agent, station.offering.customer)
    ended, findings = await doctor(station)
    assert ended.code == ExitCode.FAILED
    assert statuses(findings, "permission") == ["FAIL"]
    sandbox.agent.staff = True
    _, findings = await doctor(station)
    assert statuses(findings, "permission") == ["WARN"]
    assert "staff" in findings["token"][0]["found"]


async def test_permission_by_a_role_of_the_site(station: Station) -> None:
    """Waldur is asked what the role lets do; it is doubtful only where Waldur does not show the role."""
    sandbox, role = station.sandbox, "OFFERING.OF_OUR_OWN"
    sandbox.agent.support = True
    for permissions, status in (({NEEDED}, "PASS"), ({"OFFERING.UPDATE"}, "FAIL"), (None, "WARN")):
        sandbox.revoke(sandbox.agent, station.offering)
        sandbox.roles.pop(role, None)
        if permissions is not None:
            sandbox.define_role(role, *permissions)
        sandbox.grant(sandbox.agent, station.offering, role)
        _, findings = await doctor(station)
        assert statuses(findings, "permission") == [status], findings["permission"]
        assert role in findings["permission"][0]["found"]


async def test_permission_that_a_site_took_from_the_usual_role(station: Station) -> None:
    """The name alone proves nothing where Waldur tells more; where it does not, the name must do."""
    sandbox = station.sandbox
    sandbox.agent.support = True
    sandbox.revoke(sandbox.agent, station.offering)
    sandbox.define_role("OFFERING.MANAGER", "OFFERING.UPDATE")
    sandbox.grant(sandbox.agent, station.offering)
    ended, findings = await doctor(station)
    assert ended.code == ExitCode.FAILED
    assert "let staff add it to the role" in findings["permission"][0]["remedy"]
    sandbox.faults.append(Fault(requests_to("GET", "/roles/"), answer=Answer(404), times=None))
    _, findings = await doctor(station)
    assert statuses(findings, "permission") == ["PASS"]


async def test_offering_that_is_not_seen(station: Station) -> None:
    """What depends on it is left out."""
    station.sandbox.revoke(station.sandbox.agent, station.offering)
    ended, findings = await doctor(station)
    assert ended.code == ExitCode.FAILED
    assert statuses(findings, "offering") == ["FAIL"]
    for name in ("permission", "backend resources", "projects", "other agent", "placement"):
        assert statuses(findings, name) == ["SKIP"], name


async def test_backend_resources_that_cannot_be_listed(station: Station) -> None:
    """The fault of some releases of 2025: upgrade."""
    records = requests_to("GET", "/backend-resources/")
    station.sandbox.faults.append(Fault(records, answer=Answer(500, "<h1>Server Error (500)</h1>"), times=None))
    ended, findings = await doctor(station)
    assert ended.code != ExitCode.OK
    assert statuses(findings, "backend resources") == ["FAIL"]
    assert findings["backend resources"][0]["remedy"] == "Upgrade Waldur"
    assert statuses(findings, "projects") == ["SKIP"]


async def test_other_agent(station: Station) -> None:
    """waldur-site-agent's import service is a failure; the agent without it is none; an old release cannot tell."""
    agents = station.offering.site_agents
    agents[f"agent-{station.offering.uuid}"] = {"event_process-order": "Active"}
    _, findings = await doctor(station)
    assert statuses(findings, "other agent") == ["PASS"]
    agents[f"agent-{station.offering.uuid}"]["event_process-importable_resources"] = "Idle"
    ended, findings = await doctor(station)
    assert ended.code == ExitCode.FAILED
    assert statuses(findings, "other agent") == ["FAIL"]
    assert "(Idle)" in findings["other agent"][0]["found"]
    assert "resource_import_enabled: false" in findings["other agent"][0]["remedy"]
    identities = requests_to("GET", "/marketplace-site-agent-identities/")
    for answer in (Answer(404, "<h1>Not Found</h1>"), Answer(403, {"detail": "no"})):
        station.sandbox.faults[:] = [Fault(identities, answer=answer)]
        _, findings = await doctor(station)
        assert statuses(findings, "other agent") == ["SKIP"]


async def test_placement(station: Station) -> None:
    """Some without a project is a warning, all without one a failure, a backend that cannot be read leaves it out."""
    with (station.directory / "inventory.jsonl").open("a") as file:
        file.write('{"backend_id": "lost", "parents": ["nobody"]}\n')
    ended, findings = await doctor(station)
    assert ended.code == ExitCode.OK
    assert statuses(findings, "placement") == ["WARN"]
    assert "3 found on the backend, 2 of them" in findings["placement"][0]["found"]
    station.has("one", parent="nobody")
    ended, findings = await doctor(station)
    assert ended.code == ExitCode.CONFIGURATION
    assert statuses(findings, "placement") == ["FAIL"]
    (station.directory / "inventory.jsonl").unlink()
    ended, findings = await doctor(station)
    assert statuses(findings, "inventory: inventory file") == ["FAIL"]
    assert statuses(findings, "placement") == ["SKIP"]


async def test_after_a_round(station: Station) -> None:
    """The journal is good; the last round is told with its age; one that ended Erred is a warning with the reason."""
    station.ask()
    await station.run("run", "--once")
    _, findings = await doctor(station)
    assert "good journal with 0 open requests" in findings["state directory"][0]["found"]
    assert findings["last round"][0]["found"].endswith("seconds ago: done")
    station.ask()
    station.has("one", parent="nobody")
    await station.run("run", "--once")
    _, findings = await doctor(station)
    assert statuses(findings, "last round") == ["WARN"]
    assert "history show" in findings["last round"][0]["remedy"]


async def test_running_agent(station: Station) -> None:
    """Its lock is no fault, and what it is doing is told."""
    process = await station.start("run")
    await station.until(lambda: any("backend-resource-requests" in entry.path for entry in station.sandbox.log))
    _, findings = await doctor(station)
    process.terminate()
    await station.end(process)
    assert statuses(findings, "lock") == ["PASS"]
    assert f"held by process {process.pid}" in findings["lock"][0]["found"]
    assert statuses(findings, "agent") == ["PASS"]
    _, findings = await doctor(station)
    assert statuses(findings, "agent") == ["WARN"]
    assert statuses(findings, "last round") == ["PASS"]


async def test_agent_that_runs_by_a_timer(station: Station) -> None:
    """It is not there between two runs, as it should be; a timer that has stopped is a warning."""
    await station.run("run", "--once")
    _, findings = await doctor(station)
    assert statuses(findings, "agent") == ["PASS"]
    assert findings["agent"][0]["found"].startswith("its last single run ended ")
    path = station.directory / "runtime" / "status.json"
    old = (datetime.now(tz=UTC) - timedelta(days=3)).isoformat()
    path.write_text(json.dumps(json.loads(path.read_text()) | {"written": old}))
    _, findings = await doctor(station)
    assert statuses(findings, "agent") == ["WARN"]
    assert "3 days ago" in findings["agent"][0]["found"]
    assert "list-timers" in findings["agent"][0]["remedy"]


async def test_agent_that_ran_and_does_not(station: Station) -> None:
    """It left a journal and no status: somebody should look. Before its first start that is as it should be."""
    station.ask()
    await station.run("run", "--once")
    (station.directory / "runtime" / "status.json").unlink()
    _, findings = await doctor(station)
    assert statuses(findings, "agent") == ["WARN"]
    assert "systemctl status" in findings["agent"][0]["remedy"]


async def test_directories_that_cannot_be_used(station: Station) -> None:
    """Files in their place, another user's directory for root, a journal that is none: each fails with its remedy."""
    (station.directory / "file").write_text("")
    station.configure(state_dir=str(station.directory / "file"), lock_dir=str(station.directory / "file"))
    ended, findings = await doctor(station)
    assert ended.code == ExitCode.CONFIGURATION
    assert statuses(findings, "state directory") == ["FAIL"]
    assert statuses(findings, "lock directory") == ["FAIL"]
    assert statuses(findings, "lock") == ["FAIL"]
    assert "install -d -o USER" in findings["state directory"][0]["remedy"]
    assert "install -d -m 1777" in findings["lock directory"][0]["remedy"]
    state = station.directory / "theirs"
    state.mkdir()
    (state / "journal.sqlite3").write_text("no database, and long enough to be looked at as one " * 3)
    station.configure(state_dir=str(state))
    _, findings = await doctor(station)
    assert statuses(findings, "state directory") == ["FAIL"]
    assert statuses(findings, "last round") == ["SKIP"]
    if os.geteuid() == 0:
        os.chown(state, 12345, 12345)
        _, findings = await doctor(station)
        assert "sudo -u" in findings["state directory"][0]["remedy"]
