"""Scripted trouble: what a proxy, a network or a failing server does to a request."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


class ConnectionLostError(Exception):
    """Raised out of the application: a server drops the connection without a complete answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered. A text is sent as it is, as HTML unless `headers` say otherwise; anything else as JSON."""

    status: int
    body: Any = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Fault:
    """For a request that `matches` (its method, and its path with the query).

    With `handled` the request takes effect before; without, it never reaches the server. Then `answer` is given, or
    `error` raised where that is None. After `times` requests it is over; None is for ever.

    `late` is for an import that is `handled`: what it changes shows only after that many further requests, like the
    transaction of a server that goes on after the client has lost patience. Another import meanwhile does the same.
    """

    matches: Callable[[str, str], bool]
    answer: Answer | None = None
    handled: bool = False
    times: int | None = None
    late: int = 0
    error: Exception = field(default_factory=ConnectionLostError)

    def takes(self, method: str, path: str) -> bool:
        """Whether this request is hit; if so, it counts."""
        if self.times == 0 or not self.matches(method, path):
            return False
        if self.times is not None:
            self.times -= 1
        return True


def requests_to(method: str, part: str) -> Callable[[str, str], bool]:
    """Matches requests with this method whose path and query contain `part`."""
    return lambda its_method, its_path: its_method == method and part in its_path
