"""How Waldur is reached: the proxy, the certificate that it shows, and its clock. No token is sent."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from waldur_import_agent.settings import models
from waldur_import_agent.waldur.transport import http_client, unreachable

PUBLIC = "/configuration/"
"""Answers without a token (a proxy that demands one answers too, which is enough here)."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """The certificate of whoever answered; `issuer` is the name of the authority that signed it."""

    issuer: str
    expires: datetime


@dataclass(frozen=True, slots=True)
class Connection:
    """One answer: the server's time (None where it does not say), and how it was reached.

    `tls` is the protocol's version or empty; `certificate` is None without TLS and where it was not verified.
    """

    date: datetime | None
    tls: str = ""
    certificate: Certificate | None = None


def proxy_in_use(settings: models.Waldur) -> tuple[str, str] | None:
    """The proxy on the way to Waldur without its password, and where it is set; None where there is none."""
    address = urlsplit(settings.url)
    if settings.proxy:
        return _without_password(settings.proxy), "waldur.proxy"
    if proxy_bypass(address.hostname or ""):
        return None
    proxies = getproxies()
    for name in (address.scheme, "all"):
        if proxies.get(name):
            return _without_password(proxies[name]), f"{name.upper()}_PROXY in the environment"
    return None


async def look(settings: models.Waldur) -> Connection:
    """Ask for something public. Any answer will do. Raises WaldurUnavailableError and ConfigurationError."""
    path = urlsplit(settings.url).path + PUBLIC
    async with http_client(settings) as http:
        try:
            async with http.stream("GET", settings.url + PUBLIC) as response:
                tls = response.extensions["network_stream"].get_extra_info("ssl_object")
                date = _date(response.headers.get("date", ""))
                if tls is None:
                    return Connection(date)
                return Connection(date, tls.version() or "", _certificate(tls.getpeercert()))
        except (httpx.RequestError, OSError) as error:
            raise unreachable("GET", path, error) from error


def _certificate(shown: Mapping[str, Any] | None) -> Certificate | None:
    if not shown:  # not verified: Python then does not read it
        return None
    names = {key: value for part in shown.get("issuer", ()) for key, value in part}
    issuer = names.get("commonName") or names.get("organizationName") or "an authority without a name"
    expires = datetime.fromtimestamp(ssl.cert_time_to_seconds(cast("str", shown["notAfter"])), tz=UTC)
    return Certificate(issuer, expires)


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _without_password(proxy: str) -> str:
    before, separator, after = proxy.rpartition("@")
    scheme = before.partition("://")[0]
    return f"{scheme}://***@{after}" if separator else proxy
