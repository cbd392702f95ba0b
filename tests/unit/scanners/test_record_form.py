"""The record form: what programs may hand over, and how what they may not is told."""

import json
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from waldur_import_agent.records import Ancestor, FoundResource, Scan
from waldur_import_agent.scanners.base import BackendMisconfiguredError
from waldur_import_agent.scanners.record_form import RecordReader, json_schema


def read(*lines: Any) -> Scan:
    """The scan of some lines: texts as they are, everything else as JSON."""
    reader = RecordReader("stream")
    for number, line in enumerate(lines, 1):
        reader.read_line(number, line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n")
    return reader.scan()


def problems(*lines: Any) -> list[str]:
    """The lines of the error that some lines cause, its head left out."""
    with pytest.raises(BackendMisconfiguredError) as caught:
        read(*lines)
    return str(caught.value).splitlines()[1:]


def test_only_an_id_is_needed() -> None:
    """The name is the id, the kind is `resource`, and nothing else is known."""
    assert read({"backend_id": "a"}) == Scan((FoundResource("a", "a", "resource"),))


def test_everything_that_a_record_may_say_is_taken() -> None:
    """Numbers stay what they are, a limit of null is one that the backend states to be infinite."""
    record = {
        "backend_id": "a",
        "name": "A",
        "kind": "share",
        "parents": ["p", {"backend_id": "q", "name": "Q", "attributes": {"x": "y"}}, {"backend_id": "r"}],
        "attributes": {"text": "t", "whole": 1, "part": 0.5, "yes": True},
        "limits": {"files": 7, "storage": 1.5, "jobs": None, "none": 0},
        "user_count": 3,
        "problems": ["the quota of b is unreadable"],
    }
    (found,) = read(record).resources
    assert found == FoundResource(
        backend_id="a",
        name="A",
        kind="share",
        parents=(Ancestor("p", "p"), Ancestor("q", "Q", {"x": "y"}), Ancestor("r", "r")),
        attributes={"text": "t", "whole": 1, "part": 0.5, "yes": True},
        limits={"files": 7, "storage": 1.5, "jobs": None, "none": 0},
        user_count=3,
        problems=("the quota of b is unreadable",),
    )
    assert found.attributes["yes"] is True


def test_resources_come_in_the_order_of_their_ids_and_empty_lines_say_nothing() -> None:
    """So two scans of the same things are equal, whatever the order of the lines."""
    assert [found.backend_id for found in read({"backend_id": "b"}, b" \n", {"backend_id": "a"}).resources] == [
        "a",
        "b",
    ]


def test_parents_that_many_records_name_are_kept_once() -> None:
    """A hundred thousand records with a dozen parents need not a hundred thousand objects."""
    first, second = read({"backend_id": "a", "parents": ["p"]}, {"backend_id": "b", "parents": ["p"]}).resources
    assert first.parents[0] is second.parents[0]


@pytest.mark.parametrize("version", [{}, {"version": 1}])
def test_a_last_line_says_that_the_scan_is_not_complete(version: dict[str, int]) -> None:
    """With the reasons; without it a stream is complete."""
    scan = read({"backend_id": "a"}, {"scan": {"complete": False, "warnings": ["share B is down"], **version}})
    assert not scan.complete
    assert scan.warnings == ("share B is down",)
    assert len(scan.resources) == 1
    assert read({"backend_id": "a"}).complete
    assert read({"scan": {}}).complete


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ({}, "backend_id: this key is needed, but missing"),
        ({"backend_id": ""}, "backend_id: this must not be empty"),
        ({"backend_id": " "}, "backend_id: this must not be empty"),
        ({"backend_id": 7}, "backend_id: a text is needed (put it into quotes)"),
        ({"backend_id": "a\0b"}, "backend_id: a NUL character cannot be stored"),
        ({"backend_id": "a", "name": ""}, "name: this must not be empty"),
        ({"backend_id": "a", "kind": None}, "kind: a text is needed (put it into quotes)"),
        ({"backend_id": "a", "backendid": "a"}, "backendid: unknown key (did you mean 'backend_id'?)"),
        ({"backend_id": "a", "parents": "p"}, "parents: a list is needed"),
        ({"backend_id": "a", "parents": [1]}, "parents[0]: a mapping of keys to values is needed"),
        ({"backend_id": "a", "parents": ["b\0"]}, "parents[0].backend_id: a NUL character cannot be stored"),
        (
            {"backend_id": "a", "parents": [{"backend_id": "b", "nam": "c"}]},
            "parents[0].nam: unknown key (did you mean",
        ),
        (
            {"backend_id": "a", "attributes": {"x": None}},
            "attributes.x: a text, a finite number, true or false is needed",
        ),
        (
            {"backend_id": "a", "attributes": {"x": {}}},
            "attributes.x: a text, a finite number, true or false is needed",
        ),
        ({"backend_id": "a", "attributes": {"x": "a\0"}}, "attributes.x: a NUL character cannot be stored"),
        ({"backend_id": "a", "attributes": {"x\0": "a"}}, "a NUL character cannot be stored"),
        (
            {"backend_id": "a", "attributes": {"x": float("nan")}},
            "attributes.x: a text, a finite number, true or false",
        ),
        ({"backend_id": "a", "limits": {"x": True}}, "limits.x: a finite number is needed, or null for unlimited"),
        ({"backend_id": "a", "limits": {"x": "7"}}, "limits.x: a finite number is needed, or null for unlimited"),
        (
            {"backend_id": "a", "limits": {"x": float("inf")}},
            "limits.x: a finite number is needed, or null for unlimited",
        ),
        ({"backend_id": "a", "limits": {"x": 10**400}}, "limits.x: a finite number is needed, or null for unlimited"),
        ({"backend_id": "a", "user_count": -1}, "user_count: this must be greater than or equal to 0"),
        ({"backend_id": "a", "user_count": True}, "user_count: a whole number is needed"),
        ({"backend_id": "a", "user_count": "3"}, "user_count: a whole number is needed"),
        ({"backend_id": "a", "problems": [""]}, "problems[0]: this must not be empty"),
        ([], "a mapping of keys to values is needed"),
        ({"scan": {"version": 2}}, "scan.version: one of 1 is needed"),
        ({"scan": {"complete": "no"}}, "scan.complete: true or false is needed"),
        ({"scan": {"complet": False}}, "scan.complet: unknown key (did you mean 'complete'?)"),
        ({"scan": {}, "backend_id": "a"}, "backend_id: unknown key"),
        (b'{"backend_id": "a"', "this is not JSON: Expecting ',' delimiter at character 19"),
        (b'{"backend_id": "a"} {}', "this is not JSON: Extra data at character 21"),
        (b"\xff", "this is not UTF-8 text"),
        (b'{"backend_id": "\\ud800"}', "backend_id: "),
        (
            b'{"backend_id": "a", "attributes": {"x": "\\ud800"}}',
            "attributes.x: half of a surrogate pair cannot be stored",
        ),
        (b"[" * 100_000, "this is nested too deeply"),
    ],
)
def test_a_bad_line_is_told_with_its_number_and_key(line: Any, problem: str) -> None:
    """And nothing is taken, since a part would look like the whole."""
    found = problems({"backend_id": "good"}, line)
    assert any(text.startswith("stream:2: ") and problem in text for text in found), found


