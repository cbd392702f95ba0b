"""The fake Waldur of the bench: it answers as the real one did, and counts what it is asked."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import fake_rows, world
from benchmarks.fake_state import Answer, State

RECORDED = json.loads(
    (Path(__file__).parents[2] / "contract" / "data" / "recorded.json").read_text()
)  # exchanges of a real server
OFFERING = world.offering_uuid(7)


def recorded(case: str) -> Any:
    """The JSON that a real server answered; of a list, its first row."""
    (body,) = [exchange["response"]["body"] for exchange in RECORDED if exchange["case"] == case]
    return body[0] if isinstance(body, list) else body


def get(state: State, target: str) -> Answer:
    """The answer to a GET."""
    return state.answer("GET", f"/api/{target}", b"")


def post(state: State, target: str, **sent: Any) -> Answer:
    """The answer to a POST."""
    answer = state.answer("POST", f"/api/{target}", json.dumps(sent).encode())
    state.sent("POST", f"/api/{target}")
    return answer


def create(state: State, number: int) -> str:
    """Create a record as an agent does; its UUID."""
    answer = post(
        state,
        "backend-resources/",
        name=world.account(number),
        project=world.project_uuid(0),
        offering=OFFERING,
        backend_id=world.account(number),
        backend_metadata={"limits": {"cpu": number}},
    )
    assert answer.status == 201
    return str(json.loads(answer.body)["uuid"])


def test_rows_have_the_fields_that_a_real_server_sends() -> None:
    """Records and requests have exactly the recorded fields; of the others, all that was recorded for an agent."""
    state = State(projects=2)
    create(state, 0)
    state.ask(OFFERING)
    (record,) = json.loads(get(state, f"backend-resources/?offering_uuid={OFFERING}").body)
    (request,) = json.loads(get(state, f"backend-resource-requests/?offering_uuid={OFFERING}").body)
    assert record.keys() == recorded("create backend resource").keys()
    assert request.keys() == recorded("list Sent of an offering, oldest first").keys()
    assert record["backend_metadata"] == {"limits": {"cpu": 0}}
    assert fake_rows.PROJECT.keys() >= recorded("projects by slug as staff").keys()
    assert fake_rows.RESOURCE.keys() >= recorded("provider resources of the offering").keys()
    assert fake_rows.offering_row(OFFERING).keys() >= {
        "uuid",
        "name",
        "components",
        "customer_uuid",
        "backend_id_rules",
    }


def test_lists_come_in_pages_with_their_total() -> None:
    """At most 300 rows a page, all of them in the order of creation, with the total and the page that follows."""
    state = State(projects=2)
    made = [create(state, number) for number in range(305)]
    first = get(state, f"backend-resources/?offering_uuid={OFFERING}&page_size=500")
    second = get(state, f"backend-resources/?offering_uuid={OFFERING}&page_size=500&page=2")
    assert (first.total, first.next_page, second.next_page) == (305, 2, None)
    assert [row["uuid"] for row in (*json.loads(first.body), *json.loads(second.body))] == made


def test_projects_and_resources_have_only_the_asked_fields() -> None:
    """`field` cuts a row, as in Waldur; a slug finds its project."""
    state = State(projects=25)
    create(state, 0)
    state.make_resources(OFFERING)
    (resource,) = json.loads(
        get(state, f"marketplace-provider-resources/?offering_uuid={OFFERING}&field=backend_id").body
    )
    assert resource == {"backend_id": world.account(0)}
    (project,) = json.loads(get(state, f"projects/?slug={world.project_slug(24)}&field=uuid").body)
    assert project == {"uuid": world.project_uuid(24)}
    assert get(state, "projects/?page_size=300").total == 25
    assert get(state, "projects/?slug=nobody").total == 0


def test_imported_records_are_records_no_longer() -> None:
    """An import moves a row from one list to the other."""
    state = State(projects=1)
    create(state, 0)
    assert state.make_resources(OFFERING) == 1
    assert get(state, f"backend-resources/?offering_uuid={OFFERING}").total == 0
    assert get(state, f"marketplace-provider-resources/?offering_uuid={OFFERING}&state=OK").total == 1


def test_deleted_record_is_gone() -> None:
    """A second DELETE finds nothing."""
    state = State(projects=1)
    uuid = create(state, 0)
    assert [state.answer("DELETE", f"/api/backend-resources/{uuid}/", b"").status for _ in range(2)] == [204, 404]
    assert get(state, f"backend-resources/?offering_uuid={OFFERING}&backend_id={world.account(0)}").total == 0


def test_request_is_counted_from_the_list_that_shows_it_to_its_end() -> None:
    """What came before the list that first showed it is not its cost, nor what comes after its end."""
    state = State(projects=1)
    get(state, "users/me/")
    uuid = state.ask(OFFERING)
    get(state, f"backend-resource-requests/?offering_uuid={OFFERING}&state=Sent")
    post(state, f"backend-resource-requests/{uuid}/start_processing/")
    create(state, 0)
    post(state, f"backend-resource-requests/{uuid}/set_done/")
    get(state, "users/me/")
    told = state.offered(OFFERING).requests[uuid].told()
    assert (told["state"], told["counted"], told["looked_again"]) == ("Done", 4, False)
    assert told["created"] <= told["started"] <= told["ended"]
    get(state, f"backend-resource-requests/?offering_uuid={OFFERING}&state=Sent")
    assert state.offered(OFFERING).requests[uuid].told()["looked_again"]
    assert state.counts["GET /users/me/"] == 2
    assert state.counts["POST /backend-resource-requests/{uuid}/set_done/"] == 1


def test_wrong_state_and_unknown_addresses_are_refused() -> None:
    """409 for a transition from another state, 404 for what is not there."""
    state = State(projects=1)
    uuid = state.ask(OFFERING)
    assert post(state, f"backend-resource-requests/{uuid}/set_done/").status == 409
    assert get(state, "no-such-thing/").status == 404
    assert post(state, f"backend-resource-requests/{world.offering_uuid(1)}/set_done/").status == 404


def test_an_offering_that_is_not_polled_has_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the reset to the first list, between two, and from the last until now: the longest of one that was asked."""
    time = 100.0
    monkeypatch.setattr("time.monotonic", lambda: time)
    state = State(projects=1)
    listed, never, other = (world.offering_uuid(number) for number in range(3))
    for offering in (listed, never, other):
        state.offered(offering)

    def poll(offering: str) -> None:
        get(state, f"backend-resource-requests/?offering_uuid={offering}&state=Sent")

    time = 150.0
    state.reset()
    time = 152.0
    poll(listed)
    assert state.longest_gap([listed]) == 2
    time = 155.0
    poll(listed)
    time = 156.0
    assert state.longest_gap([listed]) == 3
    assert state.longest_gap([listed, never]) == 6
    time = 165.0
    assert state.longest_gap([listed]) == 10
    assert state.longest_gap([]) == 0
