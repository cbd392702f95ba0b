"""What each release of SLURM is asked for."""

from itertools import pairwise

import pytest

from waldur_import_agent.scanners.slurm.reads import (
    BOTH_TEXTS,
    CAREFUL,
    CLUSTERS,
    CONFIG,
    COORDINATORS,
    DESCRIPTION,
    FAST,
    FREE_TEXTS,
    MARK,
    NESTED,
    ORGANIZATION,
    QOS,
    RECORD,
    ROOT_ACCOUNT,
    SEPARATOR,
    USERS,
    AssociationRead,
    association_read,
    text_read,
)

FULL_NAMES = {
    "Account", "AdminLevel", "Cluster", "ClusterNodes", "ControlHost", "Coordinators", "DefaultAccount",
    "DefaultQOS", "DefaultWCKey", "Description", "GrpJobs", "GrpJobsAccrue", "GrpSubmitJobs", "GrpTRES",
    "GrpTRESMins", "GrpTRESRunMins", "GrpWall", "ID", "LFT", "MaxJobs", "MaxJobsAccrue", "MaxJobsPA",
    "MaxSubmitJobs", "MaxSubmitJobsPA", "MaxTRES", "MaxTRESMins", "MaxTRESPA", "MaxTRESPU", "MaxTRESPerNode",
    "MaxWall", "MinTRES", "Name", "Organization", "ParentID", "ParentName", "Partition", "PreemptMode", "QOS", "RGT",
    "Share", "User",
}  # fmt: skip


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
    "words",
    [CAREFUL.words(), FAST.words(), NESTED.words(), QOS, BOTH_TEXTS, text_read(ORGANIZATION), text_read(DESCRIPTION)],
)
def test_no_column_is_named_twice(words: tuple[str, ...]) -> None:
    """Sacctmgr drops the earlier of two equal ones without a word."""
    columns = words[-1].removeprefix("format=").split(",")
    assert len(columns) == len(set(columns))
    assert all(columns)


@pytest.mark.parametrize(
    "words",
    [
        *(read.words() for read in (CAREFUL, FAST, NESTED)),
        *(QOS, BOTH_TEXTS, text_read(ORGANIZATION), text_read(DESCRIPTION)),
        *(CONFIG, ROOT_ACCOUNT, CLUSTERS, USERS, COORDINATORS),
    ],
)
def test_columns_have_their_full_names(words: tuple[str, ...]) -> None:
    """As `man sacctmgr` has them: a shortened one may mean another column in the next release."""
    columns = words[-1].removeprefix("format=").split(",") if "format=" in words[-1] else []
    assert set(columns) <= FULL_NAMES


def test_between_free_texts_is_the_mark() -> None:
    """As many empty columns as it has delimiters but one, after each but the last; numbers come before."""
    columns = FAST.columns
    places = [columns.index(text) for text in FREE_TEXTS]
    assert {right - left for left, right in pairwise(places)} == {len(MARK)}
    assert places[-1] == len(columns) - 1
    assert columns[: places[0]] == FAST.head


def test_releases_with_lineage_are_not_asked_for_nested_sets() -> None:
    """They refuse an unknown column, and the whole read with it."""
    assert not {"LFT", "RGT"} & set(FAST.columns + CAREFUL.columns)


def test_the_marks_of_a_text_read_are_made_of_its_empty_columns() -> None:
    """As many delimiters as there are empty columns before the name, and one more than between name and text."""
    columns = text_read(ORGANIZATION)[-1].removeprefix("format=").split(",")
    name = columns.index("Account")
    assert len(RECORD) == name
    assert len(SEPARATOR) == len(columns) - 1 - name
