"""One round against the sandbox: what is written, and how the request ends."""

import asyncio
import os
import threading
from functools import partial

import pytest
from structlog.testing import capture_logs

from support.builders import BETA, found
from support.site import Site
from waldur_import_agent import id_pattern
from waldur_import_agent.fulfilment import Ending
from waldur_import_agent.placement import table
from waldur_import_agent.records import Marker
from waldur_import_agent.sandbox import Answer, Fault, requests_to
from waldur_import_agent.system import read_in_thread

COMPONENTS = {"cpu": {"from": "GrpTRESMins.cpu", "unit_factor": 60}}


async def test_sent_request_is_answered(site: Site) -> None:
    """A Sent request is claimed, what was found is reported in its project with its limits, and it ends Done."""
    site.offering_settings = {"components": COMPONENTS}
    request = site.ask()
    site.finds(found("hpc_one", limits={"GrpTRESMins.cpu": 600}, user_count=3))
    report = await site.round()
    assert (request.state, report.outcome.ending) == ("Done", Ending.DONE)
    (record,) = site.records()
    assert (record.backend_id, record.project.slug, record.backend_metadata["limits"]) == (
        "hpc_one",
        "alpha",
        {"cpu": 10},
    )
    marker = Marker.from_metadata(record.backend_metadata)
    assert marker is not None
    assert (marker.instance, marker.host, marker.run) == ("default", "testhost", report.run)


async def test_nothing_sent_reads_one_list_and_scans_nothing(site: Site) -> None:
    """A poll without a Sent request is a single request to Waldur; the backend is left alone."""
    async with site.agent() as answerer:
        await answerer.answer()
        site.sandbox.log.clear()
        report = await answerer.answer()
    assert report.outcome.ending is Ending.NOTHING
    assert len(site.sandbox.log) == 1
    assert site.scanner.scans == 0


async def test_all_sent_requests_are_answered_by_one_scan(site: Site) -> None:
    """Requests of one offering ask the same question: one scan and one set of writes answers them all, oldest first."""
    requests = [site.ask() for _ in range(3)]
    site.finds("hpc_one")
    report = await site.round()
    assert [request.state for request in requests] == ["Done"] * 3
    assert list(report.requests) == [request.uuid for request in requests]
    assert site.scanner.scans == 1
    assert site.ids() == ["hpc_one"]


async def test_second_request_writes_nothing_and_lists_nothing_again(site: Site) -> None:
    """Where nothing has changed, a further request costs a fixed number of reads and not one write."""
    site.ask()
    site.finds(*(f"hpc_{number}" for number in range(50)))
    await site.round()
    site.ask()
    site.sandbox.log.clear()
    report = await site.round()
    posts = [entry.path.rsplit("/", 2)[1] for entry in site.sandbox.log if entry.method != "GET"]
    assert posts == ["start_processing", "set_done"]
    assert site.asked("GET", "/backend-resources/") == 1
    assert report.counts["kept"] == 50


async def test_new_records_cost_one_request_each_and_a_bounded_rest(site: Site) -> None:
    """400 new records take 400 creates and fewer than 20 other requests."""
    site.ask()
    site.finds(*(f"hpc_{number:03}" for number in range(400)))
    await site.round()
    assert len(site.records()) == 400
    assert len(site.sandbox.log) - site.asked("POST", "/backend-resources/") < 20


async def test_creates_are_in_flight_together_and_bounded(site: Site) -> None:
    """Eight creates are under way at the same time by default, never more."""
    site.ask()
    site.finds(*(f"hpc_{number}" for number in range(40)))
    await site.round()
    assert site.transport.peak == 8


