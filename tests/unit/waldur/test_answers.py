"""What each answer of Waldur, or of something in its place, means."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from unit.waldur.scripted import ScriptedWaldur
from waldur_import_agent.errors import AgentError, ExitCode
from waldur_import_agent.waldur import errors
from waldur_import_agent.waldur.answers import parse_retry_after
from waldur_import_agent.waldur.client import WaldurClient

UUID = "a8ab92dee8ec425bb3bd1e22a9a89883"
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HTML_500 = "<!doctype html>\n<title>Server Error (500)</title><h1>Server Error (500)</h1><p></p>"
LOGIN_PAGE = "<html><style>b{color:red}</style><body>Please sign in<script>var a = '<b>';</script></body></html>"

CALLS: dict[str, Callable[[WaldurClient], Awaitable[Any]]] = {
    "list_requests": lambda client: client.list_requests(),
    "retrieve_request": lambda client: client.retrieve_request(UUID),
    "create_request": lambda client: client.create_request(UUID),
    "start_processing": lambda client: client.start_processing(UUID),
    "set_done": lambda client: client.set_done(UUID),
    "set_erred": lambda client: client.set_erred(UUID, "message", "traceback"),
    "list_records": lambda client: client.list_records(),
    "retrieve_record": lambda client: client.retrieve_record(UUID),
    "create_record": lambda client: client.create_record(
        name="name", project_uuid=UUID, offering_uuid=UUID, backend_id="id", backend_metadata={}
    ),
    "delete_record": lambda client: client.delete_record(UUID),
    "retrieve_offering": lambda client: client.retrieve_offering(UUID),
    "list_resources": lambda client: client.list_resources(UUID),
    "list_projects": lambda client: client.list_projects(),
    "list_service_providers": lambda client: client.list_service_providers(UUID),
    "list_projects_of_provider": lambda client: client.list_projects_of_provider(UUID),
    "me": lambda client: client.me(),
}

ANSWERS: dict[str, tuple[httpx.Response | Exception, type[errors.WaldurError], int | None]] = {
    "400 with fields": (
        httpx.Response(400, json={"name": ["This field is required."]}),
        errors.WaldurInvalidError,
        400,
    ),
    "400 HTML": (httpx.Response(400, html="<h1>Bad Request (400)</h1>"), errors.WaldurUndecodableError, 400),
    "401": (httpx.Response(401, json={"detail": "Invalid token."}), errors.WaldurNotAuthenticatedError, 401),
    "401 of a proxy": (httpx.Response(401, html=LOGIN_PAGE), errors.WaldurUndecodableError, 401),
    "403": (httpx.Response(403, json={"detail": "You do not have permission."}), errors.WaldurRefusedError, 403),
    "403 of a proxy": (httpx.Response(403, html="<h1>Forbidden</h1>"), errors.WaldurUndecodableError, 403),
    "404": (httpx.Response(404, json={"detail": "No Offering matches."}), errors.WaldurGoneError, 404),
    "404 HTML": (httpx.Response(404, html="<h1>Not Found</h1>"), errors.WaldurUndecodableError, 404),
    "404 of a gateway": (
        httpx.Response(404, json={"message": "no Route matched"}),
        errors.WaldurUndecodableError,
        404,
    ),
    "404 list": (httpx.Response(404, json=["nothing"]), errors.WaldurUndecodableError, 404),
    "405": (httpx.Response(405, json={"detail": 'Method "PUT" not allowed.'}), errors.WaldurInvalidError, 405),
    "408": (httpx.Response(408, html="<h1>Request Timeout</h1>"), errors.WaldurUnavailableError, 408),
    "409": (
        httpx.Response(409, json={"detail": "Valid states for operation: Sent."}),
        errors.WaldurWrongStateError,
        409,
    ),
    "413": (httpx.Response(413, html="<h1>Request Entity Too Large</h1>"), errors.WaldurInvalidError, 413),
    "415": (httpx.Response(415, json={"detail": "Unsupported media type"}), errors.WaldurInvalidError, 415),
    "429": (httpx.Response(429, json={"detail": "Request was throttled."}), errors.WaldurUnavailableError, 429),
    "500 HTML": (httpx.Response(500, html=HTML_500), errors.WaldurUnavailableError, 500),
    "500 JSON": (httpx.Response(500, json={"detail": "boom"}), errors.WaldurUnavailableError, 500),
    "502": (httpx.Response(502, html="<h1>Bad Gateway</h1>"), errors.WaldurUnavailableError, 502),
    "503 text": (httpx.Response(503, text="no healthy upstream"), errors.WaldurUnavailableError, 503),
    "504 empty": (httpx.Response(504), errors.WaldurUnavailableError, 504),
    "200 HTML": (httpx.Response(200, html=LOGIN_PAGE), errors.WaldurUndecodableError, 200),
    "200 cut JSON": (httpx.Response(200, content=b'{"uuid": "a8ab92'), errors.WaldurUndecodableError, 200),
    "200 nested without end": (httpx.Response(200, content=b"[" * 100_000), errors.WaldurUndecodableError, 200),
    "200 no text": (httpx.Response(200, content=b"\xff\xfe\x00\xd8"), errors.WaldurUndecodableError, 200),
    "200 empty": (httpx.Response(200), errors.WaldurUndecodableError, 200),
    "301": (
        httpx.Response(301, headers={"location": "https://other.test/login/?next=x"}),
        errors.WaldurUndecodableError,
        301,
    ),
    "302 without a place": (httpx.Response(302), errors.WaldurUndecodableError, 302),
    "304": (httpx.Response(304), errors.WaldurUndecodableError, 304),
    "307": (httpx.Response(307, headers={"location": "/api/elsewhere/"}), errors.WaldurUndecodableError, 307),
    "308 to a broken place": (
        httpx.Response(308, headers={"location": "http://[x"}),
        errors.WaldurUndecodableError,
        308,
    ),
    "no connection": (httpx.ConnectError("refused"), errors.WaldurUnavailableError, None),
    "connect timeout": (httpx.ConnectTimeout(""), errors.WaldurUnavailableError, None),
    "read timeout": (httpx.ReadTimeout(""), errors.WaldurUnavailableError, None),
    "cut off": (httpx.RemoteProtocolError("peer closed connection"), errors.WaldurUnavailableError, None),
    "connection lost below httpx": (ConnectionResetError("reset"), errors.WaldurUnavailableError, None),
    "broken compression": (httpx.DecodingError("incorrect header check"), errors.WaldurUndecodableError, None),
}


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("call", CALLS)
async def test_each_call_turns_each_answer_into_its_error(waldur: ScriptedWaldur, call: str, answer: str) -> None:
    """Whatever is asked, an answer becomes exactly its error, with method, path and status and without the token."""
    response, expected, status = ANSWERS[answer]
    waldur.answer(response)
    async with waldur.client() as client:
        with pytest.raises(errors.WaldurError) as raised:
            await CALLS[call](client)
    error = raised.value
    request = waldur.requests[0]
    assert type(error) is expected
    assert (error.method, error.path, error.status) == (request.method, request.url.path, status)
    assert f"{error.method} {error.path}" in str(error)
    assert status is None or f"({status})" in str(error)
    assert waldur.token not in str(error) + repr(error)
    assert "waldur.test" not in str(error)


@pytest.mark.parametrize(
    ("call", "body"),
    [
        ("list_requests", {"results": []}),
        ("list_records", None),
        ("list_projects", "text"),
        ("list_resources", [["no object"]]),
        ("list_requests", [{"uuid": UUID}]),
        ("retrieve_request", []),
        ("retrieve_record", {"uuid": "nonsense"}),
        ("create_request", {"status": "ok"}),
        ("create_record", 5),
        ("start_processing", []),
        ("set_done", "Done"),
        ("set_erred", None),
        ("retrieve_offering", {"uuid": UUID, "components": {"cpu": 1}}),
        ("me", {}),
    ],
)
async def test_json_of_another_shape_is_not_taken_for_waldurs(waldur: ScriptedWaldur, call: str, body: Any) -> None:
    """JSON that does not have the documented shape is undecodable, so a later attempt may help."""
    waldur.answer(httpx.Response(200, content=json.dumps(body), headers={"X-Result-Count": "1"}))
    async with waldur.client() as client:
        with pytest.raises(errors.WaldurUndecodableError) as raised:
            await CALLS[call](client)
    assert raised.value.status == 200
    assert "JSON that is not Waldur's" in str(raised.value)


async def test_the_place_of_a_wrong_field_is_named_and_its_value_is_not(waldur: ScriptedWaldur) -> None:
    """A wrong row is told by its index and field; what stood there stays out of the error."""
    rows = [{"uuid": UUID, "slug": "a"}, {"uuid": "private words", "slug": "b"}]
    waldur.answer(httpx.Response(200, json=rows, headers={"X-Result-Count": "2"}))
    async with waldur.client() as client:
        with pytest.raises(errors.WaldurUndecodableError, match=r"\[1\]\.uuid: this is not a UUID") as raised:
            await client.list_projects()
    assert "private" not in str(raised.value)


@pytest.mark.parametrize("count", [None, "", "many", "-1", "1.5", "\N{ARABIC-INDIC DIGIT ONE}"])
async def test_a_list_without_a_count_cannot_be_proved_whole(waldur: ScriptedWaldur, count: str | None) -> None:
    """Without a usable X-Result-Count the error says that a proxy may strip it."""
    headers = {} if count is None else {"X-Result-Count": count.encode()}
    waldur.answer(httpx.Response(200, json=[], headers=headers))
    async with waldur.client() as client:
        with pytest.raises(errors.WaldurUndecodableError, match=r"X-Result-Count is .*A proxy may strip it"):
            await client.list_records()


async def test_the_error_of_a_refusal_reads_as_one_sentence_and_a_remedy(waldur: ScriptedWaldur) -> None:
    """The server's words stand in the text, followed by what to do."""
    waldur.answer(httpx.Response(403, json={"detail": "You do not have permission to perform this action."}))
    async with waldur.client() as client:
        with pytest.raises(errors.WaldurRefusedError) as raised:
            await CALLS["create_record"](client)
    assert str(raised.value).startswith(
        "Waldur refused POST /api/backend-resources/ (403): You do not have permission to perform this action. Check "
    )


