"""A state machine: staff, one or two agents, a network without mercy, and what must hold whatever happens.

Where two agents run, hypothesis picks whose call goes on next, so that they interleave in every way; the sandbox has
the races of the real server, with two callers of start_processing both told 200. `HYPOTHESIS_PROFILE=thorough` runs it
for many minutes instead of seconds.
"""

import tempfile
from datetime import timedelta
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from stateful.agents import MakeProcess, NaiveProcess, RealProcess
from stateful.world import ENDED, SLUG, World
from support.network import Call

SITES = {
    "one agent": {"one": "default"},
    "one instance on two hosts": {"one": "default", "two": "default"},
    "two instances": {"one": "default", "two": "other"},
}
ANSWERS = [500, 502, 503, 429, 403, 404]
ACCOUNTS = ["hpc_a", "hpc_b", "hpc_c"]
THOROUGH = settings().max_examples > 100
MACHINE = settings(
    deadline=None,
    stateful_step_count=60,
    derandomize=not THOROUGH,
    suppress_health_check=list(HealthCheck),
)

MEMORY = Path("/dev/shm")
"""A disk that need not be waited for: what survives a kill does not depend on it."""

index = st.integers(0, 1000)


class Machine(RuleBasedStateMachine):
    """What can happen, in any order."""

    make: MakeProcess = RealProcess

    @initialize(site=st.sampled_from(sorted(SITES)), accounts=st.sets(st.sampled_from(ACCOUNTS)))
    def begin(self, site: str, accounts: set[str]) -> None:
        """A site, whose backend has some accounts."""
        self.directory = tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
        self.world = World(Path(self.directory.name), type(self).make, SITES[site])
        self.world.backend.limits = dict.fromkeys(sorted(accounts), 10)

    def teardown(self) -> None:
        """In the end all is mended, and in order."""
        if not hasattr(self, "world"):
            return
        try:
            self.world.settle()
        finally:
            self.world.close()
            self.directory.cleanup()

    @invariant()
    def holds(self) -> None:
        """After each step."""
        if hasattr(self, "world"):
            self.world.check()

    def _call(self, which: int) -> Call:
        calls = self.world.network.calls()
        return calls[which % len(calls)]

    def under_way(self) -> bool:
        """Whether there are calls under way."""
        return bool(self.world.network.calls())

    # --- agents and the network

    @rule(which=index)
    def poll(self, which: int) -> None:
        """The metronome wakes an agent."""
        agent = self.world.agents[which % len(self.world.agents)]
        if not agent.busy:
            self.world.disturbed = False
            agent.poll()

    @precondition(under_way)
    @rule(which=index, steps=st.integers(1, 40))
    def calls_of_one_agent_go_on(self, which: int, steps: int) -> None:
        """For a while one agent is served, and the other one waits."""
        sender = self._call(which).sender
        for _ in range(steps):
            calls = self.world.network.calls(sender)
            if not calls:
                break
            self.world.go_on(calls[0])

    @precondition(under_way)
    @rule(which=index)
    def one_call_goes_on(self, which: int) -> None:
        """Any call may be the next, also one whose client is gone."""
        self.world.go_on(self._call(which))

    @precondition(under_way)
    @rule(which=index)
    def call_is_lost(self, which: int) -> None:
        """It never arrives; or it does, and its answer is lost."""
        self.world.network.lose(self._call(which))

    @precondition(under_way)
    @rule(which=index)
    def answer_is_lost(self, which: int) -> None:
        """Waldur acts, and nobody is told."""
        call = self._call(which)
        call.lose_answer = True
        while call in self.world.network.calls():
            self.world.go_on(call)

    @precondition(lambda self: bool(self.world.network.waiting))
    @rule(which=index, status=st.sampled_from(ANSWERS))
    def call_fails(self, which: int, status: int) -> None:
        """Waldur, or what stands before it, refuses or fails."""
        calls = self.world.network.waiting
        if status in {500, 403, 404}:
            self.world.excuse_open()
        self.world.network.answer(calls[which % len(calls)], status, {"detail": "No such luck."})

    @rule(seconds=st.sampled_from([0.5, 5.0, 25.0, 100.0, 700.0]))
    def time_passes(self, seconds: float) -> None:
        """Calls take too long, and retries begin."""
        self.world.loop.advance(seconds)

    @rule(hours=st.integers(-30, 30))
    def clock_jumps(self, hours: int) -> None:
        """The clock of the agents' host is set."""
        self.world.clock_offset = timedelta(hours=hours)

    @rule(which=index)
    def agent_is_killed(self, which: int) -> None:
        """What it has sent may still arrive."""
        self.world.excuse_open()  # five kills are enough for one request
        self.world.agents[which % len(self.world.agents)].kill()

    # --- people

    @rule()
    def staff_ask(self) -> None:
        """Another request."""
        self.world.sandbox.add_request(self.world.offering)

    @precondition(lambda self: any(request.state not in ENDED for request in self.world.requests))
    @rule(which=index, erred=st.booleans())
    def staff_end_a_request(self, which: int, *, erred: bool) -> None:
        """By hand."""
        waiting = [request for request in self.world.requests if request.state not in ENDED]
        request = waiting[which % len(waiting)]
        self.world.excused.add(request.uuid)
        if erred:
            self.world.sandbox.set_erred(request, "by hand", "")
        elif request.state == "Processing":
            self.world.sandbox.set_done(request)

    @precondition(lambda self: bool(self.world.records))
    @rule(which=index, keep=st.booleans())
    def staff_import_or_delete_a_record(self, which: int, *, keep: bool) -> None:
        """An import makes a resource of it."""
        records = self.world.records
        record = records[which % len(records)]
        self._disturb(record.backend_id)
        if not keep:
            self.world.sandbox.delete_record(record)
        elif record.backend_id not in self.world.imported:
            self.world.sandbox.import_record(record, self.world.offering.plans[0])

    @rule(slug=st.sampled_from([SLUG, "alpha-two"]))
    def staff_rename_the_project(self, slug: str) -> None:
        """With another slug the rule does not find it."""
        self.world.disturbed = True
        if slug != SLUG:
            self.world.excuse_open()
        self.world.project.name, self.world.project.slug = f"Project {slug}", slug

    # --- the backend

    @rule(account=st.sampled_from(ACCOUNTS), limit=st.integers(10, 12))
    def account_is_made_or_changed(self, account: str, limit: int) -> None:
        """A new account, or another limit."""
        if self.world.backend.limits.get(account) != limit:
            self._disturb(account)
            self.world.backend.limits[account] = limit

    @rule(account=st.sampled_from(ACCOUNTS))
    def account_is_removed(self, account: str) -> None:
        """What stood for it has to go."""
        if account in self.world.backend.limits:
            self._disturb(account)
            del self.world.backend.limits[account]

    @rule(broken=st.booleans())
    def backend_breaks_or_is_mended(self, *, broken: bool) -> None:
        """For good, until somebody mends it."""
        if broken:
            self.world.excuse_open()
        self.world.backend.broken = broken

    def _disturb(self, account: str) -> None:
        self.world.disturbed = True
        self.world.stable.discard(account)

    # --- quiet

    @rule()
    def all_is_quiet(self) -> None:
        """All is mended for a while, and in order."""
        self.world.settle()


class NaiveMachine(Machine):
    """The same world, with the obvious agent."""

    make = NaiveProcess


def test_whatever_happens_all_ends_well() -> None:
    """No request is stuck or ended wrongly, no record is there twice, missing, or another's that was touched."""
    run_state_machine_as_test(Machine, settings=MACHINE)


def test_the_obvious_agent_fails() -> None:
    """The machine finds what is wrong with an agent that works as long as nothing happens: it can fail."""
    quick = settings(MACHINE, max_examples=100, derandomize=True, phases=[Phase.generate], report_multiple_bugs=False)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(NaiveMachine, settings=quick)
