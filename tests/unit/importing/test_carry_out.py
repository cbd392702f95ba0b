"""An import makes each resource once, whatever happens on the way, and tells what became of each record."""

import json
from dataclasses import replace

import pytest

from unit.importing.conftest import Desk
from waldur_import_agent.errors import ExitCode, StateError, StoppedError
from waldur_import_agent.importing import ImportOutcome
from waldur_import_agent.sandbox import Answer, Fault, requests_to
from waldur_import_agent.waldur.errors import WaldurRefusedError, WaldurUnavailableError

IMPORT = "/import_resource/"


async def test_records_become_resources_with_their_limits_and_projects(desk: Desk) -> None:
    """Each record becomes one resource in its project with its limits and the plan; the records are gone."""
    desk.reported("hpc_1")
    desk.reported("hpc_2", limits={"cpu": 20})
    results, importer = await desk.carry_out(await desk.preview())
    assert [(result.backend_id, result.outcome, result.why) for result in results] == [
        ("hpc_1", ImportOutcome.IMPORTED, ""),
        ("hpc_2", ImportOutcome.IMPORTED, ""),
    ]
    assert importer.ended_by is None
    made = {resource.uuid: resource for resource in desk.sandbox.resources.values()}
    assert [made[result.resource].limits for result in results] == [{"cpu": 10, "gpu": 1}, {"cpu": 20}]
    assert {resource.project for resource in made.values()} == {desk.alpha}
    assert {resource.plan for resource in made.values()} == {desk.offering.plans[0]}
    assert not desk.sandbox.records


@pytest.mark.parametrize("answer", [Answer(201, ""), Answer(200, "<p>ok</p>"), Answer(201, {"anything": 1}), None])
async def test_success_is_what_waldur_shows_afterwards(desk: Desk, answer: Answer | None) -> None:
    """A lost, empty or odd answer to an import that took effect is a success, and nothing is sent twice."""
    desk.reported("hpc_1")
    desk.sandbox.faults.append(Fault(requests_to("POST", IMPORT), answer, handled=True, times=1))
    (result,), importer = await desk.carry_out(await desk.preview())
    assert (result.outcome, importer.ended_by) == (ImportOutcome.IMPORTED, None)
    assert desk.ids() == ["hpc_1"]
    assert desk.sent(IMPORT) == 1


async def test_import_that_never_arrived_is_sent_again(desk: Desk) -> None:
    """Where the record is still there after a lost answer, the import is sent again."""
    desk.reported("hpc_1")
    desk.sandbox.faults.append(Fault(requests_to("POST", IMPORT), Answer(502, "Bad gateway"), times=2))
    (result,), _ = await desk.carry_out(await desk.preview())
    assert result.outcome is ImportOutcome.IMPORTED
    assert desk.ids() == ["hpc_1"]
    assert desk.sent(IMPORT) == 3


async def test_what_became_a_resource_after_the_preview_is_not_imported(desk: Desk) -> None:
    """Somebody else was faster, in any live state: nothing is sent, since Waldur itself would allow some of it."""
    desk.reported("hpc_1")
    plan = await desk.preview()
    other = desk.sandbox.add_resource(desk.offering, desk.alpha, "hpc_1", state="Erred")
    (result,), _ = await desk.carry_out(plan)
    assert (result.outcome, result.resource) == (ImportOutcome.EXISTS, other.uuid)
    assert not desk.sent(IMPORT)


async def test_race_that_waldur_decides(desk: Desk) -> None:
    """A refusal because somebody else imported it between our look and our call is no failure."""
    desk.reported("hpc_1")
    plan = await desk.preview()
    asked = 0

    def between(method: str, path: str) -> bool:
        nonlocal asked
        if method == "POST" and IMPORT in path and not asked:
            asked += 1
            desk.sandbox.add_resource(desk.offering, desk.alpha, "hpc_1")
        return False

    desk.sandbox.faults.append(Fault(between))
    (result,), _ = await desk.carry_out(plan)
    assert result.outcome is ImportOutcome.EXISTS
    assert desk.ids() == ["hpc_1"]


