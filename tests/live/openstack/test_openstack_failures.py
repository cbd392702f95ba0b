"""What a scan says of an OpenStack that is broken: never a part that looks like the whole, and no secret."""

import asyncio
import traceback
from typing import Any

import pytest

from live.openstack.conftest import Backend
from live.openstack.lab.accounts import WALDUR
from live.openstack.lab.content import Cloud
from live.openstack.openstack_lab import OpenstackLab
from waldur_import_agent.scanners.base import (
    BackendError,
    BackendMisconfiguredError,
    BackendUnavailableError,
    CheckStatus,
)

SERVERS: dict[str, Any] = {"kinds": ["server"]}
VOLUMES: dict[str, Any] = {"kinds": ["volume"]}
SMALL: dict[str, Any] = {"select": {"include": [{"name": "^project-0000[1-3]$"}]}}
"""Three projects with the quotas of all services."""
PAGE = {"status": 200, "type": "text/html", "body": "<html><title>Sign in</title><body>Please log in</body></html>"}
"""What a proxy that wants a login answers."""


async def failed(backend: Backend, lab: OpenstackLab, cloud: str = WALDUR, **settings: Any) -> BackendError:
    """The error of a scan, which shows no secret, nor does its traceback."""
    with pytest.raises(BackendError) as caught:
        await backend.scan(cloud, **settings)
    for secret in lab.credentials.secrets:
        assert secret not in "".join(traceback.format_exception(caught.value))
    return caught.value


async def asked(lab: OpenstackLab, since: dict[str, int], path: str) -> None:
    """Wait until a service has answered a request for this path."""
    async with asyncio.timeout(60):
        while not any(path in request.path for request in lab.requests(since)):  # noqa: ASYNC110 - a file has no events
            await asyncio.sleep(0.05)


async def test_an_unreachable_cell_makes_the_scan_partial(
    backend: Backend, openstack_lab: OpenstackLab, cloud: Cloud
) -> None:
    """Nova answers 200 without that cell's servers: the scan is not complete, and says so; check() does too."""
    with openstack_lab.without_cell():
        scan = await backend.scan(kinds=["project", "server"], quotas=[])
        checks = {check.name: check for check in await backend.scanner(**SERVERS).check()}
    assert not scan.complete
    assert not any(resource.kind == "OpenStack server" for resource in scan.resources)
    assert cloud.offered.keys() <= {resource.backend_id for resource in scan.resources}
    assert "does not reach one of its cells" in " ".join(scan.warnings)
    assert checks["servers"].status is CheckStatus.WARN
    assert "cells" in checks["servers"].detail
    assert (await backend.scan(**SERVERS)).complete


@pytest.mark.parametrize(
    ("service", "name", "asked_for"),
    [
        ("keystone", "Keystone", [SMALL]),
        ("nova", "Nova", [SMALL, SERVERS]),
        ("cinder", "Cinder", [SMALL, VOLUMES]),
        ("neutron", "Neutron", [SMALL]),
    ],
)
async def test_a_service_that_is_down_is_unavailable(
    backend: Backend, openstack_lab: OpenstackLab, service: str, name: str, asked_for: list[dict[str, Any]]
) -> None:
    """By its name; the other services' answers are not taken for the whole. What does not need it goes on."""
    with openstack_lab.without(service):
        for settings in asked_for:
            error = await failed(backend, openstack_lab, **settings)
            assert isinstance(error, BackendUnavailableError)
            assert name in str(error)
        if service == "cinder":
            assert (await backend.scan(quotas=["compute"], **SMALL)).complete


