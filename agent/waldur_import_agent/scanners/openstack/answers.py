"""What a cloud may answer: keystoneauth1 takes any size, and follows a redirect with the token to any host."""

from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urljoin, urlsplit

from waldur_import_agent.scanners.base import BackendMisconfiguredError

if TYPE_CHECKING:
    import requests
    from keystoneauth1.session import Session


ANSWER_MAX = 128 * 1024 * 1024
"""Bytes of an answer, unpacked: 100,000 projects in one list are a third of that."""
CHUNK = 64 * 1024


def bound(session: "Session") -> None:
    """Let `session` follow no redirect to another host, or from https to http, and take no answer without end.

    Its requests raise BackendMisconfiguredError then, before anything is sent there.
    """
    its_own: Any = session.session  # a requests.Session, which the types do not say
    its_own.hooks["response"] += [_stay_on_host, _read]


def _read(response: "requests.Response", *_: Any, **__: Any) -> None:
    """Read the body, which requests would do next, and without a limit."""
    body = bytearray()
    for chunk in response.iter_content(CHUNK):
        body += chunk
        if len(body) > ANSWER_MAX:
            response.close()
            raise BackendMisconfiguredError(
                f"{_origin(urlsplit(response.url))} answers with more than {ANSWER_MAX} bytes",
                remedy="Look at what stands between the agent and the service, and at its address in the catalog",
            )
    response._content = bytes(body)  # noqa: SLF001 - where requests keeps what it has read


def _stay_on_host(response: "requests.Response", *_: Any, **__: Any) -> None:
    if not response.is_redirect:
        return
    here = urlsplit(response.url)
    there = urlsplit(urljoin(response.url, response.headers["location"]))
    if there.hostname == here.hostname and (there.scheme, here.scheme) != ("http", "https"):
        return
    response.close()
    raise BackendMisconfiguredError(
        f"{_origin(here)} redirects to {_origin(there)}: the credential is not sent there",
        remedy="Correct the address (auth_url, or the service's endpoint in the catalog)",
    )


def _origin(url: SplitResult) -> str:
    """Scheme, host and port, without what may stand before them."""
    return f"{url.scheme}://{url.netloc.rpartition('@')[2]}"
