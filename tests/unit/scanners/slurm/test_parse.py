"""sacctmgr's output, whose texts are not escaped, as data."""

import pytest

from waldur_import_agent.scanners.slurm.parse import (
    ASSOCIATION_COLUMNS,
    UnreadableError,
    is_valid,
    parse_associations,
    parse_clusters,
    parse_coordinators,
    parse_limits,
    parse_names,
    parse_texts,
    readable,
)


def association(account: str, **cells: str) -> str:
    """A line as `show assoc` prints it."""
    cells = {"ID": "7", "ParentID": "3", "Cluster": "c", **cells, "Account": account}
    return "|".join(cells.get(column, "") for column in ASSOCIATION_COLUMNS) + "\n"


def test_a_row_is_read_by_its_columns() -> None:
    """Each column comes to its field, and an empty limit to none."""
    (row,) = parse_associations(
        association(
            "a", User="u", Partition="gpu", Share="5", QOS="x,y", DefaultQOS="x", MaxJobs="3", GrpWall="1:00:00"
        )
    )
    assert (row.id, row.parent_id, row.cluster, row.user, row.partition) == ("7", "3", "c", "u", "gpu")
    assert (row.share, row.qos, row.default_qos, row.account) == ("5", "x,y", "x", "a")
    assert row.limits == {"MaxJobs": "3", "GrpWall": "1:00:00"}


def test_account_names_may_hold_the_delimiter_and_line_breaks() -> None:
    """SLURM accepts such names: they come out whole, and the rows around them unharmed."""
    names = ["plain", "a|b|c", "two\nlines", "3|4|digits", "\n", "a\n|b", "last"]
    rows = parse_associations("".join(association(name) for name in names))
    assert [row.account for row in rows] == names


def test_what_is_not_an_association_is_refused() -> None:
    """Text before the first row means that it is not the answer that was asked for."""
    with pytest.raises(UnreadableError, match=r"this is not an association: 'Are you sure"):
        parse_associations("Are you sure you want to continue?\n" + association("a"))


def test_clusters_are_sorted() -> None:
    """The names, without empty lines."""
    assert parse_clusters("b\na\n") == ("a", "b")
    assert parse_clusters("") == ()


def test_names_with_line_breaks_are_known_from_the_associations() -> None:
    """Their lines are not taken for names, unless an account is called so too."""
    assert parse_names("one\ntwo\nlines\nlines\n", {"one", "two\nlines"}) == {"one", "two\nlines", "lines"}
    assert parse_names("two\nlines\n", {"two\nlines"}) == {"two\nlines"}


def test_a_known_account_counts_although_the_list_of_names_lacks_it() -> None:
    """The reads are no snapshot."""
    assert parse_names("one\n", {"one", "two"}) == {"one", "two"}


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "",
        " ",
        "a|b|c",
        "line1\nline2|x",
        "tab\t and \\n",
        "täht 研究 🚀",
        "ends with a break\n",
        "\n\n",
        "a\nb",
        "x\r",
    ],
)
def test_texts_come_out_exactly(text: str) -> None:
    """Whatever a text holds, it and the texts around it come out as they are."""
    texts = parse_texts(
        f"alpha|first\nbeta|{text}\nga|mma|third\nga\nmma|fourth\n", {"alpha", "beta", "ga|mma", "ga\nmma"}
    )
    assert texts.known == {"alpha": "first", "beta": text, "ga|mma": "third", "ga\nmma": "fourth"}
    assert not texts.doubtful


def test_an_account_with_the_delimiter_is_not_taken_for_a_shorter_one() -> None:
    """`ga` and `ga|mma` are two accounts."""
    texts = parse_texts("ga|first\nga|mma|second\n", {"ga", "ga|mma"})
    assert texts.known == {"ga": "first", "ga|mma": "second"}


def test_a_text_that_looks_like_another_accounts_record_is_doubtful() -> None:
    """Neither the account that seems to be there twice is certain nor the one whose text may be cut; others are."""
    texts = parse_texts("alpha|real\nbeta|x\nalpha|fake\ngamma|y\n", {"alpha", "beta", "gamma"})
    assert texts.doubtful == {"alpha", "beta"}
    assert texts.known["gamma"] == "y"


def test_the_record_of_an_account_made_meanwhile_makes_the_text_before_it_doubtful() -> None:
    """Its name is not known, so it looks like part of a text; it stands where its name belongs in the order."""
    names = {"alpha", "beta"}
    assert parse_texts("alpha|x\nalso_new|y\nbeta|z\n", names).doubtful == {"alpha"}
    assert parse_texts("alpha|x\nbeta|y\nnew|z\n", names).doubtful == {"beta"}
    assert not parse_texts("alpha|x\nzoo|is text\nbeta|y\n", names).doubtful
    assert not parse_texts("alpha|x\nat all\nbeta|y\n", names).doubtful


