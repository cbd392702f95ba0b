"""Lists: query parameters, pages, and the headers that go with them, as Django REST framework and Waldur do it."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID

from starlette.datastructures import URL, QueryParams
from starlette.responses import JSONResponse, Response

from waldur_import_agent.sandbox.answers import RefusalError, refusal
from waldur_import_agent.sandbox.table import OrderedRows

PAGE_SIZE = 10
PAGE_SIZE_MAX = 300

Row = TypeVar("Row")


class Filters:
    """The query parameters of a list. Every bad one is noted; `check` refuses them all at once.

    Unknown parameters are ignored, and so are known ones without a value, except in `choices`.
    """

    def __init__(self, parameters: QueryParams) -> None:
        self._parameters = parameters
        self._errors: dict[str, list[str]] = {}

    def text(self, name: str) -> str | None:
        """The last value; None where there is none."""
        return self._parameters.get(name) or None

    def uuid(self, name: str) -> str | None:
        """A UUID, with or without dashes, as 32 hexadecimal digits."""
        value = self.text(name)
        if value is None:
            return None
        try:
            return UUID(value).hex
        except ValueError:
            self._errors[name] = ["Enter a valid UUID."]
            return None

    def since(self, name: str) -> datetime | None:
        """A date or a date and time, in UTC where it does not say."""
        value = self.text(name)
        if value is None:
            return None
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self._errors[name] = ["Enter a valid date/time."]
            return None
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

    def choices(self, name: str, allowed: Iterable[str]) -> frozenset[str] | None:
        """All values of a repeated parameter, exactly as written; None where there is none."""
        values = self._parameters.getlist(name)
        self._refuse_unknown(name, values, allowed)
        return frozenset(values) or None

    def newest_first(self) -> bool:
        """The order: `o` is `created` or `-created`, which it is where nothing is said."""
        values = (self.text("o") or "-created").split(",")
        self._refuse_unknown("o", values, ("created", "-created"))
        return values[0] == "-created"

    def check(self) -> None:
        """Raises RefusalError (400) if a parameter was bad."""
        if self._errors:
            raise RefusalError(HTTPStatus.BAD_REQUEST, self._errors)

    def _refuse_unknown(self, name: str, values: Iterable[str], allowed: Iterable[str]) -> None:
        known = frozenset(allowed)
        for value in values:
            if value not in known:
                self._errors[name] = [f"Select a valid choice. {value} is not one of the available choices."]
                return


def page_response(
    url: URL,
    rows: OrderedRows[Row],
    serialize: Callable[[Row], dict[str, Any]],
    *,
    newest_first: bool = False,
) -> Response:
    """One page of rows, with X-Result-Count and Link; only the rows of the page are serialized.

    `url` is the address asked for, with `page` (a number or `last`) and `page_size` (10 unless given, 300 at the most)
    among its parameters. Raises RefusalError (404) for a page that is not there.
    """
    parameters = QueryParams(url.query)
    size = _page_size(parameters.get("page_size", ""))
    pages = max(1, -(-len(rows) // size))
    number = _page_number(parameters.get("page") or "1", pages)
    ordered = reversed(rows) if newest_first else iter(rows)
    start = (number - 1) * size
    body = [serialize(row) for row in islice(ordered, start, start + size)]
    links = {"first": 1, "prev": number - 1, "next": number + 1, "last": pages}
    link = ", ".join(
        f'<{_address(url, target)}>; rel="{name}"' for name, target in links.items() if 1 <= target <= pages
    )
    return JSONResponse(body, headers={"X-Result-Count": str(len(rows)), "Link": link})


def chosen(row: dict[str, Any], parameters: QueryParams) -> dict[str, Any]:
    """The row with only those keys that `field=` names, or with all where it names none; unknown names are ignored."""
    wanted = frozenset(parameters.getlist("field"))
    return {key: value for key, value in row.items() if key in wanted} if wanted else row


def _page_size(text: str) -> int:
    """What the parameter says, within bounds; the default where it is no positive number."""
    try:
        size = int(text)
    except ValueError:
        return PAGE_SIZE
    return min(size, PAGE_SIZE_MAX) if size > 0 else PAGE_SIZE


def _page_number(text: str, pages: int) -> int:
    if text == "last":
        return pages
    try:
        number = int(text)
    except ValueError:
        number = 0
    if not 1 <= number <= pages:
        raise refusal(HTTPStatus.NOT_FOUND, "Invalid page.")
    return number


def _address(url: URL, page: int) -> str:
    """The same list at another page; the parameters are sorted by name, and the first page is not named."""
    parts = urlsplit(str(url))
    parameters: dict[str, list[str]] = parse_qs(parts.query, keep_blank_values=True)
    parameters.pop("page", None)
    if page > 1:
        parameters["page"] = [str(page)]
    return parts._replace(query=urlencode(sorted(parameters.items()), doseq=True)).geturl()
