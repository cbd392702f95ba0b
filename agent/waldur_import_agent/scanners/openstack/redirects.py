"""Redirects: keystoneauth1 follows them with the token, to whatever host they name."""

from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urljoin, urlsplit

from waldur_import_agent.scanners.base import BackendMisconfiguredError

if TYPE_CHECKING:
    import requests
    from keystoneauth1.session import Session


def stay_on_host(session: "Session") -> None:
    """Let `session` follow no redirect to another host, or from https to http.

    Its requests raise BackendMisconfiguredError then, before anything is sent there.
    """
    its_own: Any = session.session  # a requests.Session, which the types do not say
    its_own.hooks["response"].append(_look)


def _look(response: "requests.Response", *_: Any, **__: Any) -> None:
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
