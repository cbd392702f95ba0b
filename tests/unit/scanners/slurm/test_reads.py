"""What each release of SLURM is asked for."""

import pytest

from waldur_import_agent.scanners.slurm.reads import (
    CAREFUL,
    FAST,
    NESTED,
    QOS,
    RECORD,
    SEPARATOR,
    AssociationRead,
    association_read,
    text_read,
)


@pytest.mark.parametrize(
    ("version", "read"),
    [
        ("20.02.7", CAREFUL),
        ("20.11.9", NESTED),
        ("21.08.8-2", NESTED),
        ("22.05.8", NESTED),
        ("23.02.7", NESTED),
        ("23.11.4", CAREFUL),
        ("24.05.0", CAREFUL),
        ("24.11.5", FAST),
        ("25.05.1", FAST),
        ("25.11.0-0rc1", FAST),
        ("", CAREFUL),
        ("unknown", CAREFUL),
    ],
)
def test_the_read_is_chosen_by_release(version: str, read: AssociationRead) -> None:
    """Nested sets up to 23.02, ids of parents without the slow look-ups from 24.11, and between them the slow way."""
    assert association_read(version) == read


@pytest.mark.parametrize(
    "words", [CAREFUL.words(), FAST.words(), NESTED.words(), QOS, text_read("Org"), text_read("Descr")]
)
def test_no_column_is_named_twice(words: tuple[str, ...]) -> None:
    """Sacctmgr drops the earlier of two equal ones without a word."""
    columns = words[-1].removeprefix("format=").split(",")
    assert len(columns) == len(set(columns))
    assert all(columns)


def test_releases_with_lineage_are_not_asked_for_nested_sets() -> None:
    """They refuse an unknown column, and the whole read with it."""
    assert not {"LFT", "RGT"} & set(FAST.columns + CAREFUL.columns)


def test_the_marks_of_a_text_read_are_made_of_its_empty_columns() -> None:
    """As many delimiters as there are empty columns before the name, and one more than between name and text."""
    columns = text_read("Org")[-1].removeprefix("format=").split(",")
    name = columns.index("Account")
    assert len(RECORD) == name
    assert len(SEPARATOR) == len(columns) - 1 - name
