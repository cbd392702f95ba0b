"""Logs, and the secrets that must never stand in them."""

import base64
import io
import json
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import structlog
from hypothesis import example, given, settings
from hypothesis import strategies as st

from waldur_import_agent.log import bind, binding, bound, configure_logging, get_logger
from waldur_import_agent.redactor import PASSING_KEPT, Redactor

SECRET = "sesame-open-up"
QUIET = ("httpx", "httpcore", "apscheduler", "asyncio", "uvicorn", "openstack", "keystoneauth", "urllib3")


class Screen(io.StringIO):
    """A standard error output that may be a terminal."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.terminal = False
        self._patch = patch

    def isatty(self) -> bool:
        """Whether a person looks at it."""
        return self.terminal

    def configure(self, redactor: Redactor, **options: str) -> None:
        """Become the standard error output and configure logging; in the test itself, since pytest has it before."""
        self._patch.setattr(sys, "stderr", self)
        configure_logging(redactor, **options)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What JSON lines say."""
        return [json.loads(line) for line in self.getvalue().splitlines()]


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """All settings of logging are put back after each test."""
    root = logging.getLogger()
    handlers, level, levels = root.handlers[:], root.level, {name: logging.getLogger(name).level for name in QUIET}
    configured = structlog.get_config()
    structlog.reset_defaults()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    structlog.configure(**configured)
    structlog.contextvars.clear_contextvars()


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    """What the logs are written to."""
    return Screen(monkeypatch)


@pytest.fixture
def redact() -> Redactor:
    """A redactor that knows one secret."""
    redactor = Redactor()
    redactor.add(SECRET)
    return redactor


# --- taking secrets out of texts


def test_secret_is_taken_out_wherever_it_stands(redact: Redactor) -> None:
    """Every occurrence goes, the rest of the text stays."""
    assert redact(f"{SECRET} and {SECRET}{SECRET}.") == "[secret] and [secret][secret]."
    assert redact("nothing to hide") == "nothing to hide"


def test_secrets_are_added_to_those_that_are_known(redact: Redactor) -> None:
    """A token that was read again does not make the old one public."""
    redact.add("another-secret")
    assert redact(f"{SECRET} another-secret") == "[secret] [secret]"


@pytest.mark.parametrize("order", [("abcdef", "abcdefghi"), ("abcdefghi", "abcdef"), ("defghi", "abcdefghi")])
def test_longer_secret_goes_first(order: tuple[str, str]) -> None:
    """Of two secrets, one a part of the other, nothing is left."""
    redactor = Redactor()
    for secret in order:
        redactor.add(secret)
    assert redactor("<abcdefghi>") == "<[secret]>"


@pytest.mark.parametrize(("secret", "text"), [("", "a text"), ("error", "an error"), ("errors", "an [secret]")])
def test_short_secrets_are_ignored(secret: str, text: str) -> None:
    """Fewer than six characters would blot out ordinary words; six are a secret."""
    redactor = Redactor()
    redactor.add(secret)
    assert redactor(text.replace("[secret]", secret)) == text


def as_json(text: str) -> str:
    """As a JSON string without its quotes."""
    return json.dumps(text)[1:-1]


def as_utf8_json(text: str) -> str:
    """As a JSON string that keeps letters beyond ASCII."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def shown(text: str) -> str:
    """As Python shows it in a traceback."""
    return repr(text)[1:-1]


FORMS: list[Callable[[str], str]] = [
    str,
    quote,
    quote_plus,
    lambda text: quote(text, safe=""),
    shown,
    as_json,
    as_utf8_json,
    lambda text: as_json(as_json(text)),
    lambda text: as_json(as_utf8_json(text)),
    lambda text: as_json(shown(text)),
    lambda text: as_json(as_json(shown(text))),
    lambda text: as_json(quote(text)),
]
secrets = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="<>"), min_size=6, max_size=20)


@settings(deadline=None)
@given(secret=secrets, form=st.sampled_from(FORMS))
@example(secret="""a"b'c\\d/e f+ü\n""", form=FORMS[7])
@example(secret="\\\\\\\\\\\\", form=FORMS[5])
@example(secret="a b/c+d", form=FORMS[3])
def test_secret_is_taken_out_in_every_form(secret: str, form: Callable[[str], str]) -> None:
    """Whatever the characters: in a URL, in JSON, in JSON within JSON, in a traceback, nothing of it is left."""
    redactor = Redactor()
    redactor.add(secret)
    assert redactor(f"<{form(secret)}>") == "<[secret]>"


