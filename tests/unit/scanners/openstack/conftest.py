"""A fake cloud for each test, and no waiting between tries."""

from collections.abc import Iterator

import pytest

from unit.scanners.openstack.fake_cloud import FakeCloud
from unit.scanners.openstack.serving import serving
from waldur_import_agent.scanners.openstack import cloud as reading


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCloud]:
    """A cloud as it was recorded, without servers and volumes."""
    monkeypatch.setattr(reading, "WAITS", (0.0, 0.0))
    fake = FakeCloud()
    with serving(fake):
        yield fake
