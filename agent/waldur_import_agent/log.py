"""Logs on stderr, without secrets."""

import json
import logging
import os
import re
import sys
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from waldur_import_agent.imports import without
from waldur_import_agent.redactor import Redactor
from waldur_import_agent.system import printable

# for tracebacks, which show local variables (the token is one), for colours on Windows, for other loops than asyncio
with without("rich", "better_exceptions", "colorama", "greenlet"):
    import structlog

QUIET_LIBRARIES = (
    *("httpx", "httpcore", "apscheduler", "asyncio", "uvicorn"),
    *("openstack", "keystoneauth", "keystoneclient", "urllib3", "requests", "stevedore", "dogpile"),
)
"""httpx writes whole URLs at INFO, keystoneauth whole answers at DEBUG; the others tell what nobody asked for."""
FORMS = ("auto", "console", "logfmt", "json")
"""How a log line can look."""
PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
"""sd-daemon(3): the journal takes a line's priority from its beginning."""


WORD = re.compile(r"[\w.,:;/@%+~\[\]{}()<>'*!?&#|^$-]+", re.ASCII)
"""A value that logfmt need not quote."""


def _logfmt(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> str:
    """`<6>event="round finished" level=info reported=3`: the time is the journal's.

    Values are quoted as in JSON, a form in which the redactor finds secrets; structlog's LogfmtRenderer mixes forms.
    """
    priority = PRIORITIES.get(str(event.get("level")), PRIORITIES["info"])
    in_order = {name: event[name] for name in ("event", "level") if name in event} | dict(event)
    in_order.pop("timestamp", None)
    # a blank in a key would end it
    words = [f"{key.replace(' ', '_')}={_logfmt_value(value)}" for key, value in in_order.items()]
    return f"<{priority}>{' '.join(words)}"


def _logfmt_value(value: Any) -> str:
    text = json.dumps(value) if isinstance(value, bool | None) else str(value)
    return text if WORD.fullmatch(text) else json.dumps(text, ensure_ascii=False)


class _RedactingFormatter(structlog.stdlib.ProcessorFormatter):
    """`colours` says that the line steers the terminal itself: its values were made printable one by one."""

    def __init__(self, redactor: Redactor, processors: Sequence[structlog.typing.Processor], *, colours: bool) -> None:
        super().__init__(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *processors],
            foreign_pre_chain=_SHARED,
        )
        self._redactor = redactor
        self._colours = colours

    def format(self, record: logging.LogRecord) -> str:
        # the secrets first: with a character replaced, one would not be recognized
        line = self._redactor(super().format(record))
        # logfmt keeps letters beyond ASCII, and control characters with them
        return line if self._colours else printable(line)


class _StderrHandler(logging.StreamHandler[TextIO]):
    """Writes to what sys.stderr is at the time: a progress display takes its place to keep lines apart."""

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, value: TextIO) -> None: ...

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the standard library's name
        """Say where a log line that cannot be formatted comes from, and not its arguments: they are not redacted."""
        sys.stderr.write(f"a log line of {record.name} ({record.pathname}:{record.lineno}) cannot be written\n")


class _Printable:
    """No control character of a name reaches a terminal; the renderer shows what is no text by its repr.

    The secrets go first: one in which a character was replaced would not be recognized in the whole line.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def __call__(self, logger: object, name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        del logger, name
        return {
            key: printable(self._redactor(value)) if isinstance(value, str) else value for key, value in event.items()
        }


_SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    # plain tracebacks: the richer forms print local variables, and the token is one
    structlog.processors.format_exc_info,
]


def configure_logging(redactor: Redactor, *, level: str = "info", form: str = "auto") -> None:
    """Send all logs to stderr, without secrets.

    `form` is one of FORMS; `auto` is console on a terminal, logfmt where stderr is systemd's journal, else JSON.
    `level` is a standard level's name.
    """
    if form == "auto":
        form = "console" if sys.stderr.isatty() else "logfmt" if _is_journal() else "json"
    processors: list[structlog.typing.Processor]
    if form == "console":
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
        processors = [_Printable(redactor), renderer]
    elif form == "logfmt":
        processors = [_logfmt]
    else:
        processors = [structlog.processors.JSONRenderer(default=str)]
    handler = _StderrHandler()
    handler.setFormatter(_RedactingFormatter(redactor, processors, colours=form == "console"))
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


@contextmanager
def binding(**values: str) -> Iterator[None]:
    """Put these ids on every log line of the block."""
    with structlog.contextvars.bound_contextvars(**values):
        yield


def bound(key: str) -> str | None:
    """The id of this kind that stands on the log lines of the current task, or None."""
    value: str | None = structlog.contextvars.get_contextvars().get(key)
    return value


def _is_journal() -> bool:
    """Whether stderr is the journal's socket: $JOURNAL_STREAM names its device and inode (systemd.exec(5))."""
    try:
        there = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):  # closed, or no file
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{there.st_dev}:{there.st_ino}"