async def test_record_that_is_gone(desk: Desk) -> None:
    """A record that the agent refreshed or withdrew since the preview is told as such; the next one is imported."""
    gone = desk.reported("hpc_1")
    desk.reported("hpc_2")
    plan = await desk.preview()
    desk.sandbox.delete_record(gone)
    (first, second), _ = await desk.carry_out(plan)
    assert first.outcome is ImportOutcome.REFUSED
    assert "refreshed or withdrew" in first.why
    assert second.outcome is ImportOutcome.IMPORTED


async def test_refusals_are_in_waldurs_words_and_the_rest_goes_on(desk: Desk) -> None:
    """A 400 or a 500 concerns its record alone; the 500 was tried again before."""
    first, second = desk.reported("hpc_1"), desk.reported("hpc_2")
    desk.reported("hpc_3")
    desk.sandbox.faults += [
        Fault(requests_to("POST", first.uuid), Answer(400, {"backend_id": ["not unique in the group"]})),
        Fault(requests_to("POST", second.uuid), Answer(500, "<h1>Server Error (500)</h1>")),
    ]
    results, importer = await desk.carry_out(await desk.preview())
    assert [result.outcome for result in results] == [
        ImportOutcome.REFUSED,
        ImportOutcome.REFUSED,
        ImportOutcome.IMPORTED,
    ]
    assert results[0].why == "Waldur refused it (400): backend_id: not unique in the group"
    assert "500" in results[1].why
    assert desk.sent(second.uuid) == 3
    assert importer.ended_by is None


async def test_twenty_equal_refusals_are_enough(desk: Desk) -> None:
    """When all are refused alike the rest is left, and why is said."""
    for number in range(25):
        desk.reported(f"hpc_{number:02}")
    desk.sandbox.faults.append(Fault(requests_to("POST", IMPORT), Answer(400, {"plan": ["archived"]})))
    results, importer = await desk.carry_out(await desk.preview())
    assert [result.outcome for result in results] == [ImportOutcome.REFUSED] * 20 + [ImportOutcome.LEFT] * 5
    assert "20 equal refusals" in str(importer.ended_by)


async def test_token_that_may_not_import_ends_it_at_once(desk: Desk) -> None:
    """403 is about the token, so no other record is tried; it is said who may import."""
    desk.reported("hpc_1")
    desk.reported("hpc_2")
    desk.user = "agent"
    results, importer = await desk.carry_out(await desk.preview())
    assert [result.outcome for result in results] == [ImportOutcome.LEFT, ImportOutcome.LEFT]
    assert isinstance(importer.ended_by, WaldurRefusedError)
    assert "only staff may" in str(importer.ended_by)


async def test_waldur_away_leaves_the_rest(desk: Desk) -> None:
    """When Waldur stays away, the record in hand is unknown, the others are left, and the exit code is Waldur's."""
    desk.reported("hpc_1")
    desk.reported("hpc_2")
    plan = await desk.preview()
    desk.sandbox.faults += [Fault(requests_to("POST", IMPORT)), Fault(requests_to("GET", "/backend-resources/"))]
    results, importer = await desk.carry_out(plan)
    assert [result.outcome for result in results] == [ImportOutcome.UNKNOWN, ImportOutcome.LEFT]
    assert isinstance(importer.ended_by, WaldurUnavailableError)
    assert importer.ended_by.exit_code == ExitCode.UNAVAILABLE


async def test_unknown_is_cleared_up_by_the_list(desk: Desk) -> None:
    """An import whose answer was lost, and of which the list at the end shows the resource, was done."""
    desk.reported("hpc_1")
    plan = await desk.preview()
    desk.sandbox.faults += [
        Fault(requests_to("POST", IMPORT), handled=True, times=1),
        Fault(requests_to("GET", "/backend-resources/")),
    ]
    (result,), _ = await desk.carry_out(plan)
    assert result.outcome is ImportOutcome.IMPORTED
    assert desk.ids() == ["hpc_1"]


