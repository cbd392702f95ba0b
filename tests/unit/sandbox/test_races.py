"""The races of the real server: its transitions read twice and then save all columns."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import httpx
import pytest

from waldur_import_agent.sandbox import Offering, Request, Sandbox


async def move(client: httpx.AsyncClient, request: Request, name: str) -> int:
    """The status of a transition."""
    body = {"error_message": "broken", "error_traceback": "trace"} if name == "set_erred" else {}
    return (await client.post(f"backend-resource-requests/{request.uuid}/{name}/", json=body)).status_code


class Turns:
    """Holds each transition at each of its pauses until it is its turn; `who` names the tasks in their order."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._held: dict[asyncio.Task[int], asyncio.Event] = {}
        sandbox.pause = self._pause

    async def _pause(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._held[task] = asyncio.Event()
        await self._held[task].wait()

    async def begin(self, work: Coroutine[Any, Any, int]) -> asyncio.Task[int]:
        """A task that waits for its first turn."""

        async def when_it_is_its_turn() -> int:
            await self._pause()
            return await work

        task = asyncio.create_task(when_it_is_its_turn())
        await self.run(task)
        return task

    async def run(self, *turns: asyncio.Task[int]) -> None:
        """Let the tasks go on in this order, each until its next pause or its end."""
        for task in turns:
            if task in self._held:
                self._held.pop(task).set()
            while not task.done() and task not in self._held:  # noqa: ASYNC110 - both come by the loop alone
                await asyncio.sleep(0)


@pytest.fixture
def turns(sandbox: Sandbox) -> Turns:
    """Decides who goes on."""
    return Turns(sandbox)


async def test_two_claims_are_both_told_yes(
    sandbox: Sandbox, turns: Turns, agent: httpx.AsyncClient, offering: Offering
) -> None:
    """Both have read the request as Sent before one of them saves: neither learns of the other."""
    request = sandbox.add_request(offering)
    first, second = [await turns.begin(move(agent, request, "start_processing")) for _ in range(2)]
    await turns.run(first, second, first, second, first)
    started = request.started
    await turns.run(second)
    assert (first.result(), second.result(), request.state) == (200, 200, "Processing")
    assert request.started != started, "the second one has saved its own start over it"


async def test_loser_between_the_two_reads_is_told_500(
    sandbox: Sandbox, turns: Turns, agent: httpx.AsyncClient, offering: Offering
) -> None:
    """The check saw Sent, the transition does not: that is no 409."""
    request = sandbox.add_request(offering)
    first, second = [await turns.begin(move(agent, request, "start_processing")) for _ in range(2)]
    await turns.run(first, second, first, first, second)
    assert (first.result(), second.result(), request.state) == (200, 500, "Processing")


async def test_late_loser_is_told_409(
    sandbox: Sandbox, turns: Turns, agent: httpx.AsyncClient, offering: Offering
) -> None:
    """Who comes after the save is told so."""
    request = sandbox.add_request(offering)
    first = await turns.begin(move(agent, request, "start_processing"))
    await turns.run(first, first, first)
    second = await turns.begin(move(agent, request, "start_processing"))
    await turns.run(second)
    assert (first.result(), second.result()) == (200, 409)


async def test_set_done_that_saves_last_wipes_the_error(
    sandbox: Sandbox, turns: Turns, agent: httpx.AsyncClient, offering: Offering
) -> None:
    """set_done and set_erred side by side: the last one to save wins, with all columns."""
    request = sandbox.add_request(offering)
    sandbox.start_processing(request)
    done = await turns.begin(move(agent, request, "set_done"))
    erred = await turns.begin(move(agent, request, "set_erred"))
    await turns.run(done, done, erred, erred)
    assert (request.state, request.error_message) == ("Erred", "broken")
    await turns.run(done)
    assert (done.result(), erred.result()) == (200, 200)
    assert (request.state, request.error_message) == ("Done", "")
