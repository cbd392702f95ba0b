"""One offering with its backend, its Waldur, its agents and its staff."""

import asyncio
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import yaml

from soak.agents import Agent, Sample
from soak.ground_truth import INSTANCE, Findings, judge
from soak.trouble import trouble
from waldur_import_agent.sandbox import Record, Request, Sandbox, serving

ENDED = ("Done", "Erred")
ACCOUNTS_MIN = 6
ACCOUNTS_MAX = 16
STRANGER = "stranger"
QUIET_ROUNDS = 3
"""After a round of two agents, the offering must be right after so many rounds without trouble."""
EFFORT = {
    # the waits are short, so that a soak ends; the counts are high enough that no call fails for good by chance
    "read": {"attempts": 10, "within": "30s", "wait_min": "10ms", "wait_max": "100ms"},
    "create": {"attempts": 10, "within": "30s", "wait_min": "10ms", "wait_max": "100ms"},
    "finish": {"attempts": 12, "within": "60s", "wait_min": "10ms", "wait_max": "100ms"},
}


@dataclass
class Tally:
    """What was found in all rounds; `words` tell of each."""

    lost: int = 0
    stuck: int = 0
    doubled: int = 0
    words: list[str] = field(default_factory=list)

    def note(self, findings: Findings, where: str) -> None:
        """Count what the judge found."""
        self.lost += len(findings.lost)
        self.doubled += len(findings.doubled)
        self.words += [f"{where}: lost: {text}" for text in findings.lost]
        self.words += [f"{where}: doubled: {text}" for text in findings.doubled]


