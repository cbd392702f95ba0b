"""The judgement of a bench: what is a regression and what is not, and which target is met."""

import pytest

from benchmarks.__main__ import tell
from benchmarks.arguments import parse
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
        ("in_flight", 8, 7),  # less of it is no gain
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
    assert tell(result(run(requests=1021)), {}) == 0
    out = capsys.readouterr().out
    assert "A target that is not met does not fail the run; a regression does." in out
    lines = [line.split() for line in out.splitlines()]
    assert ["1000", "new:", "requests", "at", "most", "1,020", "1,021", "NOT", "MET"] in lines
    assert ["1000", "new:", "process", "starts", "at", "most", "6", "4", "met"] in lines
    assert not any("known" in line for line in lines)


def test_each_target_is_of_a_number_that_is_told_once() -> None:
    """No target stands twice, so that none hides another."""
    named = [(target.case, target.number, target.least) for target in TARGETS]
    assert len(named) == len(set(named))


def test_a_number_that_is_missing_is_a_regression(capsys: pytest.CaptureFixture[str]) -> None:
    """A case that was run must have all numbers that are compared: else a check could go without anybody's notice."""
    cases = run()
    del cases["1000 new"]["ratio"]
    del cases["1000 new"]["wall_seconds"]  # is not compared
    assert tell(result(cases), STORED) == 1
    assert "1000 new: ratio is no longer measured, was 1.2" in capsys.readouterr().out


def test_growth_is_not_missed_where_the_smaller_case_was_left_out() -> None:
    """It takes two cases, and one of them may have been left out."""
    case = "100000 known as records"
    assert regressions({case: {"requests": 411}}, {case: {"requests": 411, "growth": 1.0}}) == []


def test_an_offering_that_starves_misses_a_target() -> None:
    """Too few polls, a long time without one, or a late claim: each is judged, and a late claim is compared too."""
    well = {"polls_per_interval": 51.0, "longest_gap_intervals": 1.0, "claim_intervals": 0.9}

    def missed(**changes: float) -> list[str]:
        verdicts = judge({"50 offerings": {**well, **changes}})
        return [f"{verdict.target.number} {verdict.target}" for verdict in verdicts if verdict.met is False]

    assert missed() == []
    assert missed(polls_per_interval=0) == ["polls_per_interval at least 45"]
    assert missed(polls_per_interval=60) == ["polls_per_interval at most 56"]
    assert missed(longest_gap_intervals=4) == ["longest_gap_intervals at most 1.05 poll intervals"]
    assert missed(claim_intervals=300) == ["claim_intervals at most 1 poll intervals"]
    (found,) = regressions({"50 offerings": {**well, "claim_intervals": 300}}, {"50 offerings": well})
    assert found.number == "claim_intervals"


@pytest.mark.parametrize(("case", "number"), [("burst", "claim_intervals"), ("idle", "cpu_percent")])
def test_what_has_a_target_and_no_count_is_compared_too(case: str, number: str) -> None:
    """A claim after thirty intervals, or half a processor for nothing, fails the run."""
    assert regressions({case: {number: 0.1}}, {case: {number: 0.06}}) == []
    assert regressions({case: {number: 30.0}}, {case: {number: 0.06}})


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--accounts", "foo"], "--accounts"),
        (["--accounts", "0"], "--accounts"),
        (["--runs", "0"], "one run is the least"),
        (["--idle", "-1"], "0 or more seconds"),
        (["--offerings", "2"], "one is dead and one is slow"),
        (["--output", "/no/such/r.json"], "its directory must be there"),
        (["--baseline", "/no/such/b.json"], "/no/such/b.json is no stored result"),
        (["--incumbent", "/no/such"], "/no/such has no bin/python with waldur-site-agent"),
    ],
)
def test_arguments_of_no_use_end_before_the_first_case(
    words: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2 and the reason: a run of minutes does not end in a traceback, and a typo compares nothing."""
    with pytest.raises(SystemExit) as ended:
        parse(words, None)
    assert ended.value.code == 2
    assert reason in capsys.readouterr().err


def test_the_usual_arguments_compare_with_the_stored_result() -> None:
    """1,000 accounts, three runs, 50 offerings."""
    args = parse([], None)
    assert (args.accounts, args.runs, args.offerings, args.versions) == ([1000], 3, 50, {})
    assert args.stored["1000 new"]["requests"] > 1000


def test_growth_of_linear_cost_is_one() -> None:
    """100,000 accounts may take ten times what 10,000 take: 1 is linear, 2 twice that."""
    cases = {"10000 known as records": {"wall_seconds": 2.0}, "100000 known as records": {"wall_seconds": 40.0}}
    assert with_growth(cases)["100000 known as records"]["growth"] == 2.0
    assert "growth" not in with_growth({"10000 known as records": {"wall_seconds": 2.0}})["10000 known as records"]
