"""Transactions that stay open: what a server still does after its client has lost patience."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Transactions:
    """Commits changes at once, or after so many further requests."""

    def __init__(self) -> None:
        self._commits_after = 0
        self._open: list[tuple[int, Callable[[], None]]] = []

    @contextmanager
    def committing_after(self, requests: int) -> Iterator[None]:
        """Changes within the block show only after so many further requests."""
        self._commits_after = requests
        try:
            yield
        finally:
            self._commits_after = 0

    def commit(self, change: Callable[[], None]) -> None:
        """Make a change when its transaction ends."""
        if self._commits_after:
            self._open.append((self._commits_after, change))
        else:
            change()

    def request_came(self) -> None:
        """Another request: what has waited for it is committed."""
        waiting = [(left - 1, change) for left, change in self._open]
        self._open = [(left, change) for left, change in waiting if left]
        for left, change in waiting:
            if not left:
                change()
