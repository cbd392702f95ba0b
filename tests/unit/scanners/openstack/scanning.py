"""Scans of the fake cloud."""

from typing import Any

from unit.scanners.openstack.fake_cloud import FakeCloud
from waldur_import_agent.records import FoundResource, Scan
from waldur_import_agent.scanners.openstack import OpenStackScanner
from waldur_import_agent.scanners.openstack.settings import OpenStackSettings


def scanner(cloud: FakeCloud, **settings: Any) -> OpenStackScanner:
    """A scanner of the cloud; without other settings it reads no quotas."""
    block = cloud.block_of(**{"quotas": [], **settings})
    return OpenStackScanner(OpenStackSettings.model_validate(block))


async def scan(cloud: FakeCloud, **settings: Any) -> Scan:
    """One scan."""
    async with scanner(cloud, **settings) as made:
        return await made.scan()


async def found(cloud: FakeCloud, **settings: Any) -> dict[str, FoundResource]:
    """What one scan found, by name where that is unique."""
    return {resource.name: resource for resource in (await scan(cloud, **settings)).resources}
