"""A backend, a Waldur with its real races, agents beside them, and what must hold whatever happens."""

import itertools
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

from stateful.agents import Backend, MakeProcess
from support.network import Call, HandDrivenLoop, Network
from waldur_import_agent import system
from waldur_import_agent.fulfilment import claims, waldur_side, work
from waldur_import_agent.fulfilment import round as fulfilment_round
from waldur_import_agent.journal import journal
from waldur_import_agent.records import Marker
from waldur_import_agent.sandbox import Record, Request, Sandbox

ENDED = ("Done", "Erred")
SLUG = "alpha"
STEPS_MAX = 20_000
"""More steps than everything that is under way can need to come to its end."""


class World:
    """One offering. `agents` are names with their instances."""

    def __init__(self, directory: Path, make: MakeProcess, agents: dict[str, str]) -> None:
        self.loop = HandDrivenLoop()
        self.sandbox = Sandbox()
        self.offering = self.sandbox.add_offering("SLURM cluster", components=("cpu",))
        self.project = self.sandbox.add_project("Project Alpha", SLUG)
        self.backend = Backend()
        self.network = Network(self.sandbox, self.loop, self._arrives, self._answered)
        self.agents = [
            make(self.network, self.offering, self.backend, name=name, instance=instance, directory=directory)
            for name, instance in agents.items()
        ]
        self.clock_offset = timedelta()
        self._clocks = [
            mock.patch.object(module, "now", self._now)
            for module in (claims, fulfilment_round, waldur_side, work, journal)
        ]
        for clock in self._clocks:
            clock.start()
        self.excused: set[str] = set()
        """Requests that may end Erred, since somebody or something has seen to it."""
        self.stable: set[str] = set()
        """Accounts that nobody has touched since all was quiet: each is known to Waldur at all times."""
        self.role_given = True
        self.steps = 0
        """Since all was quiet."""
        self.disturbed = False
        """Whether anything but the agent has changed either side since its round began."""
        self._instances = agents
        self._violations: list[str] = []
        self._order = itertools.count(1)
        self._told_yes: set[tuple[str, str]] = set()
        self._looked: dict[tuple[str, str], int] = {}
        self._done: dict[str, int] = {}

    def close(self) -> None:
        """Leave nothing behind."""
        for clock in self._clocks:
            clock.stop()
        for agent in self.agents:
            agent.kill()
        for task in self.network.tasks:
            task.cancel()
        self.loop.run_until_idle()
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()

    def _now(self) -> datetime:
        return system.now() + self.clock_offset

    # --- what is there

    @property
    def requests(self) -> list[Request]:
        """All requests, the oldest first."""
        return list(self.sandbox.requests.values())

    @property
    def records(self) -> list[Record]:
        """All records, the oldest first."""
        return self.sandbox.records_of(self.offering)

    @property
    def imported(self) -> set[str]:
        """The accounts that are resources."""
        return {resource.backend_id for resource in self.sandbox.resources.values()}

    def excuse_open(self) -> None:
        """What is open now may end Erred."""
        self.excused |= {request.uuid for request in self.requests if request.state not in ENDED}

    def ask(self) -> None:
        """Staff create a request. It may end Erred where the backend is broken, or the rule finds no project, now."""
        request = self.sandbox.add_request(self.offering)
        if self.backend.broken or self.project.slug != SLUG or not self.role_given:
            self.excused.add(request.uuid)

    def give_role(self, *, given: bool) -> None:
        """The agents' role on the offering."""
        if given and not self.role_given:
            self.sandbox.grant(self.sandbox.agent, self.offering)
        elif not given:
            self.sandbox.revoke(self.sandbox.agent, self.offering)
        self.role_given = given

    # --- what is watched

    def _arrives(self, call: Call) -> None:
        """Waldur begins with a call; it must be one that this agent may make."""
        who = (call.sender, call.subject)
        if call.answer.done():
            self.disturbed = True  # from a dead process, or too late
        if call.name.endswith("/set_erred/"):
            if who not in self._told_yes:
                self._violations.append("set_erred for a request that is not certainly the agent's")
            if self._done.get(call.subject, 1 << 60) < self._looked.get(who, 1 << 60):
                self._violations.append("set_erred for a request that the agent could know to be Done")
        elif call.name.endswith("/set_done/"):
            self._check_done(call)
        elif call.request.method == "DELETE":
            record = self.sandbox.records.get(call.subject)
            mark = Marker.from_metadata(record.backend_metadata) if record else None
            if record and (mark is None or mark.instance != self._instances[call.sender]):
                self._violations.append("a record of somebody else is deleted")

    def _check_done(self, call: Call) -> None:
        """A lone agent that nobody disturbs says Done only when all that is importable is there, once."""
        request = self.sandbox.requests[call.subject]
        if len(self.agents) > 1 or self.disturbed or request.state != "Processing":
            return
        known = Counter(record.backend_id for record in self.records)
        if known != Counter(set(self.backend.limits) - self.imported):
            self._violations.append("Done, although the records are not what the backend has")

    def _answered(self, call: Call, status: int) -> None:
        who = (call.sender, call.subject)
        if call.name.endswith("/start_processing/") and status == 200:
            self._told_yes.add(who)
        if call.request.method == "GET" and call.subject in self.sandbox.requests:
            self._looked[who] = next(self._order)

    def check(self) -> None:
        """What must hold at all times."""
        for request in self.requests:
            if request.state == "Done":
                self._done.setdefault(request.uuid, next(self._order))
            else:  # a start_processing that read the row before may save last, and make it Processing again
                self._done.pop(request.uuid, None)
        assert not self._violations, self._violations
        known = {record.backend_id for record in self.records} | self.imported
        assert self.stable <= known, f"{self.stable - known} vanished from Waldur"

    # --- all comes to its end

    def go_on(self, call: Call) -> None:
        """One step of one call."""
        self.network.go_on(call)
        self.check()

    def run_out(self) -> None:
        """Without further trouble all that is under way comes to its end."""
        for _ in range(STEPS_MAX):
            calls = self.network.calls()
            if calls:
                self.go_on(calls[0])
            elif any(agent.busy for agent in self.agents):
                wait = self.loop.selector.next_timer
                assert wait is not None, "an agent waits for what never comes"
                self.loop.advance(wait + 1e-3)
            else:
                return
        raise AssertionError("an agent never comes to an end")

    def settle(self) -> None:
        """All is mended. Each agent gets a request and two polls: then everything is in order."""
        self.backend.broken = False
        self.project.slug = SLUG
        self.give_role(given=True)
        self.run_out()
        for agent in self.agents:
            self.ask()
            for _ in range(2):
                self.disturbed = False
                agent.poll()
                self.run_out()
        self._check_order()
        self.stable = set(self.backend.limits)

    def _check_order(self) -> None:
        stuck = [request.state for request in self.requests if request.state not in ENDED]
        assert not stuck, f"requests are stuck: {stuck}"
        if len(self.agents) == 1:
            wrong = [r.error_message for r in self.requests if r.state == "Erred" and r.uuid not in self.excused]
            assert not wrong, f"Erred without a reason: {wrong}"
        assert self.requests[-1].state == "Done", self.requests[-1].error_message
        known = Counter(record.backend_id for record in self.records)
        expected = Counter(set(self.backend.limits) - self.imported)
        assert known == expected, f"records {dict(known)}, where {dict(expected)} should be"
        for record in self.records:
            limits: Any = record.backend_metadata["limits"]
            assert limits == {"cpu": self.backend.limits[record.backend_id]}, "a record says what is no longer so"