async def test_the_servers_field_messages_are_kept(waldur: ScriptedWaldur) -> None:
    """A 400 keeps the messages per field and shows them all."""
    body = {"name": ["Too long.", "Bad."], "plan": "Plan is required.", "limits": {"cpu": ["No."]}, "detail": "See."}
    waldur.answer(httpx.Response(400, json=body))
    async with waldur.client() as client:
        with pytest.raises(errors.WaldurInvalidError) as raised:
            await CALLS["create_record"](client)
    assert raised.value.fields["name"] == ("Too long.", "Bad.")
    assert raised.value.fields["plan"] == ("Plan is required.",)
    assert raised.value.detail == 'name: Too long. Bad.; plan: Plan is required.; limits: {"cpu": ["No."]}; See.'


async def test_a_list_of_messages_is_about_no_field(waldur: ScriptedWaldur) -> None:
    """Waldur also answers 400 with a bare list."""
    waldur.answer(httpx.Response(400, json=["Resource has been imported already."]))
    async with waldur.client() as client:
        with pytest.raises(errors.WaldurInvalidError) as raised:
            await CALLS["create_record"](client)
    assert raised.value.fields == {"non_field_errors": ("Resource has been imported already.",)}
    assert raised.value.detail == "Resource has been imported already."


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(200, html="<p>word</p>" * 9000),
        httpx.Response(503, text="word " * 9000),
        httpx.Response(403, json={"detail": "word " * 9000}),
        httpx.Response(400, json={"name": ["word " * 9000]}),
    ],
)
async def test_bodies_are_cut_short(waldur: ScriptedWaldur, response: httpx.Response) -> None:
    """An error never carries more than 300 characters of an answer."""
    waldur.answer(response)
    async with waldur.client() as client:
        with pytest.raises(errors.WaldurError) as raised:
            await client.me()
    assert len(raised.value.detail) == 300
    assert raised.value.detail.endswith("...")
    assert all(len(text) <= 300 for texts in getattr(raised.value, "fields", {}).values() for text in texts)


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 409, 413, 500, 503])
@pytest.mark.parametrize("form", ["html", "json", "text"])
async def test_a_server_that_repeats_the_token_does_not_get_it_into_an_error(
    waldur: ScriptedWaldur, status: int, form: str
) -> None:
    """A debug page with the request's headers leaves no token in the error's text, its fields or its repr."""
    words = f"HTTP_AUTHORIZATION: Token {waldur.token}"
    response = {
        "html": httpx.Response(status, html=f"<p>{words}</p>"),
        "json": httpx.Response(status, json={"detail": words, "name": [words]}),
        "text": httpx.Response(status, text=words),
    }[form]
    waldur.answer(response)
    async with waldur.client() as client:
        with pytest.raises(errors.WaldurError) as raised:
            await client.me()
        assert waldur.token not in repr(client)
    shown = f"{raised.value} {raised.value!r} {raised.value.detail} {vars(raised.value)}"
    assert waldur.token not in shown


