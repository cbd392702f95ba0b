"""How hard each kind of call is tried. Time is simulated: the loop's clock jumps instead of waiting."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from support.simulated import SimulatedLoop
from unit.waldur.scripted import ScriptedWaldur
from waldur_import_agent.errors import ExitCode, StoppedError
from waldur_import_agent.settings import models
from waldur_import_agent.waldur.effort import Effort
from waldur_import_agent.waldur.errors import (
    WaldurGoneError,
    WaldurInvalidError,
    WaldurNotAuthenticatedError,
    WaldurRefusedError,
    WaldurUnavailableError,
    WaldurUndecodableError,
    WaldurWrongStateError,
)

UUID = "a8ab92dee8ec425bb3bd1e22a9a89883"


def unavailable(retry_after: float | None = None) -> WaldurUnavailableError:
    """An outage."""
    return WaldurUnavailableError("GET", "/api/x/", 503, "down", retry_after=retry_after)


class Script:
    """A call that gives one outcome after the other, the last for ever; `times` says when it was called."""

    def __init__(self, *outcomes: Any, takes: float = 0.0) -> None:
        self.outcomes = list(outcomes)
        self.takes = takes
        self.times: list[float] = []

    async def __call__(self) -> Any:
        """One call."""
        self.times.append(now())
        await asyncio.sleep(self.takes)
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    @property
    def waits(self) -> list[float]:
        """Seconds between the calls."""
        return [later - earlier for earlier, later in zip(self.times, self.times[1:], strict=False)]


def now() -> float:
    """The simulated time."""
    return asyncio.get_running_loop().time()


def simulate(test: Callable[[Effort, asyncio.Event], Awaitable[None]], **effort: Any) -> None:
    """Run `test` in simulated time, with an effort of these settings and the event that stops it."""

    async def run() -> None:
        stop = asyncio.Event()
        await test(Effort(models.Effort.model_validate(effort), stop, clock=now), stop)

    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        runner.run(run())


@pytest.fixture
def _longest_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each wait is as long as its jitter allows."""
    monkeypatch.setattr(random, "uniform", lambda low, high: high)


@pytest.fixture
def _no_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each wait is as short as its jitter allows."""
    monkeypatch.setattr(random, "uniform", lambda low, high: low)


VERBS: dict[str, Callable[[Effort, Script], Awaitable[Any]]] = {
    "read": lambda effort, call: effort.read(call),
    "once": lambda effort, call: effort.once(call),
    "create": lambda effort, call: effort.create(call, Script(None)),
    "finish": lambda effort, call: effort.finish(call),
}


@pytest.mark.usefixtures("_no_jitter")
@pytest.mark.parametrize(("verb", "attempts"), [("read", 3), ("once", 1), ("create", 5), ("finish", 12)])
def test_each_verb_has_its_number_of_attempts(verb: str, attempts: int) -> None:
    """By default a read is tried 3 times, a claim once, a create 5 times, finishing 12 times; then the error stands."""

    async def test(effort: Effort, _: asyncio.Event) -> None:
        error = unavailable()
        call = Script(error)
        with pytest.raises(WaldurUnavailableError) as raised:
            await VERBS[verb](effort, call)
        assert raised.value is error
        assert len(call.times) == attempts

    simulate(test)


@pytest.mark.parametrize(("verb", "within"), [("read", 20), ("once", 15), ("create", 90), ("finish", 600)])
def test_each_verb_has_its_time(verb: str, within: float) -> None:
    """A call that never returns is ended when the verb's time is over, by default 20, 15, 90 and 600 seconds."""

    async def test(effort: Effort, _: asyncio.Event) -> None:
        call = Script(None, takes=10_000)
        with pytest.raises(WaldurUnavailableError, match=f"no answer within {within} seconds"):
            await VERBS[verb](effort, call)
        assert now() == pytest.approx(within)
        assert len(call.times) == 1

    simulate(test)


@pytest.mark.parametrize("verb", ["read", "create", "finish"])
def test_counts_and_times_are_settings(verb: str) -> None:
    """The settings decide, per verb."""
    policy = {"attempts": 2, "within": "7s", "wait_min": "1s", "wait_max": "1s"}

    async def count(effort: Effort, _: asyncio.Event) -> None:
        call = Script(unavailable())
        with pytest.raises(WaldurUnavailableError):
            await VERBS[verb](effort, call)
        assert len(call.times) == 2

    async def time(effort: Effort, _: asyncio.Event) -> None:
        with pytest.raises(WaldurUnavailableError):
            await VERBS[verb](effort, Script(None, takes=100))
        assert now() == pytest.approx(7)

    simulate(count, **{verb: policy})
    simulate(time, **{verb: policy})


