"""What can become of a call to Waldur, by meaning. No error holds a header, the token or a whole body."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from waldur_import_agent.errors import AgentError, ExitCode

LONGEST_DETAIL = 300
"""Characters of an answer's words that an error keeps."""


def shorten(text: str) -> str:
    """`text` on one line, cut to 300 characters."""
    words = " ".join(text.split())
    return words if len(words) <= LONGEST_DETAIL else words[: LONGEST_DETAIL - 3] + "..."


class WaldurError(AgentError):
    """A call to Waldur did not give what it should.

    `path` is without host and query. `status` is None where no answer came. `detail` is what the server said, or what
    is wrong with its answer.
    """

    meaning: ClassVar[str] = "Waldur failed"
    """How the text begins, before the call's method and path."""
    usual_remedy: ClassVar[str] = ""

    def __init__(self, method: str, path: str, status: int | None, detail: str, *, remedy: str | None = None) -> None:
        self.method = method
        self.path = path
        self.status = status
        self.detail = shorten(detail)
        call = " ".join(part for part in (method, path, f"({status})" if status else "") if part)
        beginning = f"{self.meaning} {call}".rstrip()
        message = ": ".join(part for part in (beginning, self.detail.rstrip(".")) if part)
        super().__init__(message, remedy=self.usual_remedy if remedy is None else remedy)


class WaldurUnavailableError(WaldurError):
    """No usable answer now, a later one may be: network, timeout, 5xx, 408, 429.

    What the call did in Waldur is not known. `retry_after` is how many seconds Waldur asks to wait, or None.
    """

    exit_code = ExitCode.UNAVAILABLE
    meaning = "Waldur could not answer"

    def __init__(
        self,
        method: str,
        path: str,
        status: int | None,
        detail: str,
        *,
        retry_after: float | None = None,
        remedy: str | None = None,
    ) -> None:
        super().__init__(method, path, status, detail, remedy=remedy)
        self.retry_after = retry_after


class WaldurUndecodableError(WaldurUnavailableError):
    """An answer came that is not Waldur's API speaking: HTML, cut or foreign JSON, a redirect."""

    meaning = "Not Waldur's API answered"
    usual_remedy = "Check waldur.url, and whether a proxy between here and Waldur answers in its place."


class WaldurNotAuthenticatedError(WaldurError):
    """401: Waldur does not accept the token."""

    exit_code = ExitCode.AUTHENTICATION
    meaning = "Waldur does not accept the token for"
    usual_remedy = "Put a valid token into waldur.token_file: this one may have expired, or its user is inactive."


class WaldurRefusedError(WaldurError):
    """403: the token's user may not do this."""

    meaning = "Waldur refused"
    usual_remedy = (
        "Check the roles of the token's user: the agent needs OFFERING.MANAGE_BACKEND_RESOURCES on the offering, "
        "and only staff may create requests and import."
    )


class WaldurGoneError(WaldurError):
    """404: the object is not there, or the token's user may not see it."""

    meaning = "Waldur has nothing for"
    usual_remedy = "It was removed meanwhile, or the token's user may not see it."


class WaldurWrongStateError(WaldurError):
    """409: the request is not in the state that this transition starts from."""

    meaning = "The request's state does not allow"


class WaldurInvalidError(WaldurError):
    """400 or another 4xx: Waldur does not accept what was sent.

    `fields` are the server's messages per field; `non_field_errors` is the key of those that are about no field.
    """

    meaning = "Waldur does not accept the content of"

    def __init__(
        self,
        method: str,
        path: str,
        status: int | None,
        detail: str,
        *,
        fields: Mapping[str, Sequence[str]] | None = None,
        remedy: str | None = None,
    ) -> None:
        super().__init__(method, path, status, detail, remedy=remedy)
        self.fields = {name: tuple(shorten(text) for text in texts) for name, texts in (fields or {}).items()}


REFUSALS = (WaldurRefusedError, WaldurGoneError, WaldurWrongStateError, WaldurInvalidError)
"""Waldur answered, and said no: asking again does not change it."""


class ReadOnlyError(AgentError):
    """A dry run was about to change something in Waldur: nothing was sent."""

    exit_code = ExitCode.BUG
