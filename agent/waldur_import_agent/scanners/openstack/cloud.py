"""The cloud as openstacksdk reaches it: one login, and GET requests in threads, with retries that are bounded.

Nothing is ever written. The SDK is imported where it is first used: that takes half a second.
"""

import asyncio
import email.utils
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from waldur_import_agent.scanners.base import BackendError, BackendUnavailableError
from waldur_import_agent.scanners.openstack.failures import failure, not_its_own, refusal
from waldur_import_agent.system import in_daemon_thread

if TYPE_CHECKING:
    import requests
    from openstack.connection import Connection

WAITS = (1.0, 4.0)
"""Seconds before the second and the third try of one call."""
RETRY_AFTER_MAX = 30.0
"""No Retry-After is obeyed for longer than this, in seconds: the SDK itself would obey any."""
RETRIED = frozenset({429, 500, 502, 503, 504})
SHOWN = 80
"""Characters of a wrong answer that are quoted."""

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]
Query = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Access:
    """What the token says of the credential. Empty texts where it does not say so."""

    user: str
    roles: tuple[str, ...]
    project_id: str
    project_name: str
    domain_id: str
    """The domain of the project, or the one that the token is scoped to."""
    domain_name: str
    domain_scoped: bool
    regions: tuple[str, ...]
    """Those of the catalog that have a compute, volume or network service."""

    @property
    def is_admin(self) -> bool:
        """Whether it has the role admin, which the services' code takes for the right to see all."""
        return "admin" in self.roles

    def __str__(self) -> str:
        scope = f"the project {self.project_name}" if self.project_id else "the system"
        if self.domain_scoped:
            scope = f"the domain {self.domain_name}"
        return f"{self.user} has {', '.join(self.roles) or 'no role'} on {scope}"


@dataclass(slots=True)
class Pace:
    """Lets not more than `per_second` requests begin in a second, where a bound is given."""

    per_second: float | None
    sleep: Sleep = asyncio.sleep
    clock: Callable[[], float] = time.monotonic
    _next: float = field(default=0.0, init=False)

    async def turn(self) -> None:
        """Wait until the next request may begin."""
        if self.per_second is None:
            return
        now = self.clock()
        begin = max(now, self._next)
        self._next = begin + 1 / self.per_second
        if begin > now:
            await self.sleep(begin - now)


class AgainError(Exception):
    """The try failed in a way that may pass; `after` are the seconds that the service asks for."""

    def __init__(self, meaning: BackendError, after: float = 0.0) -> None:
        super().__init__(str(meaning))
        self.meaning = meaning
        self.after = after


async def in_several_tries(
    work: Callable[[], T], *, before: Callable[[], Awaitable[None]] | None = None, sleep: Sleep = asyncio.sleep
) -> T:
    """Do `work` in a thread, again where it raises AgainError, not more often than WAITS is long.

    `before` is awaited before each try. Raises what `work` raises, and in the end what its AgainError means.
    """
    for wait in (*WAITS, None):
        if before is not None:
            await before()
        try:
            return await in_daemon_thread(work)
        except AgainError as error:
            if wait is None:
                raise error.meaning from error
            await sleep(min(max(wait, error.after), RETRY_AFTER_MAX))
    raise AssertionError  # the last turn has returned or raised


class Region:
    """One region of a cloud: GET requests to its services, as JSON."""

    def __init__(self, connection: "Connection", name: str, pace: Pace, sleep: Sleep = asyncio.sleep) -> None:
        self.name = name
        self._connection = connection
        self._pace = pace
        self._sleep = sleep

    async def get(
        self, service: str, path: str, what: str, query: Query | None = None, microversion: str | None = None
    ) -> Any:
        """The JSON object that a service answers; `what` is what is asked for, for errors.

        `service` is identity, compute, volume or network; without a `microversion` the service's default one answers.
        Tried again on a connection that fails and on the statuses in RETRIED, not more often than WAITS is long.

        Raises RefusedError (400, 403, 404) and other BackendErrors.
        """
        work = partial(self._get, service, path, what, dict(query or {}), microversion)
        return await in_several_tries(work, before=self._pace.turn, sleep=self._sleep)

    def _get(self, service: str, path: str, what: str, query: dict[str, Any], microversion: str | None) -> Any:
        """One try, in a thread. Raises AgainError where another one may help."""
        from keystoneauth1.exceptions import ClientException  # noqa: PLC0415 - of an extra
        from openstack.exceptions import SDKException  # noqa: PLC0415

        try:
            response = self._proxy(service).get(
                path, params=query, headers={"Accept": "application/json"}, microversion=microversion
            )
        except (ClientException, SDKException) as error:
            meaning = failure(service, what, error)
            if isinstance(meaning, BackendUnavailableError):
                raise AgainError(meaning) from error
            raise meaning from error
        if response.status_code in RETRIED:
            raise AgainError(refusal(service, what, response.status_code, response.text), _retry_after(response))
        if response.status_code != 200:  # noqa: PLR2004
            raise refusal(service, what, response.status_code, response.text)
        try:
            body = json.loads(response.content)
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            raise not_its_own(service, what, repr(response.text[:SHOWN]))
        return body

    def _proxy(self, service: str) -> Any:
        """The SDK's adapter, which finds the service in the catalog under any of its names and versions."""
        name = {"volume": "block_storage"}.get(service, service)
        return getattr(self._connection, name)


def _retry_after(response: "requests.Response") -> float:
    """Seconds of the header Retry-After, which is a number or a date; 0 where it is neither."""
    text = response.headers.get("Retry-After", "")
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError):
        return 0.0