def test_half_a_name_without_a_record_makes_the_text_before_it_doubtful() -> None:
    """An account with a line break in its name and no association is known by neither half."""
    texts = parse_texts("alpha|x\nnew\nline|y\n", {"alpha", "new", "line"})
    assert texts.doubtful == {"alpha"}


def test_coordinators_are_counted_for_each_account() -> None:
    """A user is listed once with all that he coordinates; names may hold blanks, delimiters and line breaks."""
    counts = parse_coordinators("u1|a,b|c\nu2|\nu3|a,two\nlines\n")
    assert counts == {"a": 2, "b|c": 1, "two\nlines": 1}


@pytest.mark.parametrize(
    ("column", "cell", "limits"),
    [
        ("GrpTRESMins", "cpu=100,gres/gpu=5,gres/gpu:a100=2", {"cpu": 100, "gres/gpu": 5, "gres/gpu:a100": 2}),
        ("GrpTRESMins", "cpu=9223372036854775807", {"cpu": 9223372036854775807}),
        ("GrpTRES", "cpu=0,mem=0", {"cpu": 0, "mem": 0}),
        ("GrpTRES", "mem=1048577M", {"mem": 1048577}),
        ("GrpTRES", "mem=512G", {"mem": 524288}),
        ("GrpTRES", "mem=4T", {"mem": 4194304}),
        ("GrpTRES", "mem=1.50T", {"mem": 1572864}),
        ("GrpTRES", "mem=1P", {"mem": 1073741824}),
        ("GrpTRES", "mem=16?", {"mem": 17592186044416}),
        ("GrpTRES", "mem=2048K", {"mem": 2}),
        ("GrpTRES", "bb/datawarp=1G", {"bb/datawarp": 1024}),
        ("MaxTRESPerNode", "license/matlab=30,billing=7", {"license/matlab": 30, "billing": 7}),
    ],
)
def test_limits_of_trackable_resources(column: str, cell: str, limits: dict[str, int]) -> None:
    """Memory is in MiB whatever unit it is shown in, all else a plain number; zero stays zero."""
    assert parse_limits({column: cell}) == ({f"{column}.{key}": value for key, value in limits.items()}, ())


def test_counts_and_times() -> None:
    """Counts are numbers, wall times minutes; what is not set is absent."""
    limits, problems = parse_limits({"MaxJobs": "0", "GrpJobs": "9", "GrpWall": "2-01:30:00", "MaxWall": "00:00:00"})
    assert limits == {"MaxJobs": 0, "GrpJobs": 9, "GrpWall": 2970, "MaxWall": 0}
    assert not problems


@pytest.mark.parametrize(
    ("column", "cell", "problem"),
    [
        ("GrpTRES", "cpu=5K", "limit GrpTRES.cpu unreadable: '5K'"),
        ("GrpTRES", "cpu=-1", "limit GrpTRES.cpu unreadable: '-1'"),
        ("GrpTRES", "cpu=", "limit GrpTRES.cpu unreadable: ''"),
        ("GrpTRES", "cpu", "limit GrpTRES unreadable: 'cpu'"),
        ("GrpTRES", "mem=5X", "limit GrpTRES.mem unreadable: '5X'"),
        ("GrpTRES", "mem=1K", "limit GrpTRES.mem unreadable: '1K'"),
        ("GrpTRES", "mem=1.33M", "limit GrpTRES.mem unreadable: '1.33M'"),
        ("MaxJobs", "many", "limit MaxJobs unreadable: 'many'"),
        ("MaxJobs", "٣", "limit MaxJobs unreadable: '٣'"),
        ("GrpWall", "UNLIMITED", "limit GrpWall unreadable: 'UNLIMITED'"),
        ("GrpWall", "00:00:30", "limit GrpWall unreadable: '00:00:30'"),
    ],
)
def test_an_unreadable_limit_is_a_problem_and_left_out(column: str, cell: str, problem: str) -> None:
    """The others of the same account are read all the same."""
    assert parse_limits({column: cell, "GrpTRESMins": "cpu=1"}) == ({"GrpTRESMins.cpu": 1}, (problem,))


def test_invalid_utf8_can_be_shown() -> None:
    """What was read with wrong bytes is known as such, and shown with the bytes' numbers."""
    name = b"bad-\xff".decode("utf-8", "surrogateescape")
    assert not is_valid(name)
    assert readable(name) == "bad-\\xff"
    assert is_valid("õ")
    assert readable("õ") == "õ"
