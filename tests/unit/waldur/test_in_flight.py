"""The requests in flight to one Waldur: halved when that is too many, slowly more again, in turn."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from structlog.testing import capture_logs

from support.simulated import simulate
from waldur_import_agent.errors import StoppedError
from waldur_import_agent.settings import models
from waldur_import_agent.waldur.effort import Effort
from waldur_import_agent.waldur.errors import WaldurGoneError, WaldurInvalidError, WaldurUnavailableError
from waldur_import_agent.waldur.in_flight import SUCCESSES, InFlight, Load

# --- the policy


def answers(load: Load, count: int) -> None:
    """So many requests of now are answered."""
    for _ in range(count):
        load.answered(load.age)


@pytest.mark.parametrize(("most", "after"), [(8, [4, 2, 1, 1]), (5, [2, 1, 1]), (1, [1, 1])])
def test_each_overload_halves_and_one_is_the_least(most: int, after: list[int]) -> None:
    """A limit of nothing would never learn that Waldur is well again."""
    load = Load(most)
    limits = []
    for _ in after:
        load.overloaded(load.age, 0.0, now=0.0)
        limits.append(load.limit)
    assert limits == after


def test_fifty_answers_allow_one_more_up_to_the_most() -> None:
    """The fiftieth does, not the one before; what is above the most is not saved up."""
    load = Load(4)
    answers(load, 500)
    assert load.limit == 4
    load.overloaded(load.age, 0.0, now=0.0)
    answers(load, SUCCESSES - 1)
    assert load.limit == 2
    answers(load, 1)
    assert load.limit == 3
    answers(load, SUCCESSES)
    assert load.limit == 4
    answers(load, 10 * SUCCESSES)
    assert load.limit == 4


def test_an_overload_begins_the_count_anew() -> None:
    """Answers from before it say nothing of the time after it."""
    load = Load(8)
    load.overloaded(load.age, 0.0, now=0.0)
    answers(load, SUCCESSES - 1)
    load.overloaded(load.age, 0.0, now=0.0)
    answers(load, SUCCESSES - 1)
    assert load.limit == 2


def test_a_burst_halves_once() -> None:
    """Eight requests sent before the overload was known are one overload, whatever comes between them."""
    load = Load(8)
    age = load.age
    halved = [load.overloaded(age, 3.0, now=0.0) for _ in range(8)]
    assert halved == [True] + [False] * 7
    assert load.limit == 4
    for _ in range(SUCCESSES):
        load.answered(age)  # of the same burst: sent when more were in flight
    assert load.limit == 4


def test_the_longest_pause_counts() -> None:
    """Of a burst, and of what comes later."""
    load = Load(8)
    load.overloaded(0, 5.0, now=100.0)
    load.overloaded(0, 30.0, now=101.0)
    load.overloaded(0, 2.0, now=102.0)
    assert load.paused_until == 131.0


# --- those that wait


Told = list[tuple[int, int, float | None]]


def now() -> float:
    """The simulated time."""
    return asyncio.get_running_loop().time()


class Waldur:
    """Takes 0.1 s for each request. Refuses those that arrive while more than `bears` are under way."""

    def __init__(self, bears: int = 1000, *, retry_after: float | None = None, status: int = 503) -> None:
        self.bears = bears
        self.retry_after = retry_after
        self.status = status
        self.under_way = 0
        self.peak = 0
        self.arrived: list[float] = []
        self.refused: list[float] = []

    async def __call__(self) -> str:
        """One request."""
        self.arrived.append(now())
        self.under_way += 1
        self.peak = max(self.peak, self.under_way)
        too_many = self.under_way > self.bears
        try:
            await asyncio.sleep(0.1)
        finally:
            self.under_way -= 1
        if too_many:
            self.refused.append(now())
            raise WaldurUnavailableError("POST", "/api/x/", self.status, "busy", retry_after=self.retry_after)
        return "done"


async def nothing() -> None:
    """Nobody has created anything."""


def run(test: Callable[[Effort, Told, asyncio.Event], Awaitable[None]], *, most: int = 8, **effort: object) -> Told:
    """Run `test` in simulated time; what was told of the requests in flight."""
    told: Told = []

    async def work() -> None:
        stop = asyncio.Event()
        in_flight = InFlight(most, lambda *news: told.append(news))
        await test(Effort(models.Effort.model_validate(effort), stop, clock=now, in_flight=in_flight), told, stop)

    simulate(work())
    return told


def test_no_more_than_the_most_are_under_way() -> None:
    """Whatever they are for; those that are more wait, and are sent in the order in which they came."""
    waldur = Waldur()

    async def test(effort: Effort, told: Told, stop: asyncio.Event) -> None:
        order: list[int] = []

        async def one(number: int) -> None:
            async def call() -> None:
                order.append(number)
                await waldur()

            await (effort.read(call) if number % 2 else effort.finish(call))

        await asyncio.gather(*(one(number) for number in range(20)))
        assert order == list(range(20))

    told = run(test, most=3)
    assert waldur.peak == 3
    assert told[0] == (3, 0, None)
    assert max(waiting for _, waiting, _ in told) == 17
    assert told[-1] == (3, 0, None)


def test_a_bulk_of_writes_lets_others_go_first() -> None:
    """A poll, a claim or an ending of one offering waits for one answer, not for all creates of another."""
    waldur = Waldur()

    async def test(effort: Effort, told: Told, stop: asyncio.Event) -> None:
        bulk = [asyncio.create_task(effort.create(waldur, nothing)) for _ in range(50)]
        bulk += [asyncio.create_task(effort.repeat(waldur)) for _ in range(50)]
        await asyncio.sleep(0.05)
        assert told[-1][1] == 98
        for sent in (effort.read(waldur), effort.once(waldur), effort.finish(waldur)):
            began = now()
            await sent
            assert now() - began <= 0.2001  # what is under way ends, and then it
        assert await asyncio.gather(*bulk) == ["done"] * 100

    run(test, most=2)
    assert waldur.peak == 2


def test_a_bulk_of_writes_is_not_starved() -> None:
    """Where others always wait, the bulk has one turn in eight: a slow Waldur that many offerings poll takes it too."""

    async def test(effort: Effort, told: Told, stop: asyncio.Event) -> None:
        order: list[str] = []

        async def one(kind: str) -> None:
            order.append(kind)
            await asyncio.sleep(0.1)

        async def polls() -> None:
            for _ in range(24):
                await effort.read(lambda: one("poll"))

        creates = (effort.create(lambda: one("create"), nothing) for _ in range(3))
        await asyncio.gather(polls(), polls(), *creates)
        assert [place for place, kind in enumerate(order) if kind == "create"] == [8, 16, 24]

    run(test, most=1)


def test_a_cancelled_write_of_a_bulk_is_forgotten() -> None:
    """In its own queue as in the other: the number that waits is right, and the next one has its turn."""
    waldur = Waldur()

    async def test(effort: Effort, told: Told, stop: asyncio.Event) -> None:
        first, second, third = (asyncio.create_task(effort.create(waldur, nothing)) for _ in range(3))
        await asyncio.sleep(0.05)
        second.cancel()
        await asyncio.sleep(0)
        assert told[-1] == (1, 1, None)
        assert await first == await third == "done"
        assert told[-1] == (1, 0, None)

    run(test, most=1)


@pytest.mark.parametrize("status", [429, 503])
def test_an_overload_pauses_all_and_halves(status: int) -> None:
    """No request is sent before Retry-After has passed, whoever was told; then half as many are under way."""
    waldur = Waldur(bears=5, retry_after=7.0, status=status)

    async def test(effort: Effort, told: Told, stop: asyncio.Event) -> None:
        creates = iter(range(40))

        async def worker() -> None:
            for _ in creates:
                assert await effort.create(waldur, nothing) == "done"

        await asyncio.gather(*(worker() for _ in range(8)))

    with capture_logs() as logs:
        told = run(test)
    known, last = min(waldur.refused), max(waldur.refused)  # some were sent in the moment in which it became known
    assert (known, last) == (pytest.approx(0.1), pytest.approx(0.2))
    later = [time for time in waldur.arrived if time > known]
    assert min(later) == pytest.approx(last + 7.0)
    assert max(sum(time <= other < time + 0.0999 for other in later) for time in later) == 4
    assert [(limit, pause) for limit, _, pause in told if pause is not None] == [(4, 7.0)]
    assert [(log["in_flight"], log["pause"]) for log in logs if "in_flight" in log] == [(4, 7.0)]


def test_the_limit_grows_again() -> None:
    """After an overload, by one for each fifty answers; a refusal of one request is an answer too."""
    waldur = Waldur(bears=7)

    async def test(effort: Effort, told: Told, stop: asyncio.Event) -> None:
        await asyncio.gather(*(effort.repeat(waldur) for _ in range(8)))
        assert told[-1][0] == 4

        async def gone() -> None:
            raise WaldurGoneError("DELETE", "/api/x/", 404, "Not found.")

        for _ in range(24):
            await effort.repeat(waldur)
            with pytest.raises(WaldurGoneError):
                await effort.repeat(gone)
        assert told[-1][0] == 4  # 48, and the one that was sent again
        await effort.repeat(waldur)
        assert told[-1][0] == 5

    run(test)


@pytest.mark.parametrize(
    "error",
    [
        WaldurUnavailableError("GET", "/api/x/", 500, "Server Error"),
        WaldurUnavailableError("GET", "/api/x/", 502, "Bad Gateway"),
        WaldurUnavailableError("GET", "/api/x/", None, "no answer in time"),
        WaldurInvalidError("GET", "/api/x/", 400, "no"),
    ],
)
def test_what_is_no_overload_changes_nothing(error: Exception) -> None:
    """A bug of Waldur's, or a cut network, does not get better by fewer requests."""

    async def test(effort: Effort, told: Told, stop: asyncio.Event) -> None:
        async def call() -> None:
            raise error

        with pytest.raises(type(error)):
            await effort.read(call)

    assert run(test) == [(8, 0, None)]


