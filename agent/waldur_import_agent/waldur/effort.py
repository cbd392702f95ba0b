"""How hard to try, per kind of call, and when: each attempt waits for its turn among the requests in flight.

Creates and removals of records, which may be thousands, wait behind all others. Only what a later attempt may cure is
tried again: WaldurUnavailableError.
"""

import asyncio
import functools
import math
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from waldur_import_agent.errors import StoppedError
from waldur_import_agent.log import get_logger
from waldur_import_agent.settings import models
from waldur_import_agent.system import wait_for_event
from waldur_import_agent.waldur.errors import WaldurError, WaldurUnavailableError
from waldur_import_agent.waldur.in_flight import OVERLOADED, InFlight

EQUAL_REFUSALS_MAX = 20
"""As many equal refusals in a row mean that the rest would be refused too."""
LOOK_INTERVAL_MAX = 15.0
"""Seconds between two looks for what became of a call, at the most."""

T = TypeVar("T")
Call = Callable[[], Awaitable[T]]


class Effort:
    """Tries calls as often and as long as the settings allow, and stops waiting when the agent stops.

    `stop` ends waits, never an attempt. `clock` gives seconds, `sleep` waits for them; both can be replaced in tests.
    `in_flight` is shared by all that speak to the same Waldur: a pause for which one is asked is kept by all.
    """

    def __init__(
        self,
        settings: models.Effort,
        stop: asyncio.Event | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] | None = None,
        in_flight: InFlight | None = None,
    ) -> None:
        self._settings = settings
        self._stop = stop or asyncio.Event()
        self._clock = clock
        self._sleep = sleep or functools.partial(wait_for_event, self._stop)
        self._in_flight = in_flight or InFlight()

    async def read(self, call: Call[T]) -> T:
        """Read something: a page of a list, an object."""
        return await self._persist(self._settings.read, call)

    async def once(self, call: Call[T]) -> T:
        """Claim: one attempt within its time. Where it fails, the caller looks up what became of it.

        Raises StoppedError, and nothing was sent, where the agent stops while the claim waits for its turn.
        """

        async def send() -> T:
            if self._stop.is_set():
                raise StoppedError("the agent was told to stop")
            return await call()

        return await self._attempt(_Time(self._clock, self._settings.claim.within), send)

    async def create(self, call: Call[T], look_up: Callable[[], Awaitable[T | None]]) -> T:
        """Create something. `look_up` gives what an attempt has created although its answer did not come, or None.

        It is asked before each further attempt, since Waldur would create a second one.
        """
        sent = False

        async def look_then_send() -> T:
            nonlocal sent
            if sent and (found := await look_up()) is not None:
                return found
            sent = True
            return await call()

        return await self._persist(self._settings.create, look_then_send, bulk=True)

    async def create_slowly(self, call: Call[T], look_up: Callable[[], Awaitable[T | None]]) -> T:
        """Do what Waldur may take long over and must not do twice: make a resource of a record.

        Without an answer Waldur may still be at it: `look_up` is asked for a while before it is sent again. An answer
        500 is Django's own, after it has undone everything: then one look is enough.
        """
        policy = self._settings.import_resource
        attempt = 1
        while True:
            try:
                return await self._attempt(_Time(self._clock, policy.within), call)
            except WaldurUnavailableError as error:
                if error.retry_after:
                    await self._pause(error.retry_after, error)
                undone = error.status == HTTPStatus.INTERNAL_SERVER_ERROR
                found = await self.look_for(look_up, 0.0 if undone else policy.look_for)
                if found is not None:
                    return found
                if attempt == policy.attempts:
                    raise
                attempt += 1
                if not error.retry_after:
                    await self._pause(1.0, error)

    @property
    def settles_within(self) -> float:
        """Seconds after which an import whose answer was lost has taken effect, or is taken never to do so."""
        return self._settings.import_resource.look_for

    async def look_for(self, look_up: Callable[[], Awaitable[T | None]], seconds: float) -> T | None:
        """What `look_up` finds within `seconds`, asked less and less often, or None. Raises StoppedError."""
        waited, wait = 0.0, 1.0
        while (found := await self.read(look_up)) is None and waited < seconds:
            await self._pause(wait, None)
            waited, wait = waited + wait, min(wait * 2, LOOK_INTERVAL_MAX)
        return found

    async def repeat(self, call: Call[T]) -> T:
        """Delete something, or do what else may be done twice: tried as often as a create."""
        return await self._persist(self._settings.create, call, bulk=True)

    async def finish(self, call: Call[T]) -> T:
        """Set a request Done or Erred: tried longest, since losing it would leave the request in Processing."""
        return await self._persist(self._settings.finish, call)

    async def _persist(self, policy: models.Retry, call: Call[T], *, bulk: bool = False) -> T:
        """Try within the policy's count and time. Raises the last error, or StoppedError from it during a wait."""
        time_left = _Time(self._clock, policy.within)
        last_error: WaldurUnavailableError | None = None
        full_jitter = wait_random_exponential(multiplier=policy.wait_min, max=policy.wait_max)

        async def attempt() -> T:
            nonlocal last_error
            try:
                return await self._attempt(time_left, call, bulk=bulk)
            except WaldurUnavailableError as error:
                last_error = error
                raise

        def wait(state: RetryCallState) -> float:
            jitter = full_jitter(state)
            asked = last_error.retry_after if last_error else None
            return jitter if asked is None else asked + min(jitter, policy.wait_min)

        def enough(state: RetryCallState) -> bool:
            return state.attempt_number >= policy.attempts or state.upcoming_sleep >= time_left()

        async def pause(seconds: float) -> None:
            await self._pause(seconds, last_error)

        retrying = AsyncRetrying(
            sleep=pause, wait=wait, stop=enough, retry=retry_if_exception_type(WaldurUnavailableError), reraise=True
        )
        return await retrying(attempt)

    async def _attempt(self, time_left: "_Time", call: Call[T], *, bulk: bool = False) -> T:
        """One attempt, when it is its turn. Raises WaldurUnavailableError also where it cannot be sent in its time.

        To wait behind other requests of the agent takes nothing of its time; a pause that Waldur asks for does.
        """
        asked = self._clock()
        async with self._in_flight.turn(bulk=bulk):
            time_left.extend(self._clock() - asked)
            await self._let_pause_pass(time_left)
            age = self._in_flight.age
            try:
                result = await _within(time_left(), call)
            except WaldurUnavailableError as error:
                if error.status in OVERLOADED:
                    self._in_flight.overloaded(age, error.retry_after or 0.0, self._clock())
                raise
            except WaldurError:
                self._in_flight.answered(age)
                raise
            self._in_flight.answered(age)
            return result

    async def _let_pause_pass(self, time_left: "_Time") -> None:
        """Wait while Waldur wants no requests, and longer where that is asked for meanwhile."""
        waited_until = None
        while (until := self._in_flight.paused_until) > self._clock() and until != waited_until:
            seconds = until - self._clock()
            error = WaldurUnavailableError(
                "", "", None, f"it asks for a pause of {seconds:.3g} more seconds; not sent", retry_after=seconds
            )
            if seconds >= time_left():
                raise error
            await self._pause(seconds, error)
            waited_until = until

    async def _pause(self, seconds: float, error: WaldurUnavailableError | None) -> None:
        """Wait before another attempt. Raises StoppedError when the agent stops."""
        get_logger().debug("Waldur is tried again", seconds=round(seconds, 1), error=str(error))
        await self._sleep(seconds)
        if self._stop.is_set():
            raise StoppedError(f"Stopped while waiting to try again ({error})") from error


class _Time:
    """How many seconds are left of those that a call may take, by a clock."""

    def __init__(self, clock: Callable[[], float], seconds: float) -> None:
        self._clock = clock
        self._deadline = clock() + seconds

    def __call__(self) -> float:
        return self._deadline - self._clock()

    def extend(self, seconds: float) -> None:
        """Give so many more."""
        self._deadline += seconds


async def _within(seconds: float, call: Call[T]) -> T:
    """One attempt. Raises WaldurUnavailableError if it takes longer; the transport noted what it was about."""
    try:
        async with asyncio.timeout(seconds):
            return await call()
    except TimeoutError as error:
        notes = getattr(error.__cause__, "__notes__", [""])
        method, _, path = notes[0].partition(" ")
        shown = math.ceil(max(seconds, 0.0) * 1000) / 1000  # the clock has gone on a little since the time was set
        raise WaldurUnavailableError(method, path, None, f"no answer within {shown:.3g} seconds") from error
