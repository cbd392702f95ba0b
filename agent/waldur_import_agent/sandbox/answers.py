"""How the server says no: JSON with a reason, or Django's HTML where it crashes or knows no such address."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

PAGE = """
<!doctype html>
<html lang="en">
<head>
  <title>{title}</title>
</head>
<body>
  <h1>{title}</h1><p>{text}</p>
</body>
</html>
"""
SERVER_ERROR_HTML = PAGE.format(title="Server Error (500)", text="")
NOT_FOUND_HTML = PAGE.format(title="Not Found", text="The requested resource was not found on this server.")


class RefusalError(Exception):
    """The server answers with this status and JSON body."""

    def __init__(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        self.status = status
        self.body = body
        self.headers = dict(headers or {})


class CrashError(Exception):
    """The server fails with a 500 and an HTML page."""


def refusal(status: int, detail: str, headers: Mapping[str, str] | None = None) -> RefusalError:
    """A refusal with one reason, as most are."""
    return RefusalError(status, {"detail": detail}, headers)


def unauthenticated(detail: str) -> RefusalError:
    """401: there is no valid token."""
    return refusal(HTTPStatus.UNAUTHORIZED, detail, {"WWW-Authenticate": "Token"})


def forbidden() -> RefusalError:
    """403: the object can be seen, or its existence is no secret, but this may not be done."""
    return refusal(HTTPStatus.FORBIDDEN, "You do not have permission to perform this action.")


def not_found(model: str) -> RefusalError:
    """404: there is no such object, or it must not be seen."""
    return refusal(HTTPStatus.NOT_FOUND, f"No {model} matches the given query.")