async def test_stopped_between_two_records(desk: Desk) -> None:
    """A stop lets the record in hand end; the others are left, and a second run imports exactly those."""
    for number in range(3):
        desk.reported(f"hpc_{number}")

    def stop_at_second(phase: str, done: int, total: int) -> None:
        if done == 1:
            desk.stop.set()

    results, importer = await desk.carry_out(await desk.preview(), progress=stop_at_second)
    assert [result.outcome for result in results] == [
        ImportOutcome.IMPORTED,
        ImportOutcome.IMPORTED,
        ImportOutcome.LEFT,
    ]
    assert isinstance(importer.ended_by, StoppedError)
    desk.stop.clear()
    results, _ = await desk.carry_out(await desk.preview())
    assert [result.backend_id for result in results] == ["hpc_2"]
    assert desk.ids() == ["hpc_0", "hpc_1", "hpc_2"]


async def test_lie_of_success(desk: Desk) -> None:
    """A success that has done nothing is found out: the record is still there."""
    desk.reported("hpc_1")
    desk.sandbox.faults.append(Fault(requests_to("POST", IMPORT), Answer(201, {})))
    (result,), _ = await desk.carry_out(await desk.preview())
    assert result.outcome is ImportOutcome.REFUSED
    assert "still there" in result.why


async def test_receipt_finds_what_is_wrong(desk: Desk) -> None:
    """Two resources of one id, another project, plan or limits, or none at all: each is said."""
    twice, other = desk.reported("hpc_1"), desk.reported("hpc_2")
    gone = desk.reported("hpc_3")
    beta = desk.sandbox.add_project("Project Beta", "beta")
    other_plan = replace(desk.offering.plans[0], uuid="b" * 32, name="Premium")

    def meddle(phase: str, done: int, total: int) -> None:
        if not phase.startswith("comparing"):
            return
        desk.sandbox.add_resource(desk.offering, desk.alpha, "hpc_1", limits={"cpu": 10, "gpu": 1})
        for resource in desk.sandbox.resources.values():
            if resource.backend_id == other.backend_id:
                resource.project, resource.plan, resource.limits = beta, other_plan, {"cpu": 1}
            if resource.backend_id == gone.backend_id:
                resource.state = "Terminated"

    results, _ = await desk.carry_out(await desk.preview(), progress=meddle)
    assert [result.outcome for result in results] == [ImportOutcome.WRONG] * 3
    assert "2 live resources have this id" in results[0].why
    assert twice.backend_id == results[0].backend_id
    assert "in the project Project Beta" in results[1].why
    assert "it has the plan Premium, not Standard" in results[1].why
    assert "limits {'cpu': 1}" in results[1].why
    assert "lists no resource" in results[2].why


async def test_metadata_are_set_where_asked_for(desk: Desk) -> None:
    """The new resource shows what its record told, without limits and marker; without the option it shows nothing."""
    desk.reported("hpc_1", description="Genomics", import_agent={"instance": "default"})
    await desk.carry_out(await desk.preview(), with_metadata=True)
    (resource,) = desk.sandbox.resources.values()
    assert resource.backend_metadata == {"type": "SLURM account", "description": "Genomics"}
    desk.reported("hpc_2")
    await desk.carry_out(await desk.preview())
    assert [resource.backend_metadata for resource in desk.sandbox.resources.values()][1] == {}


