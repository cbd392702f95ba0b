"""Cutting `show account` into the accounts' texts, of which SLURM escapes nothing."""

import pytest

from unit.scanners.slurm.answers import both, record
from waldur_import_agent.scanners.slurm.text import UnreadableError, is_valid, readable
from waldur_import_agent.scanners.slurm.texts import Texts, compared, parse_texts, split_texts


def parse(printed: str, *names: str) -> Texts:
    """The texts, where the associations told these names."""
    return parse_texts(printed.encode("utf-8", "surrogateescape"), {name: name for name in names})


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "",
        " ",
        "a|b|c",
        "|begins with it",
        "ends with it|",
        "line1\nline2|x",
        "alpha|first\nalpha|first",
        "tab\t and \\n",
        "täht 研究 🚀",
        "ends with a break\n",
        "\n\n",
        "x\r",
        "d" * 4000,
        "six ||||||\n|||||| of them",
    ],
)
def test_texts_come_out_exactly(text: str) -> None:
    """Whatever a text holds, it and the texts around it come out as they are."""
    names = ("alpha", "beta", "ga|mma", "ga\nmma", "|delta|")
    printed = [record("alpha", "first"), record("beta", text), *(record(name, f"{name}'s") for name in names[2:])]
    texts = parse("".join(printed), *names)
    assert texts.known == {"alpha": "first", "beta": text} | {name: f"{name}'s" for name in names[2:]}
    assert not texts.doubtful
    assert not texts.strangers


def test_accounts_without_an_association_are_known_too() -> None:
    """By their own names, line breaks included; where they stand is kept for the comparison."""
    texts = parse(record("a", "x") + record("new\nline", "y") + record("b|", "z"), "a", "b|")
    assert texts.known == {"a": "x", "new\nline": "y", "b|": "z"}
    assert texts.strangers == {"new\nline": "a"}


def test_an_account_whose_name_ends_with_the_delimiter_is_told_by_its_name() -> None:
    """Unless one without it is there too: then nobody knows whose the delimiter is."""
    assert parse(record("a|", "|x"), "a|").known == {"a|": "|x"}
    both = parse(record("a", "x") + record("a|", "y") + record("b", "z"), "a", "a|", "b")
    assert both.doubtful == {"a", "a|"}
    assert both.known["b"] == "z"


def test_a_text_that_looks_like_another_accounts_record_is_doubtful() -> None:
    """Neither the account that seems to be there twice is certain nor the one whose text may be cut; others are."""
    printed = record("alpha", "real") + record("beta", "x") + record("alpha", "fake") + record("gamma", "y")
    texts = parse(printed, "alpha", "beta", "gamma")
    assert texts.doubtful == {"alpha", "beta"}
    assert texts.known["gamma"] == "y"


def test_what_only_one_of_two_reads_has_makes_the_text_before_it_doubtful() -> None:
    """It is part of that text, or an account that was made meanwhile: nobody can tell."""
    one = parse(record("a", "x") + record("new", "y") + record("b", "z"), "a", "b")
    other = parse(record("a", "x") + record("b", "z"), "a", "b")
    assert compared(one, other).doubtful == {"a"}
    assert not compared(other, one).doubtful
    assert not compared(one, one).doubtful


def test_both_texts_come_out_of_one_read() -> None:
    """Exactly, but where a text holds the mark between them, or lacks it: then the two are in doubt."""
    lines = {"a": both("o|p\n", "d||x"), "b": both("o", "d") + both("", "e"), "c": both("o|", "d"), "e": "no mark"}
    printed = "".join(record(name, text) for name, text in lines.items())
    organizations, descriptions = split_texts(parse(printed, *lines))
    assert (organizations.known["a"], descriptions.known["a"]) == ("o|p\n", "d||x")
    assert organizations.doubtful == descriptions.doubtful == {"b", "c", "e"}


def test_what_is_no_record_is_refused() -> None:
    """Text before the first record means that it is not the answer that was asked for."""
    with pytest.raises(UnreadableError, match="not the record of an account: 'Are you sure"):
        parse("Are you sure?\n" + record("a", "x"))
    with pytest.raises(UnreadableError, match="not the record of an account"):
        parse("||||||a|x\n")
    assert parse("").known == {}


def test_invalid_utf8_can_be_shown() -> None:
    """What was read with wrong bytes is known as such, and shown with the bytes' numbers."""
    name = b"bad-\xff".decode("utf-8", "surrogateescape")
    assert parse(record(name, "x"), name).known == {name: "x"}
    assert not is_valid(name)
    assert readable(name) == "bad-\\xff"
    assert is_valid("õ")
    assert readable("õ") == "õ"
