"""How many requests may be in flight to one Waldur: fewer where it says that it has too many, slowly more again.

Additive increase, multiplicative decrease, as TCP does it. `Load` decides and knows no clock and no I/O; `InFlight`
lets requests wait for their turn.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

from waldur_import_agent.log import get_logger

MOST = 8
"""Requests in flight where nothing else is configured."""
SUCCESSES = 50
"""So many answers allow one request more."""
SHARE = 8
"""One turn in so many is for the bulk of writes where others wait too."""
OVERLOADED = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
"""The statuses by which a server, or the proxy before it, says that it has too much to do."""

Told = Callable[[int, int, float | None], None]
"""Is told the present limit, how many requests wait for their turn, and, only where an overload has just halved the
limit, for how many seconds that Waldur asks all to pause."""


def _nobody(limit: int, waiting: int, pause: float | None) -> None:
    del limit, waiting, pause


class Load:
    """The limit of requests in flight, at first `most`, and until when all of them pause.

    Each request is sent in an age, which `age` tells. A new one begins with each halving, so that the many requests
    which meet the same overload, all sent before it was known, halve the limit once. Times are seconds of any clock.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._successes = 0
        self.limit = most
        self.age = 0
        self.paused_until = float("-inf")

    def answered(self, age: int) -> None:
        """A request of this age was answered: fifty such answers raise the limit by one, up to the most."""
        if age != self.age or self.limit == self._most:
            return
        self._successes += 1
        if self._successes == SUCCESSES:
            self._successes = 0
            self.limit += 1

    def overloaded(self, age: int, pause: float, now: float) -> bool:
        """Waldur refused a request of this age for its load and asks to pause; whether that halved the limit.

        Any such answer may make the pause longer, none makes it shorter.
        """
        self.paused_until = max(self.paused_until, now + pause)
        if age != self.age:
            return False
        self.age += 1
        self._successes = 0
        self.limit = max(1, self.limit // 2)
        return True


class InFlight:
    """The requests in flight to one Waldur, from whatever offering they come: each waits for its turn, the first first.

    Those of a bulk, the writes of a round's records, wait in a queue of their own: so a poll or a claim of one offering
    waits for one answer and never for the thousands of writes of another. Where both queues wait, the bulk still has
    every `SHARE`th turn, so that a slow Waldur which is asked by many offerings does not keep it waiting for ever.

    `told` hears of each change.
    """

    def __init__(self, most: int = MOST, told: Told = _nobody) -> None:
        self._load = Load(most)
        self._told = told
        self._busy = 0
        self._first: deque[asyncio.Future[None]] = deque()
        self._bulk: deque[asyncio.Future[None]] = deque()
        self._overtaken = 0
        """Turns that others had since the bulk began to wait, or had one."""
        told(most, 0, None)

    @property
    def age(self) -> int:
        """The age in which a request is sent now."""
        return self._load.age

    @property
    def paused_until(self) -> float:
        """Until when no request may be sent."""
        return self._load.paused_until

    @asynccontextmanager
    async def turn(self, *, bulk: bool = False) -> AsyncIterator[None]:
        """A place among the requests in flight while the block runs; one of a `bulk` lets others go first."""
        if self._busy < self._load.limit and not self._waiting:
            self._busy += 1
        else:
            await self._wait(self._bulk if bulk else self._first)
        try:
            yield
        finally:
            self._busy -= 1
            self._admit()

    def answered(self, age: int) -> None:
        """Waldur answered a request of this age, with what it wanted or a refusal of just that."""
        limit = self._load.limit
        self._load.answered(age)
        if self._load.limit != limit:
            self._tell()

    def overloaded(self, age: int, pause: float, now: float) -> None:
        """Waldur answered a request of this age that it has too much to do, and asks for `pause` seconds."""
        if self._load.overloaded(age, pause, now):
            # no more than debug: in an outage each poll is answered so, and that is told in one line
            get_logger().debug("Waldur has too much to do: fewer requests", in_flight=self._load.limit, pause=pause)
            self._tell(pause)

    @property
    def _waiting(self) -> int:
        return len(self._first) + len(self._bulk)

    async def _wait(self, queue: deque[asyncio.Future[None]]) -> None:
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(place)
        self._tell()
        try:
            await place
        except asyncio.CancelledError:
            if place in queue:
                queue.remove(place)
                self._tell()
            elif not place.cancelled():  # it was given in the same moment: the next one takes it
                self._busy -= 1
                self._admit()
            raise

    def _admit(self) -> None:
        waiting = self._waiting
        while self._busy < self._load.limit and self._waiting:
            place = self._next()
            if not place.cancelled():  # one that is has nobody who waits for it
                self._busy += 1
                place.set_result(None)
        if self._waiting != waiting:
            self._tell()

    def _next(self) -> asyncio.Future[None]:
        """The next place, out of its queue; one of the two queues has one."""
        if not self._bulk:
            return self._first.popleft()
        if self._first and self._overtaken < SHARE - 1:
            self._overtaken += 1
            return self._first.popleft()
        self._overtaken = 0
        return self._bulk.popleft()

    def _tell(self, pause: float | None = None) -> None:
        self._told(self._load.limit, self._waiting, pause)