async def test_changed_limit_refreshes_that_one_record(site: Site) -> None:
    """A changed limit replaces exactly one record; the others are the same rows as before."""
    site.offering_settings = {"components": COMPONENTS}
    site.ask()
    site.finds(found("hpc_one", limits={"GrpTRESMins.cpu": 600}), found("hpc_two", limits={"GrpTRESMins.cpu": 600}))
    await site.round()
    before = {record.backend_id: record.uuid for record in site.records()}
    site.ask()
    site.finds(found("hpc_one", limits={"GrpTRESMins.cpu": 660}), found("hpc_two", limits={"GrpTRESMins.cpu": 600}))
    report = await site.round()
    after = {record.backend_id: record for record in site.records()}
    assert report.counts["refreshed"] == 1
    assert after["hpc_one"].backend_metadata["limits"] == {"cpu": 11}
    assert after["hpc_one"].uuid != before["hpc_one"]
    assert after["hpc_two"].uuid == before["hpc_two"]
    assert len(after) == len(site.records())


async def test_gone_account_is_withdrawn(site: Site) -> None:
    """What the backend no longer has is withdrawn by the next request."""
    site.ask()
    site.finds("hpc_one", "hpc_two")
    await site.round()
    request = site.ask()
    site.finds("hpc_one")
    await site.round()
    assert site.ids() == ["hpc_one"]
    assert request.state == "Done"


async def test_mass_withdrawal_is_held_back_and_ends_erred(site: Site) -> None:
    """Half of the accounts gone: nothing is withdrawn, what is new is reported, and the request says what to do."""
    site.ask()
    site.finds(*(f"hpc_{number:02}" for number in range(20)))
    await site.round()
    request = site.ask()
    site.finds(*(f"hpc_{number:02}" for number in range(10)), "hpc_new")
    await site.round()
    assert len(site.records()) == 21
    assert request.state == "Erred"
    assert "10 of 20 records would be withdrawn" in request.error_message
    assert "--allow-withdrawals" in request.error_message
    site.ask()
    site.allow_withdrawals = True
    await site.round()
    assert len(site.records()) == 11


async def test_nothing_placed_ends_erred_with_each_reason(site: Site) -> None:
    """Where something was found and nothing could be placed, a Done would hide a failure."""
    request = site.ask()
    site.finds(*(found(f"x_{number}", parent="other") for number in range(12)))
    report = await site.round()
    assert request.state == "Erred"
    assert "12 of 12 resources have no project" in request.error_message
    assert "x_0: no rule matches" in request.error_message
    assert "and 2 more" in request.error_message
    assert "x_9:" in request.error_message
    assert "x_11: no rule matches" in request.error_traceback
    assert len(report.reasons()) == 12


async def test_token_that_sees_no_project_is_named(site: Site) -> None:
    """An OFFERING.MANAGER token sees no project: the request says so, it is not `nothing to report`."""
    site.sandbox.projects.clear()
    site.sandbox.add_project("Hidden", "hidden", visible_to_agent=False)
    request = site.ask()
    site.finds("hpc_one")
    await site.round()
    assert request.state == "Erred"
    assert "can see no project" in request.error_message
    assert "OFFERING.MANAGER" in request.error_message


async def test_some_unplaced_ends_done(site: Site) -> None:
    """Some without a project is everyday life: Done, and the journal keeps each reason."""
    request = site.ask()
    site.finds("hpc_one", found("stray", parent="other"))
    report = await site.round()
    assert request.state == "Done"
    async with site.agent() as answerer:
        (ended,) = answerer.journal.rounds(site.offering.uuid)
        (reason,) = answerer.journal.reasons(report.run)
    assert (ended.outcome, ended.counts["reported"]) == ("done", 1)
    assert (reason.backend_id, reason.action) == ("stray", "unplaced")


async def test_some_unplaced_is_an_error_where_asked_for(site: Site) -> None:
    """`unplaced_is_error` makes the same round Erred; what could be placed is reported."""
    site.offering_settings = {"unplaced_is_error": True}
    request = site.ask()
    site.finds("hpc_one", found("stray", parent="other"))
    await site.round()
    assert request.state == "Erred"
    assert site.ids() == ["hpc_one"]


async def test_unplaced_beside_unchanged_records_is_done(site: Site) -> None:
    """One stray account does not fail the requests of a cluster whose other accounts have their records."""
    site.ask()
    site.finds("hpc_one")
    await site.round()
    request = site.ask()
    site.finds("hpc_one", found("stray", parent="other"))
    await site.round()
    assert request.state == "Done"


