"""`show assoc` as data: rows, members, and the tree that they give."""

import pytest

from unit.scanners.slurm.answers import row
from waldur_import_agent.scanners.slurm.associations import ClusterRows, parse_associations
from waldur_import_agent.scanners.slurm.reads import FAST, NESTED, AssociationRead
from waldur_import_agent.scanners.slurm.text import UnreadableError


def parse(*rows: str, read: AssociationRead = FAST) -> ClusterRows:
    """The rows of the only cluster."""
    (found,) = parse_associations("".join(rows).encode(), read).values()
    return found


def nested(account: str, identity: int, left: int, right: int, **cells: str) -> str:
    """A row of the read with nested sets."""
    return row(account, identity, left, right, read=NESTED, **cells)


def test_a_row_is_read_by_its_columns() -> None:
    """Each column comes to its field, and an empty limit to none."""
    found = parse(
        row("root", 1, 0),
        row("a", 7, 1, Share="5", QOS="x,y", DefaultQOS="x", MaxJobs="3", GrpWall="1:00:00", GrpTRES="cpu=x"),
        row("a", 8, 7, User="u", Partition="gpu", MaxJobs="99"),
    )
    root, a = found.rows
    assert root is found.root
    assert (a.id, a.parent_id, a.account, a.share, a.qos, a.default_qos) == (7, 1, "a", "5", "x,y", "x")
    assert a.limits == {"MaxJobs": 3, "GrpWall": 60}
    assert a.limit_problems == ("limit GrpTRES.cpu unreadable: 'x'",)
    assert not found.inconsistent


def test_a_user_in_several_partitions_is_one_user() -> None:
    """With a row for each partition, and perhaps one without."""
    members = parse(
        row("root", 1, 0), row("a", 2, 1),
        row("a", 3, 2, User="u", Partition="gpu"), row("a", 4, 2, User="u"), row("a", 5, 2, User="v", Partition="gpu"),
        row("a", 6, 2, User="u", Partition="cpu"), row("a", 7, 2, User="w"),
    ).members["a"]  # fmt: skip
    assert members.users() == {"u", "v", "w"}
    assert members.partitions() == {"gpu": {"u", "v"}, "cpu": {"u"}}


def test_account_names_may_hold_the_delimiter_and_line_breaks() -> None:
    """SLURM accepts such names: they come out whole, and the rows around them unharmed."""
    names = ["root", "a|b|c", "two\nlines", "3|4|digits", "\n", "a\n|b", "last"]
    found = parse(*(row(name, number + 1, min(number, 1)) for number, name in enumerate(names)))
    assert [each.account for each in found.rows] == names


@pytest.mark.parametrize("column", ["User", "Partition", "QOS", "DefaultQOS"])
@pytest.mark.parametrize("name", ["a|b", "a\nb", "a||b", "1|2\n3|4||5", "normal,a|b\n", "\n"])
def test_every_other_name_may_hold_them_too(column: str, name: str) -> None:
    """Limits stay with their account, and neither this row nor those around it are harmed."""
    user = {"User": name} if column == "User" else {"User": "u", column: name}
    found = parse(
        row("root", 1, 0), row("before", 2, 1, MaxJobs="1"), row("alloc", 3, 1, GrpTRESMins="cpu=64", QOS="normal"),
        row("alloc", 4, 3, **user), row("own", 5, 1, MaxJobs="2", **({} if column in user else {column: name})),
        row("after", 6, 1, MaxJobs="3"),
    )  # fmt: skip
    assert [each.account for each in found.rows] == ["root", "before", "alloc", "own", "after"]
    assert [dict(each.limits) for each in found.rows[1:]] == [
        {"MaxJobs": 1}, {"GrpTRESMins.cpu": 64}, {"MaxJobs": 2}, {"MaxJobs": 3},
    ]  # fmt: skip
    assert found.members["alloc"].users() == {user["User"]}
    assert found.members["alloc"].partitions() == ({name: {"u"}} if column == "Partition" else {})
    assert not found.doubts
    assert not found.inconsistent


def test_a_qos_with_the_delimiter_is_read_whole() -> None:
    """On the account's own row, where it decides what holds."""
    alloc = parse(row("root", 1, 0), row("alloc", 2, 1, QOS="normal,a|b", DefaultQOS="a|b")).rows[1]
    assert (alloc.account, alloc.qos, alloc.default_qos) == ("alloc", "normal,a|b", "a|b")


@pytest.mark.parametrize(
    "cells",
    [
        {"User": "u|"},
        {"User": "u", "QOS": "|q"},
        {"User": "u", "Partition": "|"},
        {"QOS": "a|"},
        {"QOS": "a|||||||||b"},
        {"User": "|"},
    ],
)
@pytest.mark.parametrize("read", [FAST, NESTED])
def test_a_row_that_reads_in_two_ways_leaves_its_account_out(cells: dict[str, str], read: AssociationRead) -> None:
    """It is said, those around are unharmed, and what is below is not given to the account above."""
    places = {"root": (1, 0), "alloc": (2, 1), "child": (3, 2), "b": (4, 1)}
    if read.nested:
        places = {"root": (1, 1, 20), "alloc": (2, 2, 9), "child": (3, 3, 4), "b": (4, 10, 11)}
    mine = (5, 5, 6) if read.nested else (5, 2)
    rows = {name: row(name, *place, read=read) for name, place in places.items()}
    if "User" in cells:
        rows["user"] = row("alloc", *mine, read=read, **cells)
    else:
        rows["alloc"] = row("alloc", *places["alloc"], read=read, **cells)
    found = parse(*rows.values(), read=read)
    assert [each.account for each in found.rows] == ["root", "child", "b"]
    assert found.rows[1].parent_id == 2
    assert "of account 'alloc', cannot be read in exactly one way" in found.doubts[0]
    assert "alloc" in found.left_out
    assert not found.inconsistent