def test_a_claim_is_sent_once_within_its_time() -> None:
    """Sending a claim again could take a request that another agent has: only its time can be set."""

    async def test(effort: Effort, _: asyncio.Event) -> None:
        call = Script(unavailable())
        with pytest.raises(WaldurUnavailableError):
            await effort.once(call)
        assert len(call.times) == 1
        with pytest.raises(WaldurUnavailableError):
            await effort.once(Script(None, takes=100))
        assert now() == pytest.approx(4)

    simulate(test, claim={"within": "4s"})


@pytest.mark.parametrize("verb", VERBS)
def test_success_is_returned_at_once(verb: str) -> None:
    """No second call, no wait."""

    async def test(effort: Effort, _: asyncio.Event) -> None:
        call = Script("found")
        assert await VERBS[verb](effort, call) == "found"
        assert (len(call.times), now()) == (1, 0)

    simulate(test)


@pytest.mark.parametrize("verb", ["read", "create", "finish"])
@pytest.mark.parametrize("error", [unavailable(), WaldurUndecodableError("GET", "/", 200, "HTML")])
def test_what_may_pass_is_tried_again(verb: str, error: WaldurUnavailableError) -> None:
    """An outage and a proxy's page are tried again, until it works."""

    async def test(effort: Effort, _: asyncio.Event) -> None:
        call = Script(error, error, "found")
        assert await VERBS[verb](effort, call) == "found"
        assert len(call.times) == 3

    simulate(test)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    "error",
    [
        WaldurNotAuthenticatedError("GET", "/", 401, ""),
        WaldurRefusedError("GET", "/", 403, ""),
        WaldurGoneError("GET", "/", 404, ""),
        WaldurWrongStateError("GET", "/", 409, ""),
        WaldurInvalidError("GET", "/", 400, ""),
        ValueError("a mistake"),
        asyncio.CancelledError(),
    ],
)
def test_what_does_not_pass_is_not_tried_again(verb: str, error: BaseException) -> None:
    """A refusal, a mistake and a cancellation come through at once, as they are."""

    async def test(effort: Effort, _: asyncio.Event) -> None:
        call = Script(error)
        with pytest.raises(type(error)):
            await VERBS[verb](effort, call)
        assert (len(call.times), now()) == (1, 0)

    simulate(test)


# --- waits


@pytest.mark.usefixtures("_longest_jitter")
def test_waits_double_up_to_their_longest() -> None:
    """The first wait is at most `wait_min`, each next one at most twice as long, none longer than `wait_max`."""

    async def test(effort: Effort, _: asyncio.Event) -> None:
        call = Script(unavailable())
        with pytest.raises(WaldurUnavailableError):
            await effort.finish(call)
        assert call.waits == pytest.approx([2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60])

    simulate(test)


@pytest.mark.usefixtures("_no_jitter")
def test_the_jitter_is_full() -> None:
    """A wait may be as short as nothing, so that agents do not come back together."""

    async def test(effort: Effort, _: asyncio.Event) -> None:
        call = Script(unavailable())
        with pytest.raises(WaldurUnavailableError):
            await effort.read(call)
        assert call.waits == [0, 0]

    simulate(test)


@pytest.mark.usefixtures("_longest_jitter")
def test_no_wait_is_begun_that_would_end_too_late() -> None:
    """When the next wait would reach the end of the time, the error comes now."""

    async def test(effort: Effort, _: asyncio.Event) -> None:
        call = Script(unavailable())
        with pytest.raises(WaldurUnavailableError):
            await effort.read(call)
        # calls at 0, 3 and 9; a wait of 12 would end at 21
        assert call.times == pytest.approx([0, 3, 9])
        assert now() == pytest.approx(9)

    simulate(test, read={"attempts": 9, "within": "20s", "wait_min": "3s", "wait_max": "12s"})


@pytest.mark.usefixtures("_no_jitter")
def test_a_later_attempt_has_only_what_is_left() -> None:
    """The time is for all attempts together: the second one is ended when it is over."""

    async def test(effort: Effort, _: asyncio.Event) -> None:
        call = Script(unavailable(), takes=15)
        with pytest.raises(WaldurUnavailableError, match="no answer within 5 seconds"):
            await effort.read(call)
        assert now() == pytest.approx(20)

    simulate(test)


