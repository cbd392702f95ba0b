"""The container's image: built for real, then the main job in it, against a Waldur beside it."""

import asyncio
import json
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from live.container.image import Container, Image, build
from waldur_import_agent.sandbox import Request, Sandbox, serving

LARGEST = 150_000_000
"""Bytes that the agent may add to its base, OpenStack's SDK included."""
USER = 10001

pytestmark = pytest.mark.live_container


@pytest.fixture(scope="module")
def image() -> Image:
    """Built once."""
    return build()


@pytest.fixture
async def site(image: Image, tmp_path: Path) -> AsyncIterator[tuple[Container, Request]]:
    """A container with configuration, state and runtime directories, and a request that waits for it."""
    sandbox = Sandbox()
    offering = sandbox.add_offering("SLURM cluster")
    sandbox.add_project("Project Alpha", "alpha")
    directories = {name: tmp_path / name for name in ("config", "state", "run", "lock")}
    for directory in directories.values():
        directory.mkdir()
        os.chown(directory, USER, USER)
    config = directories["config"]
    async with serving(sandbox) as url:
        settings = {
            "waldur": {"url": url, "token_file": "token"},
            "poll_interval": "1s",
            "offerings": [
                {
                    "uuid": offering.uuid,
                    "scanner": {"type": "inventory", "path": "inventory.jsonl"},
                    "projects": {"rules": [{"from": "parent", "match": "^hpc_(?P<slug>.+)$", "value": "{slug}"}]},
                }
            ],
        }
        (config / "config.yaml").write_text(yaml.safe_dump(settings))
        (config / "token").write_text(sandbox.agent_token)
        (config / "inventory.jsonl").write_text(json.dumps({"backend_id": "acct1", "parents": ["hpc_alpha"]}) + "\n")
        for file in config.iterdir():
            os.chown(file, USER, USER)
            file.chmod(0o400)
        container = Container(
            image,
            {
                "/etc/waldur-import-agent": config,
                "/var/lib/waldur-import-agent": directories["state"],
                "/run/waldur-import-agent": directories["run"],
                "/run/lock/waldur-import-agent": directories["lock"],
            },
        )
        yield container, sandbox.add_request(offering)


def test_what_the_image_says(image: Image) -> None:
    """A numeric user that is not root, the agent itself as process 1, and a health check without a shell."""
    assert image.config["User"] == f"{USER}:{USER}"
    assert image.config["Entrypoint"] == ["waldur-import-agent"]
    assert image.config["Cmd"] == ["run"]
    assert image.config["Healthcheck"]["Test"] == ["CMD", "waldur-import-agent", "status", "--healthy"]


def test_size_and_contents(image: Image) -> None:
    """It is the base and the agent: no pip, no sources, no lock files."""
    root = image.root
    assert image.bytes - image.base_bytes < LARGEST
    assert (root / "opt/waldur-import-agent/bin/waldur-import-agent").exists()
    for name in ("src", "build", "wheels", "opt/waldur-import-agent/bin/pip"):
        assert not (root / name).exists(), name


def test_directories_can_be_mounted_over(image: Image) -> None:
    """A runtime may give a tmpfs the mode of the directory below it, and root: the status can be written all the same.

    The journal's directory hands its owner to a new volume.
    """
    runtime, state = (image.root / name / "waldur-import-agent" for name in ("run", "var/lib"))
    assert stat.S_IMODE(runtime.stat().st_mode) == 0o1777
    assert (state.stat().st_uid, state.stat().st_gid) == (USER, USER)


async def test_the_main_job(site: tuple[Container, Request]) -> None:
    """As its own user and with a read-only root: once, and then there is nothing left to do."""
    container, request = site
    code, said = await container.run("run", "--once")
    assert code == 0, said
    assert request.state == "Done"
    code, said = await container.run("run", "--once")
    assert code == 0, said
    code, said = await container.run("doctor")
    assert code == 0, said


async def test_health(site: tuple[Container, Request]) -> None:
    """The health check passes while the agent runs, fails before and after; SIGTERM reaches the agent."""
    container, request = site
    check = container.image.config["Healthcheck"]["Test"][2:]
    assert (await container.run(*check))[0] == 1
    agent = await container.start("run")
    async with asyncio.timeout(60):
        while request.state != "Done":  # noqa: ASYNC110 - the sandbox has no events
            await asyncio.sleep(0.1)
    assert (await container.run(*check))[0] == 0
    agent.terminate()
    async with asyncio.timeout(30):
        await agent.communicate()
    assert agent.returncode == 0
    assert (await container.run(*check))[0] == 1
