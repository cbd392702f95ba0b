"""What a scan costs the cloud, and that a cancelled one costs nothing more."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from unit.scanners.openstack.fake_cloud import FakeCloud, Instead
from unit.scanners.openstack.scanning import scan, scanner

THREAD = "in_daemon_thread"


async def until(holds: Callable[[], bool]) -> None:
    """Wait until this holds: other threads make it so, which set no event of the loop."""
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - as said
            await asyncio.sleep(0.01)


async def test_two_requests_a_project_and_some(cloud: FakeCloud) -> None:
    """For P projects with quotas of all services, servers and volumes: at most 2 P + 30 requests, one token."""
    for number in range(300):
        cloud.add_project(number)
    for _ in range(50):
        cloud.add_server(cloud.project("nest")["id"])
        cloud.add_volume(cloud.project("nest")["id"])
    result = await scan(cloud, quotas=None, kinds=["project", "server", "volume"])
    projects = sum(resource.kind == "OpenStack project" for resource in result.resources)
    assert projects == 336
    assert len(cloud.asked) <= 2 * projects + 30
    assert cloud.count("identity", "/auth/tokens") == 1
    quotas = [asked.path for asked in cloud.asked if "os-quota-sets" in asked.path]
    assert len(quotas) == len({(asked.service, asked.path) for asked in cloud.asked if "os-quota-sets" in asked.path})


@pytest.mark.parametrize("in_flight", [1, 3])
async def test_not_more_at_the_same_time(cloud: FakeCloud, in_flight: int) -> None:
    """As many as the settings say, and as many there are."""
    gate = threading.Event()
    cloud.instead.append(Instead("compute", "/os-quota-sets", status=0, hang=gate))
    begun: list[str] = []

    def note(asked: Any) -> None:
        if "/os-quota-sets" in asked.path:
            begun.append(asked.path)
            if len(begun) == 1:  # the first is read alone
                gate.set()
            if len(begun) == 2:
                gate.clear()

    cloud.before = note
    task = asyncio.ensure_future(scan(cloud, quotas=["compute"], in_flight=in_flight))
    await until(lambda: len(begun) >= 1 + in_flight)
    for _ in range(20):  # time for one more to begin, were it allowed
        await asyncio.sleep(0.01)
    assert len(begun) == 1 + in_flight
    cloud.before = lambda asked: None
    gate.set()
    await task


@pytest.mark.parametrize(("service", "path"), [("identity", "/auth/tokens"), ("compute", "/os-quota-sets")])
async def test_a_cancelled_scan_leaves_nothing(cloud: FakeCloud, service: str, path: str) -> None:
    """Threads that wait for an answer end with their connections, long before their time limit; the next scan works."""
    cloud.instead.append(Instead(service, path, hang=threading.Event()))
    made = scanner(cloud, quotas=["compute"], timeout=3600)
    task = asyncio.ensure_future(made.scan())
    await until(lambda: cloud.count(service, path) > 0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not [thread for thread in threading.enumerate() if thread.name == THREAD])
    asked = len(cloud.asked)
    cloud.instead.clear()
    assert (await made.scan()).complete
    assert len(cloud.asked) > asked