async def test_unplaced_beside_imported_resources_only_is_erred(site: Site) -> None:
    """What is imported proves nothing about placement: all that is new has no project, and Done would hide it."""
    site.sandbox.add_resource(site.offering, site.alpha, "hpc_one")
    request = site.ask()
    site.finds("hpc_one", found("stray", parent="other"))
    await site.round()
    assert request.state == "Erred"


async def test_all_skipped_ends_erred(site: Site) -> None:
    """Where every id breaks the offering's rule, nothing was reported: the request says why."""
    request = site.ask()
    site.finds(" hpc_one")
    await site.round()
    assert request.state == "Erred"
    assert "blanks at its ends" in request.error_message


async def test_record_that_waldur_chokes_on_does_not_hold_up_the_others(site: Site) -> None:
    """A 500 for one record only, however often it is tried, counts as its refusal; the rest is reported."""
    site.sandbox.faults.append(
        Fault(requests_to("POST", "/api/backend-resources/"), Answer(500, "<h1>x</h1>"), times=5)
    )
    site.waldur_settings = {"max_in_flight": 1}
    request = site.ask()
    site.finds("hpc_one", "hpc_two")
    await site.round()
    assert request.state == "Erred"
    assert site.ids() == ["hpc_two"]


async def test_lost_answer_to_a_delete_is_no_outage(site: Site) -> None:
    """A delete whose answer was lost is sent again; that it is gone then is what was wanted."""
    site.ask()
    site.finds("hpc_one", "hpc_two")
    await site.round()
    site.sandbox.faults.append(Fault(requests_to("DELETE", "/"), handled=True, times=1))
    request = site.ask()
    site.finds("hpc_one")
    await site.round()
    assert (request.state, site.ids()) == ("Done", ["hpc_one"])


async def test_refused_deletes_are_equal_and_not_sent_again(site: Site) -> None:
    """Deletes that are refused alike stop after twenty, and are not repeated because the receipt still lists them."""
    site.waldur_settings = {"max_in_flight": 1}
    site.allow_withdrawals = True
    site.ask()
    site.finds(*(f"hpc_{number}" for number in range(30)))
    await site.round()
    site.sandbox.faults.append(Fault(requests_to("DELETE", "/"), Answer(403, {"detail": "No."})))
    request = site.ask()
    site.finds()
    await site.round()
    assert site.asked("DELETE", "/") == 20
    assert "20 equal refusals" in request.error_message


async def test_empty_backend_is_done(site: Site) -> None:
    """Nothing found on a backend that was read whole is an answer."""
    request = site.ask()
    await site.round()
    assert request.state == "Done"


async def test_refused_record_ends_erred_and_the_rest_is_reported(site: Site) -> None:
    """Waldur refuses one record: the others are reported, the request ends Erred in the server's words."""
    site.sandbox.faults.append(
        Fault(requests_to("POST", "/api/backend-resources/"), Answer(400, {"project": ["Gone."]}), times=1)
    )
    request = site.ask()
    site.finds("hpc_one", "hpc_two")
    report = await site.round()
    assert len(site.records()) == 1
    assert request.state == "Erred"
    assert "Waldur refused 1 record\n" in request.error_message
    assert "project: Gone" in request.error_message
    assert [reason.action for reason in report.reasons()] == ["refused"]


async def test_twenty_equal_refusals_stop(site: Site) -> None:
    """Twenty equal refusals in a row mean that the rest would be refused as well: it is not tried."""
    site.waldur_settings = {"max_in_flight": 1}
    site.sandbox.faults.append(Fault(requests_to("POST", "/api/backend-resources/"), Answer(403, {"detail": "No."})))
    request = site.ask()
    site.finds(*(f"hpc_{number}" for number in range(100)))
    await site.round()
    assert site.asked("POST", "/api/backend-resources/") == 20
    assert request.state == "Erred"
    assert "20 equal refusals in a row" in request.error_message