async def test_html_is_shown_as_its_words(waldur: ScriptedWaldur) -> None:
    """Of a page, the words remain; markup, styles and scripts do not."""
    waldur.answer(httpx.Response(200, html=LOGIN_PAGE))
    async with waldur.client() as client:
        with pytest.raises(errors.WaldurUndecodableError) as raised:
            await client.me()
    assert raised.value.detail == "an HTML page where JSON is due: Please sign in"
    assert "waldur.url" in raised.value.remedy


@pytest.mark.parametrize("content", [b"", b" \r\n"])
async def test_an_empty_answer_is_called_empty(waldur: ScriptedWaldur, content: bytes) -> None:
    """Nothing where JSON is due is not broken JSON."""
    waldur.answer(httpx.Response(200, content=content))
    async with waldur.client() as client:
        with pytest.raises(errors.WaldurUndecodableError, match="an empty body where JSON is due"):
            await client.me()


async def test_html_is_known_without_its_content_type(waldur: ScriptedWaldur) -> None:
    """A page that a proxy labels as JSON is still called a page."""
    waldur.answer(httpx.Response(200, content=LOGIN_PAGE, headers={"content-type": "application/json"}))
    async with waldur.client() as client:
        with pytest.raises(errors.WaldurUndecodableError, match="an HTML page where JSON is due"):
            await client.me()


