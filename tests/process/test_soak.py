"""The soak itself: a short one of the real agent, and proof that it notices agents that do it wrong."""

import re
import sys
from pathlib import Path

import pytest

from soak import broken_agent
from soak.__main__ import has_grown, main
from soak.agents import Sample, growth
from soak.ground_truth import Findings, judge
from waldur_import_agent.sandbox import Sandbox

RESULT = re.compile(
    r"soak: rounds=(?P<rounds>\d+) lost=(?P<lost>\d+) stuck=(?P<stuck>\d+) doubled=(?P<doubled>\d+) "
    r"rss_growth_mib=-?\d+\.\d fds_growth=-?\d+\n"
)


def soak(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, int]]:
    """Run a soak: its exit code and the numbers of its last line."""
    code = main(arguments)
    result = RESULT.fullmatch(capsys.readouterr().out)
    assert result
    return code, {name: int(value) for name, value in result.groupdict().items()}


def test_short_soak(capsys: pytest.CaptureFixture[str]) -> None:
    """The real agent under errors, lost answers, kills and a second agent: nothing is lost, stuck or doubled."""
    assert soak(capsys, "--rounds", "24") == (0, {"rounds": 24, "lost": 0, "stuck": 0, "doubled": 0})


@pytest.mark.parametrize(
    ("fault", "found"), [("naive", "doubled"), ("silent", "stuck"), ("careless", "lost"), ("stopping", "stuck")]
)
def test_broken_agent_is_noticed(capsys: pytest.CaptureFixture[str], fault: str, found: str) -> None:
    """An agent that looks at nothing, never ends, reports nothing or falls over fails the soak by its count."""
    command = f"{{python}} {broken_agent.__file__} {fault} {{config}}"
    code, counts = soak(capsys, "--rounds", "4", "--patience", "1", "--command", command)
    assert code == 1
    assert counts[found] > 0


def test_judge_of_a_right_offering_finds_nothing() -> None:
    """Each account once, as a record or a resource, with its limits; staff's and a stranger's records as they were."""
    sandbox = Sandbox()
    offering = sandbox.add_offering("Soak")
    project = sandbox.add_project("Alpha", "alpha")
    by_hand = sandbox.add_record(offering, project, "by hand")
    add(sandbox, "here", 1)
    add(sandbox, "theirs", 5, instance="stranger")
    sandbox.add_resource(offering, project, "imported")
    assert judge(sandbox, offering, {"here": 1, "imported": 2}, [by_hand]) == Findings()


def test_judge_names_all_that_is_wrong() -> None:
    """What is missing, stale, left over or taken away is lost; a second record or one beside a resource is doubled."""
    sandbox = Sandbox()
    offering = sandbox.add_offering("Soak")
    project = sandbox.add_project("Alpha", "alpha")
    by_hand = sandbox.add_record(offering, project, "by hand")
    sandbox.delete_record(by_hand)
    add(sandbox, "stale", 1)
    add(sandbox, "left", 1)
    add(sandbox, "twice", 1)
    add(sandbox, "twice", 1, instance="stranger")
    add(sandbox, "imported", 1)
    sandbox.add_resource(offering, project, "imported")
    found = judge(sandbox, offering, {"stale": 2, "twice": 1, "imported": 1, "missing": 1}, [by_hand])
    assert found.lost == (
        "missing: not reported",
        "stale: not refreshed",
        "left: not withdrawn",
        "by hand: staff's record is gone",
    )
    assert found.doubled == ("twice: 2 records", "imported: a record beside its resource")
    found = judge(sandbox, offering, {"stale": 2, "twice": 1, "imported": 1}, [], stranger=True)
    assert found.lost == ()


def add(sandbox: Sandbox, account: str, limit: int, *, instance: str = "default") -> None:
    """A record of an agent."""
    (offering,) = sandbox.offerings.values()
    (project,) = sandbox.projects.values()
    metadata = {"limits": {"cpu": limit}, "import_agent": {"instance": instance}}
    sandbox.add_record(offering, project, account, backend_metadata=metadata)


@pytest.mark.parametrize(
    ("late", "rss", "descriptors"), [(Sample(50, 9), 0, 0), (Sample(70, 9), 20, 0), (Sample(50, 20), 0, 11)]
)
def test_growth_is_measured_after_a_warm_up(late: Sample, rss: float, descriptors: int) -> None:
    """What a process takes in its first fifth is no growth; what it takes until the last fifth is."""
    assert growth([Sample(30, 5)] * 20 + [Sample(50, 9)] * 60 + [late] * 20) == (rss, descriptors)


@pytest.mark.parametrize(
    ("rss", "descriptors", "grown"), [(16.0, 4, False), (16.1, 0, True), (0.0, 5, True), (-3.0, -2, False)]
)
def test_margins(rss: float, descriptors: int, *, grown: bool) -> None:
    """Growth up to the margins is the allocator's and the connections' swing; more is a leak."""
    assert has_grown(rss, descriptors) is grown


def test_leak_fails_the_soak(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent that leaks fails a soak in which nothing was lost."""
    monkeypatch.setattr("soak.__main__.growth", lambda samples: (17.0, 0))
    code, counts = soak(capsys, "--rounds", "1")
    assert (code, counts) == (1, {"rounds": 1, "lost": 0, "stuck": 0, "doubled": 0})


def test_module_is_the_command() -> None:
    """`python -m soak` is what the Makefile runs."""
    makefile = Path(__file__).parents[2] / "Makefile"
    assert "-m soak --rounds $(ROUNDS)" in makefile.read_text()
    assert sys.modules["soak.__main__"].main is main
