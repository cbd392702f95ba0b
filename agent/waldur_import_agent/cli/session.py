"""What nearly every command begins with: logs, the configuration, and a client."""

import argparse
import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from waldur_import_agent import app
from waldur_import_agent.errors import UsageError
from waldur_import_agent.log import configure_logging, get_logger
from waldur_import_agent.redactor import Redactor
from waldur_import_agent.settings.load import Configuration
from waldur_import_agent.settings.models import OfferingSettings, Waldur
from waldur_import_agent.settings.values import parse_uuid
from waldur_import_agent.waldur.client import WaldurClient
from waldur_import_agent.waldur.effort import Effort

T = TypeVar("T")


def start(arguments: argparse.Namespace) -> tuple[Configuration, Redactor]:
    """Configure the logs and read the configuration."""
    redact: Redactor = arguments.redact
    configure_logging(redact, level=arguments.log_level, form=arguments.log_format)
    configuration = app.load(arguments.config)
    app.register_secrets(configuration, redact)
    for warning in configuration.warnings:
        get_logger().warning("configuration", note=warning)
    return configuration, redact


def with_staff_token(settings: Waldur, token_file: Path) -> Waldur:
    """The same Waldur with the token of a person: what staff alone may do, the agent's own token cannot."""
    return settings.model_copy(update={"token_file": token_file, "token": None})


def uuid_argument(text: str) -> str:
    """A UUID from the command line as 32 hexadecimal digits. Raises UsageError."""
    try:
        return str(parse_uuid(text))
    except ValueError as error:
        raise UsageError(f"{text!r}: {error}") from None


def choose_offering(configuration: Configuration, wanted: str | None) -> OfferingSettings:
    """The configured offering with this UUID, or the only one. Raises UsageError."""
    offerings = configuration.settings.offerings
    known = ", ".join(offering.uuid for offering in offerings)
    if wanted is None:
        if len(offerings) > 1:
            raise UsageError("several offerings are configured", remedy=f"Choose one with --offering: {known}")
        return offerings[0]
    uuid = uuid_argument(wanted)
    for offering in offerings:
        if offering.uuid == uuid:
            return offering
    raise UsageError(f"the offering {wanted} is not in the configuration", remedy=f"It has: {known}")


def ask_waldur(
    settings: Waldur,
    redact: Redactor,
    work: Callable[[WaldurClient, Effort], Coroutine[Any, Any, T]],
    *,
    read_only: bool = True,
) -> T:
    """Do `work` with a client, and return what it returns."""

    async def ask() -> T:
        async with app.make_client(settings, redact, read_only=read_only) as client:
            return await work(client, Effort(settings.effort))

    return asyncio.run(ask())
