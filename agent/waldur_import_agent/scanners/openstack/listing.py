"""Lists that are provably whole, from services that cut them with and without a word.

Keystone 2025.1 and later cuts every list at 1,000 without a flag unless it is asked in pages, and an operator may set
smaller bounds (`max_db_limit`, `list_limit`; `max_limit` of Nova, `osapi_max_limit` of Cinder). Keystone before 2025.1
does not know pages and answers each with all. So a list goes on until a page brings nothing new.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from waldur_import_agent.scanners.base import BackendMisconfiguredError, BackendUnavailableError
from waldur_import_agent.scanners.openstack.cloud import Query, Region
from waldur_import_agent.scanners.openstack.failures import SERVICES, RefusedError, not_its_own

STARTS = 3
"""How often a list is begun: the last row of a page may be deleted before the next page is asked for."""
Row = dict[str, Any]
T = TypeVar("T")


async def whole(
    region: Region,
    service: str,
    path: str,
    what: str,
    parse: Callable[[Row], T],
    *,
    query: Query | None = None,
    is_stub: Callable[[Row], bool] = lambda row: False,  # noqa: ARG005 - the default of a predicate
    **headers: str,
) -> dict[str, T]:
    """All rows of a list by their id, as `parse` makes them; the rows stand under the path's first word.

    A stub is a row behind which the service cannot go on. `parse` may raise AttributeError, KeyError, TypeError or ValueError on a row
    that is none. Raises BackendError.
    """
    for _ in range(STARTS):
        try:
            return await _pages(region, service, path, what, parse, query or {}, is_stub, headers)
        except _MarkerGoneError:
            continue
    raise BackendUnavailableError(f"{SERVICES[service]} could not give {what} as a whole: it changed too fast")


class _MarkerGoneError(Exception):
    """The row after which the next page begins is gone: Keystone says 404, Nova and Cinder 400 or 404."""


async def _pages(
    region: Region,
    service: str,
    path: str,
    what: str,
    parse: Callable[[Row], T],
    query: Query,
    is_stub: Callable[[Row], bool],
    headers: dict[str, str],
) -> dict[str, T]:
    found: dict[str, T] = {}
    marker, truncated = "", False
    while True:
        page = {**query, "marker": marker} if marker else query
        try:
            body = await region.get(service, path, what, page, **headers)
        except RefusedError as error:
            if marker and error.status in {400, 404}:
                raise _MarkerGoneError from error
            raise
        rows = _rows(service, path, what, body)
        before = len(found)
        try:
            found |= {row["id"]: parse(row) for row in rows if row["id"] not in found}
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise not_its_own(service, what, f"a row that cannot be read ({error!r})") from error
        following = [row["id"] for row in rows if not is_stub(row)]
        if len(found) == before:
            if truncated and rows:  # the same page again: this release has no pages, and cuts the list all the same
                raise BackendMisconfiguredError(
                    f"{SERVICES[service]} cuts {what} at {len(rows)} and knows no pages",
                    remedy="Raise or remove list_limit in its configuration",
                )
            return found
        if not following:
            return found
        marker, truncated = following[-1], body.get("truncated") is True


def _rows(service: str, path: str, what: str, body: Row) -> list[Row]:
    key = path.strip("/").split("/")[0]
    rows = body.get(key)
    if not isinstance(rows, list) or not all(isinstance(row, dict) and isinstance(row.get("id"), str) for row in rows):
        raise not_its_own(service, what, f"no list of {key}")
    return rows
