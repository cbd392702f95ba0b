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
STEPS = 80
STEPS_BETWEEN = 40
"""Steps from one quiet time to the next, at the least."""
LIMITS = [None, 10, 11, 12]
MEDDLING = [
    *["account_changes"] * 3,
    "backend_breaks_or_is_mended",
    "role_is_lost_or_given_back",
    "staff_end_a_request",
    "staff_import_or_delete_a_record",
    "staff_rename_the_project",
]
SECONDS = [0.5, 5.0, 25.0, 100.0, 700.0]
HOURS = [0, 0, 30, -30]
ACTIONS = [
    *["poll"] * 3,
    *["calls_of_one_agent_go_on"] * 5,
    *["all_come_to_their_next_write"] * 3,
    *["one_call_goes_on", "all_go_on_in_turns"] * 3,
    *["call_is_lost", "answer_is_lost", "call_fails"] * 2,
    *["time_passes", "agent_is_killed"],
]
"""As often as they stand here."""
ACCOUNTS = ["hpc_a", "hpc_b", "hpc_c"]
THOROUGH = settings().max_examples > 100
MACHINE = settings(
    deadline=None,
    stateful_step_count=STEPS,
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
            self.world.steps += 1
            self.world.check()

    def _call(self, which: int) -> Call:
        calls = self.world.network.calls()
        return calls[which % len(calls)]

    # --- agents and the network

    @rule(action=st.sampled_from(ACTIONS), which=index, amount=index)
    def agents_and_network(self, action: str, which: int, amount: int) -> None:
        """What happens most: one rule, since hypothesis leaves whole rules out of many of its examples."""
        if action == "poll" or not self.world.network.calls():
            self._poll(which, asked=amount % 4 > 0)
        else:
            getattr(self, f"_{action}")(which, amount)

    def _poll(self, which: int, *, asked: bool) -> None:
        """Staff may ask, then the metronome wakes one agent, or all."""
        agents = self.world.agents
        if asked:
            self.world.ask()
        for agent in agents if which % 2 else [agents[which // 2 % len(agents)]]:
            if not agent.busy:
                self.world.disturbed = False
                agent.poll()

    def _calls_of_one_agent_go_on(self, which: int, amount: int) -> None:
        """For a while one agent is served, and the other one waits."""
        sender = self._call(which).sender
        for _ in range(amount % 25):
            calls = self.world.network.calls(sender)
            if not calls:
                break
            self.world.go_on(calls[0])

    def _all_come_to_their_next_write(self, which: int, amount: int) -> None:
        """Where the order matters most."""
        for agent in self.world.agents:
            while (calls := self.world.network.calls(agent.name)) and calls[0].request.method == "GET":
                self.world.go_on(calls[0])

    def _all_go_on_in_turns(self, which: int, amount: int) -> None:
        """Side by side, step by step."""
        for _ in range(1 + amount % 8):
            for agent in self.world.agents:
                for call in self.world.network.calls(agent.name)[:1]:
                    self.world.go_on(call)

    def _one_call_goes_on(self, which: int, amount: int) -> None:
        """Any call may be the next, also one whose client is gone."""
        self.world.go_on(self._call(which))

    def _call_is_lost(self, which: int, amount: int) -> None:
        """It never arrives; where Waldur is already at it, its answer does not."""
        self.world.network.lose(self._call(which))

    def _answer_is_lost(self, which: int, amount: int) -> None:
        """Waldur acts, and nobody is told."""
        call = self._call(which)
        call.lose_answer = True
        while call in self.world.network.calls():
            self.world.go_on(call)

    def _call_fails(self, which: int, amount: int) -> None:
        """Waldur, or what stands before it, refuses or fails."""
        if calls := self.world.network.waiting:
            status = ANSWERS[amount % len(ANSWERS)]
            if status in {500, 403, 404}:
                self.world.excuse_open()
            self.world.network.answer(calls[which % len(calls)], status, {"detail": "No such luck."})

    def _time_passes(self, which: int, amount: int) -> None:
        """Calls take too long, and retries begin; sometimes the clock of the agents' hosts is set as well."""
        self.world.loop.advance(SECONDS[amount % len(SECONDS)])
        self.world.clock_offset += timedelta(hours=HOURS[which % len(HOURS)])

    def _agent_is_killed(self, which: int, amount: int) -> None:
        """What it has sent may still arrive. Five kills are enough for one request."""
        self.world.excuse_open()
        self.world.agents[which % len(self.world.agents)].kill()

    # --- people, and the backend

    @rule(action=st.sampled_from(MEDDLING), which=index, amount=index)
    def people_and_backend(self, action: str, which: int, amount: int) -> None:
        """What happens beside the agents."""
        getattr(self, f"_{action}")(which, amount)

    def _staff_end_a_request(self, which: int, amount: int) -> None:
        """By hand."""
        waiting = [request for request in self.world.requests if request.state not in ENDED]
        if not waiting:
            return
        request = waiting[which % len(waiting)]
        self.world.excused.add(request.uuid)
        if amount % 2:
            self.world.sandbox.set_erred(request, "by hand", "")
        elif request.state == "Processing":
            self.world.sandbox.set_done(request)

    def _staff_import_or_delete_a_record(self, which: int, amount: int) -> None:
        """An import makes a resource of it."""
        records = self.world.records
        if not records:
            return
        record = records[which % len(records)]
        self._disturb(record.backend_id)
        if amount % 2:
            self.world.sandbox.delete_record(record)
        elif record.backend_id not in self.world.imported:
            self.world.sandbox.import_record(record, self.world.offering.plans[0])

    def _staff_rename_the_project(self, which: int, amount: int) -> None:
        """With another slug the rule does not find it."""
        self.world.disturbed = True
        self.world.excuse_open()
        slug = SLUG if self.world.project.slug != SLUG else "alpha-two"
        self.world.project.name, self.world.project.slug = f"Project {slug}", slug

    def _account_changes(self, which: int, amount: int) -> None:
        """A new account, another limit, or it is removed."""
        account, limit = ACCOUNTS[which % len(ACCOUNTS)], LIMITS[amount % len(LIMITS)]
        if self.world.backend.limits.get(account) != limit:
            self._disturb(account)
            self.world.backend.limits.pop(account, None)
            if limit is not None:
                self.world.backend.limits[account] = limit

    def _backend_breaks_or_is_mended(self, which: int, amount: int) -> None:
        """For good, until somebody mends it."""
        self.world.excuse_open()
        self.world.backend.broken = not self.world.backend.broken

    def _role_is_lost_or_given_back(self, which: int, amount: int) -> None:
        """Without it lists are empty, and all else is a 404 or a 403."""
        self.world.disturbed = True
        self.world.excuse_open()
        self.world.give_role(given=not self.world.role_given)

    def _disturb(self, account: str) -> None:
        self.world.disturbed = True
        self.world.stable.discard(account)

    # --- quiet

    @precondition(lambda self: self.world.steps >= STEPS_BETWEEN)
    @rule()
    def all_is_quiet(self) -> None:
        """All is mended for a while, and in order."""
        self.world.settle()
        self.world.steps = 0


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
