"""How hard to try, per kind of call. Only what a later attempt may cure is tried again: WaldurUnavailableError."""

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from waldur_import_agent.errors import StoppedError
from waldur_import_agent.log import get_logger
from waldur_import_agent.settings import models
from waldur_import_agent.system import wait_for_event
from waldur_import_agent.waldur.errors import WaldurUnavailableError

EQUAL_REFUSALS_MAX = 20
"""As many equal refusals in a row mean that the rest would be refused too."""
LOOK_INTERVAL_MAX = 15.0
"""Seconds between two looks for what became of a call, at the most."""

T = TypeVar("T")
Call = Callable[[], Awaitable[T]]


class Effort:
    """Tries calls as often and as long as the settings allow, and stops waiting when the agent stops.

    `stop` ends waits, never an attempt. `clock` gives seconds, `sleep` waits for them; both can be replaced in tests.
    """

    def __init__(
        self,
        settings: models.Effort,
        stop: asyncio.Event | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] | None = None,
    ) -> None:
        self._settings = settings
        self._stop = stop or asyncio.Event()
        self._clock = clock
        self._sleep = sleep or functools.partial(wait_for_event, self._stop)

    async def read(self, call: Call[T]) -> T:
        """Read something: a page of a list, an object."""
        return await self._persist(self._settings.read, call)

    async def once(self, call: Call[T]) -> T:
        """Claim: one attempt within its time. Where it fails, the caller looks up what became of it."""
        return await _within(self._settings.claim.within, call)

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

        return await self._persist(self._settings.create, look_then_send)

    async def create_slowly(self, call: Call[T], look_up: Callable[[], Awaitable[T | None]]) -> T:
        """Do what Waldur may take long over and must not do twice: make a resource of a record.

        Without an answer Waldur may still be at it: `look_up` is asked for a while before it is sent again. An answer
        500 is Django's own, after it has undone everything: then one look is enough.
        """
        policy = self._settings.import_resource
        attempt = 1
        while True:
            try:
                return await _within(policy.within, call)
            except WaldurUnavailableError as error:
                undone = error.status == HTTPStatus.INTERNAL_SERVER_ERROR
                found = await self.look_for(look_up, 0.0 if undone else policy.look_for)
                if found is not None:
                    return found
                if attempt == policy.attempts:
                    raise
                attempt += 1
                await self._pause(error.retry_after or 1.0, error)

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
        return await self._persist(self._settings.create, call)

    async def finish(self, call: Call[T]) -> T:
        """Set a request Done or Erred: tried longest, since losing it would leave the request in Processing."""
        return await self._persist(self._settings.finish, call)

    async def _persist(self, policy: models.Retry, call: Call[T]) -> T:
        """Try within the policy's count and time. Raises the last error, or StoppedError from it during a wait."""
        deadline = self._clock() + policy.within
        last_error: WaldurUnavailableError | None = None
        full_jitter = wait_random_exponential(multiplier=policy.wait_min, max=policy.wait_max)

        async def attempt() -> T:
            nonlocal last_error
            try:
                return await _within(deadline - self._clock(), call)
            except WaldurUnavailableError as error:
                last_error = error
                raise

        def wait(state: RetryCallState) -> float:
            jitter = full_jitter(state)
            asked = last_error.retry_after if last_error else None
            return jitter if asked is None else asked + min(jitter, policy.wait_min)

        def enough(state: RetryCallState) -> bool:
            return state.attempt_number >= policy.attempts or self._clock() + state.upcoming_sleep >= deadline

        async def pause(seconds: float) -> None:
            await self._pause(seconds, last_error)

        retrying = AsyncRetrying(
            sleep=pause, wait=wait, stop=enough, retry=retry_if_exception_type(WaldurUnavailableError), reraise=True
        )
        return await retrying(attempt)

    async def _pause(self, seconds: float, error: WaldurUnavailableError | None) -> None:
        """Wait before another attempt. Raises StoppedError when the agent stops."""
        get_logger().debug("Waldur is tried again", seconds=round(seconds, 1), error=str(error))
        await self._sleep(seconds)
        if self._stop.is_set():
            raise StoppedError(f"Stopped while waiting to try again ({error})") from error


async def _within(seconds: float, call: Call[T]) -> T:
    """One attempt. Raises WaldurUnavailableError if it takes longer; the transport noted what it was about."""
    try:
        async with asyncio.timeout(seconds):
            return await call()
    except TimeoutError as error:
        notes = getattr(error.__cause__, "__notes__", [""])
        method, _, path = notes[0].partition(" ")
        raise WaldurUnavailableError(method, path, None, f"no answer within {max(seconds, 0):.3g} seconds") from error
