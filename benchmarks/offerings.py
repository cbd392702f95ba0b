"""Fifty offerings in one agent: what they cost, and that a dead and a slow backend delay no other."""

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks import world
from benchmarks.agent import Agent, daemon, write_configuration
from benchmarks.cases import ROUND_LIMIT, USUAL_POLL_SECONDS, Numbers, Say, WrongAnswerError, when_over
from benchmarks.processes import memory, peak_memory, precise_processor_seconds, wait_until
from benchmarks.slurm import Slurm, make_slurm
from benchmarks.waldur import FakeWaldur, fake_waldur

OFFERINGS = 50
ACCOUNTS = 20
"""Of each offering."""
POLL_SECONDS = 2.0
DEAD_SECONDS = 600.0
"""A start of sacctmgr on the dead backend: longer than the agent waits."""
SLOW_SECONDS = 5.0
"""A start of sacctmgr on the slow one."""
BURSTS = 4
WATCHED_SECONDS = 8.0
"""How long the polls of an agent with nothing to do are counted."""


def many_offerings(directory: Path, say: Say, offerings: int = OFFERINGS) -> Iterator[tuple[str, Numbers]]:
    """All well; then the same with a dead and a slow one. Raises WrongAnswerError where a request does not end Done."""
    uuids = [world.offering_uuid(number) for number in range(offerings)]
    well = uuids[2:]
    with fake_waldur(world.projects_of(ACCOUNTS)) as waldur:
        say(f"{offerings} offerings in one agent")
        # a backend of its own for each: offerings of one backend read each other's records
        slurms = {uuid: make_slurm(directory / "well" / uuid, ACCOUNTS) for uuid in uuids}
        numbers = _answered(directory / "agent", waldur, slurms, well)
        yield f"{offerings} offerings", numbers
    with fake_waldur(world.projects_of(ACCOUNTS)) as waldur:
        say(f"{offerings} offerings, one backend dead and one slow")
        slurms |= {
            uuids[0]: make_slurm(directory / "dead", ACCOUNTS, seconds=DEAD_SECONDS),
            uuids[1]: make_slurm(directory / "slow", ACCOUNTS, seconds=SLOW_SECONDS),
        }
        troubled = _answered(directory / "troubled-agent", waldur, slurms, well)
        troubled["others_delayed"] = troubled["slowest_round_seconds"] / numbers["slowest_round_seconds"]
        yield f"{offerings} offerings, one dead, one slow", troubled


def _answered(directory: Path, waldur: FakeWaldur, slurms: Mapping[str, Slurm], well: Sequence[str]) -> Numbers:
    """All offerings are asked at the same time; what is told is of those in `well`."""
    configuration = write_configuration(directory, waldur, slurms, f"{POLL_SECONDS:g}s")
    with daemon(configuration, [slurms[uuid] for uuid in well]) as agent:
        waldur.counts(reset=True)
        for uuid in slurms:
            waldur.ask(uuid)
        told = when_over(waldur, well, agent).values()
        in_flight = waldur.counts()["peak"]
        wrong = [request for request in told if request["state"] != "Done"]
        if wrong or any(waldur.records(uuid) != ACCOUNTS for uuid in well):
            raise WrongAnswerError(f"not all requests were answered: {wrong[:1]}; the agent's log is {agent.log}")
        waldur.counts(reset=True)
        used = precise_processor_seconds(agent.pid)
        time.sleep(WATCHED_SECONDS)
        used = precise_processor_seconds(agent.pid) - used
        counts = waldur.counts(offerings=well)
        polls = counts["total"]
        return {
            "peak_mib": peak_memory(agent.pid),
            "afterwards_mib": memory(agent.pid),
            "claim_intervals": max(request["started"] - request["created"] for request in told) / POLL_SECONDS,
            "slowest_round_seconds": max(request["ended"] - request["started"] for request in told),
            "in_flight": in_flight,
            "polls_per_interval": polls / (WATCHED_SECONDS / POLL_SECONDS),
            "longest_gap_intervals": counts["longest_gap"] / POLL_SECONDS,
            "idle_cpu_percent": 100 * used / polls * len(slurms) / USUAL_POLL_SECONDS,
        }


def burst(directory: Path, say: Say) -> Iterator[tuple[str, Numbers]]:
    """Two requests, the second while the first is answered: how long after the first one's end it is claimed.

    In poll intervals. Four bursts, of which the worst counts.
    """
    say("two requests in a burst")
    slurm, offering = make_slurm(directory / "slurm", ACCOUNTS), world.offering_uuid(0)
    claims, waits = [], []
    with fake_waldur(world.projects_of(ACCOUNTS)) as waldur:
        configuration = write_configuration(directory, waldur, {offering: slurm}, f"{POLL_SECONDS:g}s")
        with daemon(configuration, [slurm]) as agent:
            for _ in range(BURSTS):
                first = waldur.ask(offering)
                _when(waldur, offering, agent, first, "started")
                second = waldur.ask(offering)
                _when(waldur, offering, agent, second, "ended")
                told = waldur.requests([offering])
                claims.append((told[first]["started"] - told[first]["created"]) / POLL_SECONDS)
                waits.append((told[second]["started"] - told[first]["ended"]) / POLL_SECONDS)
    yield "burst", {"claim_intervals": max(claims), "second_claim_intervals": max(waits)}


def _when(waldur: FakeWaldur, offering: str, agent: Agent, request: str, what: str) -> None:
    def so_far() -> bool:
        agent.still_runs()
        return waldur.requests([offering])[request][what] is not None

    wait_until(so_far, f"request {request} is {what}", seconds=ROUND_LIMIT)
