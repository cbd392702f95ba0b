"""Whose a request is: claims whose answers are lost, crashes, other agents, and requests that others end."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import TypeAlias

import pytest
from structlog.testing import capture_logs

from support.site import Site
from waldur_import_agent.errors import ConfigurationError, ExitCode, StateError
from waldur_import_agent.fulfilment import Ending
from waldur_import_agent.journal import Journal, Phase
from waldur_import_agent.sandbox import Answer, Fault, Request, RequestState, requests_to
from waldur_import_agent.scanners.base import BackendMisconfiguredError, BackendUnavailableError
from waldur_import_agent.waldur.errors import WaldurNotAuthenticatedError

Later: TypeAlias = Callable[[timedelta], None]
START, DONE, ERRED = "start_processing", "set_done", "set_erred"


def note_claim(site: Site, request: Request, *, phase: Phase = Phase.CLAIMED, attempts: int = 0) -> None:
    """As if an agent had claimed the request and died."""
    with Journal.open(site.directory) as journal:
        journal.intend(request.uuid, site.offering.uuid)
        journal.set_phase([request.uuid], phase)
        for _ in range(attempts):
            journal.count_attempt([request.uuid])


# --- claiming


async def test_lost_answer_to_a_claim_is_looked_up(site: Site) -> None:
    """start_processing arrived, its answer did not: one look tells that the request is ours, and it is answered."""
    site.sandbox.faults.append(Fault(requests_to("POST", START), handled=True, times=1))
    request = site.ask()
    site.finds("hpc_one")
    await site.round()
    assert request.state == "Done"
    assert site.asked("POST", START) == 1


async def test_claim_that_never_arrived_is_left_for_the_next_round(site: Site) -> None:
    """start_processing did not arrive: the request is still Sent, nothing is scanned, and the next round takes it."""
    site.sandbox.faults.append(Fault(requests_to("POST", START), times=1))
    request = site.ask()
    report = await site.round()
    assert (request.state, report.outcome.ending, site.scanner.scans) == ("Sent", Ending.NOTHING, 0)
    assert site.journal_claims() == [request.uuid]
    await site.round()
    assert request.state == "Done"


async def test_500_on_a_claim_that_another_won_is_left_alone(site: Site) -> None:
    """Waldur answers 500 to the loser of a race: the request is Processing, but it is another agent's."""
    request = site.ask()

    def another_wins(method: str, path: str) -> bool:
        if method == "POST" and START in path and request.state == "Sent":
            site.sandbox.start_processing(request)
            return True
        return False

    site.sandbox.faults.append(Fault(another_wins, Answer(500, "<h1>Server Error (500)</h1>")))
    report = await site.round()
    assert report.outcome.ending is Ending.NOTHING
    assert (request.state, site.scanner.scans, site.journal_claims()) == ("Processing", 0, [])


async def test_claim_that_arrives_late_is_found(site: Site) -> None:
    """Waldur commits a claim only after we have looked: the 409 of the next attempt is not another's."""
    request = site.ask()
    site.finds("hpc_one")
    site.sandbox.faults.append(Fault(requests_to("POST", START), times=1))
    await site.round()
    assert site.journal_claims() == [request.uuid]

    def arrives(method: str, path: str) -> bool:
        if method == "POST" and START in path and request.state == "Sent":
            site.sandbox.start_processing(request)
        return False

    site.sandbox.faults[:] = [Fault(arrives)]
    await site.round()
    assert request.state == "Done"


async def test_request_that_may_be_anothers_is_never_ended_erred(site: Site) -> None:
    """Our claim was lost while another agent claimed: a failing backend here must not flip the other's request."""
    request = site.ask()

    def another_wins(method: str, path: str) -> bool:
        if method == "POST" and START in path and request.state == "Sent":
            site.sandbox.start_processing(request)
            return True
        return False

    site.sandbox.faults.append(Fault(another_wins, Answer(502, "<html>Bad Gateway</html>")))
    site.scanner.errors = [BackendMisconfiguredError("broken here")]
    report = await site.round()
    assert (request.state, report.outcome.ending) == ("Processing", Ending.WAITING)
    assert site.asked("POST", ERRED) == 0
    site.finds("hpc_one")
    await site.round()
    assert request.state == "Done", "a round that succeeds has answered the same question"


