"""The mapping command: what it is given, what its answer means, and how it may fail."""

import json
import sys
from pathlib import Path

import pytest

from support.builders import found
from support.site import Site
from waldur_import_agent.fulfilment import mapping
from waldur_import_agent.fulfilment.mapping import MappingCommandError, ask_mapping_command
from waldur_import_agent.records import Ancestor
from waldur_import_agent.scanners.record_form import RecordReader
from waldur_import_agent.settings.models import MappingCommand

ANSWER_ALL = """\
import json, sys
for line in sys.stdin:
    print(json.dumps({"backend_id": json.loads(line)["backend_id"], "project": "alpha"}))
"""


def python(text: str, **changes: object) -> MappingCommand:
    """A command that runs this program."""
    return MappingCommand.model_validate({"command": [sys.executable, "-c", text]} | changes)


def prints(*lines: object) -> MappingCommand:
    """A command that prints these lines, as they are or as JSON, and reads nothing."""
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    return python(f"print({text!r})")


async def test_it_gets_the_record_form(tmp_path: Path) -> None:
    """Each found resource is a line in the published form, nothing of it lost."""
    things = (
        found(
            "one",
            name="First",
            parents=(Ancestor("g", "group", {"x": 1}), Ancestor("top", "top")),
            attributes={"organization": "physics", "core": True},
            limits={"cpu": 5, "gpu": None},
            user_count=3,
            problems=("mem unreadable",),
        ),
        found("two"),
    )
    path = tmp_path / "got"
    command = python(f"import sys; open({str(path)!r}, 'wb').write(sys.stdin.buffer.read())")
    assert (await ask_mapping_command(command, things)).projects == {}
    reader = RecordReader("got")
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        reader.read_line(number, line)
    assert reader.scan().resources == things


async def test_answers_by_id() -> None:
    """A line without a project leaves its id to the rules, blank lines and further keys do not matter."""
    answers = prints(
        {"backend_id": "one", "project": " alpha ", "why": "x"},
        "",
        {"backend_id": "two", "project": None},
        {"backend_id": "three"},
        {"backend_id": "one", "project": "alpha"},
    )
    mapped = await ask_mapping_command(answers, [found("one"), found("two"), found("three")])
    assert mapped == mapping.Mapped({"one": "alpha"})


async def test_answer_for_what_was_not_found_is_a_warning() -> None:
    """It is not used, and told."""
    mapped = await ask_mapping_command(prints({"backend_id": "gone", "project": "x"}), [found("one")])
    assert mapped.projects == {}
    assert mapped.warnings == ("the mapping command answers for 1 ids that were not found, like 'gone'",)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("nonsense", "line 2 of what .* printed: Invalid JSON"),
        ([1], "line 2 of what"),
        ({"project": "alpha"}, "line 2 of what .*backend_id: Field required"),
        ({"backend_id": "one", "project": 5}, "line 2 of what .*project: Input should be a valid string"),
        ({"backend_id": "one", "project": "beta"}, "line 2 of what .*'one' has another project above"),
    ],
)
async def test_answer_that_is_not_its_form(line: object, said: str) -> None:
    """A program that prints something else is not to be trusted with any of its lines."""
    with pytest.raises(MappingCommandError, match=said):
        await ask_mapping_command(prints({"backend_id": "one", "project": "alpha"}, line), [found("one")])


async def test_failure_is_told_in_its_own_words() -> None:
    """The first lines of its stderr and its exit code; not its whole log."""
    failing = python("import sys; print(*(f'line {n}' for n in range(9)), sep='\\n', file=sys.stderr); sys.exit(3)")
    with pytest.raises(MappingCommandError, match=r"exit code 3: line 0; line 1; line 2; line 3; line 4\. Nothing"):
        await ask_mapping_command(failing, [found("one")])
    with pytest.raises(MappingCommandError, match="it gave no reason"):
        await ask_mapping_command(python("raise SystemExit(1)"), [found("one")])


async def test_limits_of_a_program() -> None:
    """It is killed when it takes too long or prints too much, and told where it cannot be started."""
    with pytest.raises(MappingCommandError, match=r"did not end within 0\.2 seconds"):
        await ask_mapping_command(python("import time; time.sleep(60)", timeout=0.2), [found("one")])
    with pytest.raises(MappingCommandError, match="printed more than 10 bytes"):
        await ask_mapping_command(python("print('x' * 100)", output_limit=10), [found("one")])
    with pytest.raises(MappingCommandError, match="/nowhere/map could not be started"):
        await ask_mapping_command(MappingCommand(command=("/nowhere/map",)), [found("one")])


async def test_nothing_is_run_for_nothing() -> None:
    """Without a command, or where nothing was found, no process is started."""
    assert await ask_mapping_command(MappingCommand(), [found("one")]) == mapping.Mapped()
    assert await ask_mapping_command(MappingCommand(command=("/nowhere/map",)), []) == mapping.Mapped()


async def test_the_agents_own_settings_are_not_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The token may stand in the environment: another program does not get it, what else is there it does."""
    monkeypatch.setenv("WALDUR_IMPORT_AGENT__WALDUR__TOKEN", "secret")
    monkeypatch.setenv("SITE_DATABASE", "here")
    names = python("import os, json; print(json.dumps({'backend_id': 'one', 'project': ' '.join(sorted(os.environ))}))")
    (shown,) = (await ask_mapping_command(names, [found("one")])).projects.values()
    assert "SITE_DATABASE" in shown
    assert "WALDUR_IMPORT_AGENT__WALDUR__TOKEN" not in shown


async def test_a_round_places_by_it(site: Site) -> None:
    """The overrides come before it, the rules after it."""
    beta = site.sandbox.add_project("Beta", "beta")
    overrides = site.directory / "overrides.csv"
    overrides.write_text("backend_id,project\nby_hand,beta\n")
    command = prints({"backend_id": "by_hand", "project": "alpha"}, {"backend_id": "hpc_x", "project": beta.uuid})
    rules = [{"from": "parent", "match": "^hpc_(?P<slug>.+)$", "value": "{slug}"}]
    site.offering_settings = {
        "projects": {"rules": rules, "overrides_file": str(overrides), "mapping_command": command.model_dump()}
    }
    site.finds(found("by_hand"), found("hpc_x"), found("hpc_rule"))
    request = site.ask()
    await site.round()
    assert request.state == "Done"
    placed = {record.backend_id: record.project.slug for record in site.records()}
    assert placed == {"by_hand": "beta", "hpc_x": "beta", "hpc_rule": "alpha"}
    assert [record.backend_metadata["placement"] for record in site.records() if record.backend_id == "hpc_x"] == [
        f"the mapping command gives uuid {beta.uuid!r}"
    ]


async def test_a_round_ends_erred_where_it_fails(site: Site) -> None:
    """Without its answer, placement would be a guess: nothing is written, and the request has its words."""
    site.offering_settings = {
        "projects": {"mapping_command": python("import sys; sys.exit('no database')").model_dump()}
    }
    site.finds("hpc_one")
    request = site.ask()
    await site.round()
    assert request.state == "Erred"
    assert "no database" in request.error_message
    assert site.ids() == []


async def test_many_resources() -> None:
    """More lines than a pipe holds, both ways."""
    things = [found(f"account_{number:05}", parent="other") for number in range(3000)]
    mapped = await ask_mapping_command(python(ANSWER_ALL), things)
    assert len(mapped.projects) == 3000