@settings(deadline=None)
@given(secret=secrets, before=st.binary(max_size=9), after=st.binary(max_size=9), url_safe=st.booleans())
@example(secret="ÿÿÿÿÿÿ", before=b"\xff", after=b"\xff", url_safe=True)
@example(secret="ÿÿÿÿÿÿ", before=b"\xff\xff", after=b"", url_safe=False)
def test_secret_is_taken_out_of_base64_at_any_offset(secret: str, before: bytes, after: bytes, url_safe: bool) -> None:
    """Of a base64 text around it (`user:password`) every character goes that the secret alone decides."""
    redactor = Redactor()
    redactor.add(secret)
    encode = base64.urlsafe_b64encode if url_safe else base64.b64encode
    text = encode(before + secret.encode() + after).decode()
    first, end = len(before) * 8, (len(before) + len(secret.encode())) * 8
    decided = sum(first <= bit and bit + 6 <= end for bit in range(0, end, 6))
    left = redactor(text)
    assert "[secret]" in left
    assert len(left.replace("[secret]", "")) <= len(text) - decided


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("token w_1767225600_aB3.~+/-x is old", "token [secret] is old"),
        ("w_1_x", "[secret]"),
        ('{"key": "w_1767225600_abc"}', '{"key": "[secret]"}'),
        ("Authorization: Token 0123456789abcdefABCD!", "Authorization: Token [secret]!"),
        ("b'Bearer eyJhbGciOi.J9-_~+/x'", "b'Bearer [secret]'"),
        ("Bearer 0123456789abcde", "Bearer 0123456789abcde"),
        ("Token 0123456789abcdef012", "Token 0123456789abcdef012"),
        ("Token handling is documented elsewhere", "Token handling is documented elsewhere"),
        ("0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef"),
        ("view_1_x, w_x_1", "view_1_x, w_x_1"),
    ],
)
def test_tokens_are_known_by_their_form(text: str, clean: str) -> None:
    """Personal access tokens and Authorization headers go though nobody registered them; UUIDs and words stay."""
    assert Redactor()(text) == clean


# --- logs


def fail_with_secrets() -> None:
    """Raise an error that has a cause; both name the secret, and a local variable holds one that nobody registered."""
    unregistered = SECRET.upper()
    try:
        dict[str, str]()[SECRET]
    except KeyError as error:
        raise ValueError(f"bad {SECRET} of {len(unregistered)}") from error


@pytest.mark.parametrize("form", ["console", "json", "logfmt"])
def test_secrets_do_not_reach_the_log(screen: Screen, redact: Redactor, form: str) -> None:
    """Not in the event, not in a value, not in an exception or its cause, not from a library, not bound to the task."""
    screen.configure(redact, form=form)
    bind({"owner": SECRET})
    try:
        fail_with_secrets()
    except ValueError:
        get_logger().exception(f"event {SECRET}", value=SECRET, nested={"deep": [SECRET]})
        logging.getLogger("library").exception("sent %s", {"header": SECRET})
    written = screen.getvalue()
    assert SECRET not in written
    assert written.count("bad [secret]") == 2
    assert written.count("KeyError: '[secret]'") == 2
    assert written.count("event [secret]") == 1
    assert "'header': '[secret]'" in written


@pytest.mark.parametrize("form", ["console", "json", "logfmt"])
def test_traceback_has_no_local_variables(screen: Screen, redact: Redactor, form: str) -> None:
    """The richer forms of tracebacks print local variables, and an unregistered secret may be one."""
    screen.terminal = True
    screen.configure(redact, form=form)
    try:
        fail_with_secrets()
    except ValueError:
        get_logger().exception("failed")
    assert "ValueError: bad [secret] of 14" in screen.getvalue()
    assert SECRET.upper() not in screen.getvalue()


@settings(deadline=None, max_examples=30)
@given(secret=secrets.filter(lambda text: text not in "[secret]"))
@example(secret="""a"b'c\\d/e f+ü\n""")
def test_no_secret_can_be_read_out_of_a_json_line(secret: str) -> None:
    """A line stays JSON, and what it says holds no secret, also where a text in it was JSON itself."""
    redactor = Redactor()
    redactor.add(secret)
    with pytest.MonkeyPatch.context() as patch:
        screen = Screen(patch)
        screen.configure(redactor, form="json")
        get_logger().info(f"<{secret}>", body=f"<{as_json(secret)}>")
    (line,) = screen.lines
    assert (line["event"], line["body"]) == ("<[secret]>", "<[secret]>")