async def test_intent_of_a_request_that_another_claimed_is_never_ended_erred(site: Site) -> None:
    """We died before our claim was sent, another claimed meanwhile: only a successful round may end it."""
    request = site.ask()
    note_claim(site, request, phase=Phase.INTENDED)
    site.sandbox.start_processing(request)
    site.scanner.errors = [BackendMisconfiguredError("broken here")]
    await site.round()
    assert request.state == "Processing"


async def test_request_that_may_be_anothers_is_given_up_without_an_end(site: Site) -> None:
    """Five cut off rounds: for a request that may be another's no scan is begun again, and it is told once."""
    request = site.ask()
    site.sandbox.start_processing(request)
    note_claim(site, request, phase=Phase.AMBIGUOUS, attempts=5)
    reports = [await site.round(), await site.round()]
    assert [report.given_up for report in reports] == [(request.uuid,), ()]
    assert (request.state, site.scanner.scans) == ("Processing", 0)


async def test_request_that_was_given_up_without_an_end_is_left_to_a_person_after_a_week(
    site: Site, later: Later
) -> None:
    """Until then it is said once, not at each poll; then the log says what to do, and it costs nothing more."""
    request = site.ask()
    site.sandbox.start_processing(request)
    note_claim(site, request, phase=Phase.AMBIGUOUS, attempts=5)
    with capture_logs() as lines:
        async with site.agent() as answerer:
            for _ in range(3):
                await answerer.answer()
    for event in ("request not ended", "claim resumed"):
        levels = [line["log_level"] for line in lines if line["event"].startswith(event)]
        assert levels[1:] == ["debug", "debug"]
    later(timedelta(days=6))
    await site.round()
    assert site.journal_claims() == [request.uuid]
    later(timedelta(days=8))
    with capture_logs() as lines:
        await site.round()
    assert [line["log_level"] for line in lines if "given up: end it by hand" in line["event"]] == ["error"]
    assert (request.state, site.journal_claims(), site.scanner.scans) == ("Processing", [], 0)


async def test_request_that_was_given_up_without_an_end_is_ended_by_a_round_that_succeeds(site: Site) -> None:
    """The next request asks the same question: what answers it answers the one that was left, too."""
    left = site.ask()
    site.sandbox.start_processing(left)
    note_claim(site, left, phase=Phase.AMBIGUOUS, attempts=5)
    site.scanner.errors = [BackendMisconfiguredError("broken")]
    failed = site.ask()
    await site.round()
    assert (left.state, failed.state) == ("Processing", "Erred")
    site.ask()
    await site.round()
    assert (left.state, site.journal_claims()) == ("Done", [])


async def test_request_that_may_be_anothers_outlasts_a_broken_backend(site: Site) -> None:
    """A backend that is broken for more than five rounds costs it no attempt: it ends when a round succeeds."""
    request = site.ask()
    site.sandbox.start_processing(request)
    note_claim(site, request, phase=Phase.AMBIGUOUS)
    site.scanner.errors = [BackendMisconfiguredError("broken") for _ in range(7)]
    for _ in range(7):
        assert (await site.round()).outcome.ending is Ending.WAITING
    await site.round()
    assert request.state == "Done"


async def test_offering_that_the_token_cannot_see_is_told(site: Site) -> None:
    """A wrong UUID or a missing role gives an empty list of requests for ever: the first look says so."""
    site.sandbox.revoke(site.sandbox.agent, site.offering)
    async with site.agent() as answerer:
        with pytest.raises(ConfigurationError, match=r"offerings\[\]\.uuid"):
            await answerer.answer()


@pytest.mark.parametrize("status", [409, 403, 404, 400, 500])
async def test_refused_claim_is_left_alone(site: Site, status: int) -> None:
    """A claim that Waldur refuses is asked after, and is another's request, or gone: this agent never ends it."""
    site.sandbox.faults.append(Fault(requests_to("POST", START), Answer(status, {"detail": "No."})))
    request = site.ask()
    await site.round()
    assert request.state == "Sent"
    assert site.asked("GET", request.uuid) == 1
    assert site.asked("POST", ERRED) == 0
    assert site.journal_claims() == []