async def test_a_redirect_is_not_followed_and_named_by_its_path(waldur: ScriptedWaldur) -> None:
    """A POST to a moved address is sent once; the error gives the new path, and neither host nor query."""
    waldur.answer(httpx.Response(301, headers={"location": "https://other.test/login/?next=secret"}))
    async with waldur.client() as client:
        with pytest.raises(
            errors.WaldurUndecodableError, match=r"it redirects to /login/\. Check waldur\.url"
        ) as raised:
            await client.create_request(UUID)
    assert len(waldur.requests) == 1
    assert "other.test" not in str(raised.value)
    assert "secret" not in str(raised.value)


async def test_a_certificate_that_cannot_be_verified_names_the_setting(waldur: ScriptedWaldur) -> None:
    """The commonest TLS failure says where to put the authority's certificates."""
    waldur.answer(httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"))
    async with waldur.client() as client:
        with pytest.raises(errors.WaldurUnavailableError, match=r"waldur\.ca_file"):
            await client.me()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (httpx.ConnectTimeout(""), "no connection in time"),
        (httpx.ReadTimeout(""), "no answer in time"),
        (httpx.RemoteProtocolError(""), "RemoteProtocolError"),
        (httpx.ConnectError("Name or service not known"), "Name or service not known"),
    ],
)
async def test_an_unreachable_waldur_is_told_with_the_reason(
    waldur: ScriptedWaldur, error: Exception, reason: str
) -> None:
    """Timeouts are named as what they are, an error without words by its kind, all others with their words."""
    waldur.answer(error)
    async with waldur.client() as client:
        with pytest.raises(errors.WaldurUnavailableError) as raised:
            await client.me()
    assert raised.value.detail == reason


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (errors.WaldurUnavailableError("GET", "/", 503, ""), ExitCode.UNAVAILABLE),
        (errors.WaldurUndecodableError("GET", "/", 200, ""), ExitCode.UNAVAILABLE),
        (errors.WaldurNotAuthenticatedError("GET", "/", 401, ""), ExitCode.AUTHENTICATION),
        (errors.WaldurRefusedError("GET", "/", 403, ""), ExitCode.FAILED),
        (errors.WaldurGoneError("GET", "/", 404, ""), ExitCode.FAILED),
        (errors.WaldurWrongStateError("GET", "/", 409, ""), ExitCode.FAILED),
        (errors.WaldurInvalidError("GET", "/", 400, ""), ExitCode.FAILED),
        (errors.ReadOnlyError("not sent"), ExitCode.BUG),
    ],
)
def test_errors_have_their_exit_codes(error: AgentError, exit_code: ExitCode) -> None:
    """All are AgentErrors, and a script can tell an outage from a refused token."""
    assert isinstance(error, AgentError)
    assert error.exit_code == exit_code


