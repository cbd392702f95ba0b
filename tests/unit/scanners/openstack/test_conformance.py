"""The openstack scanner keeps what the agent relies on, on a cloud that answers as the recorded services do."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from threading import Event
from typing import Any

import pytest

from unit.scanners.openstack.fake_cloud import SECRET, FakeCloud, Instead
from unit.scanners.openstack.serving import serving
from waldur_import_agent.records import Limit
from waldur_import_agent.scanners.openstack import OpenStackScanner
from waldur_import_agent.scanners.openstack import cloud as reading
from waldur_import_agent.scanners.testing import Block, ScannerConformance

TOKEN = "a-token-0123456789"


class TestOpenStackConformance(ScannerConformance):
    """Servers where a number of things is needed, since a cloud always has the credential's own project."""

    scanner = OpenStackScanner
    secrets = (SECRET, TOKEN)

    @pytest.fixture(autouse=True)
    def _clouds(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.setattr(reading, "WAITS", (0.0, 0.0))
        with ExitStack() as self.stack:
            yield

    def _cloud(self) -> FakeCloud:
        cloud = FakeCloud()
        self.stack.enter_context(serving(cloud))
        return cloud

    def _servers(self, cloud: FakeCloud, **settings: Any) -> Block:
        return cloud.block_of(kinds=["server"], **settings)

    def backend(self, numbers: Sequence[int]) -> Block:
        """A server for each."""
        cloud = self._cloud()
        for number in numbers:
            cloud.add_server(cloud.project("tagged")["id"], id=f"{number:036x}")
        return self._servers(cloud)

    def one_row_pages(self, numbers: Sequence[int]) -> Block:
        """Nova's max_limit is 1, and Keystone's too."""
        cloud = self._cloud()
        cloud.nova_cap = cloud.keystone_cap = 1
        for number in numbers:
            cloud.add_server(cloud.project("tagged")["id"], id=f"{number:036x}")
        return self._servers(cloud)

    def texts(self, texts: Sequence[str]) -> Block:
        """Each is a server's name."""
        cloud = self._cloud()
        for text in texts:
            cloud.add_server(cloud.project("tagged")["id"], name=text)
        return self._servers(cloud)

    def limits(self) -> tuple[Block, Mapping[str, Mapping[str, Limit]]]:
        """RAM in MiB, volumes in GiB, unlimited, zero."""
        cloud = self._cloud()
        project = cloud.project("unlimited-quota")["id"]
        cloud.compute[project] = {"cores": 40, "ram": 81920, "instances": 0}
        block = cloud.block_of(quotas=["compute"], select={"include": [{"name": "^unlimited-quota$"}]})
        expected = {
            "cores": 40,
            "ram": 81920,
            "instances": 0,
            "key_pairs": 100,
            "metadata_items": 128,
            "server_groups": 10,
            "server_group_members": 10,
        }
        return block, {project: {f"compute.{name}": value for name, value in expected.items()}}

    def denied_part(self) -> Block:
        """Cinder shows the credential the volumes of its own project."""
        cloud = self._cloud()
        cloud.auth, cloud.opened = "keystone/auth-project-reader-appcred", {"projects", "domains"}
        cloud.add_volume(cloud.own)
        return cloud.block_of(kinds=["volume"])

    def unreachable(self) -> Block:
        """Nothing listens where Keystone should be."""
        credential = {"auth_url": "http://127.0.0.1:9/v3", "id": "appcred", "secret": SECRET}
        return {"application_credential": credential}

    def hanging(self, timeout: float) -> Block:
        """Nova takes the question and does not answer."""
        cloud = self._cloud()
        cloud.instead.append(Instead("compute", "/servers/detail", hang=Event()))
        return self._servers(cloud, timeout=timeout)

    def invalid(self) -> Mapping[str, Block]:
        """Of the settings, and of what only Keystone knows."""
        refused = self._cloud()
        refused.instead.append(Instead("identity", "/auth/tokens", 401, "{}"))
        return {
            "a pattern that is none": self._cloud().block_of(select={"include": [{"name": "("}]}),
            "another region": self._cloud().block_of(regions=["Nowhere"]),
            "a credential that Keystone refuses": refused.block_of(),
            "no such cloud": {"cloud": "nowhere-at-all"},
        }
