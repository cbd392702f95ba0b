"""Several offerings of one backend: what one has, the other does not offer again."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from support.site import Site
from waldur_import_agent import app
from waldur_import_agent.redactor import Redactor
from waldur_import_agent.sandbox import Offering
from waldur_import_agent.scanners.base import BackendMisconfiguredError
from waldur_import_agent.scanners.openstack import OpenStackScanner
from waldur_import_agent.settings.load import Configuration


@pytest.fixture
def other(site: Site) -> Offering:
    """Another offering of the same provider."""
    return site.sandbox.add_offering("The same cluster, other accounts", components=("cpu",))


async def test_the_first_configured_offering_wins(site: Site, other: Offering) -> None:
    """A record of the offering that is configured first keeps the account back here; one of a later one does not."""
    site.sandbox.add_record(other, site.alpha, "HPC_one", name="x", backend_metadata={})
    site.siblings = [(other, True)]
    site.finds("hpc_one", "hpc_two")
    request = site.ask()
    report = await site.round()
    assert request.state == "Done"
    assert site.ids() == ["hpc_two"]
    (reason,) = report.reasons()
    assert reason.why.startswith(f"the offering {other.uuid}, configured before this one")
    site.siblings = [(other, False)]
    site.ask()
    await site.round()
    assert site.ids() == ["hpc_one", "hpc_two"]


@pytest.mark.parametrize("first", [True, False])
async def test_a_resource_of_another_offering_is_not_offered(site: Site, other: Offering, *, first: bool) -> None:
    """What is imported or ordered there is somebody's already, whichever offering is configured first."""
    site.sandbox.add_resource(other, site.alpha, "hpc_one")
    site.siblings = [(other, first)]
    site.finds("hpc_one")
    site.ask()
    report = await site.round()
    assert site.ids() == []
    assert f"of the offering {other.uuid}" in report.reasons()[0].why


async def test_an_order_of_another_offering_keeps_its_account_back(site: Site, other: Offering) -> None:
    """The resource has no backend_id yet; its slug in the id is what is known of it."""
    ordered = site.sandbox.add_resource(other, site.alpha, "", name="Lab", state="Creating")
    site.siblings = [(other, False)]
    site.finds(f"hpc_{ordered.slug}")
    site.ask()
    report = await site.round()
    assert "an order is creating the resource Lab" in report.reasons()[0].why


async def test_an_order_of_this_offering_keeps_its_account_back_until_it_is_made(site: Site) -> None:
    """When the order has made the resource, it is known by its id; if it is gone, the account is offered."""
    ordered = site.sandbox.add_resource(site.offering, site.alpha, "", name="Lab", state="Creating")
    site.finds(f"hpc_{ordered.slug}")
    site.ask()
    await site.round()
    assert site.ids() == []
    ordered.state = "Terminated"
    site.ask()
    await site.round()
    assert site.ids() == [f"hpc_{ordered.slug}"]


async def test_each_other_offering_costs_two_lists(site: Site, other: Offering) -> None:
    """Its records and its resources; without another offering of the same backend nothing more is asked."""
    site.finds("hpc_one")
    site.ask()
    await site.round()
    site.ask()
    site.sandbox.log.clear()
    await site.round()
    alone = len(site.sandbox.log)
    site.siblings = [(other, True)]
    site.ask()
    site.sandbox.log.clear()
    await site.round()
    assert len(site.sandbox.log) == alone + 2
    assert site.asked("GET", f"offering_uuid={other.uuid}") == 2


def configured(tmp_path: Path, *offerings: dict[str, Any]) -> Configuration:
    """A configuration with these offerings."""
    (tmp_path / "token").write_text("x")
    (tmp_path / "token").chmod(0o600)
    numbered = [{"uuid": f"{number:032}", **offering} for number, offering in enumerate(offerings)]
    waldur = {"url": "https://waldur.test", "token_file": "token"}
    (tmp_path / "config.yaml").write_text(json.dumps({"waldur": waldur, "offerings": numbered}))
    return app.load(tmp_path / "config.yaml")