async def test_metadata_that_could_not_be_set(desk: Desk) -> None:
    """The import stands, and it is said that the metadata are missing."""
    desk.reported("hpc_1")
    desk.sandbox.faults.append(
        Fault(requests_to("POST", "set_backend_metadata"), Answer(403, {"detail": "You do not have permission."}))
    )
    (result,), _ = await desk.carry_out(await desk.preview(), with_metadata=True)
    assert result.outcome is ImportOutcome.WRONG
    assert "imported, but its metadata were not set" in result.why
    assert desk.ids() == ["hpc_1"]


def after_an_import(desk: Desk) -> Fault:
    """From the first import on, Waldur's list of resources is away."""
    return Fault(
        lambda method, path: "marketplace-provider-resources" in path and method == "GET" and bool(desk.sent(IMPORT)),
        Answer(503),
    )


async def test_outage_after_a_refusal(desk: Desk) -> None:
    """When nobody can tell whether a refusal means that it is imported, it is unknown and the rest is left."""
    desk.reported("hpc_1")
    desk.reported("hpc_2")
    desk.sandbox.faults += [
        Fault(requests_to("POST", IMPORT), Answer(400, {"plan": ["archived"]})),
        after_an_import(desk),
    ]
    results, importer = await desk.carry_out(await desk.preview())
    assert [result.outcome for result in results] == [ImportOutcome.UNKNOWN, ImportOutcome.LEFT]
    assert isinstance(importer.ended_by, WaldurUnavailableError)


async def test_receipt_that_cannot_be_read(desk: Desk) -> None:
    """What was answered stands, and the exit code tells that Waldur did not confirm it."""
    desk.reported("hpc_1")
    desk.sandbox.faults.append(after_an_import(desk))
    (result,), importer = await desk.carry_out(await desk.preview())
    assert result.outcome is ImportOutcome.IMPORTED
    assert isinstance(importer.ended_by, WaldurUnavailableError)


async def test_metadata_of_a_resource_that_is_not_there(desk: Desk) -> None:
    """Where the record went without becoming a resource, the receipt says so and no metadata are sent."""
    record = desk.reported("hpc_1")

    def withdrawn_instead(method: str, path: str) -> bool:
        if method == "POST" and IMPORT in path:
            desk.sandbox.delete_record(record)
            return True
        return False

    desk.sandbox.faults.append(Fault(withdrawn_instead, Answer(201, {})))
    (result,), _ = await desk.carry_out(await desk.preview(), with_metadata=True)
    assert result.outcome is ImportOutcome.WRONG
    assert "lists no resource" in result.why
    assert not desk.sent("set_backend_metadata")


async def test_stopped_while_waiting_to_try_again(desk: Desk) -> None:
    """A stop ends the wait after a lost answer; what became of that record is looked up in the list."""
    desk.reported("hpc_1")
    desk.reported("hpc_2")

    def stop_at(method: str, path: str) -> bool:
        if method == "POST" and IMPORT in path:
            desk.stop.set()
            return True
        return False

    desk.sandbox.faults.append(Fault(stop_at, Answer(502)))
    results, importer = await desk.carry_out(await desk.preview())
    assert [result.outcome for result in results] == [ImportOutcome.UNKNOWN, ImportOutcome.LEFT]
    assert isinstance(importer.ended_by, StoppedError)


@pytest.mark.parametrize("answer", [Answer(504, "<h1>Gateway Time-out</h1>"), None])
async def test_import_that_takes_effect_late_is_not_sent_again(desk: Desk, answer: Answer | None) -> None:
    """Waldur goes on after its answer was lost: the record is looked for again and again, nothing is sent twice."""
    desk.reported("hpc_1")
    desk.reported("hpc_2")
    plan = await desk.preview()
    desk.sandbox.faults.append(Fault(requests_to("POST", IMPORT), answer, handled=True, times=1, late=5))
    results, importer = await desk.carry_out(plan)
    assert [result.outcome for result in results] == [ImportOutcome.IMPORTED] * 2
    assert desk.ids() == ["hpc_1", "hpc_2"]
    assert desk.sent(IMPORT) == 2
    assert importer.ended_by is None


