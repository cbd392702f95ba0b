"""The lab of the tests that need a real OpenStack. Where it cannot be started they fail: none is skipped."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from live.openstack.lab.accounts import WALDUR
from live.openstack.lab.content import Cloud
from live.openstack.openstack_lab import OpenstackLab, running_lab
from waldur_import_agent.records import FoundResource, Scan
from waldur_import_agent.scanners.openstack import OpenStackScanner
from waldur_import_agent.scanners.openstack.settings import OpenStackSettings

HERE = Path(__file__).parent
PROJECTS, SERVERS, VOLUMES = 1100, 250, 250
"""More projects than Keystone gives in one page, as it comes; the others are also asked with small pages."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all tests of this folder, so that `-m "not live_openstack"` leaves them out."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.live_openstack)


@pytest.fixture(scope="session")
def openstack_lab() -> Iterator[OpenstackLab]:
    """Keystone, Nova, Cinder and Neutron."""
    with running_lab() as lab:
        yield lab


@pytest.fixture(scope="session")
def cloud(openstack_lab: OpenstackLab) -> Cloud:
    """What they have. Tests that change the cloud change this too."""
    return openstack_lab.seed(PROJECTS, SERVERS, VOLUMES)


class Backend:
    """The lab's cloud, as the scanner sees it."""

    def __init__(self, lab: OpenstackLab) -> None:
        self._lab = lab

    def scanner(self, cloud: str = WALDUR, **settings: Any) -> OpenStackScanner:
        """A scanner with the credential of clouds.yaml that has this name; keywords are settings."""
        given = {"cloud": cloud, "clouds_file": self._lab.layout.clouds, **settings}
        return OpenStackScanner(OpenStackSettings.model_validate(given))

    async def scan(self, cloud: str = WALDUR, **settings: Any) -> Scan:
        """One scan."""
        async with self.scanner(cloud, **settings) as scanner:
            return await scanner.scan()

    async def found(self, cloud: str = WALDUR, **settings: Any) -> dict[str, FoundResource]:
        """What a scan offers, by id."""
        return {resource.backend_id: resource for resource in (await self.scan(cloud, **settings)).resources}


@pytest.fixture
def backend(openstack_lab: OpenstackLab, cloud: Cloud) -> Backend:
    """The lab's cloud, as the scanner sees it."""
    return Backend(openstack_lab)