def test_json_line_in_full(screen: Screen, redact: Redactor) -> None:
    """One object on a line: event, values, level, and a time in UTC; what is no JSON is its text."""
    screen.configure(redact, form="json")
    get_logger().warning("record refused", backend_id="acct1", path=Path("/etc"))
    (line,) = screen.lines
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", line.pop("timestamp"))
    assert line == {"event": "record refused", "backend_id": "acct1", "path": "/etc", "level": "warning"}


def test_logfmt_line(screen: Screen, redact: Redactor) -> None:
    """For the journal: one line with its priority, no time (the journal has it), keys without blanks, text quoted."""
    screen.configure(redact, form="logfmt")
    bind({"offering": "o1"})
    get_logger().info("round finished", reported=3, once=True, none=None, **{"held back": 1}, text='a "b"\n c')
    assert screen.getvalue() == (
        '<6>event="round finished" level=info reported=3 once=true none=null held_back=1 '
        'text="a \\"b\\"\\n c" offering=o1\n'
    )


@pytest.mark.parametrize(
    ("level", "priority"), [("debug", 7), ("info", 6), ("warning", 4), ("error", 3), ("critical", 2)]
)
def test_priority_in_the_journal(screen: Screen, redact: Redactor, level: str, priority: int) -> None:
    """The numbers of syslog(3), also for libraries."""
    screen.configure(redact, form="logfmt", level="debug")
    getattr(get_logger(), level)("x")
    getattr(logging.getLogger("library"), level)("y")
    assert [line[:3] for line in screen.getvalue().splitlines()] == [f"<{priority}>"] * 2


def test_a_traceback_is_one_line_in_the_journal(screen: Screen, redact: Redactor) -> None:
    """Each line would be an entry of its own there, without its priority."""
    screen.configure(redact, form="logfmt")
    try:
        fail_with_secrets()
    except ValueError:
        get_logger().exception("failed")
    assert len(screen.getvalue().splitlines()) == 1
    assert "ValueError: bad [secret] of 14" in screen.getvalue()


@settings(deadline=None, max_examples=30)
@given(secret=secrets.filter(lambda text: text not in "[secret]"))
@example(secret="""a"b'c\\d/e f+ü\n""")
def test_no_secret_can_be_read_out_of_a_logfmt_line(secret: str) -> None:
    """Whatever characters it has, and however they are quoted there."""
    redactor = Redactor()
    redactor.add(secret)
    with pytest.MonkeyPatch.context() as patch:
        screen = Screen(patch)
        screen.configure(redactor, form="logfmt")
        get_logger().info(f"<{secret}>", body=f"<{secret}> and more")
    assert "[secret]" in screen.getvalue()
    body = screen.getvalue().partition("body=")[2]
    assert json.loads(body) == "<[secret]> and more"


class Journal(io.StringIO):
    """A standard error output with a descriptor."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor

    def fileno(self) -> int:
        """The descriptor."""
        return self._descriptor


@pytest.mark.parametrize(("shift", "is_logfmt"), [(0, True), (1, False)])
def test_the_journal_is_known_by_its_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, redact: Redactor, shift: int, is_logfmt: bool
) -> None:
    """$JOURNAL_STREAM names the device and inode of stderr; a redirected stderr is another file, and gets JSON."""
    with (tmp_path / "stream").open("w") as stream:
        there = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{there.st_dev}:{there.st_ino + shift}")
        journal = Journal(stream.fileno())
        monkeypatch.setattr(sys, "stderr", journal)
        configure_logging(redact)
        get_logger().info("record created")
    assert journal.getvalue().startswith("<6>") is is_logfmt
    assert journal.getvalue().startswith("{") is not is_logfmt


def test_ids_of_a_block(screen: Screen, redact: Redactor) -> None:
    """They stand on the block's lines, and what was there before is back afterwards."""
    screen.configure(redact, form="json")
    bind({"offering": "o1", "request": "q0"})
    with binding(request="q1"):
        get_logger().info("inside")
        assert (bound("request"), bound("offering"), bound("run")) == ("q1", "o1", None)
    get_logger().info("outside")
    assert [line["request"] for line in screen.lines] == ["q1", "q0"]