def test_a_row_without_its_marks_is_told_and_the_rest_is_read() -> None:
    """The head of one and no more: a doubt, not the end of the scan."""
    broken = row("alloc", 3, 1).replace("||alloc", "alloc")
    found = parse(row("root", 1, 0), row("a", 2, 1), broken, row("b", 4, 1))
    assert [each.account for each in found.rows] == ["root", "a", "b"]
    assert "'alloc'" in found.doubts[0]


def test_an_account_with_two_rows_of_its_own_is_left_out() -> None:
    """One of them is part of a name: nobody knows which has the right limits."""
    forged = row("victim", 9, 1, MaxJobs="99").rstrip("\n")
    found = parse(row("root", 1, 0), row("victim", 2, 1, MaxJobs="1"), row(f"x\n{forged}", 3, 1), row("b", 4, 1))
    assert [each.account for each in found.rows] == ["root", "x", "b"]
    assert found.doubts == ["account 'victim' has 2 rows of its own: a name holds a line like sacctmgr's output"]
    root = parse(row("root", 1, 0, QOS="a|"), row("b", 4, 1))
    assert [each.account for each in root.rows] == ["root", "b"]
    assert root.doubts


@pytest.mark.parametrize("place", [("", ""), ("0", "0")])
def test_empty_places_are_no_tree(place: tuple[str, str]) -> None:
    """An older sacctmgr with a newer slurmdbd prints them so; root is known all the same."""
    cells = dict(zip(("LFT", "RGT"), place, strict=True))
    found = parse(*(nested(name, number, 0, 0, **cells) for number, name in ((1, "root"), (2, "a"))), read=NESTED)
    assert found.root is not None
    assert found.inconsistent


def test_what_is_not_an_association_is_refused() -> None:
    """Text before the first row means that it is not the answer that was asked for."""
    with pytest.raises(UnreadableError, match=r"this is not an association: 'Are you sure"):
        parse("Are you sure you want to continue?\n", row("a", 2, 1))


def test_clusters_are_apart() -> None:
    """Ids and names are unique within a cluster only."""
    found = parse_associations((row("root", 1, 0) + row("root", 1, 0, Cluster="c")).encode(), FAST)
    assert sorted(found) == ["c", "testcluster"]
    assert parse_associations(b"", FAST) == {}


def test_parents_come_from_nested_sets() -> None:
    """In whatever order the rows are: a row's parent is the innermost account around it. Members have places too."""
    found = parse(
        nested("u", 9, 4, 5, User="u"), nested("b", 4, 3, 6), nested("a", 3, 2, 9), nested("c", 5, 10, 11),
        nested("root", 2, 1, 12), nested("d", 6, 7, 8), read=NESTED,
    )  # fmt: skip
    assert {each.account: each.parent_id for each in found.rows} == {"root": 0, "a": 2, "b": 3, "c": 2, "d": 3}
    assert found.root is not None


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (((2, 1, 12), (3, 2, 9), (4, 5, 10)), "the place of account b (5 to 10) overlaps another's"),
        (((2, 1, 12), (3, 2, 9), (4, 2, 3)), "the place of account a (2 to 9) overlaps"),
        (((2, 1, 12), (3, 2, 9), (4, 4, 9)), "the place of account b (4 to 9) overlaps"),
        (((2, 1, 12), (3, 0, 0), (4, 4, 9)), "the place of account a (0 to 0) overlaps"),
        (((2, 1, 12), (3, 2, 9), (4, 13, 14)), "account b is not below root"),
        (((2, 1, 12), (2, 2, 9), (4, 3, 4)), "two accounts have the same id"),
    ],
)
def test_what_is_no_tree_of_nested_sets_is_told(rows: tuple[tuple[int, int, int], ...], words: str) -> None:
    """Overlapping places, places outside of root, and equal ids: the fast read is then not believed."""
    named = zip(("root", "a", "b"), rows, strict=True)
    assert words in parse(*(nested(name, *place) for name, place in named), read=NESTED).inconsistent


def test_rows_that_are_missing_are_told() -> None:
    """A parent, or the account of a member."""
    assert parse(row("root", 1, 0), row("b", 3, 2)).inconsistent == "the account above b is not in SLURM's answer"
    found = parse(row("root", 1, 0), row("b", 3, 2, User="u"))
    assert found.inconsistent == "account b has members, but no row of its own"


def test_only_an_own_row_at_the_top_is_roots() -> None:
    """A member of root is not, nor an account of this name below another."""
    for rows in ([row("root", 2, 1, User="root")], [row("a", 1, 0), row("root", 2, 1)]):
        assert parse(*rows).root is None