async def test_refused_claim_that_cannot_be_asked_after_is_forgotten(site: Site) -> None:
    """Waldur said no, and is then away: the request, in another's hands, is not taken for ours afterwards."""
    request = site.ask()

    def another_wins(method: str, path: str) -> bool:
        if method == "POST" and START in path and request.state == "Sent":
            site.sandbox.start_processing(request)
        return False

    site.sandbox.faults += [Fault(another_wins), Fault(requests_to("GET", request.uuid), Answer(503))]
    assert (await site.round()).outcome.ending is Ending.WAITING
    site.sandbox.faults.clear()
    await site.round()
    assert (request.state, site.journal_claims()) == ("Processing", [])


@pytest.mark.parametrize("status", [403, 404, 500])
async def test_claim_that_arrived_late_is_found_whatever_the_next_one_is_told(site: Site, status: int) -> None:
    """An earlier claim of ours arrives just before the next one, which is refused: the request may still be ours."""
    request = site.ask()
    note_claim(site, request, phase=Phase.INTENDED)

    def arrives(method: str, path: str) -> bool:
        if method == "POST" and START in path and request.state == "Sent":
            site.sandbox.start_processing(request)
            return True
        return False

    site.sandbox.faults.append(Fault(arrives, Answer(status, {"detail": "No."})))
    await site.round()
    assert request.state == "Done"


async def test_claim_that_cannot_be_looked_up_stays_in_the_journal(site: Site) -> None:
    """Where neither the claim nor the look is answered, the intent stays on disk and a later round finds out."""
    site.sandbox.faults += [
        Fault(requests_to("POST", START), handled=True, times=1),
        Fault(
            lambda method, path: method == "GET" and "requests/" in path and "state=" not in path, Answer(503), times=3
        ),
    ]
    request = site.ask()
    report = await site.round()
    assert report.outcome.ending is Ending.WAITING
    assert site.journal_claims() == [request.uuid]
    await site.round()
    assert request.state == "Done"


async def test_intent_is_on_disk_before_the_claim_is_sent(site: Site) -> None:
    """When start_processing arrives at Waldur, another reader of the journal already sees the intent."""
    seen: list[list[str]] = []
    request = site.ask()

    def look(method: str, path: str) -> bool:
        if START in path:
            seen.append(site.journal_claims())
        return False

    site.sandbox.faults.append(Fault(look))
    await site.round()
    assert seen == [[request.uuid]]


async def test_refused_token_forgets_the_intent_and_says_so(site: Site) -> None:
    """A 401 on the claim has certainly not claimed: the round waits for a token, the exit code is its own."""
    site.sandbox.faults.append(Fault(requests_to("POST", START), Answer(401, {"detail": "Token has expired."})))
    site.ask()
    report = await site.round()
    assert report.outcome.ending is Ending.WAITING
    assert isinstance(report.outcome.error, WaldurNotAuthenticatedError)
    assert report.outcome.error.exit_code is ExitCode.AUTHENTICATION
    assert site.journal_claims() == []


async def test_token_file_is_read_again_each_round(site: Site) -> None:
    """A token that was replaced, though the old one still works, is used from the next round on."""
    token = site.directory / "token"
    token.write_text(site.sandbox.agent_token)
    site.waldur_settings = {"token": None, "token_file": str(token)}
    async with site.agent() as answerer:
        await answerer.answer()
        token.write_text(site.sandbox.staff_token)
        await answerer.answer()
    assert {entry.user for entry in site.sandbox.log} == {site.sandbox.agent.username, site.sandbox.staff.username}


# --- after a crash


@pytest.mark.parametrize("phase", list(Phase))
async def test_processing_with_a_journal_entry_is_taken_up(site: Site, phase: Phase) -> None:
    """A request that the agent had claimed before it died is scanned again and finished, however far it had come."""
    request = site.ask()
    site.sandbox.start_processing(request)
    note_claim(site, request, phase=phase)
    site.finds("hpc_one")
    await site.round()
    assert request.state == "Done"
    assert site.ids() == ["hpc_one"]
    assert site.scanner.scans == 1
    assert site.journal_claims() == []


async def test_processing_without_a_journal_entry_is_not_ours(site: Site) -> None:
    """A request that another agent works on is left alone."""
    request = site.ask()
    site.sandbox.start_processing(request)
    await site.round()
    assert request.state == "Processing"


async def test_intent_of_a_request_that_is_still_sent_is_claimed_anew(site: Site) -> None:
    """The agent died before its claim arrived: the request is claimed as any other."""
    request = site.ask()
    note_claim(site, request, phase=Phase.INTENDED)
    await site.round()
    assert request.state == "Done"
    assert site.asked("POST", START) == 1


