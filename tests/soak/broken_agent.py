"""Agents that do it wrong, to show that the soak notices. `python broken_agent.py FAULT CONFIG`.

naive: reports all that it finds, whatever Waldur has, and looks back at nothing; what fails is left.
silent: claims and never ends. careless: says Done without a report. stopping: ends at once.
"""

import contextlib
import json
import sys
import time
from pathlib import Path

import httpx
import yaml

REQUESTS = "backend-resource-requests/"


def main(fault: str, config: Path) -> None:
    """Answer requests for ever, wrongly."""
    settings = yaml.safe_load(config.read_text())
    offering = settings["offerings"][0]["uuid"]
    token = (config.parent / "token").read_text()
    with httpx.Client(
        base_url=settings["waldur"]["url"], headers={"Authorization": f"Token {token}"}, timeout=5
    ) as waldur:
        while fault != "stopping":
            with contextlib.suppress(httpx.HTTPError, ValueError, KeyError):
                answer_all(waldur, fault, config.parent / "inventory.jsonl", offering)
            time.sleep(0.05)


def answer_all(waldur: httpx.Client, fault: str, inventory: Path, offering: str) -> None:
    """Answer what is Sent."""
    project = waldur.get("projects/").raise_for_status().json()[0]["uuid"]
    for request in waldur.get(REQUESTS, params={"state": "Sent"}).raise_for_status().json():
        path = f"{REQUESTS}{request['uuid']}/"
        waldur.post(f"{path}start_processing/").raise_for_status()
        if fault == "naive":
            for line in inventory.read_text().splitlines():
                account = json.loads(line)
                waldur.post(
                    "backend-resources/",
                    json={
                        "name": account["backend_id"],
                        "backend_id": account["backend_id"],
                        "project": project,
                        "offering": offering,
                        "backend_metadata": {"limits": account["limits"]},
                    },
                )
        if fault != "silent":
            waldur.post(f"{path}set_done/").raise_for_status()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
