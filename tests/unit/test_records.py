"""The words of the product as data: what the marker says, and what a plan writes."""

import json
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from support.builders import ALPHA, found, record
from waldur_import_agent.records import Kept, LeftOut, Marker, Plan, Refresh, Removal, WantedRecord

MARKER = Marker("default", "c0ffee", "login1", "1.2.3", "run-7", datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC))
WANTED = WantedRecord("acct1", "acct1", ALPHA, {}, "c0ffee")


def test_marker_as_it_stands_in_waldur() -> None:
    """The written form is a promise: records of older releases must be recognised for ever."""
    assert MARKER.to_json() == {
        "instance": "default",
        "content": "c0ffee",
        "host": "login1",
        "version": "1.2.3",
        "run": "run-7",
        "written": "2026-03-04T05:06:07+00:00",
    }


def test_marker_is_read_back_from_the_metadata() -> None:
    """What was written under `import_agent` is read back as it was, whatever else the metadata holds."""
    assert Marker.from_metadata({"limits": {"cpu": 1}, "import_agent": MARKER.to_json()}) == MARKER


def test_markers_share_what_they_all_say() -> None:
    """A hundred thousand records are written by one instance, host and release, in few runs: one text for all."""
    one, other = (Marker.from_metadata(json.loads(json.dumps({"import_agent": MARKER.to_json()}))) for _ in range(2))
    assert one is not None
    assert other is not None
    for field in ("instance", "host", "version", "run"):
        assert getattr(one, field) is getattr(other, field)


@pytest.mark.parametrize(
    "metadata",
    [None, [], "import_agent", {}, {"import_agent": None}, {"import_agent": "default"}, {"import_agent": ["instance"]}],
)
def test_metadata_without_a_marker(metadata: object) -> None:
    """Metadata of any JSON type without a marker object has no marker: the record is somebody else's."""
    assert Marker.from_metadata(metadata) is None


@pytest.mark.parametrize("key", ["instance", "content", "host", "version", "run", "written"])
def test_marker_with_a_part_missing_is_none(key: str) -> None:
    """A marker that lacks a part was not written by this product."""
    rest = {name: value for name, value in MARKER.to_json().items() if name != key}
    assert Marker.from_metadata({"import_agent": rest}) is None


@pytest.mark.parametrize("key", ["instance", "content", "host", "version", "run"])
@pytest.mark.parametrize("value", [None, 7, ["default"]])
def test_marker_with_a_part_that_is_no_text_is_none(key: str, value: Any) -> None:
    """A marker part of another JSON type is not believed."""
    assert Marker.from_metadata({"import_agent": MARKER.to_json() | {key: value}}) is None


@pytest.mark.parametrize("written", ["yesterday", "", 7, None])
def test_marker_with_an_unreadable_time_is_none(written: Any) -> None:
    """A time that cannot be read makes the marker one that cannot be read."""
    assert Marker.from_metadata({"import_agent": MARKER.to_json() | {"written": written}}) is None


@pytest.mark.parametrize(
    "plan",
    [
        Plan(report=(WANTED,)),
        Plan(refresh=(Refresh(record(), WANTED),)),
        Plan(surplus=(Removal(record(), "second"),)),
        Plan(withdraw=(Removal(record(), "gone"),)),
    ],
)
def test_plan_that_writes(plan: Plan) -> None:
    """Reporting, refreshing, repairing and withdrawing each change Waldur."""
    assert plan.writes


def test_plan_that_writes_nothing() -> None:
    """Whatever is held, kept, unplaced, skipped, excluded or warned of changes nothing in Waldur."""
    plan = Plan(
        held=(Removal(record(), "gone"),),
        held_why="too many",
        keep=(Kept("acct1", "acct1", "unchanged"),),
        unplaced=(LeftOut(found(), "no rule"),),
        skipped=(LeftOut(found(), "bad id"),),
        excluded={"acct2": "filter"},
        warnings=("a part is missing",),
    )
    assert plan.writes is False


def test_counts_are_of_their_own_kind() -> None:
    """Each name counts its own part of the plan; the order is the one in which they are told."""
    removal, left_out = Removal(record(), "why"), LeftOut(found(), "why")
    plan = Plan(
        report=(WANTED,) * 1,
        refresh=(Refresh(record(), WANTED),) * 2,
        withdraw=(removal,) * 3,
        surplus=(removal,) * 4,
        keep=(Kept("acct1", "acct1", "unchanged"),) * 5,
        unplaced=(left_out,) * 6,
        skipped=(left_out,) * 7,
        held=(removal,) * 8,
    )
    assert list(plan.counts().items()) == [
        ("reported", 1),
        ("refreshed", 2),
        ("withdrawn", 3),
        ("removed as surplus", 4),
        ("kept", 5),
        ("unplaced", 6),
        ("skipped", 7),
        ("held back", 8),
    ]


def test_data_cannot_be_changed_in_place() -> None:
    """What one part of the agent hands to another stays as it is; a changed one is a new one."""
    thing = found("acct1")
    with pytest.raises(FrozenInstanceError):
        thing.name = "other"  # type: ignore[misc]  # the point of the test
    assert replace(thing, name="other").backend_id == "acct1"