def test_no_value_stands_in_an_error() -> None:
    """Records hold names of people."""
    found = problems({"backend_id": 7, "limits": {"x": "secret"}, "user_count": "secret", "parents": {"secret": 1}})
    assert len(found) == 4
    assert "secret" not in "".join(found)


def test_an_id_that_comes_twice_is_told_with_both_lines() -> None:
    """Waldur would get two records of it; which one is meant is not ours to guess."""
    assert problems({"backend_id": "a"}, {"backend_id": "b"}, {"backend_id": "a"}) == [
        "stream:3: backend_id: line 1 has the same"
    ]


def test_nothing_may_follow_the_last_line() -> None:
    """Two streams glued together are not one scan."""
    assert problems({"scan": {}}, {"backend_id": "a"}) == ["stream:2: nothing may follow the scan line 1"]


def test_ten_bad_lines_are_named_and_the_rest_is_counted() -> None:
    """A wrong program does not flood the log."""
    found = problems(*[{}] * 12)
    assert found[0] == "stream:1: backend_id: this key is needed, but missing"
    assert len(found) == 11
    assert found[-1] == "and 2 more"
    assert len(problems(*[{}] * 10)) == 10


SCHEMA = Draft202012Validator(json_schema())
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS, st.just(10**400), st.just(3.0))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(TEXTS, inner, max_size=2)),
    max_leaves=4,
)
KEYS = ("backend_id", "name", "kind", "parents", "attributes", "limits", "user_count", "problems", "scan", "other")
GOOD = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).filter(str.strip)
RECORDS = st.fixed_dictionaries(
    {"backend_id": GOOD | VALUES},
    optional={
        "name": GOOD | VALUES,
        "kind": GOOD | VALUES,
        "parents": st.lists(
            GOOD | st.fixed_dictionaries({"backend_id": GOOD | VALUES}, optional={"name": VALUES, "attributes": VALUES})
        )
        | VALUES,
        "attributes": st.dictionaries(TEXTS, SCALARS) | VALUES,
        "limits": st.dictionaries(TEXTS, SCALARS) | VALUES,
        "user_count": SCALARS,
        "problems": st.lists(GOOD | VALUES, max_size=2) | VALUES,
    },
)
LAST = st.fixed_dictionaries(
    {
        "scan": st.fixed_dictionaries(
            {},
            optional={
                "version": st.sampled_from([1, 1.0, True, 2, "1"]),
                "complete": SCALARS,
                "warnings": st.lists(GOOD | VALUES) | VALUES,
            },
        )
        | VALUES
    },
    optional={"backend_id": GOOD},
)


