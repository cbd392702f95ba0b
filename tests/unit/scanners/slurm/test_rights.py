"""Whether SLURM shows everything."""

import pytest

from unit.scanners.slurm.fake_sacctmgr import RECORDED
from waldur_import_agent.scanners.slurm.rights import (
    Config,
    parse_config,
    parse_coordinators,
    parse_levels,
    why_accounts_partial,
    why_partial,
)

OPEN = Config("22.05.8", frozenset())
HIDDEN = Config("22.05.8", frozenset({"users"}))


def test_the_configuration_of_slurmdbd_counts() -> None:
    """`show config` has PrivateData twice: slurm.conf's comes first and hides nothing here."""
    text = (RECORDED / "config.out").read_text()
    assert parse_config(text) == OPEN
    own, dbd = text.split("SlurmDBD configuration:")
    first = own.replace("= none", "= users")
    assert parse_config(f"{first}SlurmDBD configuration:{dbd}") == OPEN
    second = dbd.replace("= none", "= accounts,Users,usage")
    assert parse_config(f"{own}SlurmDBD configuration:{second}").private == {"accounts", "users", "usage"}
    assert parse_config((RECORDED / "private/config-users.out").read_text()) == HIDDEN


def test_without_slurmdbds_configuration_nothing_is_known() -> None:
    """Then the worst is assumed; the release may be unknown too."""
    own = (RECORDED / "config.out").read_text().split("SlurmDBD configuration:")[0]
    assert parse_config(own) == Config("22.05.8", None)
    assert parse_config(own).hides_associations
    assert parse_config("") == Config("", None)
    assert str(parse_config("")) == "PrivateData is unknown"


@pytest.mark.parametrize("words", ["(null)", "none", "", "usage", "accounts", "accounts,usage,jobs,reservations"])
def test_what_hides_no_association(words: str) -> None:
    """Only `users` does that."""
    assert not parse_config(f"SlurmDBD configuration:\nPrivateData            = {words}\n").hides_associations


@pytest.mark.parametrize("words", ["users", "accounts,usage,users", "all"])
def test_what_hides_associations(words: str) -> None:
    """In whatever company."""
    assert parse_config(f"SlurmDBD configuration:\nPrivateData            = {words}\n").hides_associations


@pytest.mark.parametrize(
    ("config", "levels", "partial"),
    [
        (OPEN, {}, False),
        (HIDDEN, {}, True),  # not known to SLURM
        (HIDDEN, {"agent": "None"}, True),  # a plain user and a coordinator see themselves only
        (HIDDEN, {"agent": "Operator"}, False),
        (HIDDEN, {"agent": "Administrator"}, False),
        (HIDDEN, {"root": "Administrator", "u": "None"}, False),  # a wrapper runs it as somebody who sees all
        (HIDDEN, {"somebody": "None"}, True),  # a wrapper runs it as somebody who does not
        (Config("", None), {"agent": "None"}, True),
    ],
)
def test_who_sees_all(config: Config, levels: dict[str, str], partial: bool) -> None:
    """An Operator, an Administrator, and whoever sees the user root."""
    error = why_partial(config, levels, "agent")
    assert (error is not None) == partial
    if error is not None:
        assert "agent" in str(error)
        assert "adminlevel=operator" in error.remedy


def test_levels_are_read_with_and_without_coordinators() -> None:
    """Both reads of users tell them."""
    assert parse_levels("u|None\no|Operator\n") == parse_levels("u|None|a,b\no|Operator|\n")
    assert parse_levels("u|None\no|Operator\n") == {"u": "None", "o": "Operator"}


def test_a_list_of_accounts_without_root_is_a_part() -> None:
    """A coordinator is shown what he coordinates, with exit code 0."""
    assert why_accounts_partial({"root", "a"}) is None
    error = why_accounts_partial({"a"})
    assert error is not None
    assert "only 1 accounts" in str(error)
    assert "`accounts` out of PrivateData" in error.remedy


def test_coordinators_are_counted_for_each_account() -> None:
    """A user is listed once with all that he coordinates; names may hold blanks, delimiters and line breaks."""
    counts = parse_coordinators("u1|None|a,b|c\nu2|None|\nu3|Operator|a,two\nlines\n")
    assert counts == {"a": 2, "b|c": 1, "two\nlines": 1}