async def test_journal_entry_of_an_ended_request_is_forgotten(site: Site) -> None:
    """A request that was ended meanwhile keeps its end."""
    request = site.ask()
    site.sandbox.start_processing(request)
    site.sandbox.set_erred(request, "ended by hand", "")
    note_claim(site, request)
    await site.round()
    assert (request.state, request.error_message) == ("Erred", "ended by hand")
    assert site.journal_claims() == []


async def test_request_that_is_gone_is_forgotten_after_a_week(site: Site, later: Later) -> None:
    """A request that Waldur no longer shows is no reason to fail: it is asked for, told once, and forgotten."""
    with Journal.open(site.directory) as journal:
        journal.intend("c" * 32, site.offering.uuid)
    with capture_logs() as lines:
        async with site.agent() as answerer:
            for _ in range(3):
                assert (await answerer.answer()).outcome.ending is Ending.NOTHING
    assert [line["log_level"] for line in lines if "not ended" in line["event"]] == ["error", "debug", "debug"]
    later(timedelta(days=6))
    await site.round()
    assert site.journal_claims() == ["c" * 32]
    later(timedelta(days=8))
    await site.round()
    assert site.journal_claims() == []


async def test_week_counts_from_the_first_refusal(site: Site, later: Later) -> None:
    """An agent that was away for a month does not forget its request because Waldur does not show it at once."""
    with Journal.open(site.directory) as journal:
        journal.intend("c" * 32, site.offering.uuid)
    for days, kept in ((30, True), (36, True), (38, False)):
        later(timedelta(days=days))
        await site.round()
        assert bool(site.journal_claims()) is kept


@pytest.mark.parametrize("phase", [Phase.CLAIMED, Phase.AMBIGUOUS])
async def test_request_that_was_out_of_sight_is_finished(site: Site, phase: Phase) -> None:
    """The token's role was lost for a while: the request, in Processing all the time, is ours when it is back."""
    request = site.ask()
    site.sandbox.start_processing(request)
    note_claim(site, request, phase=phase)
    async with site.agent() as answerer:
        await answerer.answer()  # sees the offering, once
    request.state = RequestState.PROCESSING
    note_claim(site, request, phase=phase)
    site.sandbox.faults.append(Fault(requests_to("GET", request.uuid), Answer(404, {"detail": "No such request."})))
    await site.round()
    assert request.state == "Processing"
    site.sandbox.faults.clear()
    await site.round()
    assert request.state == "Done"


async def test_five_attempts_are_enough(site: Site) -> None:
    """A request whose rounds were cut off five times is given up with a message instead of being begun for ever."""
    request = site.ask()
    site.sandbox.start_processing(request)
    note_claim(site, request, attempts=5)
    report = await site.round()
    assert request.state == "Erred"
    assert "gave up after 5 attempts" in request.error_message
    assert report.given_up == (request.uuid,)
    assert site.scanner.scans == 0
    async with site.agent() as answerer:
        (ended,) = answerer.journal.rounds(site.offering.uuid)
    assert ended.requests == [request.uuid]


async def test_given_up_request_is_told_beside_an_answered_one(site: Site) -> None:
    """A request that is given up does not vanish from the report of a round that answers another."""
    old, new = site.ask(), site.ask()
    site.sandbox.start_processing(old)
    note_claim(site, old, attempts=5)
    report = await site.round()
    assert (old.state, new.state) == ("Erred", "Done")
    assert (report.given_up, report.requests) == ((old.uuid,), (new.uuid,))