async def test_looking_is_bounded(desk: Desk) -> None:
    """A record that is still there after two minutes of looks is sent again, three times at the most."""
    desk.reported("hpc_1")
    desk.sandbox.faults.append(Fault(requests_to("POST", IMPORT), Answer(502, "Bad gateway")))
    (result,), importer = await desk.carry_out(await desk.preview())
    assert result.outcome is ImportOutcome.UNKNOWN
    assert isinstance(importer.ended_by, WaldurUnavailableError)
    assert desk.sent(IMPORT) == 3
    assert 3 * 120 <= sum(desk.waits) < 3 * 140
    assert max(desk.waits) == 15


async def test_killed_while_waldur_was_at_it(desk: Desk) -> None:
    """The next run waits for what a killed one had sent, and sends that record only if nothing becomes of it."""
    late, dead = desk.reported("hpc_1"), desk.reported("hpc_2")
    with desk.sandbox.transactions.committing_after(8):
        desk.sandbox.import_record(late, desk.offering.plans[0])
    desk.notes.note_sent(late.uuid)
    results, _ = await desk.carry_out(await desk.preview())
    assert [(result.backend_id, result.outcome, result.why) for result in results] == [
        ("hpc_2", ImportOutcome.IMPORTED, ""),
        ("hpc_1", ImportOutcome.IMPORTED, ""),
    ]
    assert desk.ids() == ["hpc_1", "hpc_2"]
    assert (desk.sent(late.uuid), desk.sent(dead.uuid)) == (0, 1)


async def test_killed_before_waldur_got_it(desk: Desk) -> None:
    """After the wait it is sent; the note is gone when all is done, so that the next run does not wait."""
    record = desk.reported("hpc_1")
    desk.notes.note_sent(record.uuid)
    (result,), _ = await desk.carry_out(await desk.preview())
    assert (result.outcome, desk.sent(IMPORT)) == (ImportOutcome.IMPORTED, 1)
    assert sum(desk.waits) >= 100
    assert desk.notes.under_way() == {}


async def test_note_that_is_old_or_of_another_record_costs_no_wait(desk: Desk) -> None:
    """Only the record that was sent a short while ago is waited for."""
    first, _ = desk.reported("hpc_1"), desk.reported("hpc_2")
    desk.notes.note_sent("f" * 32)
    await desk.carry_out(replace(await desk.preview(), imports=(await desk.preview()).imports[1:]))
    assert set(desk.notes.under_way()) == {"f" * 32}, "a run that did not look for it keeps the note"
    desk.notes.note_sent(first.uuid)
    (note,) = (desk.directory / "state").iterdir()
    note.write_text(json.dumps({first.uuid: 0}))
    await desk.carry_out(await desk.preview())
    assert (desk.ids(), desk.waits) == (["hpc_1", "hpc_2"], [])
    assert desk.notes.under_way() == {}


