"""What an HTTP answer means: the JSON in it, or the error that says what is wrong. No I/O."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from waldur_import_agent.redactor import Redactor
from waldur_import_agent.system import now
from waldur_import_agent.waldur.errors import (
    WaldurError,
    WaldurGoneError,
    WaldurInvalidError,
    WaldurNotAuthenticatedError,
    WaldurRefusedError,
    WaldurUnavailableError,
    WaldurUndecodableError,
    WaldurWrongStateError,
)

NO_FIELD = "non_field_errors"
"""Django REST framework's key for messages that are about no field."""
LONGEST_PAGE = 20_000
"""Characters of an HTML page in which its words are looked for."""
VALUES_MAX = 1_000_000
"""JSON values in an answer: as objects in memory they are up to thirty times as large as their text."""
DEPTH_MAX = 20
"""How deep the server's messages are looked for in lists."""
TOO_DEEP = "nested too deeply"
SMALLER_PAGES = (
    "Check waldur.url, and whether a proxy between here and Waldur answers in its place; for a list of large records, "
    "lower waldur.page_size."
)
MARKUP = re.compile(r"(?is)<(script|style)\b.*?</\1>|<[^<>]*>")

BY_STATUS: Mapping[int, type[WaldurError]] = {
    HTTPStatus.UNAUTHORIZED: WaldurNotAuthenticatedError,
    HTTPStatus.FORBIDDEN: WaldurRefusedError,
    HTTPStatus.NOT_FOUND: WaldurGoneError,
    HTTPStatus.CONFLICT: WaldurWrongStateError,
}
"""Statuses with a meaning of their own. Waldur answers them with {"detail": ...}; whatever else is not Waldur."""
LATER = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
"""Below 500, but trying again may help."""
TOO_LARGE = frozenset(
    {
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.REQUEST_URI_TOO_LONG,
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    }
)
"""Said in HTML by a web server before Waldur, but about what was sent: trying again cannot help."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer with its whole body. The names of the headers are in lower case, or found without case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _NotJsonError(Exception):
    """The body is not JSON; the text says what it is instead, `words` are what a person would read in it."""

    def __init__(self, what: str, words: str = "", *, remedy: str | None = None) -> None:
        super().__init__(f"{what}: {words}" if words else what)
        self.words = words
        self.remedy = remedy


def read_answer(method: str, path: str, answer: Answer, *, redact: Redactor, retry_after_max: float) -> Any:
    """The JSON of a 2xx answer, None for a 204.

    `redact` takes out of an error's text what must not appear in it, even if the server repeats it: here, before the
    text is cut short, since nobody recognizes half of a token later. Raises one of waldur.errors.
    """
    status = answer.status
    retry_after = parse_retry_after(answer.headers.get("retry-after"), now(), retry_after_max)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        raise _redirected(method, path, answer, redact)
    try:
        data = _decode(answer, redact)
    except _NotJsonError as problem:
        words = problem.words
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in LATER:
            raise WaldurUnavailableError(method, path, status, words, retry_after=retry_after) from None
        if status in TOO_LARGE:
            raise WaldurInvalidError(method, path, status, words) from None
        raise WaldurUndecodableError(
            method, path, status, str(problem), retry_after=retry_after, remedy=problem.remedy
        ) from None
    if status < HTTPStatus.MULTIPLE_CHOICES:
        return data
    fields = {redact(name): [redact(text) for text in texts] for name, texts in _messages(data).items()}
    detail = "; ".join(
        f"{name}: {' '.join(texts)}" if name not in {"detail", NO_FIELD} else " ".join(texts)
        for name, texts in fields.items()
    )
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in LATER:
        raise WaldurUnavailableError(method, path, status, detail, retry_after=retry_after)
    meaning = BY_STATUS.get(status)
    if meaning is None:
        raise WaldurInvalidError(method, path, status, detail, fields=fields)
    if "detail" not in fields:
        raise WaldurUndecodableError(method, path, status, f"JSON that is not Waldur's: {detail}")
    raise meaning(method, path, status, detail)


def parse_retry_after(value: str | None, moment: datetime, longest: float) -> float | None:
    """How many seconds Retry-After asks to wait from `moment` on, at most `longest`; None if it cannot be understood.

    It is a number of seconds or an HTTP date (RFC 9110, section 10.2.3). A date that has passed gives 0.
    """
    if value is None:
        return None
    text = value.strip()
    if re.fullmatch(r"[0-9]+", text):
        return min(float(text), longest)
    try:
        date = parsedate_to_datetime(text)
        if date.tzinfo is None:  # "-0000", which says: UTC, place unknown
            date = date.replace(tzinfo=UTC)
        seconds = (date - moment).total_seconds()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return min(max(seconds, 0.0), longest)


def _redirected(method: str, path: str, answer: Answer, redact: Redactor) -> WaldurUndecodableError:
    """A redirect is never followed: a POST would arrive as a GET, and the token at another host."""
    try:
        target = urlsplit(redact(answer.headers.get("location", ""))).path
    except ValueError:
        target = ""
    return WaldurUndecodableError(
        method,
        path,
        answer.status,
        f"it redirects to {target or 'nowhere'}",
        remedy="Check waldur.url: https instead of http, the host's name, the path. Redirects are not followed.",
    )


def _decode(answer: Answer, redact: Redactor) -> Any:
    """The JSON in the body, None for a 204. Raises _NotJsonError."""
    if answer.status == HTTPStatus.NO_CONTENT:
        return None
    if not answer.body.strip():
        raise _NotJsonError("an empty body where JSON is due")
    if answer.body.count(b",") > VALUES_MAX:
        raise _NotJsonError(f"more than {VALUES_MAX} values", remedy=SMALLER_PAGES)
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):  # bytes that are no text, no JSON, or JSON nested without end
        pass
    # a secret at the end must be whole to be recognized
    text = redact(answer.body[: 2 * LONGEST_PAGE].decode(errors="replace").lstrip())
    if "html" in answer.headers.get("content-type", "").lower() or text.startswith("<"):
        raise _NotJsonError("an HTML page where JSON is due", MARKUP.sub(" ", text[:LONGEST_PAGE]).strip())
    raise _NotJsonError("broken or cut JSON", text[:LONGEST_PAGE])


def _messages(data: Any) -> dict[str, list[str]]:
    """The server's messages per field: {"field": ["..."]}, {"detail": "..."}, or a list that names no field."""
    if isinstance(data, Mapping):
        return {str(name): _texts(value) for name, value in data.items()}
    return {NO_FIELD: _texts(data)}


def _texts(value: Any, depth: int = 0) -> list[str]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [text for item in value for text in _texts(item, depth + 1)] if depth < DEPTH_MAX else [TOO_DEEP]
    try:
        return [value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)]
    except RecursionError:
        return [TOO_DEEP]