class Site:
    """A site for `total` rounds. With `killed` its agent is killed in one of ten rounds."""

    def __init__(
        self, directory: Path, command: Sequence[str], *, seed: int, total: int, killed: bool, patience: float
    ) -> None:
        self._directory = directory
        self._command = command
        self._dice = random.Random(seed)
        self._total = total
        self._killed = killed
        self._patience = patience
        self._kill_in: set[int] = set()
        if killed:
            self._kill_in = {self._dice.randrange(first, min(first + 10, total)) for first in range(0, total, 10)}
        self._backend: dict[str, int] = {}
        self._by_hand: list[Record] = []
        self._finished: list[Request] = []
        self._numbers = iter(range(10**9))
        self._stack = AsyncExitStack()
        self._url = ""
        self._second: Agent | None = None
        self._seconds = 0.3
        self.tally = Tally()
        self.samples: list[Sample] = []
        self.sandbox = Sandbox()
        self.offering = self.sandbox.add_offering("Soak", components=("cpu",))
        self.project = self.sandbox.add_project("Project Alpha", "alpha")
        self.first: Agent

    async def __aenter__(self) -> Self:
        self._directory.mkdir()
        self._url = await self._stack.enter_async_context(serving(self.sandbox))
        (self._directory / "token").write_text(self.sandbox.agent_token)
        self._change_backend(ACCOUNTS_MIN)
        self.first = await self._start("first", INSTANCE)
        return self

    async def __aexit__(self, *exception: object) -> None:
        for agent in filter(None, (self.first, self._second)):
            await agent.kill()
        await self._stack.aclose()

    async def run(self) -> None:
        """All rounds."""
        for number in range(self._total):
            await self._second_agent(number)
            await self._round(number)
        await self.first.stop()

    # --- a round

    async def _round(self, number: int) -> None:
        where = f"{self._directory.name}, round {number}"
        self.sandbox.faults[:] = trouble(self._dice)
        self.sandbox.log.clear()
        self._change_backend(self._dice.randrange(3))
        if self._dice.random() < 0.02:
            name = f"byhand{next(self._numbers)}"
            self._by_hand.append(self.sandbox.add_record(self.offering, self.project, name))
        begun = time.monotonic()
        requests = [self._ask() for _ in range(self._dice.choice((1, 1, 1, 2)))]
        async with asyncio.TaskGroup() as group:
            if number in self._kill_in:
                group.create_task(self._kill_and_start())
            if self._dice.random() < 0.25:
                group.create_task(self._import_one())
        await self._see_to_the_end(requests, where)
        self._seconds = 0.8 * self._seconds + 0.2 * (time.monotonic() - begun)
        findings = self._judge()
        if self._second is not None:
            findings = await self._after_quiet(where)
        self.tally.note(findings, where)
        self._watch_what_is_over(requests, where)
        if self.first.ended_by_itself:
            self.tally.stuck += 1
            self.tally.words.append(f"{where}: the agent ended by itself; its log ends:\n{self.first.last_words()}")
            await self.first.start()
        elif not self._killed:
            self.samples.append(self.first.sample())

    async def _see_to_the_end(self, requests: list[Request], where: str) -> None:
        """Wait until all have ended; where they do not, the trouble is taken away, and they must."""
        if not await self._until(lambda: all(request.state in ENDED for request in requests)):
            self.sandbox.faults.clear()
            await self._until(lambda: all(request.state in ENDED for request in requests))
        for request in requests:
            if request.state not in ENDED:
                self.tally.stuck += 1
                self.tally.words.append(f"{where}: {request.uuid} is still {request.state}")
            elif request.state == "Erred":
                self.tally.lost += 1
                self.tally.words.append(f"{where}: {request.uuid} Erred: {request.error_message}")

    async def _after_quiet(self, where: str) -> Findings:
        """What is wrong after rounds without trouble: what two agents did to each other must be mended by then."""
        findings = Findings()
        for _ in range(QUIET_ROUNDS):
            self.sandbox.faults.clear()
            await self._see_to_the_end([self._ask()], f"{where}, quiet")
            findings = self._judge()
            if findings == Findings():
                break
        return findings

    def _watch_what_is_over(self, requests: list[Request], where: str) -> None:
        """Done stays Done."""
        for request in self._finished:
            if request.state != "Done":
                self.tally.lost += 1
                self.tally.words.append(f"{where}: {request.uuid} was Done and is {request.state}")
        done = [request for request in requests if request.state == "Done"]
        self._finished = [request for request in self._finished if request.state == "Done"][-20:] + done

    def _judge(self) -> Findings:
        stranger = self._second is not None and self._second.log.stem == STRANGER
        return judge(self.sandbox, self.offering, self._backend, self._by_hand, stranger=stranger)

    async def _until(self, condition: Callable[[], bool]) -> bool:
        try:
            async with asyncio.timeout(self._patience):
                while not condition():  # noqa: ASYNC110 - the sandbox has no events
                    await asyncio.sleep(0.005)
        except TimeoutError:
            return condition()
        return True

    # --- what staff, the backend and fate do

    def _ask(self) -> Request:
        return self.sandbox.add_request(self.offering)

    async def _import_one(self) -> None:
        """Staff import a record at some moment of the round."""
        await asyncio.sleep(self._dice.uniform(0, self._seconds))
        records = [record for record in self.sandbox.records_of(self.offering) if record.backend_id in self._backend]
        if records:
            self.sandbox.import_record(self._dice.choice(records), self.offering.plans[0])

    def _change_backend(self, more: int) -> None:
        """Some accounts come, some go, one gets another limit. What has gone is terminated in Waldur too."""
        for _ in range(more):
            self._backend[f"hpc_{next(self._numbers):06}"] = self._dice.randrange(1000)
        while len(self._backend) > ACCOUNTS_MAX or (len(self._backend) > ACCOUNTS_MIN and self._dice.random() < 0.4):
            del self._backend[self._dice.choice(list(self._backend))]
        changed = self._dice.choice(list(self._backend))
        self._backend[changed] += 1
        gone = [resource for resource in self.sandbox.resources.values() if resource.backend_id not in self._backend]
        for resource in gone:
            self.sandbox.resource_table.remove(resource)
        lines = [
            json.dumps({"backend_id": account, "parents": ["hpc_alpha"], "limits": {"cpu": limit}})
            for account, limit in self._backend.items()
        ]
        fresh = self._directory / "inventory.new"
        fresh.write_text("\n".join(lines) + "\n")
        fresh.rename(self._directory / "inventory.jsonl")

    async def _kill_and_start(self) -> None:
        """Kill the agent at some moment of the round, and start it again."""
        await asyncio.sleep(self._dice.uniform(0, self._seconds))
        await self.first.kill()
        await self.first.start()

    # --- agents

    async def _second_agent(self, number: int) -> None:
        """A second agent for a tenth of the rounds: half of them with the same instance, half with another one."""
        tenth, part = divmod(number * 10, self._total)
        wanted = None
        if tenth == 4:
            wanted = "second" if part * 2 < self._total else STRANGER
        here = None if self._second is None else self._second.log.stem
        if wanted == here:
            return
        if self._second is not None:
            await self._second.stop()
            self._second = None
        if wanted is not None:
            self._second = await self._start(wanted, INSTANCE if wanted == "second" else wanted)

    async def _start(self, name: str, instance: str) -> Agent:
        config = self._directory / f"{name}.yaml"
        settings: dict[str, Any] = {
            "waldur": {"url": self._url, "token_file": "token", "effort": EFFORT},
            "instance": instance,
            "state_dir": str(self._directory / name / "state"),
            "lock_dir": str(self._directory / name / "lock"),
            "poll_interval": "100ms",
            "offerings": [
                {
                    "uuid": self.offering.uuid,
                    "scanner": {"type": "inventory", "path": "inventory.jsonl"},
                    "components": {"cpu": {"from": "cpu"}},
                    "projects": {"rules": [{"from": "parent", "match": "^hpc_(?P<slug>.+)$", "value": "{slug}"}]},
                    # a round may remove more than a third of what is there
                    "withdraw": {"min_count": 100},
                }
            ],
        }
        config.write_text(yaml.safe_dump(settings))
        argv = [word.replace("{python}", sys.executable).replace("{config}", str(config)) for word in self._command]
        agent = Agent(argv, self._directory / f"{name}.log")
        await agent.start()
        return agent