async def test_import_without_a_state_directory(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """Where nothing can be noted the import goes on, and is warned of once."""
    desk.reported("hpc_1")
    desk.reported("hpc_2")
    (desk.directory / "state").write_text("a file")
    await desk.carry_out(await desk.preview())
    assert desk.ids() == ["hpc_1", "hpc_2"]
    assert caplog.text.count("imports under way are not noted") == 1


async def test_requests_per_record(desk: Desk) -> None:
    """Two for each record, and a list before each hundred of them and at the end."""
    for number in range(150):
        desk.reported(f"hpc_{number:03}")
    plan = await desk.preview()
    desk.sandbox.log.clear()
    await desk.carry_out(plan)
    assert len(desk.ids()) == 150
    assert len(desk.sandbox.log) == 150 * 2 + 3


async def test_outage_at_the_look_leaves_the_rest(desk: Desk) -> None:
    """Where the resources cannot be read, nothing more is imported."""
    desk.reported("hpc_1")
    plan = await desk.preview()
    desk.sandbox.faults.append(Fault(requests_to("GET", "marketplace-provider-resources"), Answer(503)))
    (result,), importer = await desk.carry_out(plan)
    assert result.outcome is ImportOutcome.LEFT
    assert isinstance(importer.ended_by, WaldurUnavailableError)
    assert not desk.sent(IMPORT)


async def test_metadata_that_failed_are_set_by_the_next_run(desk: Desk) -> None:
    """The record and its metadata are gone by then: they were noted before; what else the resource has is kept."""
    desk.reported("hpc_1", description="Genomics")
    refusal = Fault(requests_to("POST", "set_backend_metadata"), Answer(403, {"detail": "No."}), times=1)
    desk.sandbox.faults.append(refusal)
    await desk.carry_out(await desk.preview(), with_metadata=True)
    (resource,) = desk.sandbox.resources.values()
    resource.backend_metadata = {"quota": 1}
    plan = await desk.preview()
    assert [(change.backend_id, change.needed) for change in plan.metadata] == [("hpc_1", True)]
    (result,), _ = await desk.carry_out(plan, with_metadata=True)
    assert (result.outcome, result.resource) == (ImportOutcome.METADATA_SET, resource.uuid)
    assert resource.backend_metadata == {"quota": 1, "type": "SLURM account", "description": "Genomics"}
    assert (await desk.preview()).metadata == ()
    assert desk.sent(IMPORT) == 1


async def test_stopped_before_the_metadata(desk: Desk) -> None:
    """A stop leaves them for the next run, and says so; that run sets them beside what it imports itself."""
    desk.reported("hpc_1")

    def stop_at_the_end(phase: str, done: int, total: int) -> None:
        if phase.startswith("setting"):
            desk.stop.set()

    (result,), importer = await desk.carry_out(await desk.preview(), with_metadata=True, progress=stop_at_the_end)
    assert result.outcome is ImportOutcome.WRONG
    assert result.why == "imported, but its metadata were not set: run the same again"
    assert isinstance(importer.ended_by, StoppedError)
    desk.stop.clear()
    desk.reported("hpc_2")
    results, _ = await desk.carry_out(await desk.preview(), with_metadata=True)
    assert [(each.backend_id, each.outcome) for each in results] == [
        ("hpc_2", ImportOutcome.IMPORTED),
        ("hpc_1", ImportOutcome.METADATA_SET),
    ]
    assert [resource.backend_metadata for resource in desk.sandbox.resources.values()] == [
        {"type": "SLURM account"}
    ] * 2


async def test_waldur_away_before_the_metadata(desk: Desk) -> None:
    """An outage ends it with Waldur's exit code; they stay noted."""
    desk.reported("hpc_1")
    desk.reported("hpc_2")
    desk.sandbox.faults.append(Fault(requests_to("POST", "set_backend_metadata"), Answer(503)))
    results, importer = await desk.carry_out(await desk.preview(), with_metadata=True)
    assert [result.outcome for result in results] == [ImportOutcome.WRONG] * 2
    assert isinstance(importer.ended_by, WaldurUnavailableError)
    assert len((await desk.preview()).metadata) == 2
    assert desk.sent("set_backend_metadata") == 12, "the second is not tried"


async def test_metadata_that_cannot_be_noted(desk: Desk) -> None:
    """Then nothing is imported: with the record its metadata would be lost."""
    desk.reported("hpc_1")
    plan = await desk.preview()
    (desk.directory / "state").write_text("a file")
    with pytest.raises(StateError, match="cannot be noted"):
        await desk.carry_out(plan, with_metadata=True)
    assert not desk.sent(IMPORT)
    (desk.directory / "state").unlink()
    desk.notes.add_metadata({"hpc_1": {}})
    (note,) = (desk.directory / "state").iterdir()
    note.write_text("{")
    with pytest.raises(StateError, match="cannot be read"):
        await desk.carry_out(plan, with_metadata=True)
