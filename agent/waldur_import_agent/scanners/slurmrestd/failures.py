"""What slurmrestd's failures mean: statuses, `errors` and `warnings`. Pure functions.

Neither a status nor an empty list tells enough: a token that is refused looks like a database that is down (24.11), an
empty answer like a failure (22.05), and a query that was ignored has status 200.
"""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from waldur_import_agent.scanners.base import BackendError, BackendMisconfiguredError, BackendUnavailableError
from waldur_import_agent.scanners.slurm.rights import OPERATOR

PROTOCOL_AUTHENTICATION = 1007
ACCESS_DENIED = 2002
NO_DATABASE = 7000
UNKNOWN_QUERY = 9000
NOTHING_FOUND = 9003
"""Values of error_number (slurm_errno.h and 22.05's REST plugins)."""
AUTHENTICATION = "authentication error"
"""What 24.11 adds to the description of 7000 where the token is refused."""

WORDS_SHOWN = 600
POINTER = re.compile(r"\(0x[0-9a-f]+\)")
"""slurmrestd prints addresses of its memory, which are others each time."""
UNKNOWN_RELEASE = "This release of SLURM does not know what the agent asks for: report it, with what slurmrestd is"
DATABASE = "Start slurmdbd and its database, or mend slurmrestd's access to slurmdbd"
MISCONFIGURED = {ACCESS_DENIED: OPERATOR.format(word="accounts"), UNKNOWN_QUERY: UNKNOWN_RELEASE}
REPORT = "Look at slurmrestd's log; report it with what slurmrestd is and what it logs"


class TokenRefusedError(BackendMisconfiguredError):
    """The token is not, or no longer, valid."""


class NotServedError(BackendMisconfiguredError):
    """The path is not among those that the server has."""


def failure(what: str, status: int, errors: Sequence[Mapping[str, object]], beginning: str) -> BackendError | None:
    """The error that an answer stands for, None where it has none or says that nothing was found.

    `what` names the request. `beginning` is how the body began, for an answer that is not slurmrestd's.
    """
    told = [(_number(error), _words(error)) for error in errors]
    numbers = {number for number, _ in told}
    message = f"{what} failed with status {status}: {_said([words for _, words in told], beginning)}"
    if status == HTTPStatus.UNAUTHORIZED or _refuses_token(told):
        return TokenRefusedError(message)
    if numbers == {NOTHING_FOUND}:
        return None
    for number, remedy in MISCONFIGURED.items():
        if number in numbers:
            return BackendMisconfiguredError(message, remedy=remedy)
    if NO_DATABASE in numbers:
        return BackendUnavailableError(message, remedy=DATABASE)
    return BackendUnavailableError(message, remedy=REPORT) if told else _by_status(message, status)


def _by_status(message: str, status: int) -> BackendError | None:
    """The error of an answer without `errors`: a proxy's, or slurmrestd's in plain text."""
    if status == HTTPStatus.OK:
        return None
    if status == HTTPStatus.NOT_FOUND:
        return NotServedError(message, remedy="Let scanner.url or scanner.socket lead to slurmrestd itself")
    if (
        status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT}
        or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    ):
        return BackendUnavailableError(message, remedy="Look at slurmrestd's log, or that of the proxy before it")
    return BackendMisconfiguredError(
        message, remedy="Let scanner.url lead to slurmrestd itself, and ask the proxy before it, if there is one"
    )


def doubts(what: str, warnings: Sequence[Mapping[str, object]]) -> list[str]:
    """Warnings that leave it open whether the answer is the whole, as texts.

    Raises BackendMisconfiguredError where a query was ignored: then the answer is not the one that was asked for.
    """
    found = []
    for warning in warnings:
        words = POINTER.sub("()", _words(warning))
        if "unknown field" in words.lower():
            raise BackendMisconfiguredError(f"{what}: {words}", remedy=UNKNOWN_RELEASE)
        if "found nothing" not in words:
            found.append(f"{what} warns: {words}")
    return found


def _number(error: Mapping[str, object]) -> int:
    number = error.get("error_number")
    return number if isinstance(number, int) else -1


def _words(entry: Mapping[str, object]) -> str:
    words = [str(entry[key]) for key in ("error", "description") if entry.get(key)]
    return ": ".join(dict.fromkeys(words))


def _said(words: Sequence[str], beginning: str) -> str:
    return ("; ".join(dict.fromkeys(filter(None, words))) or " ".join(beginning.split()) or "no reason")[:WORDS_SHOWN]


def _refuses_token(told: Sequence[tuple[int, str]]) -> bool:
    return any(
        number == PROTOCOL_AUTHENTICATION or (number == NO_DATABASE and AUTHENTICATION in words)
        for number, words in told
    )