async def test_different_refusals_do_not_stop(site: Site) -> None:
    """Only equal refusals in a row count: a success between them starts the count anew."""
    site.waldur_settings = {"max_in_flight": 1}
    for number in range(30):
        site.sandbox.faults.append(
            Fault(
                requests_to("POST", "/api/backend-resources/"), Answer(400, {"name": [f"Bad {number % 2}."]}), times=1
            )
        )
    site.ask()
    site.finds(*(f"hpc_{number:02}" for number in range(40)))
    await site.round()
    assert len(site.records()) == 10


async def test_forbidden_projects_end_erred(site: Site) -> None:
    """A permanent 403 on the projects cannot be waited out: the request says so and nothing is written."""
    site.sandbox.faults.append(Fault(requests_to("GET", "/api/projects/"), Answer(403, {"detail": "Not yours."})))
    request = site.ask()
    site.finds("hpc_one")
    await site.round()
    assert request.state == "Erred"
    assert "Not yours" in request.error_message
    assert not site.records()


async def test_records_that_cannot_be_listed_end_erred(site: Site) -> None:
    """A release that answers 500 to each list of records, and only to it: nothing is written, the remedy is told."""
    site.sandbox.faults.append(
        Fault(requests_to("GET", "/api/backend-resources/"), Answer(500, "<h1>Server Error</h1>"))
    )
    request = site.ask()
    site.finds("hpc_one")
    await site.round()
    assert request.state == "Erred"
    assert "Upgrade Waldur" in request.error_message
    assert not site.records()


async def test_records_that_can_be_listed_only_before_the_writes_are_an_outage(site: Site) -> None:
    """A list that worked a moment ago is no fault of the release: the round waits, and nobody is told to upgrade."""
    seen = 0

    def from_the_second_list_on(method: str, path: str) -> bool:
        nonlocal seen
        is_list = method == "GET" and "/backend-resources/?" in path
        seen += is_list
        return is_list and seen > 1

    site.sandbox.faults.append(Fault(from_the_second_list_on, Answer(500, "<h1>Server Error</h1>")))
    request = site.ask()
    site.finds("hpc_one")
    report = await site.round()
    assert (request.state, report.outcome.ending) == ("Processing", Ending.WAITING)
    site.sandbox.faults.clear()
    await site.round()
    assert (request.state, site.ids()) == ("Done", ["hpc_one"])


async def test_conflict_on_a_record_is_a_refusal(site: Site) -> None:
    """A release that refuses a second record with a 409: the others are reported, and the request says which."""
    site.sandbox.faults.append(
        Fault(requests_to("POST", "/api/backend-resources/"), Answer(409, {"detail": "There is one."}), times=1)
    )
    request = site.ask()
    site.finds("hpc_one", "hpc_two")
    report = await site.round()
    assert (request.state, len(site.records()), len(report.refused)) == ("Erred", 1, 1)
    assert "There is one" in request.error_message


async def test_lost_answer_to_a_create_makes_no_second_record(site: Site) -> None:
    """A create that arrived although its answer was lost is looked up before it would be sent again."""
    site.sandbox.faults.append(Fault(requests_to("POST", "/api/backend-resources/"), handled=True, times=1))
    request = site.ask()
    site.finds("hpc_one")
    await site.round()
    assert request.state == "Done"
    assert site.ids() == ["hpc_one"]
    assert site.asked("POST", "/api/backend-resources/") == 1


async def test_doubled_records_are_repaired(site: Site) -> None:
    """Two records of one id that earlier rounds left are one after the next."""
    site.ask()
    site.finds("hpc_one")
    await site.round()
    (first,) = site.records()
    site.sandbox.add_record(
        site.offering, site.alpha, "hpc_one", name="hpc_one", backend_metadata=dict(first.backend_metadata)
    )
    site.ask()
    await site.round()
    assert [record.uuid for record in site.records()] == [first.uuid]


async def test_imported_record_is_not_reported_again(site: Site) -> None:
    """After staff have imported a record, its resource is known and no record comes back."""
    site.ask()
    site.finds("hpc_one")
    await site.round()
    site.sandbox.delete_record(site.records()[0])
    site.sandbox.add_resource(site.offering, site.alpha, "hpc_one")
    site.ask()
    report = await site.round()
    assert report.counts["kept"] == 1
    assert not site.records()


