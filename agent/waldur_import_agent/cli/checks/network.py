"""The way to Waldur: name, proxy, TLS and clock. No token is sent."""

import asyncio
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from waldur_import_agent.cli.checks.finding import Finding, Status, failed, failed_with, passed, skipped, warned
from waldur_import_agent.errors import AgentError, ExitCode
from waldur_import_agent.system import now

if TYPE_CHECKING:
    from waldur_import_agent.settings.models import Waldur
    from waldur_import_agent.waldur.connection import Connection

PORTS = {"https": 443, "http": 80}
SKEW_WARNED = 30.0
SKEW_FAILED = 300.0
"""Seconds. munge refuses what is five minutes off, and a personal access token ends by Waldur's clock."""
CERTIFICATE_DAYS = 14


async def check_network(settings: "Waldur") -> list[Finding]:
    """Proxy, DNS, connection, TLS and clock, each as far as the one before it came."""
    from waldur_import_agent.waldur.connection import look, proxy_in_use

    proxy = proxy_in_use(settings)
    findings = [passed("proxy", f"{proxy[0]} ({proxy[1]})" if proxy else "none"), await _dns(settings, proxy)]
    if findings[-1].status is Status.FAIL:
        return [*findings, *(skipped(name, "the name is not known") for name in ("connection", "tls", "clock"))]
    try:
        connection = await look(settings)
    except AgentError as error:
        text = str(error.args[0])
        at_tls = "CERTIFICATE" in text.upper() or "SSL" in text.upper()
        if at_tls:
            remedy = f"{error.remedy} It is now verified with {_trusted(settings)}."
            return [
                *findings,
                failed("tls", text, remedy, ExitCode.UNAVAILABLE),
                skipped("clock", "there is no connection"),
            ]
        remedy = error.remedy or "Look at waldur.url, the firewall, and the proxy"
        return [
            *findings,
            failed_with("connection", error, remedy),
            *(skipped(name, "there is no connection") for name in ("tls", "clock")),
        ]
    return [*findings, passed("connection", f"{settings.url} answers"), _tls(settings, connection), _clock(connection)]


async def _dns(settings: "Waldur", proxy: tuple[str, str] | None) -> Finding:
    address = urlsplit(proxy[0] if proxy else settings.url)
    host = address.hostname or ""
    try:
        port = address.port or PORTS.get(address.scheme, PORTS["http"])
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        where = proxy[1] if proxy else "waldur.url"
        return failed("dns", f"{host}: {reason}", f"Look at {where} and /etc/resolv.conf", ExitCode.UNAVAILABLE)
    addresses = ", ".join(sorted({str(entry[4][0]) for entry in found}))
    later = "; Waldur's own name is the proxy's to look up" if proxy else ""
    return passed("dns", f"{host} is {addresses}{later}")


def _tls(settings: "Waldur", connection: "Connection") -> Finding:
    if not connection.tls:
        host = urlsplit(settings.url).hostname or ""
        if host == "localhost" or host.startswith("127.") or host == "::1":
            return passed("tls", "none, and none is needed: Waldur is on this host")
        return warned("tls", "none: anybody on the way can read the token", "Use https in waldur.url")
    certificate = connection.certificate
    if certificate is None:
        return warned(
            "tls",
            f"{connection.tls}, the certificate was not verified (accept_any_certificate): anybody on the way can "
            "read the token",
            "Set waldur.ca_file to the authority's certificate and take accept_any_certificate away",
        )
    found = (
        f"{connection.tls}, signed by {certificate.issuer}, valid until {certificate.expires:%Y-%m-%d}; "
        f"verified with {_trusted(settings)}"
    )
    days = (certificate.expires - now()).days
    if days < CERTIFICATE_DAYS:
        return warned("tls", f"{found}: {days} days left", "Let Waldur's administrators renew the certificate")
    return passed("tls", found)


def _trusted(settings: "Waldur") -> str:
    return f"waldur.ca_file {settings.ca_file}" if settings.ca_file else "the system's certificates"


def _clock(connection: "Connection") -> Finding:
    if connection.date is None:
        return warned("clock", "Waldur's answer has no Date: the clocks cannot be compared")
    skew = (now() - connection.date).total_seconds()
    found = f"this host's clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} Waldur's"
    remedy = "Let chronyd or systemd-timesyncd keep this host's clock"
    if abs(skew) > SKEW_FAILED:
        return failed("clock", found, remedy)
    return warned("clock", found, remedy) if abs(skew) > SKEW_WARNED else passed("clock", found)