@pytest.mark.parametrize(
    "asked_for",
    [
        ("keystone", "/v3/projects", SMALL),
        ("keystone", "/v3/domains", SMALL),
        ("nova", "os-quota-sets", SMALL),
        ("cinder", "os-quota-sets", SMALL),
        ("neutron", "/v2.0/quotas", SMALL),
        ("nova", "servers/detail", SERVERS),
        ("cinder", "volumes/detail", VOLUMES),
    ],
)
@pytest.mark.parametrize("body", [PAGE, {"status": 200, "type": "application/json", "body": "{}"}], ids=["HTML", "{}"])
async def test_a_200_that_is_not_the_services_is_no_answer(
    backend: Backend, openstack_lab: OpenstackLab, asked_for: tuple[str, str, dict[str, Any]], body: dict[str, Any]
) -> None:
    """HTML with 200, which openstacksdk takes for an empty answer, and JSON without what was asked for."""
    service, path, settings = asked_for
    with openstack_lab.faults({service: [{"path": path, **body}]}):
        error = await failed(backend, openstack_lab, **settings)
    assert "not its own" in str(error)


async def test_an_expired_credential_is_told(backend: Backend, openstack_lab: OpenstackLab) -> None:
    """Keystone says 401 for it as for a wrong secret: the remedy names both."""
    name = openstack_lab.credential("agent-admin")
    openstack_lab.expire(name)
    error = await failed(backend, openstack_lab, name)
    assert isinstance(error, BackendMisconfiguredError)
    assert "Keystone does not accept the credential" in str(error)
    assert "expired" in error.remedy
    (check,) = await backend.scanner(name).check()
    assert (check.status, check.name) == (CheckStatus.FAIL, "credential")


async def test_a_busy_service_is_asked_again(backend: Backend, openstack_lab: OpenstackLab) -> None:
    """429 with Retry-After, 503 and 401 now and then: the same scan as without."""
    before = await backend.scan(**SMALL)
    faults = {
        "nova": [{"path": "os-quota-sets", "status": 429, "headers": {"Retry-After": "1"}, "every": 2}],
        "cinder": [{"path": "os-quota-sets", "status": 503, "every": 2}],
        "neutron": [{"path": "quotas", "status": 401, "every": 2}],
    }
    with openstack_lab.faults(faults):
        assert await backend.scan(**SMALL) == before


async def test_a_service_that_hangs_is_left_in_time(backend: Backend, openstack_lab: OpenstackLab) -> None:
    """The SDK would wait for ever."""
    with openstack_lab.hung("nova"):
        error = await failed(backend, openstack_lab, timeout=1, **SMALL)
    assert isinstance(error, BackendUnavailableError)
    assert "Nova" in str(error)


async def test_cancelling_ends_at_once(backend: Backend, openstack_lab: OpenstackLab) -> None:
    """A scan of a service that hangs ends long before its timeout, and nothing asks any more afterwards."""
    with openstack_lab.hung("nova"):
        begin = openstack_lab.now()
        scan = asyncio.create_task(backend.scan(timeout=600, kinds=["server"]))
        await asked(openstack_lab, begin, "/v3/domains")  # then Nova is next
        scan.cancel()
        async with asyncio.timeout(5):
            with pytest.raises(asyncio.CancelledError):
                await scan


async def test_a_project_deleted_in_mid_scan_is_left_out(backend: Backend, openstack_lab: OpenstackLab) -> None:
    """A project deleted in mid-scan: Nova no longer knows it, Keystone confirms, the rest is whole."""
    with openstack_lab.api() as api:
        body = {"project": {"name": "project-0000x", "domain_id": "default"}}
        gone = api.post("keystone", "/projects", body)["project"]["id"]
        faults = {"nova": [{"path": f"os-quota-sets/{gone}", "delay": 2}]}
        settings = {"select": {"include": [{"name": "^project-0000[1x]$"}]}, "quotas": ["compute"]}
        with openstack_lab.faults(faults):
            begin = openstack_lab.now()
            scan = asyncio.create_task(backend.scan(**settings))
            await asked(openstack_lab, begin, "/v3/domains")  # all projects are read by then
            api.delete("keystone", f"/projects/{gone}")
            result = await scan
    assert result.complete
    assert gone not in {resource.backend_id for resource in result.resources}