@pytest.mark.parametrize("fixture", ["_no_jitter", "_longest_jitter"])
def test_waldurs_own_wait_is_obeyed(request: pytest.FixtureRequest, fixture: str) -> None:
    """At least as long as Waldur asks, though longer than `wait_max`, and no more than `wait_min` longer."""
    request.getfixturevalue(fixture)

    async def test(effort: Effort, _: asyncio.Event) -> None:
        call = Script(unavailable(retry_after=200), unavailable(retry_after=0), "done")
        assert await effort.finish(call) == "done"
        assert 200 <= call.waits[0] <= 202
        assert 0 <= call.waits[1] <= 2

    simulate(test)


def test_a_wait_that_waldur_asks_for_and_nobody_has_time_for_is_not_begun() -> None:
    """The error then keeps Waldur's wish, for whoever plans the next round."""

    async def test(effort: Effort, _: asyncio.Event) -> None:
        with pytest.raises(WaldurUnavailableError) as raised:
            await effort.read(Script(unavailable(retry_after=30)))
        assert raised.value.retry_after == 30
        assert now() == 0

    simulate(test)


@pytest.mark.usefixtures("_longest_jitter")
def test_each_further_attempt_is_told_to_the_log() -> None:
    """With the wait and the error, for whoever looks at debug level."""

    async def test(effort: Effort, _: asyncio.Event) -> None:
        with capture_logs() as lines:
            await effort.read(Script(unavailable(), "found"))
        (line,) = (line for line in lines if line["log_level"] == "debug" and "seconds" in line)
        assert line["seconds"] == 0.5
        assert "GET /api/x/ (503): down" in line["error"]

    simulate(test)


# --- stopping


@pytest.mark.parametrize("verb", ["read", "create", "finish"])
def test_a_stop_ends_a_wait_at_once(verb: str) -> None:
    """The agent does not sit out a long wait when it is told to stop; the last error says why it waited."""

    async def test(effort: Effort, stop: asyncio.Event) -> None:
        error = unavailable(retry_after=12)
        call = Script(error)
        asyncio.get_running_loop().call_later(3, stop.set)
        with pytest.raises(StoppedError, match=r"Stopped while waiting .*\(503\): down") as raised:
            await VERBS[verb](effort, call)
        assert raised.value.__cause__ is error
        assert raised.value.exit_code == ExitCode.LEFT
        assert (len(call.times), now()) == (1, 3)

    simulate(test)


def test_a_stop_does_not_end_an_attempt() -> None:
    """A request that is on its way is waited for, and a first attempt is made even then: a round may be finishing."""

    async def test(effort: Effort, stop: asyncio.Event) -> None:
        stop.set()
        assert await effort.finish(Script("done", takes=5)) == "done"
        with pytest.raises(StoppedError):
            await effort.finish(Script(unavailable(), "done"))
        assert now() == 5

    simulate(test)


def test_no_claim_is_sent_after_a_stop() -> None:
    """It may have waited for its turn behind the writes of other offerings."""

    async def test(effort: Effort, stop: asyncio.Event) -> None:
        stop.set()
        call = Script("claimed")
        with pytest.raises(StoppedError, match="told to stop"):
            await effort.once(call)
        assert call.times == []

    simulate(test)


@pytest.mark.usefixtures("_longest_jitter")
async def test_clock_and_sleep_can_be_replaced() -> None:
    """A test that has no simulated loop can still try again without waiting."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    effort = Effort(models.Effort(), clock=lambda: sum(slept), sleep=sleep)
    outcomes = iter([unavailable(), unavailable()])

    async def call() -> str:
        for error in outcomes:
            raise error
        return "found"

    assert await effort.read(call) == "found"
    assert slept == [0.5, 1]


async def test_real_time_is_the_default() -> None:
    """Without a clock, the system's is used; no wait is needed to see that."""
    assert await Effort(models.Effort()).read(Script("found")) == "found"


# --- creating


@pytest.mark.usefixtures("_no_jitter")
def test_a_create_is_looked_up_before_it_is_sent_again() -> None:
    """An answer that was lost may have been a success: then nothing is sent again."""

    async def test(effort: Effort, _: asyncio.Event) -> None:
        send, look_up = Script(unavailable()), Script("the record")
        assert await effort.create(send, look_up) == "the record"
        assert (len(send.times), len(look_up.times)) == (1, 1)

    simulate(test)


