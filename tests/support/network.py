"""A network that a test holds in its hands: every call waits until the test says what becomes of it.

Time passes only when the test says so. A call outlives the client that made it: it may arrive when nobody waits for its
answer any more.
"""

import asyncio
import selectors
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from waldur_import_agent.sandbox import Sandbox


class StoppingSelector(selectors.SelectSelector):
    """Ends the loop's run when nothing is ready; `next_timer` is then the seconds until something is, if ever."""

    now = 0.0
    next_timer: float | None = None
    stop: Callable[[], None]

    def select(self, timeout: float | None = None) -> list[Any]:
        """Whatever is ready now."""
        ready = super().select(0)
        if not ready and timeout != 0:
            self.next_timer = timeout
            self.stop()
        return ready


class HandDrivenLoop(asyncio.SelectorEventLoop):
    """A loop that runs until all wait, and whose time stands still meanwhile."""

    def __init__(self) -> None:
        self.selector = StoppingSelector()
        super().__init__(self.selector)
        self.selector.stop = self.stop

    def time(self) -> float:
        """Seconds of simulated time."""
        return self.selector.now

    def run_until_idle(self) -> None:
        """Run until all wait."""
        self.run_forever()

    def advance(self, seconds: float) -> None:
        """Let time pass, timer by timer."""
        end = self.selector.now + seconds
        self.run_until_idle()
        while self.selector.next_timer is not None and self.selector.now + self.selector.next_timer < end:
            self.selector.now += max(self.selector.next_timer, 1e-6)
            self.run_until_idle()
        self.selector.now = end
        self.run_until_idle()


@dataclass(eq=False)
class Call:
    """A call on its way: `sender` made it, `answer` is what its client waits for, `pause` where the server stands."""

    sender: str
    request: httpx.Request
    answer: asyncio.Future[httpx.Response]
    pause: asyncio.Future[None] | None = None
    lose_answer: bool = False

    @property
    def name(self) -> str:
        """The method, and the last words of the path."""
        return f"{self.request.method} {self.request.url.path.removeprefix('/api')}"

    @property
    def subject(self) -> str:
        """The UUID of what the call is about, or nothing."""
        parts = self.request.url.path.split("/")
        return next((part for part in parts if len(part) == 32), "")


@dataclass
class Network:
    """All calls that wait: on their way, or in the middle of the server's work."""

    sandbox: Sandbox
    loop: HandDrivenLoop
    arrives: Callable[[Call], None]
    """Told of each call when the server begins with it."""
    answered: Callable[[Call, int], None]
    """Told of each answer that reached its client, with its status."""
    waiting: list[Call] = field(default_factory=list)
    paused: list[Call] = field(default_factory=list)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._server = httpx.ASGITransport(app=self.sandbox.app)
        self._now_serving: dict[asyncio.Task[Any], Call] = {}
        self.sandbox.pause = self._pause

    def calls(self, sender: str | None = None) -> list[Call]:
        """What can go on, the oldest call first."""
        return [call for call in (*self.paused, *self.waiting) if sender in {None, call.sender}]

    def go_on(self, call: Call) -> None:
        """Let a call arrive, or the server take its next step with it; run until all wait again."""
        if call.pause is not None:
            self.paused.remove(call)
            call.pause.set_result(None)
            call.pause = None
        else:
            self.waiting.remove(call)
            task = self.loop.create_task(self._serve(call))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        self.loop.run_until_idle()

    def lose(self, call: Call) -> None:
        """A call does not arrive, or its answer does not."""
        if call in self.waiting:
            self.waiting.remove(call)
            self._fail(call)
        else:
            call.lose_answer = True
        self.loop.run_until_idle()

    def answer(self, call: Call, status: int, body: Any) -> None:
        """Something between the agent and Waldur, or Waldur before it begins, answers a call that is on its way."""
        self.waiting.remove(call)
        self._settle(call, httpx.Response(status, json=body, request=call.request))
        self.loop.run_until_idle()

    async def _serve(self, call: Call) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._now_serving[task] = call
        self.arrives(call)
        response = await self._server.handle_async_request(call.request)
        await response.aread()
        if call.lose_answer:
            self._fail(call)
        else:
            self._settle(call, response)

    async def _pause(self) -> None:
        call = self._now_serving[asyncio.current_task()]  # type: ignore[index]  # there is one
        call.pause = self.loop.create_future()
        self.paused.append(call)
        await call.pause

    def _fail(self, call: Call) -> None:
        if not call.answer.done():
            call.answer.set_exception(httpx.ReadError("connection lost", request=call.request))

    def _settle(self, call: Call, response: httpx.Response) -> None:
        if not call.answer.done():
            call.answer.set_result(response)
            self.answered(call, response.status_code)


class NetworkTransport(httpx.AsyncBaseTransport):
    """One client's end of the network. When `dead`, nothing goes out any more."""

    def __init__(self, network: Network, sender: str) -> None:
        self._network = network
        self._sender = sender
        self.dead = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Put a call on its way, and wait for its answer."""
        if self.dead:
            raise httpx.ConnectError("dead", request=request)
        await request.aread()
        call = Call(self._sender, request, asyncio.get_running_loop().create_future())
        self._network.waiting.append(call)
        try:
            return await call.answer
        except asyncio.CancelledError:
            self._abandon(call)
            raise

    def _abandon(self, call: Call) -> None:
        """Nobody waits any more. The call may still arrive, but a set_erred: Waldur takes it from any state.

        So late a set_erred would flip whatever has become of the request meanwhile. Nothing that an agent can do helps
        against that.
        """
        if call.request.url.path.endswith("/set_erred/") and call in self._network.waiting:
            self._network.waiting.remove(call)
