"""Fifty offerings in one agent: a backend that is slow or dead delays nobody else's requests."""

from pathlib import Path
from typing import Any

from support.station import Station
from waldur_import_agent.errors import ExitCode

OFFERINGS = 50
RULE = {"from": "parent", "match": "^hpc_(?P<slug>.+)$", "value": "{slug}"}


def inventory(directory: Path, number: int) -> dict[str, Any]:
    """A scanner of a backend of its own that works."""
    path = directory / f"inventory-{number}.jsonl"
    path.write_text(f'{{"backend_id": "account-{number}", "parents": ["hpc_alpha"]}}\n')
    return {"type": "inventory", "path": str(path)}


async def test_a_slow_and_a_dead_backend_delay_no_other(station: Station) -> None:
    """All others' requests are Done while one scan still runs, and while another fails and is tried again.

    Both are the first of the configuration. Their requests stay in Processing meanwhile: nobody waits for them.
    """
    offerings = [
        station.offering,
        *(station.sandbox.add_offering(f"cluster {number}", components=("cpu",)) for number in range(1, OFFERINGS)),
    ]
    scanners = [
        {"type": "command", "command": ["/bin/sleep", "3600"], "timeout": "1h"},
        {"type": "command", "command": ["/bin/sh", "-c", "echo the database is down >&2; exit 75"]},
        *(inventory(station.directory, number) for number in range(2, OFFERINGS)),
    ]
    station.configure(
        offerings=[
            {"uuid": offering.uuid, "scanner": scanner, "scan_timeout": "1h", "projects": {"rules": [RULE]}}
            for offering, scanner in zip(offerings, scanners, strict=True)
        ]
    )
    slow, dead, *others = (station.sandbox.add_request(offering) for offering in offerings)
    daemon = await station.start("run")
    await station.hears(daemon, "the database is down")
    await station.until(lambda: all(request.state == "Done" for request in others))
    assert slow.state == "Processing"
    again = [station.sandbox.add_request(offering) for offering in offerings[-5:]]
    await station.until(lambda: all(request.state == "Done" for request in again))
    assert slow.state == "Processing"
    assert dead.state in {"Processing", "Erred"}
    for number, offering in enumerate(offerings[2:], start=2):
        assert [record.backend_id for record in station.sandbox.records_of(offering)] == [f"account-{number}"]
    daemon.terminate()
    await station.hears(daemon, "a running round may end")  # two signals at once would be one
    daemon.terminate()
    assert (await station.end(daemon)).code in {ExitCode.OK, ExitCode.LEFT}
