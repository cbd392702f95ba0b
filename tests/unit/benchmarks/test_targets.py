"""The judgement of a bench: what is a regression and what is not, and which target is met."""

import pytest

from benchmarks.__main__ import tell
from benchmarks.targets import MARGINS, TARGETS, Target, judge, regressions, with_growth

STORED = {
    "1000 new": {
        "requests": 1015.0,
        "process_starts": 4.0,
        "ratio": 1.2,
        "peak_mib": 60.0,
        "wall_seconds": 3.3,
        "in_flight": 8.0,
    }
}


def run(**changes: float) -> dict[str, dict[str, float]]:
    """A run like the stored one but for these numbers."""
    return {"1000 new": {**STORED["1000 new"], **changes}}


def result(cases: dict[str, dict[str, float]], load: float = 1.0) -> dict[str, object]:
    """A whole result."""
    return {"cases": cases, "incumbent": {"cases": {}}, "load": [0.5, load], "processors": 2}


@pytest.mark.parametrize(
    ("number", "passes", "fails"),
    [
        ("requests", 1025, 1026),
        ("process_starts", 4, 5),
        ("ratio", 1.37, 1.39),
        ("peak_mib", 64.7, 65),
        ("in_flight", 8, 9),
    ],
)
def test_each_margin_ends_somewhere(number: str, passes: float, fails: float) -> None:
    """A number may be worse by its margin and no more: counts hardly, ratios and memory a little."""
    assert regressions(run(**{number: passes}), STORED) == []
    (found,) = regressions(run(**{number: fails}), STORED)
    assert (found.case, found.number, found.stored, found.measured) == (
        "1000 new",
        number,
        STORED["1000 new"][number],
        fails,
    )
    assert number in str(found)


def test_small_memory_may_differ_by_some_mib() -> None:
    """Eight percent of a few MiB is noise: 4 MiB are always let pass."""
    stored = {"idle": {"peak_mib": 20.0}}
    assert regressions({"idle": {"peak_mib": 24.0}}, stored) == []
    assert regressions({"idle": {"peak_mib": 24.1}}, stored)


def test_seconds_are_never_compared() -> None:
    """Another machine is no regression: only counts, memory and ratios are compared."""
    assert regressions(run(wall_seconds=33.0), STORED) == []
    assert not [number for number in MARGINS if number.endswith("_seconds")]


def test_better_numbers_and_other_cases_are_no_regression() -> None:
    """What has become cheaper passes, and so does a case that the stored result does not have."""
    assert regressions(run(requests=500, ratio=1.0), STORED) == []
    assert regressions({"30 new": {"requests": 10_000}}, STORED) == []


def test_regression_is_told_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1 and the number by name where something is worse; 0 where nothing is."""
    assert tell(result(run()), STORED) == 0
    assert "No regression: 1 cases" in capsys.readouterr().out
    assert tell(result(run(process_starts=1001)), STORED) == 1
    told = capsys.readouterr().out
    assert "REGRESSION" in told
    assert "1000 new: process_starts is 1001, was 4" in told
    assert "load" not in told


def test_no_stored_result_is_no_regression(capsys: pytest.CaptureFixture[str]) -> None:
    """Where nothing was compared, it is said."""
    assert tell(result(run()), {}) == 0
    assert "Nothing was compared" in capsys.readouterr().out


def test_busy_machine_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Where others used the processors too, whoever reads seconds is warned; the exit code stays."""
    assert tell(result(run(), load=14.0), STORED) == 0
    assert "The load was 14.0 on 2 processors" in capsys.readouterr().out


def test_targets_are_met_or_not(capsys: pytest.CaptureFixture[str]) -> None:
    """Each target of a case that was run is shown with what was measured; an unmet one stands out."""
    targets = [Target("a", "x", 5, ""), Target("a", "y", 5, ""), Target("b", "x", 5, "")]
    assert [verdict.met for verdict in judge({"a": {"x": 5, "y": 5.1}}, targets)] == [True, False, None]
    tell(result(run(requests=1021)), {})
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["1000", "new:", "requests", "1020", "1,021", "NOT", "MET"] in lines
    assert ["1000", "new:", "process_starts", "6", "4", "met"] in lines
    assert not any("known" in line for line in lines)


def test_each_target_is_of_a_number_that_is_told_once() -> None:
    """No target stands twice, so that none hides another."""
    named = [(target.case, target.number) for target in TARGETS]
    assert len(named) == len(set(named))


def test_growth_of_linear_cost_is_one() -> None:
    """100,000 accounts may take ten times what 10,000 take: 1 is linear, 2 twice that."""
    cases = {"10000 known as records": {"wall_seconds": 2.0}, "100000 known as records": {"wall_seconds": 40.0}}
    assert with_growth(cases)["100000 known as records"]["growth"] == 2.0
    assert "growth" not in with_growth({"10000 known as records": {"wall_seconds": 2.0}})["10000 known as records"]