async def test_receipt_restores_what_somebody_removed_meanwhile(site: Site) -> None:
    """A record that another removes while the round runs is missing in the receipt and is written once more."""
    site.ask()
    site.finds("hpc_one", "hpc_two")
    removed: list[str] = []

    def meddle(method: str, path: str) -> bool:
        if method == "GET" and "/api/backend-resources/" in path and len(site.records()) == 2 and not removed:
            gone = site.records()[0]
            removed.append(gone.backend_id)
            site.sandbox.delete_record(gone)
        return False

    site.sandbox.faults.append(Fault(meddle))
    report = await site.round()
    assert removed
    assert site.ids() == ["hpc_one", "hpc_two"]
    assert report.outcome.ending is Ending.DONE
    assert report.listed == 2


async def test_receipt_that_never_fits_ends_erred(site: Site) -> None:
    """Where somebody removes each record that is written, two further passes are made; the outcome says the rest."""
    request = site.ask()
    site.finds("hpc_one")

    def meddle(method: str, path: str) -> bool:
        if method == "GET" and "/api/backend-resources/" in path:
            for gone in site.records():
                site.sandbox.delete_record(gone)
        return False

    site.sandbox.faults.append(Fault(meddle))
    await site.round()
    assert site.asked("POST", "/api/backend-resources/") == 3
    assert request.state == "Erred"
    assert "hpc_one: not listed" in request.error_message


async def test_record_imported_while_it_is_refreshed_leaves_no_copy(site: Site) -> None:
    """The old record is imported between the create and the delete of a refresh: the new copy is deleted."""
    site.offering_settings = {"components": COMPONENTS}
    site.ask()
    site.finds(found("hpc_one", limits={"GrpTRESMins.cpu": 600}))
    await site.round()
    (old,) = site.records()

    def staff_import(method: str, path: str) -> bool:
        if method == "DELETE" and old.uuid in path and old.uuid in site.sandbox.records:
            site.sandbox.delete_record(old)
            site.sandbox.add_resource(site.offering, site.alpha, "hpc_one")
        return False

    site.sandbox.faults.append(Fault(staff_import))
    request = site.ask()
    site.finds(found("hpc_one", limits={"GrpTRESMins.cpu": 1200}))
    await site.round()
    assert not site.records()
    assert request.state == "Done"


async def test_record_gone_before_its_refresh_is_left_to_the_receipt(site: Site) -> None:
    """A record that vanished before its refresh is not replaced blindly: the receipt tells what to do."""
    site.offering_settings = {"components": COMPONENTS}
    site.ask()
    site.finds(found("hpc_one", limits={"GrpTRESMins.cpu": 600}))
    await site.round()
    (old,) = site.records()

    def staff_import(method: str, path: str) -> bool:
        if method == "GET" and old.uuid in path and old.uuid in site.sandbox.records:
            site.sandbox.delete_record(old)
            site.sandbox.add_resource(site.offering, site.alpha, "hpc_one")
        return False

    site.sandbox.faults.append(Fault(staff_import))
    site.ask()
    site.finds(found("hpc_one", limits={"GrpTRESMins.cpu": 1200}))
    await site.round()
    assert not site.records()


async def test_other_offerings_records_are_not_touched(site: Site) -> None:
    """A token that sees sibling offerings changes nothing there, and leaves their requests alone."""
    other = site.sandbox.add_offering("Another cluster", components=("cpu",))
    site.sandbox.add_record(other, site.alpha, "hpc_other", name="x", backend_metadata={})
    theirs = site.sandbox.add_request(other)
    site.ask()
    site.finds("hpc_one")
    await site.round()
    assert theirs.state == "Sent"
    assert [record.backend_id for record in site.sandbox.records_of(other)] == ["hpc_other"]


