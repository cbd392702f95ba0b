"""The cases: what is set up, what is run, what is counted. Each gives its numbers by name."""

import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from benchmarks import world
from benchmarks.agent import COMMAND, Agent, daemon, write_configuration
from benchmarks.floor import floor
from benchmarks.processes import (
    memory,
    peak_memory,
    precise_processor_seconds,
    processor_seconds,
    processor_seconds_of,
    wait_until,
)
from benchmarks.slurm import Slurm, make_slurm
from benchmarks.waldur import FakeWaldur, fake_waldur

Numbers = dict[str, float]
Say = Callable[[str], None]
POLL = "1s"
USUAL_POLL_SECONDS = 30.0
ROUND_LIMIT = 1800.0
"""Seconds for a round; only something that hangs takes so long."""
STARTS_OF_COMMANDS = 9
"""Of which the middle one counts."""


class WrongAnswerError(Exception):
    """The agent did not do the work, so what it cost means nothing."""


def answered(
    waldur: FakeWaldur, offering: str, slurm: Slurm, directory: Path, *, expected: int, latency: float = world.LATENCY
) -> Numbers:
    """One daemon, one request: from the poll that shows it to `set_done`, and the memory when that round is over.

    `expected` is how many records there must be afterwards. Raises WrongAnswerError.
    """
    configuration = write_configuration(directory, waldur, {offering: slurm}, POLL)
    with daemon(configuration, [slurm]) as agent:
        waldur.set_latency(latency)
        waldur.counts(reset=True)
        starts, used, beside = slurm.starts, processor_seconds(agent.pid), processor_seconds(waldur.pid)
        request = waldur.ask(offering)
        told = when_over(waldur, [offering], agent)[request]
        numbers = {
            "requests": told["counted"],
            "process_starts": slurm.starts - starts,
            "wall_seconds": told["ended"] - told["started"],
            "claim_seconds": told["started"] - told["created"],
            "peak_mib": peak_memory(agent.pid),
            "afterwards_mib": memory(agent.pid),
            "cpu_seconds": processor_seconds(agent.pid) - used,
            "in_flight": waldur.counts()["peak"],
            "waldur_cpu_seconds": processor_seconds(waldur.pid) - beside,
        }
    if told["state"] != "Done" or waldur.records(offering) != expected:
        raise WrongAnswerError(
            f"the request ended {told['state']} ({told['message']}) with {waldur.records(offering)} records, not "
            f"Done with {expected}; the agent's log is {agent.log}"
        )
    return numbers


def when_over(waldur: FakeWaldur, offerings: Sequence[str], agent: Agent) -> dict[str, dict[str, Any]]:
    """What became of all requests of these, told when the agent looks for the next ones: their rounds are then over."""
    told: dict[str, dict[str, Any]] = {}

    def over() -> bool:
        agent.still_runs()
        told.update(waldur.requests(offerings))
        return all(request["looked_again"] for request in told.values())

    wait_until(over, "the end of all requests", seconds=ROUND_LIMIT, interval=0.05)
    return told


def least_seconds(numbers: Numbers) -> float:
    """How long its own requests and process starts take one after the other: the floor where nothing is created."""
    return numbers["requests"] * world.LATENCY + numbers["process_starts"] * world.START_SECONDS


def _beside(numbers: Numbers, floor_seconds: float) -> Numbers:
    return {**numbers, "floor_seconds": floor_seconds, "ratio": numbers["wall_seconds"] / floor_seconds}


def answering(directory: Path, accounts: int, runs: int, say: Say) -> Iterator[tuple[str, Numbers]]:
    """New accounts, the same known as records, and known as resources; the floor is measured before each run.

    Of several runs, each number's median counts; `ratio` is that of a run's seconds to its own floor: that of the bare
    sockets for new ones, `least_seconds` for known ones.
    """
    slurm = make_slurm(directory / "slurm", accounts)
    new: list[Numbers] = []
    records: list[Numbers] = []
    resources: list[Numbers] = []
    with fake_waldur(world.projects_of(accounts)) as waldur:
        for run in range(runs):
            offering, place = world.offering_uuid(run), directory / f"run{run}"
            say(f"{accounts:,} accounts, run {run + 1} of {runs}: the floor")
            least = floor(waldur, accounts)
            for name, found, expected in (
                ("new", new, accounts),
                ("known as records", records, accounts),
                ("known as resources", resources, 0),
            ):
                say(f"{accounts:,} accounts, run {run + 1} of {runs}: {name}")
                if found is resources:
                    waldur.make_resources(offering)
                numbers = answered(waldur, offering, slurm, place / name.replace(" ", "-"), expected=expected)
                found.append(_beside(numbers, least if found is new else least_seconds(numbers)))
    yield f"{accounts} new", _median(new)
    yield f"{accounts} known as records", _median(records)
    yield f"{accounts} known as resources", _median(resources)


