"""The same tests on the sandbox and on a live Waldur.

    pytest tests/contract --waldur-url U --waldur-token T --waldur-staff-token S --waldur-offering O

runs those tests that a shared server allows on that server, and tells at the end what they leave behind there.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from support.server import Server
from support.site import SandboxTransport
from waldur_import_agent.sandbox import Sandbox

OPTIONS = ("waldur_url", "waldur_token", "waldur_staff_token", "waldur_offering")
LEFT_BEHIND = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """All four options, or none."""
    config.stash[LEFT_BEHIND] = []
    given = [name for name in OPTIONS if config.getoption(name)]
    if given and len(given) < len(OPTIONS):
        raise pytest.UsageError("a live Waldur needs all of --waldur-url, -token, -staff-token and -offering")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On a live Waldur only those tests run that ask for the server, and so may be run on a shared one."""
    if not config.getoption("waldur_url"):
        return
    shared = [item for item in items if "server" in getattr(item, "fixturenames", ())]
    config.hook.pytest_deselected(items=[item for item in items if item not in shared])
    items[:] = shared


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """What stays on the live server."""
    left = config.stash.get(LEFT_BEHIND, [])
    if left and config.getoption("waldur_url"):
        terminalreporter.section("left behind on the live Waldur")
        for what in left:
            terminalreporter.write_line(what)


@pytest.fixture
async def server(request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    """The live Waldur of the command line, or a sandbox with one offering and one project."""
    config = request.config
    if config.getoption("waldur_url"):
        url, token, staff_token, offering = (config.getoption(name) for name in OPTIONS)
        transport = None
    else:
        sandbox = Sandbox()
        sandbox.add_project("Project Alpha", "alpha")
        made = sandbox.add_offering("SLURM cluster", components=("cpu", "gpu"))
        url, token, staff_token, offering = "https://waldur.test", sandbox.agent_token, sandbox.staff_token, made.uuid
        transport = SandboxTransport(sandbox)
    found = Server(url, {"agent": token, "staff": staff_token}, offering, transport, config.stash[LEFT_BEHIND])
    yield found
    for client in found.clients:
        await client.__aexit__(None, None, None)
