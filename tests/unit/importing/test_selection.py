"""Which records a person means."""

from pathlib import Path

import pytest

from support.builders import EPOCH
from waldur_import_agent.errors import ConfigurationError, UsageError
from waldur_import_agent.importing import Chosen, Selection, read_ids
from waldur_import_agent.placement.table import write_table
from waldur_import_agent.waldur.models import BackendResource

RECORD = BackendResource(
    uuid="2" * 32,
    name="Genomics of plants",
    created=EPOCH,
    project="a" * 32,
    project_name="Project Alpha",
    offering="0" * 32,
    backend_id="hpc_Genomics",
    backend_metadata={"type": "SLURM account"},
)


@pytest.mark.parametrize(
    ("selection", "matches"),
    [
        (Selection(), True),
        (Selection(backend_id="HPC_g*"), True),
        (Selection(backend_id="genomics"), False),
        (Selection(name="*plants"), True),
        (Selection(name="plants"), False),
        (Selection(kind="slurm*"), True),
        (Selection(kind="OpenStack*"), False),
        (Selection(project="project alpha"), True),
        (Selection(project="AAAAAAAA-AAAA-AAAA-AAAA-AAAAAAAAAAAA"), True),
        (Selection(project="beta"), False),
        (Selection(backend_id="hpc*", project="beta"), False),
    ],
)
def test_all_patterns_must_match(selection: Selection, *, matches: bool) -> None:
    """Shell patterns on the whole text, case not counting; a project is named or is a UUID."""
    assert selection(RECORD) is matches


def test_type_of_metadata_that_are_no_object() -> None:
    """Such a record has no type, and is no crash."""
    odd = RECORD.model_copy(update={"backend_metadata": ["x"]})
    assert Selection()(odd)
    assert not Selection(kind="*account")(odd)


@pytest.mark.parametrize(
    "text",
    [
        "hpc_1\n\n# not this one\n hpc_2 \nhpc_1\n",
        "backend_id,project\nhpc_1,alpha\nhpc_2,\n",
        "\ufeffproject;backend_id\r\n;hpc_1\r\nx;hpc_2\r\n",
    ],
)
def test_ids_from_a_file(tmp_path: Path, text: str) -> None:
    """One per line, or the column of a CSV file as any spreadsheet writes it; each once."""
    (tmp_path / "ids").write_bytes(text.encode())
    assert read_ids(tmp_path / "ids") == ["hpc_1", "hpc_2"]


def test_formulas_survive_a_file(tmp_path: Path) -> None:
    """An id that a spreadsheet would calculate is written harmless and read as it was."""
    (tmp_path / "ids.csv").write_text(write_table(["backend_id"], [["=1+1"], ["-x"]]))
    assert read_ids(tmp_path / "ids.csv") == ["=1+1", "-x"]


def test_files_of_no_use(tmp_path: Path) -> None:
    """Missing, empty, not text, or broken CSV: each is named."""
    path = tmp_path / "ids"
    with pytest.raises(ConfigurationError, match="ids cannot be read: No such file"):
        read_ids(path)
    for content, reason in (
        (b"", "names no"),
        (b"\xff\xfe", "UTF-8"),
        (b'backend_id,x\n"hpc', "ids:2: this is no CSV"),
    ):
        path.write_bytes(content)
        with pytest.raises(ConfigurationError, match=reason):
            read_ids(path)


def test_chosen_ids_and_patterns() -> None:
    """A pattern is a shell's; a list is compared as the backend compares; nothing said means all."""
    assert Chosen()("anything")
    assert Chosen("HPC_?")("hpc_1")
    assert not Chosen("hpc_?")("hpc_12")
    assert Chosen("", ["hpc_1"], ignore_case=True)("HPC_1")
    assert not Chosen("", ["hpc_1"])("HPC_1")


def test_choice_of_nothing_is_wrong_usage() -> None:
    """Some of what is there is named; where nothing is there, that is said."""
    Chosen().require_some([])
    Chosen("x*").require_some(["a", "x1"])
    with pytest.raises(UsageError, match=r"the pattern 'x\*' names none.*There are: a, b$"):
        Chosen("x*").require_some(["b", "a"])
    with pytest.raises(UsageError, match=r"whose first id is 'q', names none.*a00, .*a09 and 2 more"):
        Chosen("", ["q", "r"]).require_some([f"a{number:02}" for number in range(12)])
    with pytest.raises(UsageError, match="There are none yet"):
        Chosen("x").require_some([])
