"""What docs/scanners/command.md says of the scanner's messages, settings and examples."""

import ast
import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from waldur_import_agent.scanners import command, record_form
from waldur_import_agent.scanners.command import MISCONFIGURED, UNAVAILABLE, CommandSettings

PAGE = (Path(__file__).parents[3] / "docs/scanners/command.md").read_text()
MESSAGES = (
    "the program needs its whole path",
    "names of variables are needed, without values",
    "the agent's own variables are not for other programs",
    " did not end within ",
    " seconds and was killed",
    " printed more than ",
    " bytes and was killed",
    " says that the backend is unavailable (exit code ",
    " says that it is not set up rightly (exit code ",
    " failed (",
    "killed by signal ",
    "the records are not in the record form, nothing of them was used",
    "nothing was printed; if there really is nothing",
    " is not set for the agent, so the program does not get it",
    "the command wrote to stderr",
)


def constants() -> set[str]:
    """The texts of the scanner and of the record form."""
    return {
        node.value
        for module in (command, record_form)
        for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


@pytest.mark.parametrize("message", MESSAGES)
def test_every_message_is_in_the_code_and_in_the_documentation(message: str) -> None:
    """Whoever looks for the words of a message finds what to do."""
    assert any(message in text for text in constants())
    assert message in PAGE.partition("## Troubleshooting by message")[2]


def test_every_setting_is_documented() -> None:
    """Beside `type`."""
    table = PAGE.partition("## Configuration")[2].partition("## What is reported")[0]
    assert {name for name in CommandSettings.model_fields if f"| `{name}` |" in table} == set(
        CommandSettings.model_fields
    )


def test_the_table_has_all_exit_codes() -> None:
    """Those that the scanner knows."""
    assert f"| {', '.join(map(str, sorted(UNAVAILABLE)))} | unavailable" in PAGE
    assert f"| {', '.join(map(str, sorted(MISCONFIGURED)))} | misconfigured" in PAGE


def test_the_lines_of_the_page_fit_the_schema() -> None:
    """A record with all that it may say, and a last line."""
    lines = [json.loads(block) for block in re.findall(r"```json\n(.*?)\n```", PAGE)]
    validator = Draft202012Validator(record_form.json_schema())
    assert [validator.is_valid(line) for line in lines] == [True, True]
    assert lines[0].keys() == record_form.RecordForm.model_fields.keys()