@pytest.mark.usefixtures("_no_jitter")
def test_a_create_that_left_nothing_is_sent_again() -> None:
    """Each further sending has its look-up; the first one has none."""

    async def test(effort: Effort, _: asyncio.Event) -> None:
        send, look_up = Script(unavailable(), unavailable(), "the record"), Script(None)
        assert await effort.create(send, look_up) == "the record"
        assert (len(send.times), len(look_up.times)) == (3, 2)

    simulate(test)


@pytest.mark.usefixtures("_no_jitter")
def test_a_look_up_that_fails_keeps_the_create_from_being_sent() -> None:
    """Without knowing what is there nothing is sent; the failed look-up is an attempt."""

    async def test(effort: Effort, _: asyncio.Event) -> None:
        send, look_up = Script(unavailable()), Script(unavailable())
        with pytest.raises(WaldurUnavailableError):
            await effort.create(send, look_up)
        assert (len(send.times), len(look_up.times)) == (1, 4)

    simulate(test)


def test_a_create_that_was_refused_when_sent_again_is_refused() -> None:
    """A definite answer ends it."""

    async def test(effort: Effort, _: asyncio.Event) -> None:
        with pytest.raises(WaldurInvalidError):
            await effort.create(Script(unavailable(), WaldurInvalidError("POST", "/", 400, "")), Script(None))

    simulate(test)


# --- with the client


async def test_a_call_that_hangs_is_named(waldur: ScriptedWaldur) -> None:
    """When the time runs out in the middle of an exchange, the error says which one it was."""

    async def hang(request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError(request)

    effort = Effort(models.Effort.model_validate({"claim": {"within": 0.001}}))
    async with waldur.client(handler=hang) as client:
        with pytest.raises(WaldurUnavailableError) as raised:
            await effort.once(lambda: client.start_processing(UUID))
    path = f"/api/backend-resource-requests/{UUID}/start_processing/"
    assert (raised.value.method, raised.value.path) == ("POST", path)
    assert str(raised.value) == f"Waldur could not answer POST {path}: no answer within 0.001 seconds"


@pytest.mark.usefixtures("_no_jitter")
def test_slow_create_is_looked_for_before_it_is_sent_again() -> None:
    """After a lost answer what became of it is looked up for two minutes, less and less often."""

    async def test(effort: Effort, _: asyncio.Event) -> None:
        call, look_up = Script(unavailable(), "made"), Script(None)
        assert await effort.create_slowly(call, look_up) == "made"
        assert look_up.waits == [1, 2, 4, 8, 15, 15, 15, 15, 15, 15, 15]
        assert call.waits == [sum(look_up.waits) + 1]

    simulate(test)


def test_slow_create_that_is_found() -> None:
    """What is found while it is looked for is the result: nothing is sent again."""

    async def test(effort: Effort, _: asyncio.Event) -> None:
        call, look_up = Script(unavailable()), Script(None, None, "found")
        assert await effort.create_slowly(call, look_up) == "found"
        assert (len(call.times), look_up.waits) == (1, [1, 2])

    simulate(test)


def test_slow_create_has_its_time_and_its_number() -> None:
    """One answer is waited for three minutes, and it is sent three times at the most; Retry-After is obeyed."""

    async def test(effort: Effort, _: asyncio.Event) -> None:
        call = Script(None, takes=1000)
        with pytest.raises(WaldurUnavailableError, match="no answer within 180 seconds"):
            await effort.create_slowly(call, Script(None))
        assert len(call.times) == 3
        call = Script(unavailable(retry_after=40))
        with pytest.raises(WaldurUnavailableError):
            await effort.create_slowly(call, Script(None))
        assert call.waits == [120 + 40] * 2

    simulate(test)


def test_slow_create_that_django_has_undone() -> None:
    """An answer 500 comes after the transaction was undone: one look, and it is sent again."""

    async def test(effort: Effort, _: asyncio.Event) -> None:
        look_up = Script(None)
        call = Script(WaldurUnavailableError("POST", "/api/x/", 500, "crashed"), "made")
        assert await effort.create_slowly(call, look_up) == "made"
        assert (len(look_up.times), call.waits) == (1, [1])

    simulate(test)


def test_slow_create_ends_its_looks_when_the_agent_stops() -> None:
    """A person who stops it does not wait for minutes."""

    async def test(effort: Effort, stop: asyncio.Event) -> None:
        asyncio.get_running_loop().call_later(20, stop.set)
        with pytest.raises(StoppedError):
            await effort.create_slowly(Script(unavailable()), Script(None))
        assert now() == 20

    simulate(test)