def test_console_line(screen: Screen, redact: Redactor) -> None:
    """For a person: a line with time, level, event and values, without colours where there is no terminal."""
    screen.configure(redact, form="console")
    get_logger().info("record created", backend_id="acct1")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\S+Z \[info *\] record created +backend_id=acct1\n", screen.getvalue())


def test_console_on_a_terminal_has_colours(screen: Screen, redact: Redactor) -> None:
    """On a terminal levels are told apart by colour."""
    screen.terminal = True
    screen.configure(redact, form="console")
    get_logger().info("record created")
    assert "\x1b[" in screen.getvalue()


@pytest.mark.parametrize(("terminal", "is_json"), [(True, False), (False, True)])
def test_form_is_chosen_by_the_terminal(screen: Screen, redact: Redactor, terminal: bool, is_json: bool) -> None:
    """By itself: console for a person, JSON for a log collector."""
    screen.terminal = terminal
    screen.configure(redact)
    get_logger().info("record created")
    assert screen.getvalue().startswith("{") is is_json


def test_library_logs_look_like_ours(screen: Screen, redact: Redactor) -> None:
    """A library's line has level, time and what is bound to the task, and its text is filled in."""
    screen.configure(redact, form="json")
    bind({"offering": "o1"})
    logging.getLogger("library").warning("%d of %d", 1, 2)
    (line,) = screen.lines
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "1 of 2", "level": "warning", "offering": "o1"}


def test_bound_ids_stand_on_each_line(screen: Screen, redact: Redactor) -> None:
    """What is bound once stands on all later lines, and more can be bound."""
    screen.configure(redact, form="json")
    bind({"offering": "o1"})
    bind({"run": "r1"})
    for _ in range(2):
        get_logger().info("step")
    assert [(line["offering"], line["run"]) for line in screen.lines] == [("o1", "r1")] * 2


def test_logger_has_the_products_name(screen: Screen, redact: Redactor) -> None:
    """The standard library's tools can address our logs by their name."""
    screen.configure(redact, form="json")
    logger = logging.getLogger("waldur_import_agent")
    logger.disabled = True
    try:
        get_logger().info("not shown")
    finally:
        logger.disabled = False
    assert screen.getvalue() == ""


@pytest.mark.parametrize(
    ("level", "shown_levels"),
    [("debug", ["debug", "info", "warning"]), ("info", ["info", "warning"]), ("error", [])],
)
def test_level(screen: Screen, redact: Redactor, level: str, shown_levels: list[str]) -> None:
    """Nothing below the chosen level is shown; the level is written as people write it."""
    screen.configure(redact, level=level, form="json")
    log = get_logger()
    log.debug("x")
    log.info("x")
    log.warning("x")
    assert [line["level"] for line in screen.lines] == shown_levels


@pytest.mark.parametrize("name", QUIET)
def test_talkative_libraries_are_quiet(screen: Screen, redact: Redactor, name: str) -> None:
    """URLs would be shown at INFO: of such libraries only warnings are shown, and no more than is asked for."""
    screen.configure(redact, level="debug", form="json")
    logging.getLogger(name).info("GET https://waldur.example.com/api/?token=x")
    logging.getLogger(name).warning("a warning")
    assert [line["event"] for line in screen.lines] == ["a warning"]
    screen.configure(redact, level="error", form="json")
    logging.getLogger(name).warning("another warning")
    assert len(screen.lines) == 1


def test_configuring_again_replaces(screen: Screen, redact: Redactor) -> None:
    """A second configuration, after the settings were read, doubles no line and holds for loggers made before."""
    screen.configure(redact, form="console")
    log = get_logger()
    log.info("first")
    screen.configure(redact, form="json")
    log.info("second")
    assert screen.getvalue().count("first") == screen.getvalue().count("second") == 1
    assert json.loads(screen.getvalue().splitlines()[1])["event"] == "second"


