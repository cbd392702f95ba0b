"""Logs on stderr, and the one place where secrets are taken out of texts."""

import base64
import json
import logging
import re
import sys
from collections.abc import Mapping
from typing import TextIO
from urllib.parse import quote, quote_plus

import structlog

SECRET_MIN_LENGTH = 6
"""A shorter secret is not searched for: it would blot out ordinary words."""
PLACEHOLDER = "[secret]"
TOKENS = re.compile(r"\bw_\d+_[\w.~+/-]+|(?<=\bToken )[0-9A-Fa-f]{20,}|(?<=\bBearer )[\w.~+/-]{16,}")
"""Personal access tokens (w_EXPIRY_RANDOM) and what stands in an Authorization header, even if nobody registered it."""
QUIET_LIBRARIES = ("httpx", "httpcore", "apscheduler", "asyncio", "uvicorn")
"""httpx writes whole URLs at INFO; the others tell what nobody asked for."""


class Redactor:
    """Takes the registered secrets out of texts: as they are, as Python shows them, URL-, JSON- or base64-encoded."""

    def __init__(self) -> None:
        self._needles: tuple[str, ...] = ()

    def add(self, secret: str) -> None:
        """Register a secret; one shorter than six characters is ignored."""
        if len(secret) < SECRET_MIN_LENGTH:
            return
        plain = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1]}
        quoted = {json.dumps(form, ensure_ascii=ascii_only)[1:-1] for form in plain for ascii_only in (True, False)}
        # JSON within a JSON log line is quoted twice
        twice = {json.dumps(form)[1:-1] for form in quoted}
        found = plain | quoted | twice | _base64_forms(secret.encode())
        self._needles = tuple(sorted({*self._needles, *found}, key=len, reverse=True))

    def __call__(self, text: str) -> str:
        """`text` without any secret."""
        for needle in self._needles:
            text = text.replace(needle, PLACEHOLDER)
        return TOKENS.sub(PLACEHOLDER, text)


def _base64_forms(secret: bytes) -> set[str]:
    """How the bytes look inside a longer base64 text, at each of the three possible offsets."""
    forms: set[str] = set()
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + secret).decode()
        # the first and last characters also depend on the neighbouring bytes
        middle = encoded[(0, 2, 3)[offset] :].rstrip("=")
        middle = middle if len(secret) % 3 == (0, 2, 1)[offset] else middle[:-1]
        forms |= {middle, middle.replace("+", "-").replace("/", "_")}
    return forms


class _RedactingFormatter(structlog.stdlib.ProcessorFormatter):
    def __init__(self, redactor: Redactor, processor: structlog.typing.Processor) -> None:
        super().__init__(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, processor],
            foreign_pre_chain=_SHARED,
        )
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        return self._redactor(super().format(record))


class _StderrHandler(logging.StreamHandler[TextIO]):
    """Writes to what sys.stderr is at the time: a progress display takes its place to keep lines apart."""

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, value: TextIO) -> None: ...


_SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    # plain tracebacks: the richer forms print local variables, and the token is one
    structlog.processors.format_exc_info,
]


def configure_logging(redactor: Redactor, *, level: str = "info", form: str = "auto") -> None:
    """Send all logs to stderr, without secrets.

    `form` is `console`, `json`, or `auto`: console on a terminal, else JSON. `level` is a standard level's name.
    """
    if form == "auto":
        form = "console" if sys.stderr.isatty() else "json"
    renderer: structlog.typing.Processor
    if form == "console":
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    else:
        renderer = structlog.processors.JSONRenderer(default=str)
    handler = _StderrHandler()
    handler.setFormatter(_RedactingFormatter(redactor, renderer))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in QUIET_LIBRARIES:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def get_logger() -> structlog.stdlib.BoundLogger:
    """The logger; what `bind` was given stands on each of its lines."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("waldur_import_agent")
    return logger


def bind(values: Mapping[str, str]) -> None:
    """Put these ids on every log line of the current task."""
    structlog.contextvars.bind_contextvars(**values)