def test_a_pause_longer_than_its_time_is_not_waited_for() -> None:
    """Such a request is not sent, and fails at once with the time that is left; the next round asks again."""
    busy = Waldur(bears=0, retry_after=60.0)
    well = Waldur()

    async def test(effort: Effort, told: Told, stop: asyncio.Event) -> None:
        with pytest.raises(WaldurUnavailableError):
            await effort.read(busy)
        await asyncio.sleep(10)
        began = now()
        with pytest.raises(WaldurUnavailableError, match="asks for a pause of 50 more seconds; not sent") as raised:
            await effort.read(well)
        assert raised.value.retry_after == pytest.approx(50.0)
        assert now() == began
        assert await effort.finish(well) == "done"  # may take ten minutes
        assert well.arrived == [pytest.approx(60.1)]

    run(test, read={"within": "20s"})


def test_waiting_behind_others_takes_nothing_of_its_time() -> None:
    """A queue of the agent's own is no outage of Waldur."""
    waldur = Waldur()

    async def test(effort: Effort, told: Told, stop: asyncio.Event) -> None:
        done = await asyncio.gather(*(effort.read(waldur) for _ in range(50)))
        assert done == ["done"] * 50
        assert now() == pytest.approx(5.0)

    run(test, most=1, read={"within": "200ms"})