@pytest.mark.parametrize(
    ("meaning", "beginning", "remedy"),
    [
        (errors.WaldurError, "Waldur failed", ""),
        (errors.WaldurUnavailableError, "Waldur could not answer", ""),
        (errors.WaldurUndecodableError, "Not Waldur's API answered", "Check waldur.url"),
        (errors.WaldurNotAuthenticatedError, "Waldur does not accept the token for", "Put a valid token into"),
        (errors.WaldurRefusedError, "Waldur refused", "Check the roles"),
        (errors.WaldurGoneError, "Waldur has nothing for", "It was removed meanwhile"),
        (errors.WaldurWrongStateError, "The request's state does not allow", ""),
        (errors.WaldurInvalidError, "Waldur does not accept the content of", ""),
    ],
)
def test_errors_say_what_it_means_and_what_to_do(
    meaning: type[errors.WaldurError], beginning: str, remedy: str
) -> None:
    """Each begins with its meaning, then the call; where more than waiting helps, the remedy follows."""
    text = str(meaning("POST", "/api/x/", 418, "words"))
    assert text.startswith(f"{beginning} POST /api/x/ (418): words. {remedy}" if remedy else beginning)
    assert text.endswith("words") is (not remedy)


@pytest.mark.parametrize("meaning", [errors.WaldurUnavailableError, errors.WaldurInvalidError])
def test_a_remedy_of_ones_own_replaces_the_usual_one(meaning: type[errors.WaldurError]) -> None:
    """Who raises an error knows best what to do about it."""
    assert str(meaning("GET", "/x/", 500, "words.", remedy="Do this.")).endswith("GET /x/ (500): words. Do this.")


def test_an_error_without_a_call_still_reads_well() -> None:
    """Where it is not known which call ran out of time, the text has no gaps."""
    assert str(errors.WaldurUnavailableError("", "", None, "no answer")) == "Waldur could not answer: no answer"


# --- Retry-After


@pytest.mark.parametrize("status", [408, 429, 500, 503])
@pytest.mark.parametrize("body", ["<h1>Wait</h1>", json.dumps({"detail": "throttled"})])
async def test_retry_after_is_kept(waldur: ScriptedWaldur, status: int, body: Any) -> None:
    """An error of an unavailable Waldur says how long it asks to wait."""
    waldur.answer(httpx.Response(status, text=body, headers={"Retry-After": "17"}))
    async with waldur.client() as client:
        with pytest.raises(errors.WaldurUnavailableError) as raised:
            await client.me()
    assert raised.value.retry_after == 17


async def test_retry_after_of_a_proxys_page_is_kept_and_capped_by_the_settings(waldur: ScriptedWaldur) -> None:
    """A maintenance page with status 200 may ask for a wait too; the longest that is obeyed is a setting."""
    waldur.answer(httpx.Response(200, html="Maintenance", headers={"Retry-After": "86400"}))
    async with waldur.client(effort={"retry_after_max": "5m"}) as client:
        with pytest.raises(errors.WaldurUndecodableError) as raised:
            await client.me()
    assert raised.value.retry_after == 300


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("0", 0),
        (" 30 ", 30),
        ("900", 600),
        ("9" * 5000, 600),
        (format_datetime(NOON + timedelta(seconds=45), usegmt=True), 45),
        ("Tue, 24 Nov 2026 12:01:00 -0000", 60),
        ("Tue, 24 Nov 2026 14:01:00 +0200", 60),
        (format_datetime(NOON - timedelta(days=1), usegmt=True), 0),
        (format_datetime(NOON + timedelta(days=1), usegmt=True), 600),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("1.5", None),
        ("\N{ARABIC-INDIC DIGIT THREE}", None),
        ("Tue, 99 Nov 2026 12:00:00 GMT", None),
    ],
)
def test_retry_after_in_both_forms(value: Any, seconds: float | None) -> None:
    """Seconds and dates are understood, capped at ten minutes here; garbage is ignored."""
    assert parse_retry_after(value, NOON, 600.0) == seconds


@given(st.text() | st.from_regex(r"\w{3}, \d{1,3} \w{3} \d{1,6} \d{1,3}:\d\d:\d\d [+-]?\w{1,6}"))
@example("Mon, 01 Jan 0001 00:00:00 +2359")
@example("Fri, 31 Dec 9999 23:59:59 -2359")
def test_retry_after_never_fails(value: Any) -> None:
    """No header, however odd, breaks the handling of an outage: it is a wait within bounds, or ignored."""
    seconds = parse_retry_after(value, NOON, 600.0)
    assert seconds is None or 0 <= seconds <= 600
