"""Whatever repeats a secret, in whatever form and wherever texts are cut: nothing of it leaves the agent."""

import asyncio
import base64
import contextlib
import html
import io
import json
import logging
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from support.site import Site
from waldur_import_agent.app import load, register_secrets
from waldur_import_agent.cli.run import _as_json
from waldur_import_agent.log import configure_logging
from waldur_import_agent.redactor import Redactor
from waldur_import_agent.sandbox import Answer, Fault, requests_to
from waldur_import_agent.scanners.base import BackendMisconfiguredError
from waldur_import_agent.scanners.slurm.reads import CONFIG
from waldur_import_agent.scanners.slurm.saved import SavingAnswers

CORE = "Zq7Xw9KpJ5"
"""In the middle of each secret: no encoding but base64 changes it, and no other text of the tests has a part of it."""
PIECE = 6
"""So many characters of it in a row are a leak."""


def lower_case_url(text: str) -> str:
    """As some programs write URLs."""
    return re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), quote(text, safe=""))


def in_base64(text: str) -> str:
    """As in an Authorization header of the scheme Basic."""
    return base64.b64encode(f"user:{text}".encode()).decode()


FORMS: list[Callable[[str], str]] = [
    str,
    quote,
    quote_plus,
    lambda text: quote(text, safe=""),
    lambda text: json.dumps(text)[1:-1],
    lambda text: repr(text)[1:-1],
    html.escape,
    lower_case_url,
    in_base64,
]
edges = st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), min_size=1, max_size=12)


@contextlib.contextmanager
def logged(redact: Redactor, form: str) -> Iterator[io.StringIO]:
    """What goes to the log meanwhile, at the most talkative level."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    with contextlib.redirect_stderr(io.StringIO()) as text:
        configure_logging(redact, level="debug", form=form)
        try:
            yield text
        finally:
            root.handlers[:], root.level = handlers, level


def pieces(secret: str, form: Callable[[str], str]) -> list[str]:
    """Parts of the secret that give it away, one of which a leak has."""
    if form is in_base64:
        # the ends may hold parts of the neighbours
        core = in_base64(secret)[8:-4]
        return [core[start : start + 8] for start in range(max(len(core) - 8, 1))]
    return [CORE[start : start + PIECE] for start in range(len(CORE) - PIECE + 1)]


PLACES: list[Callable[[Site, str], None]] = [
    lambda site, text: answers(site, "POST", "/api/backend-resources/", Answer(400, {"name": [text]})),
    lambda site, text: answers(site, "POST", "/api/backend-resources/", Answer(403, {"detail": text})),
    lambda site, text: answers(site, "POST", "/api/backend-resources/", Answer(400, {text: "is unknown"})),
    lambda site, text: answers(site, "GET", "/api/projects/", Answer(500, f"<h1>Error</h1><p>{text}</p>")),
    lambda site, text: answers(site, "GET", "/api/projects/", Answer(200, text, {"content-type": "text/plain"})),
    lambda site, text: answers(site, "GET", "/api/projects/", Answer(302, "", {"location": f"/login/{text}"})),
    lambda site, text: answers(site, "POST", "start_processing", Answer(409, {"detail": text})),
    lambda site, text: site.scanner.errors.append(BackendMisconfiguredError(text, remedy=text)),
    lambda site, text: site.scanner.errors.append(RuntimeError(text)),
]
"""Where a text comes from that repeats the secret."""


def answers(site: Site, method: str, part: str, answer: Answer) -> None:
    """Waldur answers so to this."""
    site.sandbox.faults.append(Fault(requests_to(method, part), answer))


@settings(max_examples=60)
@given(
    before=edges,
    after=edges,
    form=st.sampled_from(FORMS),
    place=st.sampled_from(PLACES),
    padding=st.integers(0, 310),
    log_form=st.sampled_from(["json", "console", "logfmt"]),
)
@example(before="a/b+", after='"\\&', form=in_base64, place=PLACES[0], padding=270, log_form="json")
@example(before="w_1999999999_", after="x", form=str, place=PLACES[4], padding=290, log_form="json")
@example(before="a/", after="+b", form=lower_case_url, place=PLACES[3], padding=285, log_form="console")
@example(before='"\\', after="=&", form=str, place=PLACES[1], padding=280, log_form="logfmt")
def test_nothing_of_a_token_leaves_a_round(
    *,
    before: str,
    after: str,
    form: Callable[[str], str],
    place: Callable[[Site, str], None],
    padding: int,
    log_form: str,
) -> None:
    """Waldur or the backend repeats the token, whole or cut: not in the log, in Waldur, the journal or the output."""
    token = f"{before}{CORE}{after}"

    async def a_round(directory: Path) -> str:
        site = Site(directory)
        site.sandbox.agent.token = token
        site.finds("acct1", "acct2")
        request = site.ask()
        with logged(site.redact, log_form) as log:
            place(site, "x" * padding + " " + form(token))
            report = await site.round()
        output = json.dumps(_as_json(report, site.redact), default=str)
        return f"{log.getvalue()}\n{request.error_message}\n{request.error_traceback}\n{output}"

    with tempfile.TemporaryDirectory() as directory:
        told = asyncio.run(a_round(Path(directory)))
        told += (Path(directory) / "journal.sqlite3").read_bytes().decode("latin-1")
    assert [piece for piece in pieces(token, form) if piece in told] == []


def test_the_fuzz_notices_a_leak() -> None:
    """What the test above looks for is really in a text that repeats the token, in each form, whole or cut."""
    token = f"ab{CORE}cd"
    for form in FORMS:
        assert any(piece in form(token)[:-6] for piece in pieces(token, form))


@given(password=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"), min_size=4))
def test_password_of_the_accounting_is_not_saved(password: str) -> None:
    """`scan --save` keeps what sacctmgr printed, but for a password in its configuration, whatever is in it."""
    printed = (
        f"AccountingStorageHost   = db\nAccountingStoragePass   = #{CORE}{password}\nPrivateData = none\n".encode()
    )

    class Answering:
        starts = 0

        async def answer(self, name: str, words: tuple[str, ...]) -> bytes:
            """The configuration."""
            return printed

        def command(self, words: tuple[str, ...]) -> list[str]:
            """How it was asked."""
            return ["sacctmgr", *words]

    with tempfile.TemporaryDirectory() as directory:
        saving = SavingAnswers(Answering(), Path(directory))  # type: ignore[arg-type]  # as much of it as is used
        assert asyncio.run(saving.answer("config", CONFIG)) == printed
        saving.finish("c1", "24.11")
        saved = b"".join(file.read_bytes() for file in Path(directory).iterdir())
    assert CORE.encode() not in saved
    assert b"PrivateData = none" in saved


def test_secrets_of_the_configuration_are_known_before_they_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token in the file, a scanner's secret, and the passwords of proxies in the file and in the environment."""
    monkeypatch.setenv("HTTPS_PROXY", "http://user:environment%2Fsecret@proxy.test:3128")
    path = tmp_path / "config.yaml"
    path.write_text(
        "waldur: {url: 'https://waldur.test', token: token-in-the-file, proxy: 'http://me:proxy-secret@proxy.test:1'}\n"
        "offerings: [{uuid: 38ba14c70a274580adabe742014bddaa, scanner: {type: openstack, application_credential: "
        "{auth_url: 'https://keystone.test', id: a, secret: credential-in-the-file}}}]\n"
    )
    redact = Redactor()
    register_secrets(load(path), redact)
    text = "token-in-the-file credential-in-the-file proxy-secret environment/secret environment%2Fsecret"
    assert redact(text) == "[secret] [secret] [secret] [secret] [secret]"