async def test_attempt_is_counted_on_disk_before_the_scan(site: Site) -> None:
    """A scan that kills the agent has been counted."""
    site.scanner.gate = asyncio.Event()
    request = site.ask()
    async with site.agent() as answerer:
        task = asyncio.create_task(answerer.answer())
        await site.scanner.begun.wait()
        (claim,) = answerer.journal.claims(site.offering.uuid)
        assert (claim.request, claim.attempts) == (request.uuid, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        (claim,) = answerer.journal.claims(site.offering.uuid)
        assert claim.attempts == 0, "an orderly stop is no attempt"
    assert request.state == "Processing"


# --- outages


async def test_outage_in_the_middle_waits_and_counts_against_nothing(site: Site) -> None:
    """Waldur is away for a weekend: the request stays Processing, no attempt is lost, and it is finished afterwards."""
    outage = Fault(requests_to("POST", "/api/backend-resources/"), Answer(503))
    site.sandbox.faults.append(outage)
    request = site.ask()
    site.finds("hpc_one")
    for _ in range(8):
        report = await site.round()
        assert report.outcome.ending is Ending.WAITING
        assert request.state == "Processing"
    site.sandbox.faults.clear()
    await site.round()
    assert request.state == "Done"
    assert site.ids() == ["hpc_one"]


async def test_waldur_down_at_the_poll_waits(site: Site) -> None:
    """Where Waldur does not answer the poll, nothing is claimed and the backend is left alone."""
    site.sandbox.faults.append(Fault(requests_to("GET", ""), Answer(502, "<html>Bad Gateway</html>")))
    site.ask()
    report = await site.round()
    assert report.outcome.ending is Ending.WAITING
    assert site.scanner.scans == 0


async def test_backend_failure_is_tried_again_then_erred(site: Site) -> None:
    """A backend that is away is asked three times with waits between, then the request ends Erred in its words."""
    site.scanner.errors = [BackendUnavailableError(f"slurmdbd: refused {number}") for number in range(3)]
    request = site.ask()
    await site.round()
    assert request.state == "Erred"
    assert "slurmdbd: refused 2" in request.error_message
    assert "BackendUnavailableError" in request.error_traceback
    assert site.waits == [5.0, 20.0]


async def test_backend_that_comes_back_is_fine(site: Site) -> None:
    """One failed attempt at the scan costs a wait, nothing else."""
    site.scanner.errors = [BackendUnavailableError("slurmdbd: refused")]
    request = site.ask()
    await site.round()
    assert request.state == "Done"


async def test_misconfigured_backend_is_erred_at_once(site: Site) -> None:
    """What trying again cannot help ends at once, with the remedy."""
    site.scanner.errors = [BackendMisconfiguredError("no cluster puhti", remedy="The database has mahti")]
    request = site.ask()
    await site.round()
    assert request.error_message == "no cluster puhti. The database has mahti"
    assert site.waits == []


async def test_scan_that_never_ends_is_cut_off(site: Site) -> None:
    """The scan's deadline holds for a scanner that forgot its own."""
    site.offering_settings = {"scan_timeout": 0.001}
    site.scanner.gate = asyncio.Event()
    request = site.ask()
    await site.round()
    assert request.state == "Erred"
    assert "scan_timeout" in request.error_message


async def test_bug_in_a_scanner_ends_erred_with_its_traceback(site: Site) -> None:
    """An error that nobody expected ends the request too, with the traceback, and says that it is a bug."""
    site.scanner.errors = [KeyError("surprise")]
    request = site.ask()
    await site.round()
    assert request.state == "Erred"
    assert "Please report this" in request.error_message
    assert "KeyError: 'surprise'" in request.error_traceback


async def test_no_secret_and_no_nul_reaches_waldur(site: Site) -> None:
    """Message and traceback are redacted and hold no NUL, which Waldur would refuse."""
    site.redact.add("hunter2hunter2")
    site.scanner.errors = [BackendMisconfiguredError("password hunter2hunter2 \0 refused")]
    request = site.ask()
    await site.round()
    assert request.state == "Erred"
    for text in (request.error_message, request.error_traceback):
        assert "hunter2" not in text
        assert site.sandbox.agent_token not in text
        assert "\0" not in text


async def test_long_texts_are_bounded(site: Site) -> None:
    """A backend that complains at length does not fill Waldur, in whatever language: the limits are in bytes."""
    site.scanner.errors = [BackendMisconfiguredError("\N{SNOWMAN}" * 200_000 + "at its end")]
    request = site.ask()
    await site.round()
    assert 8 * 1024 - 3 < len(request.error_message.encode()) <= 8 * 1024
    assert 64 * 1024 - 5 < len(request.error_traceback.encode()) <= 64 * 1024
    assert request.error_traceback.startswith("Traceback")
    assert request.error_traceback.rstrip().endswith("at its end")
    assert request.error_message.endswith("[cut short]")


async def test_thousands_of_bad_lines_leave_room_for_what_to_do(site: Site) -> None:
    """Ten of them are named, in the log too: the message still has the resources, and the remedy."""
    site.directory.mkdir(exist_ok=True)
    overrides = site.directory / "overrides.csv"
    overrides.write_text("backend_id,project\n" + ",alpha\n" * 3000)
    site.offering_settings = {"projects": {"rules": [], "overrides_file": str(overrides)}}
    site.finds("acct1")
    request = site.ask()
    with capture_logs() as lines:
        await site.round()
    assert "overrides.csv:11: no backend_id; and 2990 more; " in request.error_message
    assert "plan --output csv" in request.error_message
    assert "  acct1: " in request.error_message
    assert len([line for line in lines if line["event"] == "survey"]) < 20


# --- finishing


async def test_lost_answer_to_set_done_stays_done(site: Site) -> None:
    """set_done arrived, its answer did not: the 409 of the second attempt is looked up, and Done stays Done."""
    site.sandbox.faults.append(Fault(requests_to("POST", DONE), handled=True, times=1))
    request = site.ask()
    report = await site.round()
    assert (request.state, report.outcome.ending) == ("Done", Ending.DONE)
    assert site.asked("POST", ERRED) == 0
    assert site.journal_claims() == []


async def test_lost_answer_to_set_erred_is_not_repeated(site: Site) -> None:
    """set_erred arrived, its answer did not: the look before the second attempt finds it Erred."""
    site.sandbox.faults.append(Fault(requests_to("POST", ERRED), handled=True, times=1))
    site.scanner.errors = [BackendMisconfiguredError("no")]
    request = site.ask()
    await site.round()
    assert request.state == "Erred"
    assert site.asked("POST", ERRED) == 1


async def test_message_that_a_proxy_does_not_let_through_is_sent_short(site: Site) -> None:
    """A 413 for the long message: the request ends Erred with a short one instead of never."""
    site.sandbox.faults.append(Fault(requests_to("POST", ERRED), Answer(413, "<html>Too Large</html>"), times=1))
    site.scanner.errors = [BackendMisconfiguredError("x" * 2000)]
    request = site.ask()
    await site.round()
    assert (request.state, len(request.error_message), request.error_traceback) == ("Erred", 500, "")


@pytest.mark.parametrize("status", [403, 404, 409, 413, 500])
async def test_request_that_cannot_be_ended_does_not_hold_up_the_next(site: Site, later: Later, status: int) -> None:
    """Where Waldur does not let one end, not even with a short message, the others end; a week on it is let go."""
    stuck, other = site.ask(), site.ask()
    answer = Answer(status, {"detail": "No."})
    site.sandbox.faults.append(Fault(requests_to("POST", f"{stuck.uuid}/{ERRED}"), answer))
    site.scanner.errors = [BackendMisconfiguredError("broken") for _ in range(3)]
    report = await site.round()
    assert report.outcome.ending is Ending.WAITING
    assert (stuck.state, other.state, site.journal_claims()) == ("Processing", "Erred", [stuck.uuid])
    later(timedelta(days=8))
    await site.round()
    assert (stuck.state, site.journal_claims()) == ("Processing", [])


@pytest.mark.parametrize("status", [403, 404, 409, 500])
async def test_end_that_waldur_refused_for_a_while_is_told_later(site: Site, status: int) -> None:
    """However often set_done is refused, no attempt is lost: when it is allowed again, the request ends Done."""
    request = site.ask()
    site.sandbox.faults.append(Fault(requests_to("POST", DONE), Answer(status, {"detail": "No."})))
    for _ in range(7):
        assert (await site.round()).outcome.ending is Ending.WAITING
    site.sandbox.faults.clear()
    await site.round()
    assert (request.state, site.journal_claims()) == ("Done", [])


async def test_outage_at_the_end_costs_no_attempt(site: Site) -> None:
    """Waldur is away whenever a request is to be ended: an outage counts against nothing, the request ends Done."""
    request = site.ask()
    site.sandbox.faults.append(Fault(requests_to("POST", DONE), Answer(502)))
    for _ in range(7):
        await site.round()
    site.sandbox.faults.clear()
    await site.round()
    assert request.state == "Done"


@pytest.mark.parametrize("status", [403, 500, 502])
async def test_given_up_request_that_cannot_be_ended_holds_nothing_up(site: Site, status: int) -> None:
    """Waldur takes even that end not: the next request is answered, and the old one ends when Waldur lets it."""
    old, new = site.ask(), site.ask()
    site.sandbox.start_processing(old)
    note_claim(site, old, attempts=5)
    site.sandbox.faults.append(
        Fault(requests_to("POST", f"{old.uuid}/{ERRED}"), Answer(status, "<h1>x</h1>"), times=10**6)
    )
    report = await site.round()
    assert (old.state, new.state, report.given_up) == ("Processing", "Done", ())
    site.sandbox.faults.clear()
    report = await site.round()
    assert (old.state, report.given_up) == ("Erred", (old.uuid,))


async def test_finishing_outlasts_eleven_failures(site: Site) -> None:
    """Finishing is tried longest: the twelfth attempt counts."""
    site.sandbox.faults.append(Fault(requests_to("POST", DONE), Answer(502), times=11))
    request = site.ask()
    await site.round()
    assert request.state == "Done"


async def test_unfinished_request_is_finished_by_the_next_round(site: Site) -> None:
    """Where even that was not enough, the request stays in the journal; the next round scans anew and finishes it."""
    site.sandbox.faults.append(Fault(requests_to("POST", DONE), Answer(502), times=12))
    request = site.ask()
    report = await site.round()
    assert (request.state, report.outcome.ending) == ("Processing", Ending.WAITING)
    await site.round()
    assert request.state == "Done"
    assert site.scanner.scans == 2


async def test_anothers_end_is_not_flipped_to_erred(site: Site) -> None:
    """Somebody sets our request Done while our scan fails: set_erred, which Waldur would take, is not sent."""
    request = site.ask()
    site.scanner.errors = [BackendMisconfiguredError("no")]

    def meddle(method: str, path: str) -> bool:
        if method == "GET" and request.uuid in path and request.state == "Processing":
            site.sandbox.set_done(request)
        return False

    site.sandbox.faults.append(Fault(meddle))
    await site.round()
    assert request.state == "Done"
    assert site.asked("POST", ERRED) == 0


async def test_somebody_elses_erred_stays(site: Site) -> None:
    """Somebody ends our request Erred while we work: our set_done is refused, and that is all."""
    request = site.ask()

    def meddle(method: str, path: str) -> bool:
        if DONE in path and request.state == "Processing":
            site.sandbox.set_erred(request, "by hand", "")
        return False

    site.sandbox.faults.append(Fault(meddle))
    await site.round()
    assert (request.state, request.error_message) == ("Erred", "by hand")
    assert site.journal_claims() == []


# --- stopping


async def test_stopped_agent_claims_nothing(site: Site) -> None:
    """After the stop signal no request is claimed."""
    site.stop.set()
    request = site.ask()
    await site.round()
    assert request.state == "Sent"
    assert site.asked("POST", START) == 0


async def test_stop_that_comes_while_a_claim_waits_for_its_turn(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The claim is not sent, and the request is anybody's: the journal does not say that it may be ours."""
    requests = [site.ask(), site.ask()]
    intend = Journal.intend

    def stop_then(self: Journal, request: str, offering: str) -> None:
        intend(self, request, offering)
        if request == requests[1].uuid:
            site.stop.set()

    monkeypatch.setattr(Journal, "intend", stop_then)
    await site.round()
    assert [request.state for request in requests] == ["Done", "Sent"]
    assert site.journal_claims() == []


async def test_stop_ends_the_waits_of_a_round(site: Site) -> None:
    """A stop ends the wait for a Waldur that is away; the request is taken up at the next start."""
    site.sandbox.faults.append(Fault(requests_to("GET", "/api/projects/"), Answer(503)))
    request = site.ask()

    def stop(method: str, path: str) -> bool:
        if "/api/projects/" in path:
            site.stop.set()
        return False

    site.sandbox.faults.insert(0, Fault(stop))
    report = await site.round()
    assert report.outcome.ending is Ending.WAITING
    assert request.state == "Processing"
    assert site.asked("GET", "/api/projects/") == 1
    site.stop.clear()
    site.sandbox.faults.clear()
    await site.round()
    assert request.state == "Done"


async def test_journal_that_cannot_be_written_claims_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the intent on disk there is no claim: the error names the journal and the request stays Sent."""
    request = site.ask()
    async with site.agent() as answerer:
        answerer.journal._database._connection.execute("PRAGMA query_only = ON")
        with pytest.raises(StateError, match=r"journal\.sqlite3"):
            await answerer.answer()
    assert request.state == "Sent"
