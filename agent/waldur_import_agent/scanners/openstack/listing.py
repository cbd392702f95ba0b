"""Lists that are provably whole, from services that cut them with and without a word.

Keystone 2025.1 and later cuts every list at 1,000 without a flag unless it is asked in pages, and an operator may set
smaller bounds (`max_db_limit`, `list_limit`; `max_limit` of Nova, `osapi_max_limit` of Cinder). Keystone before 2025.1
does not know pages and answers each with all. So a list goes on until a page brings nothing new.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from waldur_import_agent.scanners.base import BackendMisconfiguredError, BackendUnavailableError
from waldur_import_agent.scanners.openstack.cloud import Query, Region
from waldur_import_agent.scanners.openstack.failures import SERVICES, RefusedError, not_its_own

STARTS = 3
"""How often a list is begun: the last row of a page may be deleted before the next page is asked for."""
Row = dict[str, Any]
T = TypeVar("T")


def never_a_stub(row: Row) -> bool:
    """Whether the service cannot go on behind this row; by default it can behind each."""
    del row
    return False


class _MarkerGoneError(Exception):
    """The row after which the next page begins is gone: Keystone says 404, Nova 400, Cinder 404."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of a service; the rows stand under the path's first word. `what` is its name in errors.

    A stub is a row behind which the service cannot go on.
    """

    region: Region
    service: str
    path: str
    what: str
    query: Query = field(default_factory=dict)
    microversion: str | None = None
    is_stub: Callable[[Row], bool] = never_a_stub

    async def whole(self, parse: Callable[[Row], T]) -> dict[str, T]:
        """All rows by their id, as `parse` makes them. Raises BackendError.

        `parse` may raise AttributeError, KeyError, TypeError or ValueError on a row that it cannot read.
        """
        for _ in range(STARTS):
            try:
                return await self._pages(parse)
            except _MarkerGoneError:
                continue
        raise BackendUnavailableError(f"{SERVICES[self.service]} could not give {self.what} whole: it changed too fast")

    async def _pages(self, parse: Callable[[Row], T]) -> dict[str, T]:
        found: dict[str, T] = {}
        marker, truncated = "", False
        while True:
            body = await self._page(marker)
            rows = self._rows(body)
            before = len(found)
            try:
                found |= {row["id"]: parse(row) for row in rows if row["id"] not in found}
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                detail = f"a row that cannot be read ({error!r})"
                raise not_its_own(self.service, self.what, detail) from error
            following = [row["id"] for row in rows if not self.is_stub(row)]
            if len(found) == before:
                if truncated and rows:  # the same rows again: this release has no pages, and cuts the list all the same
                    raise BackendMisconfiguredError(
                        f"{SERVICES[self.service]} cuts {self.what} at {len(rows)} and knows no pages",
                        remedy="Raise or remove list_limit in its configuration",
                    )
                return found
            if not following:
                return found
            marker, truncated = following[-1], body.get("truncated") is True

    async def _page(self, marker: str) -> Row:
        query = {**self.query, "marker": marker} if marker else self.query
        try:
            body: Row = await self.region.get(self.service, self.path, self.what, query, self.microversion)
        except RefusedError as error:
            if marker and error.status in {400, 404}:
                raise _MarkerGoneError from error
            raise
        return body

    def _rows(self, body: Row) -> list[Row]:
        key = self.path.strip("/").split("/")[0]
        rows = body.get(key)
        if isinstance(rows, list) and all(isinstance(row, dict) and isinstance(row.get("id"), str) for row in rows):
            return rows
        raise not_its_own(self.service, self.what, f"no list of {key}")
