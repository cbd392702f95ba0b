"""A list read as a whole, although others change it meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

from waldur_import_agent.waldur.client import Page
from waldur_import_agent.waldur.effort import Effort
from waldur_import_agent.waldur.errors import WaldurGoneError, WaldurUnavailableError, WaldurUndecodableError

ROWS_MAX = 200_000
"""Rows of a list that are read: ten times the accounts of the largest clusters known."""
BYTES_MAX = 256 * 1024 * 1024
"""Bytes of all pages of a list."""
SECONDS_MAX = 1800.0
"""Seconds for a list, with all its pages and repetitions: each page has its own limit, but there may be many."""
RE_READS = 3
"""How often a list that changed while it was read is read again."""

T = TypeVar("T")
R = TypeVar("R")


class _ChangedError(Exception):
    """The list changed, or its pages contradict each other; the text says how."""


@overload
async def read_whole(
    fetch: Callable[[int], Awaitable[Page[T]]], effort: Effort, *, uuid_of: Callable[[T], str]
) -> list[T]: ...


@overload
async def read_whole(
    fetch: Callable[[int], Awaitable[Page[T]]],
    effort: Effort,
    *,
    uuid_of: Callable[[T], str],
    convert: Callable[[T], R],
) -> list[R]: ...


async def read_whole(
    fetch: Callable[[int], Awaitable[Page[Any]]],
    effort: Effort,
    *,
    uuid_of: Callable[[Any], str],
    convert: Callable[[Any], Any] = lambda row: row,
) -> list[Any]:
    """All rows of a list, in the list's order, each given to `convert` as soon as its page is there.

    `fetch` reads one page by its number, from 1; the list must be ordered by `created`, the oldest first, where the
    endpoint can do that. It is whole when X-Result-Count is the same on all pages and the number of distinct UUIDs.
    A longer list is read from its last page to its first: a row that is removed moves the later ones to a lower page,
    so that what stays is met twice at the worst and never missed. Otherwise it is read again, three times.

    Raises WaldurUnavailableError if it never holds still or takes more than half an hour, WaldurUndecodableError if it
    is larger than any real one, and what `effort.read` raises.
    """
    path = ""

    async def read_page(number: int) -> Page[Any]:
        nonlocal path
        page = await effort.read(lambda: fetch(number))
        path = page.path
        return page

    reason = ""
    try:
        async with asyncio.timeout(SECONDS_MAX):
            for _ in range(1 + RE_READS):
                try:
                    return await _read_once(read_page, uuid_of, convert)
                except _ChangedError as change:
                    reason = str(change)
    except TimeoutError as error:
        raise WaldurUnavailableError(
            "GET", path, None, f"the list could not be read within {SECONDS_MAX:g} seconds"
        ) from error
    raise WaldurUnavailableError(
        "GET", path, None, f"the list changed each of the {1 + RE_READS} times that it was read: {reason}"
    )


async def _read_once(
    read_page: Callable[[int], Awaitable[Page[Any]]], uuid_of: Callable[[Any], str], convert: Callable[[Any], Any]
) -> list[Any]:
    """Read all pages once. Raises _ChangedError."""
    page = await read_page(1)
    total = page.total
    rows_per_page = len(page.items)
    if total and not rows_per_page:
        raise _ChangedError(f"X-Result-Count is {total}, but the first page is empty")
    size = page.size
    if total > ROWS_MAX:
        raise WaldurUndecodableError("GET", page.path, None, f"X-Result-Count is {total}, and {ROWS_MAX} are the most")
    seen: set[str] = set()
    parts: list[list[Any]] = []
    last = -(-total // rows_per_page) if total else 1
    for number in range(last, 0, -1):
        if last > 1:
            page = await _read_known(read_page, number)
            size += page.size
        if size > BYTES_MAX:
            raise WaldurUndecodableError("GET", page.path, None, f"the list has more than {BYTES_MAX} bytes")
        if page.total != total:
            raise _ChangedError(f"X-Result-Count went from {total} to {page.total}")
        seen.update(uuid_of(row) for row in page.items)
        parts.append([convert(row) for row in page.items])
    rows = [row for part in reversed(parts) for row in part]
    if not len(rows) == len(seen) == total:
        raise _ChangedError(f"X-Result-Count is {total}, but {len(rows)} rows with {len(seen)} UUIDs came")
    return rows


async def _read_known(read_page: Callable[[int], Awaitable[Page[Any]]], number: int) -> Page[Any]:
    """A page that the count says is there: "Invalid page." for a later one means that the list became shorter."""
    try:
        return await read_page(number)
    except WaldurGoneError as error:
        raise _ChangedError(f"page {number} is no longer there") from error
