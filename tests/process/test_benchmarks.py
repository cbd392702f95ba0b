"""The bench on a small cluster, with the real agent: it counts what there is to count. No time is asserted."""

import json
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import cases, offerings, world
from benchmarks.agent import write_configuration
from benchmarks.floor import floor
from benchmarks.install import core_install_mib
from benchmarks.slurm import make_slurm
from benchmarks.waldur import fake_waldur


def quietly(text: str) -> None:
    """Say nothing of the progress."""


def test_bench_counts_requests_starts_and_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Twelve accounts: twelve creates beside the reads, one start for each read of sacctmgr, none while idle."""
    monkeypatch.setattr(cases, "STARTS_OF_COMMANDS", 1)
    output = tmp_path / "result.json"
    options = ["--accounts", "12", "--runs", "1", "--idle", "4", "--offerings", "0", "--output", str(output)]
    baseline = tmp_path / "baseline.json"
    baseline.write_text('{"cases": {}}')
    assert command.main([*options, "--baseline", str(baseline)]) == 0
    result = json.loads(output.read_text())["cases"]
    new, records, resources = (result[f"12 {kind}"] for kind in ("new", "known as records", "known as resources"))
    assert 12 <= new["requests"] - records["requests"] <= 12 + 2  # what was written may be listed again: two lists
    assert records["requests"] == resources["requests"] <= 10
    assert [found["process_starts"] for found in (new, records, resources)] == [4, 4, 4]
    assert 1 < new["in_flight"] <= world.IN_FLIGHT
    assert 20 < records["peak_mib"] < 200
    assert (result["idle"]["requests_per_poll"], result["idle"]["process_starts"]) == (1, 0)
    assert 0 < result["install"]["mib"] < 200
    assert {"--version", "--help"} < result.keys()
    assert "12 known as resources" in capsys.readouterr().out
    assert records["floor_seconds"] == pytest.approx(4 * world.START_SECONDS + records["requests"] * world.LATENCY)
    assert records["ratio"] == pytest.approx(records["wall_seconds"] / records["floor_seconds"])


def test_what_was_measured_is_told_although_a_case_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error comes after the table of those that were run."""

    def fails(*_: object) -> None:
        raise cases.WrongAnswerError("the agent did nothing")

    monkeypatch.setattr(cases, "STARTS_OF_COMMANDS", 1)
    monkeypatch.setattr(command, "answering", fails)
    with pytest.raises(cases.WrongAnswerError, match="did nothing"):
        command.main(["--accounts", "12", "--idle", "0", "--offerings", "0"])
    told = capsys.readouterr().out
    assert "Not all cases were run" in told
    assert "--version: CPU seconds" in told


def test_bench_of_many_offerings_answers_those_that_are_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of four offerings one is dead and one slow: the others are answered, and each is polled for by itself."""
    monkeypatch.setattr(offerings, "POLL_SECONDS", 0.5)
    monkeypatch.setattr(offerings, "WATCHED_SECONDS", 2.0)
    monkeypatch.setattr(offerings, "BURSTS", 1)
    found = dict(offerings.many_offerings(tmp_path, quietly, 4))
    assert found.keys() == {"4 offerings", "4 offerings, one dead, one slow"}
    assert found["4 offerings"]["polls_per_interval"] > 1
    assert all(numbers["longest_gap_intervals"] > 0 < numbers["claim_intervals"] for numbers in found.values())
    (_, numbers), *_ = offerings.burst(tmp_path / "burst", quietly)
    assert numbers["second_claim_intervals"] > 0


def test_agent_that_does_not_do_the_work_has_no_cost(tmp_path: Path) -> None:
    """A request that ends Erred, or with fewer records, is an error of the bench and never a fast run."""
    slurm = make_slurm(tmp_path / "slurm", 3)
    with fake_waldur(projects=0) as waldur, pytest.raises(cases.WrongAnswerError, match="Erred"):
        cases.answered(waldur, world.offering_uuid(0), slurm, tmp_path / "agent", expected=3)
    with fake_waldur(projects=1) as waldur, pytest.raises(cases.WrongAnswerError, match=r"Done .* with 3 records, not"):
        cases.answered(waldur, world.offering_uuid(0), slurm, tmp_path / "agent", expected=4)


def test_one_of_many_offerings_that_does_not_do_the_work_fails_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A round that ends Done with fewer records than its cluster has accounts is told with the agent's log."""
    made = offerings.make_slurm
    monkeypatch.setattr(offerings, "POLL_SECONDS", 0.5)
    monkeypatch.setattr(
        offerings, "make_slurm", lambda directory, accounts, **more: made(directory, accounts - 1, **more)
    )
    with pytest.raises(cases.WrongAnswerError, match=r"not all requests were answered: .*config\.log"):
        list(offerings.many_offerings(tmp_path, quietly, 3))


def test_agent_that_ends_is_told_with_its_log(tmp_path: Path) -> None:
    """A configuration that it refuses: what it said is in the error, and nobody waits for it."""
    slurm = make_slurm(tmp_path / "slurm", 3)
    with fake_waldur(projects=1) as waldur:
        configuration = write_configuration(tmp_path, waldur, {"no-uuid": slurm}, "1s")
        with pytest.raises(ChildProcessError, match="uuid"), cases.daemon(configuration, [slurm]):
            pass


def test_floor_creates_all_records() -> None:
    """Eight connections, one create each at a time, until all are made."""
    with fake_waldur(projects=1, latency=0.001) as waldur:
        assert floor(waldur, 20) > 0
        assert waldur.counts() | {"longest_gap": 0} == {
            "total": 20,
            "kinds": {"POST /backend-resources/": 20},
            "peak": 8,
            "longest_gap": 0,
        }


def test_installation_is_that_of_the_core_lock(tmp_path: Path) -> None:
    """The locked packages count, and the agent itself, but for those of another platform; none may be missing."""
    lock = tmp_path / "lock.txt"

    def size(text: str) -> float:
        lock.write_text(text)
        return core_install_mib(lock)

    agent = size("")
    assert 0.5 < agent < size("pyyaml==6.0.2 \\\n    --hash=sha256:0\n") < core_install_mib()
    assert size("pyyaml==6.0.2 ; sys_platform == 'win32' \\\n    --hash=sha256:0\n") == agent
    with pytest.raises(PackageNotFoundError):
        size("no-such-package==1 \\\n    --hash=sha256:0\n")