def test_a_cancelled_request_gives_its_turn_to_the_next() -> None:
    """Whether it waits, is under way, or was given its place in the same moment."""
    waldur = Waldur()

    async def test(effort: Effort, told: Told, stop: asyncio.Event) -> None:
        first, second, third, fourth = (asyncio.create_task(effort.read(waldur)) for _ in range(4))
        await asyncio.sleep(0.05)
        second.cancel()  # waits
        await asyncio.sleep(0)
        assert told[-1] == (1, 2, None)
        first.cancel()  # under way: the third's turn comes
        await asyncio.sleep(0)
        third.cancel()  # in the moment in which it comes
        assert await fourth == "done"
        for task in (first, second, third):
            with pytest.raises(asyncio.CancelledError):
                await task
        assert told[-1] == (1, 0, None)
        assert await effort.read(waldur) == "done"

    run(test, most=1)


def test_a_stop_ends_the_pause() -> None:
    """What waits for Waldur when the agent stops is left for the next start."""
    busy = Waldur(bears=0, retry_after=60.0)

    async def test(effort: Effort, told: Told, stop: asyncio.Event) -> None:
        waits = [asyncio.create_task(effort.finish(busy)) for _ in range(2)]
        await asyncio.sleep(0.2)
        waits.append(asyncio.create_task(effort.finish(busy)))
        await asyncio.sleep(5)
        stop.set()
        for wait in waits:
            with pytest.raises(StoppedError):
                await wait
        assert now() == pytest.approx(5.2)
        assert len(busy.arrived) == 2

    run(test)
