"""How Waldur's certificate is verified, and the certificate that the agent shows."""

import ssl

from waldur_import_agent.errors import ConfigurationError
from waldur_import_agent.settings import models


def _no_password() -> str:
    """An encrypted key fails at once: OpenSSL would otherwise ask on the terminal, and a daemon has none."""
    return ""


def ssl_context(settings: models.Waldur) -> ssl.SSLContext:
    """The TLS settings of the connection to Waldur.

    The system's certificates are trusted, or those of `ca_file` instead. Only `accept_any_certificate` switches the
    verification off. Raises ConfigurationError with the file that cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
    except OSError as error:
        raise ConfigurationError(f"waldur.ca_file {settings.ca_file} cannot be used: {_reason(error)}") from error
    if settings.accept_any_certificate:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if settings.client_certificate is not None:
        files = [str(file) for file in (settings.client_certificate, settings.client_key) if file is not None]
        try:
            context.load_cert_chain(settings.client_certificate, settings.client_key, password=_no_password)
        except OSError as error:
            raise ConfigurationError(
                f"waldur.client_certificate {' with client_key '.join(files)} cannot be used: {_reason(error)}",
                remedy="Both are PEM, the key belongs to the certificate and has no password.",
            ) from error
    return context


def _reason(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
