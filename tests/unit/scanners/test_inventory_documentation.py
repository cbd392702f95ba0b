"""What docs/scanners/inventory.md says of the scanner's messages, settings and its example."""

import ast
import re
from pathlib import Path

import pytest

from waldur_import_agent.scanners import inventory, record_form
from waldur_import_agent.scanners.inventory import COLUMNS, MAPPINGS, InventoryScanner, InventorySettings

PAGE = (Path(__file__).parents[3] / "docs/scanners/inventory.md").read_text()
TABLE = PAGE.partition("## Troubleshooting by message")[2]
MESSAGES = (
    "the inventory ",
    " cannot be read: ",
    " is not a file",
    "`format` is needed: the file's ending is none of ",
    "the records are not in the record form, nothing of them was used",
    "the file is empty; if there really is nothing",
    "the first line must name the columns, backend_id among them",
    "column ",
    ": this name stands twice",
    " cells, but the first line names ",
    "this is not UTF-8 text",
    "this is not CSV",
    "it is not complete",
)


def constants() -> set[str]:
    """The texts of the scanner and of the record form."""
    return {
        node.value
        for module in (inventory, record_form)
        for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


@pytest.mark.parametrize("message", MESSAGES)
def test_every_message_is_in_the_code_and_in_the_documentation(message: str) -> None:
    """Whoever looks for the words of a message finds what to do."""
    assert any(message in text for text in constants())
    assert message in TABLE


def test_every_setting_and_column_is_documented() -> None:
    """In tables of their own, beside `type`."""
    settings = PAGE.partition("## Configuration")[2].partition("## What is reported")[0]
    columns = PAGE.partition("## What is reported")[2].partition("## Examples")[0]
    assert [name for name in InventorySettings.model_fields if f"| `{name}` |" not in settings] == []
    assert [name for name in COLUMNS if f"`{name}`" not in columns] == []
    assert [name for name in MAPPINGS if f"| `{name}X` |" not in columns] == []


async def test_the_example_of_the_page_is_read(tmp_path: Path) -> None:
    """A limit, a text, and what has no limit."""
    example = re.search(r"```csv\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    (tmp_path / "storage.csv").write_text(example[1])
    scan = await InventoryScanner(InventorySettings(path=tmp_path / "storage.csv")).scan()
    first, second = scan.resources
    assert (first.backend_id, first.parents[0].name, first.attributes["owner"]) == ("share-17", "physics", "ada")
    assert (first.limits, second.limits) == ({"bytes": 500000000000}, {"bytes": None})