def test_logs_follow_the_standard_error_output(
    screen: Screen, redact: Redactor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A progress display takes the place of stderr for a while: lines go through it, and not to the old one."""
    screen.configure(redact, form="json")
    display = Screen(monkeypatch)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", display)
        get_logger().info("during")
    get_logger().info("after")
    assert [line["event"] for line in display.lines] == ["during"]
    assert [line["event"] for line in screen.lines] == ["after"]


def test_log_line_that_cannot_be_formatted_does_not_spill_its_arguments(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The standard library would print the raw arguments, past the redaction."""
    configure_logging(Redactor(), level="info", form="json")
    logging.getLogger("some.library").warning("%d", SECRET)
    assert SECRET not in capsys.readouterr().err


@pytest.mark.parametrize("terminal", [True, False])
def test_console_sends_no_control_characters(screen: Screen, redact: Redactor, terminal: bool) -> None:
    """A name cannot steer the terminal that shows the log: in a value, an event, a traceback or a library's line."""
    name = "a\x1b]0;owned\x07\x9b31m\u202eb"
    screen.terminal = terminal
    screen.configure(redact, form="console")
    get_logger().warning("name", plain=name, listed=[name], within={name: name})
    get_logger().warning(name)
    logging.getLogger("library").warning("%s", name)
    get_logger().error("failed", exc_info=ValueError(name))
    written = re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue())
    assert "\n" in written
    assert [there for there in written if there != "\n" and not there.isprintable()] == []
    assert written.count("a�]0;owned��31m�b") == 4


@pytest.mark.parametrize("form", ["logfmt", "json"])
def test_lines_for_programs_hold_no_control_characters(screen: Screen, redact: Redactor, form: str) -> None:
    """`journalctl`, or a terminal where this form was asked for, shows them: a name steers neither."""
    name = "a\x1b]0;owned\x07\x7f\x9b31m\u202eb"
    screen.configure(redact, form=form)
    get_logger().warning("name", plain=name, listed=[name], within={name: name})
    get_logger().warning(name)
    get_logger().error("failed", exc_info=ValueError(name))
    assert len(screen.getvalue().split("\n")) == 4
    assert [there for there in screen.getvalue() if there != "\n" and not there.isprintable()] == []


# --- secrets with unusual characters, and secrets that follow one another


@pytest.mark.parametrize("form", ["console", "json", "logfmt"])
def test_a_secret_with_a_character_that_no_terminal_gets_is_taken_out(screen: Screen, form: str) -> None:
    """Made printable first, it would no longer be recognized, and nearly all of it would be read."""
    redactor = Redactor()
    redactor.add("pass\u200bword\x1b[0m-sesame")
    screen.configure(redactor, form=form)
    get_logger().info("refused: pass\u200bword\x1b[0m-sesame", value="pass\u200bword\x1b[0m-sesame")
    assert "sesame" not in screen.getvalue()
    assert screen.getvalue().count("[secret]") == 2


def test_of_secrets_that_follow_one_another_the_last_ones_are_known() -> None:
    """A token for each login: they would make each line of the log slower, for ever. Others are never forgotten."""
    redactor = Redactor()
    redactor.add("lasting-secret")
    for number in range(PASSING_KEPT):
        redactor.add(f"passing-{number:06}", passing=True)
    redactor.add("passing-000000", passing=True)  # told again: it is the youngest now
    redactor.add("lasting-secret", passing=True)
    redactor.add("passing-999999", passing=True)
    assert redactor("passing-000001") == "passing-000001"
    for known in ("lasting-secret", "passing-000000", "passing-000002", "passing-999999"):
        assert redactor(known) == "[secret]"


def test_a_passing_secret_can_become_a_lasting_one() -> None:
    """The same text in two places."""
    redactor = Redactor()
    redactor.add("some-secret", passing=True)
    redactor.add("some-secret")
    for number in range(PASSING_KEPT + 1):
        redactor.add(f"passing-{number:06}", passing=True)
    assert redactor("some-secret") == "[secret]"


def test_a_secret_that_is_no_text() -> None:
    """What is no UTF-8 in a variable of the environment stands there as surrogates."""
    redactor = Redactor()
    redactor.add("caf\udce9-sesame")
    assert redactor("<caf\udce9-sesame>") == "<[secret]>"


def test_secrets_come_from_many_threads_at_once() -> None:
    """None is lost: a backend's SDK reads its own in a thread."""
    redactor = Redactor()
    secrets_of = [[f"secret-{thread}-{number:04}" for number in range(50)] for thread in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda known: [redactor.add(secret) for secret in known], secrets_of))
    assert {redactor(secret) for known in secrets_of for secret in known} == {"[secret]"}
