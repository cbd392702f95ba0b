"""Signs of a second agent: records of another instance or host that were written lately."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from support.builders import EPOCH, record
from support.site import Site
from waldur_import_agent.fulfilment.other_agents import LATELY, signs_of_others
from waldur_import_agent.records import Marker


def notes(lines: list[dict[str, object]]) -> list[str]:
    """The warnings of a round's survey that are about another agent."""
    warnings = [str(line["note"]) for line in lines if line["event"] == "survey" and line["log_level"] == "warning"]
    return [note for note in warnings if "two agents" in note]


@pytest.mark.parametrize(("instance", "host"), [("other", "testhost"), ("default", "otherhost")])
async def test_record_that_another_wrote_lately_is_a_warning(site: Site, instance: str, host: str) -> None:
    """Another instance on this host, or this instance on another host: the round says who, and ends Done."""
    site.instance, site.host = instance, host
    site.finds("hpc_one", "hpc_two")
    site.ask()
    await site.round()
    site.instance, site.host = "default", "testhost"
    request = site.ask()
    with capture_logs() as lines:
        await site.round()
    (note,) = notes(list(map(dict, lines)))
    assert f"the instance {instance!r} on the host {host!r}" in note
    assert request.state == "Done"


async def test_own_records_and_old_ones_are_none(site: Site, later: Callable[[timedelta], None]) -> None:
    """What this agent wrote itself is no sign, nor is what another wrote before a move here more than a day ago."""
    site.host = "oldhost"
    site.finds("hpc_one")
    site.ask()
    await site.round()
    site.host = "testhost"
    later(LATELY + timedelta(minutes=1))
    site.finds("hpc_one", "hpc_two")
    with capture_logs() as lines:
        for _ in range(2):
            site.ask()
            await site.round()
    assert notes(list(map(dict, lines))) == []


def test_each_other_agent_is_told_once_with_its_newest_record() -> None:
    """Three records of two others make two warnings; records without a marker are nobody's sign."""
    records = [
        record("a", instance="b"),
        record("b", instance="b"),
        record("c", instance="a"),
        record("d", content=None),
    ]
    first, second = signs_of_others(records, "default", "host", EPOCH + LATELY)
    assert "'a' on the host 'host'" in first
    assert "'b' on the host 'host'" in second
    assert "last at 2026-01-01 00:00 UTC" in second


@pytest.mark.parametrize("written", ["2026-01-01T00:00:00", "2026-01-01T02:00:00+02:00"])
def test_time_of_a_marker_is_in_utc(written: str) -> None:
    """A marker whose time has no zone, or another one, can be compared."""
    metadata = Marker("i", "c", "h", "v", "r", EPOCH).to_json() | {"written": written}
    mark = Marker.from_metadata({"import_agent": metadata})
    assert mark is not None
    assert mark.written == EPOCH


def test_marker_with_a_time_outside_the_calendar_is_none() -> None:
    """A time that has no counterpart in UTC cannot be read."""
    metadata = Marker("i", "c", "h", "v", "r", EPOCH).to_json() | {"written": "0001-01-01T00:00:00+14:00"}
    assert Marker.from_metadata({"import_agent": metadata}) is None