def test_what_an_openstack_scanner_offers_makes_no_other_backend(tmp_path: Path) -> None:
    """One cloud, whose projects and servers are offered in parts; another cloud."""
    cloud: dict[str, Any] = {"type": "openstack", "cloud": "a"}
    scanners = [
        cloud,
        cloud | {"kinds": ["server"], "quotas": [], "select": {"used": True}},
        cloud | {"cloud": "b"},
    ]
    configuration = configured(tmp_path, *({"scanner": scanner} for scanner in scanners))
    assert [app.same_backend(configuration, position) for position in range(3)] == [[1], [0], []]


def test_a_scanner_is_told_which_limits_are_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the offering has components: without any, nobody can know."""
    told: list[set[str]] = []
    monkeypatch.setattr(OpenStackScanner, "want_limits", lambda self, names: told.append(set(names)))
    components = {"cores": {"from": "compute.cores"}, "ram": {"from": "compute.ram"}}
    openstack = {"type": "openstack", "cloud": "a"}
    slurm = {"type": "slurm"}
    app.make_scanners(
        configured(
            tmp_path,
            {"scanner": openstack, "components": components},
            {"scanner": openstack},
            {"scanner": slurm, "components": components},
        ),
        Redactor(),
    )
    assert told == [{"compute.cores", "compute.ram"}]


def test_which_offerings_look_at_the_same_backend(tmp_path: Path) -> None:
    """The same scanner with the same settings, apart from those that choose among accounts."""
    slurm: dict[str, Any] = {"type": "slurm", "cluster": "a"}
    scanners: list[dict[str, Any]] = [
        slurm,
        slurm | {"accounts": {"select": "all"}},
        slurm | {"cluster": "b"},
        {"type": "inventory", "path": "inventory.jsonl"},
        slurm | {"accounts": {"include": [{"name": "^x"}]}, "timeout": "2m"},
    ]
    configuration = configured(tmp_path, *({"scanner": scanner} for scanner in scanners))
    assert [app.same_backend(configuration, position) for position in range(5)] == [[1, 4], [0, 4], [], [], [0, 1]]


async def test_the_order_of_the_configuration_decides(tmp_path: Path) -> None:
    """The surveyors of a configuration know the others of their backend, and which of them come first."""
    (tmp_path / "token").write_text("x")
    offerings = "\n".join(f"  - {{uuid: '{number:032}', scanner: {{type: slurm}}}}" for number in range(3))
    (tmp_path / "config.yaml").write_text(
        f"waldur: {{url: 'https://waldur.test', token_file: token}}\nofferings:\n{offerings}\n"
    )
    configuration = app.load(tmp_path / "config.yaml")
    around = app.Surroundings(asyncio.Event(), Redactor())
    async with (
        app.make_client(configuration.settings.waldur, around.redact, read_only=True) as client,
        app.open_surveyors(configuration, client, around) as surveyors,
    ):
        known = [[(sibling.offering[-1], sibling.first) for sibling in surveyor.siblings] for surveyor in surveyors]
    assert known == [[("1", False), ("2", False)], [("0", True), ("2", False)], [("0", True), ("1", True)]]


async def test_what_a_scanner_reads_is_taken_out_of_all_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The redactor of logs and errors learns it with each scan: here the variable that a program gets."""
    monkeypatch.setenv("SHARES_PASSWORD", "sesame-sesame")
    command = {"type": "command", "command": ["/bin/sh", "-c", "echo $SHARES_PASSWORD"]}
    redact = Redactor()
    (scanner,) = app.make_scanners(
        configured(tmp_path, {"scanner": {**command, "environment": ["SHARES_PASSWORD"]}}), redact
    )
    assert redact("sesame-sesame") == "sesame-sesame"
    with pytest.raises(BackendMisconfiguredError):
        await scanner.scan()
    assert redact("sesame-sesame") == "[secret]"
