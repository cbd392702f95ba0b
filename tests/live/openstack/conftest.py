"""The lab of the tests that need a real OpenStack. Where it cannot be started they fail: none is skipped."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from live.openstack.openstack_lab import OpenstackLab, running_lab

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all tests of this folder, so that `-m "not live_openstack"` leaves them out."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.live_openstack)


@pytest.fixture(scope="session")
def openstack_lab() -> Iterator[OpenstackLab]:
    """Keystone, Nova, Cinder and Neutron, filled."""
    with running_lab() as lab:
        yield lab
