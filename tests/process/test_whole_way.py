"""From 60 accounts, of which 18 cannot be placed, to 60 resources: the real command against the sandbox."""

import json
from pathlib import Path

import pytest

from support.station import serving_station
from support.whole_way import WholeWay
from waldur_import_agent.sandbox import Project, Sandbox

ACCOUNTS = 60
UNPLACEABLE = 18


@pytest.mark.parametrize("with_directory", [False, True], ids=["sees the projects", "sees no project"])
async def test_from_accounts_to_resources(tmp_path: Path, *, with_directory: bool) -> None:
    """Done with reasons, worksheet filled, all placed, import killed and run again, nothing left to report."""
    sandbox = Sandbox()
    expected: dict[str, tuple[Project, dict[str, int]]] = {}
    inventory = []
    for number in range(ACCOUNTS):
        slug = f"group-{number // 3:02}"
        project = next((row for row in sandbox.projects.values() if row.slug == slug), None) or sandbox.add_project(
            f"Group {number // 3}", slug, visible_to_agent=not with_directory
        )
        parent = f"dept_{number}" if number < UNPLACEABLE else f"hpc_{slug}"
        expected[f"acct{number:02}"] = project, {"cpu": number}
        limits = {"GrpTRESMins.cpu": number * 60}
        inventory.append(json.dumps({"backend_id": f"acct{number:02}", "parents": [parent], "limits": limits}))
    (tmp_path / "inventory.jsonl").write_text("\n".join(inventory) + "\n")
    offering = {
        "scanner": {"type": "inventory", "path": "inventory.jsonl"},
        "projects": {"rules": [{"from": "parent", "match": "^hpc_(?P<slug>.+)$", "value": "{slug}"}]},
        "components": {"cpu": {"from": "GrpTRESMins.cpu", "unit_factor": 60}},
    }
    async with serving_station(tmp_path, sandbox, components=("cpu",)) as station:
        way = WholeWay(station, offering, expected, frozenset(sorted(expected)[:UNPLACEABLE]))
        await way.go(with_directory=with_directory)