@settings(max_examples=400)
@given(st.one_of(RECORDS, LAST, st.dictionaries(st.sampled_from(KEYS), VALUES), VALUES))
def test_the_schema_accepts_just_what_the_reader_accepts(line: Any) -> None:
    """Whoever checks records against the published schema finds out before the agent does."""
    text = json.dumps(line)
    assume("NaN" not in text)
    assume("Infinity" not in text)
    reader = RecordReader("stream")
    reader.read_line(1, text.encode())
    try:
        reader.scan()
    except BackendMisconfiguredError:
        accepted = False
    else:
        accepted = True
    assert SCHEMA.is_valid(json.loads(text)) == accepted


def test_the_schema_is_a_schema() -> None:
    """Of the draft that it names; its own name has the version of the form."""
    Draft202012Validator.check_schema(json_schema())
    assert json_schema()["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    assert json_schema()["$id"].endswith(":1")


@pytest.mark.parametrize(
    ("line", "accepted"),
    [
        ({"backend_id": "a", "user_count": 3.0, "limits": {"x": None}, "parents": ["p", {"backend_id": "q"}]}, True),
        ({"scan": {"version": 1.0, "complete": False, "warnings": ["B is down"]}}, True),
        ({"backend_id": " "}, False),
        ({"backend_id": "a\0"}, False),
        ({"backend_id": "a", "attributes": {"x\0": 1}}, False),
        ({"backend_id": "a", "limits": {"x": True}}, False),
        ({"backend_id": "a", "limits": {"x": 10**400}}, False),
        ({"backend_id": "a", "user_count": -1}, False),
        ({"backend_id": "a", "user_count": True}, False),
        ({"backend_id": "a", "user": 1}, False),
        ({"scan": {"version": True}}, False),
        ({"scan": {"version": 2}}, False),
        ({"scan": {"complete": 1}}, False),
        ({"scan": {"complete": True}, "backend_id": "a"}, False),
        ([], False),
    ],
)
def test_schema_and_reader_agree(line: Any, accepted: bool) -> None:
    """On what either could easily get wrong."""
    assert SCHEMA.is_valid(line) == accepted
    if accepted:
        read(line)
    else:
        assert problems(line)