def known(directory: Path, accounts: int, say: Say) -> Iterator[tuple[str, Numbers]]:
    """Many accounts, all known as records: the agent first writes them to a Waldur without latency, uncounted."""
    slurm = make_slurm(directory / "slurm", accounts)
    offering = world.offering_uuid(0)
    with fake_waldur(world.projects_of(accounts)) as waldur:
        say(f"{accounts:,} accounts: the records are made")
        numbers = answered(waldur, offering, slurm, directory / "new", expected=accounts, latency=0)
        yield f"{accounts} new without latency", numbers
        say(f"{accounts:,} accounts: known as records")
        numbers = answered(waldur, offering, slurm, directory / "known", expected=accounts)
        yield f"{accounts} known as records", _beside(numbers, least_seconds(numbers))


def _median(runs: Sequence[Numbers]) -> Numbers:
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


class Idle:
    """A daemon with one offering and nothing to do, which is watched while other cases run; a context manager.

    It polls every 30 seconds; where it is to be watched for less than two polls, so often that there is one.
    """

    def __init__(self, directory: Path, seconds: float) -> None:
        self._directory = directory
        self._seconds = seconds
        self._interval = min(USUAL_POLL_SECONDS, seconds / 2)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with self._stack:
            self._slurm = make_slurm(self._directory / "slurm", 1000)
            self._waldur = self._stack.enter_context(fake_waldur(100))
            offerings = {world.offering_uuid(0): self._slurm}
            configuration = write_configuration(self._directory, self._waldur, offerings, f"{self._interval:g}s")
            self._agent = self._stack.enter_context(daemon(configuration, [self._slurm]))
            self._waldur.counts(reset=True)
            self._starts, self._began = self._slurm.starts, time.monotonic()
            self._used = precise_processor_seconds(self._agent.pid)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def watched(self, say: Say) -> tuple[str, Numbers]:
        """What it asked and used since its first poll; waits until that is long enough."""
        missing = self._began + self._seconds - time.monotonic()
        if missing > 0:
            say(f"idle, one offering: {missing:.0f} seconds more")
            time.sleep(missing)
        self._agent.still_runs()
        seconds, counts, pid = time.monotonic() - self._began, self._waldur.counts(), self._agent.pid
        polls = counts["kinds"].get("GET /backend-resource-requests/", 0)
        if not polls:
            raise WrongAnswerError(
                f"the idle agent did not poll in {seconds:.0f} seconds; its log is {self._agent.log}"
            )
        return "idle", {
            "seconds": seconds,
            "polls": polls,
            "requests_per_poll": counts["total"] / polls,
            "process_starts": self._slurm.starts - self._starts,
            "peak_mib": peak_memory(pid),
            "afterwards_mib": memory(pid),
            # as if it polled at the usual interval
            "cpu_percent": 100
            * (precise_processor_seconds(pid) - self._used)
            / seconds
            * (self._interval / USUAL_POLL_SECONDS),
        }


def commands(say: Say) -> Iterator[tuple[str, Numbers]]:
    """Processor time of the commands that only tell, beside that of a Python that does nothing."""
    say("the start of the command")

    def cost(*command: str) -> float:
        return statistics.median(processor_seconds_of(command) for _ in range(STARTS_OF_COMMANDS))

    bare = cost(sys.executable, "-c", "pass")
    for option in ("--version", "--help"):
        used = cost(*COMMAND, option)
        yield option, {"cpu_seconds": used, "times_python": used / bare}
