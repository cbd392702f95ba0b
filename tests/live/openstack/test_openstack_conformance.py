"""The openstack scanner keeps what the agent relies on, on real services."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import pytest

from live.openstack.lab.accounts import WALDUR
from live.openstack.lab.content import Cloud
from live.openstack.openstack_lab import OpenstackLab
from waldur_import_agent.records import Limit
from waldur_import_agent.scanners.openstack import OpenStackScanner
from waldur_import_agent.scanners.testing import Block, ScannerConformance

LIMITS: dict[str, int] = {"cores": 40, "ram": 81920, "instances": 0, "key_pairs": -1}


@pytest.fixture(scope="module")
def domain(openstack_lab: OpenstackLab, cloud: Cloud) -> Iterator[tuple[str, str]]:
    """A domain for these tests, and its reader."""
    with openstack_lab.domain("conformance") as made:
        yield made


class TestOpenStackConformance(ScannerConformance):
    """The projects of one domain where a number of things is needed: a cloud always has others."""

    scanner = OpenStackScanner

    @pytest.fixture(autouse=True)
    def _situation(self, openstack_lab: OpenstackLab, domain: tuple[str, str]) -> Iterator[None]:
        self.lab = openstack_lab
        self.domain_id, self.reader = domain
        self.secrets = tuple(openstack_lab.credentials.secrets)
        with ExitStack() as self.stack:
            yield

    def _in(self, situation: AbstractContextManager[Any] | None) -> None:
        """What the last hook did to the services is undone, and this is done: a check asks for several blocks."""
        self.stack.close()
        if situation is not None:
            self.stack.enter_context(situation)

    def _block(self, cloud: str, **settings: Any) -> Block:
        return {"cloud": cloud, "clouds_file": str(self.lab.layout.clouds), **settings}

    def _projects(self, projects: Sequence[tuple[str, str, str]]) -> Block:
        self._in(None)
        self.lab.has_projects(self.domain_id, projects)
        return self._block(self.reader, scope="domain", quotas=[])

    def backend(self, numbers: Sequence[int]) -> Block:
        """A project for each."""
        return self._projects([(f"{number:032x}", f"project {number}", "") for number in numbers])

    def one_row_pages(self, numbers: Sequence[int]) -> Block:
        """Keystone's max_db_limit is 1."""
        block = self.backend(numbers)
        self._in(self.lab.configured({"keystone": {"DEFAULT": {"max_db_limit": 1}}}))
        return block

    def texts(self, texts: Sequence[str]) -> Block:
        """Each is a project's description: names are shorter, and unlike each other."""
        return self._projects([(f"{number:032x}", f"project {number}", text) for number, text in enumerate(texts)])

    def limits(self) -> tuple[Block, Mapping[str, Mapping[str, Limit]]]:
        """RAM in MiB, unlimited, zero, and the defaults of this release."""
        project = f"{1:032x}"
        self.backend([1])
        with self.lab.api() as api:
            api.put("nova", f"/os-quota-sets/{project}", {"quota_set": LIMITS})
        defaults = {"metadata_items": 128, "server_groups": 10, "server_group_members": 10}
        expected: dict[str, Limit] = {**defaults, **LIMITS, "key_pairs": None}
        block = self._block(WALDUR, quotas=["compute"], select={"include": [{"domain": "^conformance$"}]})
        return block, {project: {f"compute.{name}": value for name, value in expected.items()}}

    def denied_part(self) -> Block:
        """Keystone shows a reader of the system all, and Nova nothing."""
        self._in(None)
        return self._block("agent-system", kinds=["project", "server"], quotas=[])

    def unreachable(self) -> Block:
        """Nothing listens where Keystone should be."""
        self._in(None)
        nobody = f"http://127.0.0.1:{self.lab.layout.base + 9}/v3"
        return {"application_credential": {"auth_url": nobody, "id": "a", "secret": "a-secret-of-nobody"}}

    def hanging(self, timeout: float) -> Block:
        """Nova takes the question and does not answer."""
        self._in(self.lab.hung("nova"))
        return self._block(WALDUR, kinds=["server"], timeout=timeout)

    def invalid(self) -> Mapping[str, Block]:
        """Of the settings, and of what only Keystone knows."""
        self._in(None)
        expired = self.lab.credential("agent-admin")
        self.lab.expire(expired)
        return {
            "a pattern that is none": self._block(WALDUR, select={"include": [{"name": "("}]}),
            "another region": self._block(WALDUR, regions=["Nowhere"]),
            "an expired credential": self._block(expired),
            "no such cloud": self._block("nowhere-at-all"),
        }
