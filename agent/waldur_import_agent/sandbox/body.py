"""Request bodies: decoding, and the checks of fields with the texts of Django REST framework."""

import json
import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NoReturn, TypeVar
from urllib.parse import parse_qs
from uuid import UUID

from starlette.requests import Request

from waldur_import_agent.sandbox.answers import RefusalError, refusal

REQUIRED = "This field is required."
NOT_NULL = "This field may not be null."

Found = TypeVar("Found")


async def decoded(request: Request) -> Any:
    """The body: JSON or an HTML form; an empty one is an empty object.

    Raises RefusalError: 415 for another content type, 400 for broken JSON.
    """
    content = await request.body()
    if not content:
        return {}
    content_type = request.headers.get("content-type", "")
    match content_type.partition(";")[0].strip().lower():
        case "application/json":
            try:
                return json.loads(content.decode(), parse_constant=_refuse_constant)
            except ValueError as error:
                raise refusal(HTTPStatus.BAD_REQUEST, f"JSON parse error - {error}") from error
        case "application/x-www-form-urlencoded":
            form = parse_qs(content.decode(errors="replace"), keep_blank_values=True)
            return {name: values[-1] for name, values in form.items()}
        case _:
            raise refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f'Unsupported media type "{content_type}" in request.')


class Fields:
    """The fields of a body. Every bad one is noted; `check` refuses them all at once."""

    def __init__(self, body: Any) -> None:
        if not isinstance(body, dict):
            text = f"Invalid data. Expected a dictionary, but got {type(body).__name__}."
            reason = "No data provided" if body is None else text
            raise RefusalError(HTTPStatus.BAD_REQUEST, {"non_field_errors": [reason]})
        self._body: dict[str, Any] = body
        self._errors: dict[str, list[str]] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._body

    def text(self, name: str, *, max_length: int | None = None, required: bool = False) -> str:
        """A text without the blanks around it; "" where it is missing or bad. A required one may not be blank."""
        if name not in self._body:
            return self._missing(name, "", required=required)
        value = self._body[name]
        if value is None:
            return self._bad(name, NOT_NULL, "")
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return self._bad(name, "Not a valid string.", "")
        text = str(value).strip()
        if required and not text:
            return self._bad(name, "This field may not be blank.", "")
        reasons = []
        if max_length is not None and len(text) > max_length:
            reasons.append(f"Ensure this field has no more than {max_length} characters.")
        if "\x00" in text:
            reasons.append("Null characters are not allowed.")
        reasons += [f"Surrogate characters are not allowed: U+{ord(c):X}." for c in text if _is_surrogate(c)][:1]
        if reasons:
            self._errors[name] = reasons
            return ""
        return text

    def related(self, name: str, objects: Mapping[str, Found], *, required: bool = True) -> Found | None:
        """The object with the UUID (with or without dashes) that the field names; None where missing or bad."""
        if name not in self._body:
            return self._missing(name, None, required=required)
        value = self._body[name]
        if value is None or value == "":
            return self._bad(name, NOT_NULL, None)
        try:
            found = objects.get(UUID(str(value)).hex)
        except ValueError:
            found = None
        if found is None:
            return self._bad(name, f"Object with uuid={value} does not exist.", None)
        return found

    def anything(self, name: str) -> Any:
        """Any JSON but null; an empty object where it is missing."""
        value = self._body.get(name, {})
        return self._bad(name, NOT_NULL, {}) if value is None else value

    def check(self) -> None:
        """Raises RefusalError (400) if a field was bad."""
        if self._errors:
            raise RefusalError(HTTPStatus.BAD_REQUEST, self._errors)

    def _missing(self, name: str, default: Found, *, required: bool) -> Found:
        return self._bad(name, REQUIRED, default) if required else default

    def _bad(self, name: str, reason: str, default: Found) -> Found:
        self._errors[name] = [reason]
        return default


def storable(value: Any) -> bool:
    """Whether PostgreSQL's jsonb takes a value: no U+0000, no half of a surrogate pair, no infinite number."""
    if isinstance(value, str):
        return not any(character == "\x00" or _is_surrogate(character) for character in value)
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(storable(key) and storable(item) for key, item in value.items())
    return all(map(storable, value)) if isinstance(value, list) else True


def _is_surrogate(character: str) -> bool:
    return "\ud800" <= character <= "\udfff"


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"Out of range float values are not JSON compliant: {name}")
