"""The backend's limits as limits of the offering's components."""

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waldur_import_agent.plan.limits import map_limits
from waldur_import_agent.records import Component, Limit

CPU = "GrpTRESMins.cpu"


def cpu(value: Limit, factor: float = 1) -> tuple[dict[str, int], tuple[str, ...]]:
    """What a cpu limit becomes."""
    return map_limits({CPU: value}, {"cpu": Component(CPU, factor)})


@pytest.mark.parametrize(
    ("value", "factor", "waldur"),
    [(0, 1, 0), (0, 60000, 0), (120000, 60000, 2), (120000, 60000.0, 2), (7.0, 1, 7), (10, 0.5, 20), (63, 0.7, 90)],
)
def test_limit_that_fits_is_mapped_without_a_note(value: float, factor: float, waldur: int) -> None:
    """Waldur's value is the backend's divided by the factor; nothing is noted where nothing is lost. 0 is a limit."""
    assert cpu(value, factor) == ({"cpu": waldur}, ())


@pytest.mark.parametrize(
    ("value", "factor", "waldur", "note"),
    [
        (119999, 60000, 1, "GrpTRESMins.cpu 119999 / 60000 = 1.99998 is truncated to 1 cpu"),
        (119999, 60000.0, 1, "GrpTRESMins.cpu 119999 / 60000 = 1.99998 is truncated to 1 cpu"),
        (59999, 60000, 0, "GrpTRESMins.cpu 59999 / 60000 = 0.999983 is truncated to 0 cpu"),
        (2.5, 1, 2, "GrpTRESMins.cpu 2.5 / 1 = 2.5 is truncated to 2 cpu"),
        (1, 1.5, 0, "GrpTRESMins.cpu 1 / 1.5 = 0.666667 is truncated to 0 cpu"),
    ],
)
def test_limit_that_does_not_fit_is_truncated_and_noted(value: float, factor: float, waldur: int, note: str) -> None:
    """What is lost is told with the numbers; a whole factor is shown without `.0`."""
    assert cpu(value, factor) == ({"cpu": waldur}, (note,))


def test_what_floating_point_loses_is_noted() -> None:
    """The division is in floating point, as the site agent's is; a huge number that it cannot hold is told."""
    mapped, notes = cpu(2**53 + 1)
    assert mapped == {"cpu": 2**53}
    assert "is truncated to 9007199254740992 cpu" in notes[0]


@settings(deadline=None)
@given(
    st.integers(0, 2**63) | st.floats(0, 1e15),
    st.floats(1e-3, 1e9) | st.integers(1, 10**9).map(float) | st.integers(1, 10**9),
)
def test_value_is_that_of_the_site_agent(value: float, factor: float) -> None:
    """Whatever the numbers, the result is int(value / unit_factor): the site agent compares with that."""
    assert cpu(value, factor)[0] == {"cpu": int(value / factor)}


def test_unlimited_is_no_limit() -> None:
    """Waldur has no word for an infinite limit: the component gets none, and it is noted."""
    assert cpu(None) == ({}, ("GrpTRESMins.cpu is unlimited: no limit for cpu",))


def test_absent_is_no_limit() -> None:
    """A limit that is not set on the backend is not 0."""
    assert map_limits({}, {"cpu": Component(CPU)}) == ({}, ("GrpTRESMins.cpu is not set: no limit for cpu",))


@pytest.mark.parametrize("value", [-1, -0.5, math.nan, math.inf, -math.inf, -(10**400), 10**400])
def test_what_is_no_limit_is_noted(value: float) -> None:
    """A negative number, no number, or one beyond floating point is not reported as a limit, and never an exception."""
    mapped, notes = cpu(value)
    assert mapped == {}
    assert notes == (f"GrpTRESMins.cpu is {value}, which is no limit: no limit for cpu",)


def test_quotient_beyond_floating_point_is_no_limit() -> None:
    """A tiny factor can lead out of the range of numbers."""
    assert cpu(1e308, 1e-3)[0] == {}


def test_one_bad_limit_does_not_hide_the_others() -> None:
    """Each component is looked at by itself, whatever became of the one before; the notes keep the order."""
    components = {name: Component(name) for name in ("absent", "infinite", "negative", "cut", "good")}
    limits: dict[str, Limit] = {"infinite": None, "negative": -1, "cut": 1.5, "good": 3}
    mapped, notes = map_limits(limits, components)
    assert mapped == {"cut": 1, "good": 3}
    assert [note.split()[0] for note in notes] == ["absent", "infinite", "negative", "cut"]


def test_limits_without_a_component_are_named_once_in_order() -> None:
    """What the configuration does not map is told in one note."""
    mapped, notes = map_limits({"mem": 1, "disk": None, CPU: 2}, {"cpu": Component(CPU)})
    assert mapped == {"cpu": 2}
    assert notes == ("no component for disk, mem",)


def test_one_limit_may_feed_two_components() -> None:
    """A limit that two components name counts for both and as mapped."""
    components = {"cpu": Component(CPU, 60), "hours": Component(CPU, 3600)}
    assert map_limits({CPU: 7200}, components) == ({"cpu": 120, "hours": 2}, ())


@settings(deadline=None)
@given(st.lists(st.integers(0, 10**12), min_size=2, max_size=5), st.floats(0.01, 1e6))
def test_more_on_the_backend_is_never_less_in_waldur(values: list[int], factor: float) -> None:
    """The mapping keeps the order of limits."""
    mapped = [cpu(value, factor)[0]["cpu"] for value in sorted(values)]
    assert all(one <= other for one, other in pairwise(mapped))