async def test_overrides_file_is_read_again_each_round(site: Site) -> None:
    """What a person writes into the overrides file counts from the next round on, and a bad line is only a warning."""
    overrides = site.directory / "overrides.csv"
    overrides.write_text("backend_id,project\n")
    site.offering_settings = {"projects": {"overrides_file": str(overrides)}}
    site.finds(found("stray", parent="other"))
    first = site.ask()
    await site.round()
    overrides.write_text(f"backend_id,project\n,{BETA.uuid}\nstray,alpha\n")
    second = site.ask()
    await site.round()
    assert (first.state, second.state) == ("Erred", "Done")
    assert site.ids() == ["stray"]


async def test_missing_overrides_file_ends_erred(site: Site) -> None:
    """An overrides file that cannot be read is the operator's to mend: the request says which file."""
    site.offering_settings = {"projects": {"overrides_file": str(site.directory / "no.csv")}}
    request = site.ask()
    await site.round()
    assert request.state == "Erred"
    assert "no.csv" in request.error_message


@pytest.mark.parametrize("key", ["overrides_file", "directory_file"])
async def test_a_file_server_that_hangs_ends_erred(site: Site, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """Not the agent: the request says which file, and the next one is answered when the server is back."""
    path = site.directory / "projects.csv"
    path.write_text("backend_id,project,uuid,slug\n")
    site.offering_settings = {"projects": {key: str(path)}}
    answers = threading.Event()
    with monkeypatch.context() as patch:
        patch.setattr(table, "read_regular", lambda path, limit: answers.wait())
        patch.setattr(table, "read_in_thread", partial(read_in_thread, seconds=0.01))
        request = site.ask()
        await site.round()
        answers.set()
    assert request.state == "Erred"
    assert f"file {path} cannot be read: its file system did not answer within 0.01 seconds" in request.error_message
    request = site.ask()
    await site.round()
    assert request.state == "Done"


async def test_a_token_file_that_hangs_leaves_the_requests_as_they_are(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No claim is made; a stop does not wait for the file server, and the journal is kept."""
    site.waldur_settings = {"token": None, "token_file": site.directory / "token"}
    os.mkfifo(site.directory / "token")
    request = site.ask()
    task = asyncio.create_task(site.round())
    await asyncio.sleep(0)
    site.stop.set()
    report = await task
    assert (request.state, report.outcome.ending) == ("Sent", Ending.WAITING)
    os.close(os.open(site.directory / "token", os.O_RDWR))


async def test_ids_that_the_offering_does_not_allow_are_skipped(site: Site) -> None:
    """By its backend_id_rules, in the provider's words; the rest is reported."""
    site.offering.backend_id_rules = {"format": {"regex": "hpc_[a-z]+", "description": "hpc_ and letters"}}
    site.finds("hpc_one", "hpc_2")
    site.ask()
    report = await site.round()
    assert site.ids() == ["hpc_one"]
    assert report.plan is not None
    assert [item.why for item in report.plan.skipped] == [
        "the offering's backend_id_rules would refuse the import: hpc_[a-z]+ (hpc_ and letters)"
    ]


async def test_a_hostile_rule_for_ids_does_not_hold_the_agent_up(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would take for ever, with Python's lock held: it is given up, all is reported, and the log says so."""
    monkeypatch.setattr(id_pattern, "SECONDS", 0.5)
    site.offering.backend_id_rules = {"format": {"regex": "(a+)+$"}}
    site.finds(found("a" * 200 + "!"))
    request = site.ask()
    with capture_logs() as logs:
        await site.round()
    assert request.state == "Done"
    assert len(site.records()) == 1
    assert ["(a+)+$" in entry["note"] for entry in logs if entry["event"] == "survey"].count(True) == 1


async def test_a_timeout_of_the_scanner_itself_is_not_the_deadline(site: Site) -> None:
    """A socket's, for example: scan_timeout would be the wrong thing to change."""
    site.scanner.errors.append(TimeoutError("the read operation timed out"))
    request = site.ask()
    await site.round()
    assert request.state == "Erred"
    assert "TimeoutError: the read operation timed out" in request.error_message
    assert "scan_timeout" not in request.error_message
