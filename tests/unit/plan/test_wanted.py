"""The record that a found resource becomes."""

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from support.builders import ALPHA, BETA, found
from waldur_import_agent.plan.wanted import content_hash, make_record
from waldur_import_agent.records import (
    Ancestor,
    Attribute,
    Component,
    FoundResource,
    Marker,
    Placement,
    Project,
    WantedRecord,
)
from waldur_import_agent.settings.models import Record

CPU = Component("GrpTRES.cpu")
LARGEST_MARKER = Marker(
    "\U0001f40d" * 64, "f" * 32, "h" * 64, "1" * 40, "r" * 36, datetime(2026, 1, 1, 1, 1, 1, 1, UTC)
)
EIGHT_KIB = 8192


def make(
    thing: FoundResource,
    *,
    project: Project = ALPHA,
    why: str = "rule 1",
    components: dict[str, Component] | None = None,
    **patterns: str,
) -> WantedRecord:
    """The record of `thing`; other keywords are the patterns of the configuration."""
    given_components = {"cpu": CPU} if components is None else components
    return make_record(thing, Placement(project, why), project, given_components, Record(**patterns))


def size(metadata: Any) -> int:
    """Bytes of the metadata as JSON together with the largest marker that there can be."""
    whole = {**metadata, "import_agent": LARGEST_MARKER.to_json()}
    return len(json.dumps(whole, ensure_ascii=False).encode())


# --- what a record says


def test_record_in_full() -> None:
    """Everything that is known of the resource stands in its record, the limits in both units."""
    thing = FoundResource(
        "acct1",
        "Account 1",
        "SLURM account",
        parents=(Ancestor("p1", "hpc_alpha"), Ancestor("root", "root")),
        attributes={"description": "Ice cores", "organization": "uni", "cores": 4},
        limits={"GrpTRES.mem": None, "GrpTRES.cpu": 4},
        user_count=3,
        problems=("limit gres unreadable", "fairshare unreadable"),
    )
    record = make(thing, why="rule 1 (parent is 'hpc_alpha') gives slug 'alpha'")
    assert record == WantedRecord(
        backend_id="acct1",
        name="Account 1",
        project=ALPHA,
        metadata={
            "limits": {"cpu": 4},
            "type": "SLURM account",
            "description": "Ice cores",
            "organization": "uni",
            "cores": 4,
            "parent": "hpc_alpha",
            "user_count": 3,
            "backend_limits": "GrpTRES.cpu=4, GrpTRES.mem=unlimited",
            "placement": "rule 1 (parent is 'hpc_alpha') gives slug 'alpha'",
            "problems": "limit gres unreadable; fairshare unreadable",
        },
        content=content_hash("Account 1", ALPHA.uuid, "SLURM account", {"cpu": 4}),
        notes=("limit gres unreadable", "fairshare unreadable", "no component for GrpTRES.mem"),
    )


def test_empty_parts_are_left_out() -> None:
    """What a resource does not have leaves no empty text in the metadata; `limits` always stands."""
    record = make(found("acct1", parents=(), attributes={"organization": ""}), components={}, why="")
    assert record.metadata == {"limits": {}, "type": "SLURM account"}


@pytest.mark.parametrize("key", ["limits", "type", "description", "full_name", "backend_limits", "placement"])
@pytest.mark.parametrize("spelling", ["{}", " {}", "{}\n", "\0{}", "{}\ud800"])
def test_attributes_do_not_overwrite_what_is_ours(key: str, spelling: str) -> None:
    """An attribute of the backend with the name of one of our keys, also once it is cleaned, is left out."""
    thing = found("acct1", limits={"GrpTRES.cpu": 4})
    changed = found("acct1", limits={"GrpTRES.cpu": 4}, attributes={spelling.format(key): "the backend's"})
    one, other = make(thing, description="ours"), make(changed, description="ours")
    assert one.metadata == other.metadata


@pytest.mark.parametrize("key", ["problems", "import_agent", "import_agent ", "backend_id", "name", "kind"])
def test_attributes_do_not_pass_for_ours(key: str) -> None:
    """No attribute can look like a marker, a problem, or what the record itself says."""
    assert make(found("acct1", attributes={key: "the backend's"})).metadata == make(found("acct1")).metadata


def test_parent_and_users_are_those_of_the_scan() -> None:
    """Attributes of the same names do not hide the parent and the number of users."""
    record = make(found("acct1", user_count=0, attributes={"parent": "other", "user_count": 9}))
    assert record.metadata["parent"] == "hpc_alpha"
    assert record.metadata["user_count"] == 0


def test_attributes_keep_their_types() -> None:
    """Numbers and truth values stay what they are."""
    record = make(found("acct1", attributes={"cores": 4, "share": 0.5, "active": True}))
    assert [record.metadata[key] for key in ("cores", "share", "active")] == [4, 0.5, True]


@pytest.mark.parametrize(("value", "text"), [(math.nan, "nan"), (math.inf, "inf"), (-math.inf, "-inf")])
def test_what_json_has_no_number_for_is_text(value: float, text: str) -> None:
    """NaN and infinity cannot be sent as numbers: one of them must not end the whole round."""
    assert make(found("acct1", attributes={"share": value})).metadata["share"] == text


# --- names


def test_name_by_a_pattern() -> None:
    """The name is made from facts and attributes; what a resource does not have is empty."""
    thing = found("acct1", name="Account", attributes={"organization": "uni", "cores": 4})
    assert make(thing, name="{organization}/{name} ({backend_id}, {kind}, {cores}) {parent}{unknown}!").name == (
        "uni/Account (acct1, SLURM account, 4) hpc_alpha!"
    )


def test_pattern_text_in_doubled_braces() -> None:
    """Doubled braces stand for themselves."""
    assert make(found("acct1"), name="{{{name}}}").name == "{acct1}"


def test_own_facts_win_over_attributes_in_a_pattern() -> None:
    """`{name}` is the resource's name also where the backend has an attribute called so."""
    thing = found("acct1", attributes={"name": "x", "backend_id": "y", "kind": "z"})
    assert make(thing, name="{name} {backend_id} {kind}").name == "acct1 acct1 SLURM account"


def test_description_by_a_pattern() -> None:
    """The description is made in the same way, and is no part of the name."""
    record = make(found("acct1", attributes={"organization": "uni"}), description="of {organization}")
    assert record.metadata["description"] == "of uni"
    assert record.name == "acct1"


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("  two\t words\n", "two words"),
        ("a\0b", "a b"),
        ("a\x1b[31mb", "a [31mb"),
        ("a\ud800b", "a b"),
        ("a\u2028b\u3000c", "a b c"),
        ("Ångström 氷 \U0001f9ca", "Ångström 氷 \U0001f9ca"),
    ],
)
def test_name_is_one_clean_line(name: str, clean: str) -> None:
    """Control characters, lone surrogates and runs of blanks become one blank; all other writing stays."""
    assert make(found("acct1", name=name)).name == clean


@pytest.mark.parametrize("name", ["", "  ", "\0", "\n\ud800"])
def test_blank_name_is_replaced_by_the_id(name: str) -> None:
    """Waldur needs a name: the id is one that people know."""
    assert make(found("acct1", name=name)).name == "acct1"


def test_id_is_left_exact_where_it_stands_for_a_name() -> None:
    """Only the name is cleaned: the id is what Waldur and the backend agree on."""
    record = make(found("a\x01b", name=""))
    assert (record.backend_id, record.name) == ("a\x01b", "a b")


def test_name_of_150_characters_is_whole() -> None:
    """The bound itself fits, and then there is no second name."""
    record = make(found("acct1", name="x" * 150))
    assert record.name == "x" * 150
    assert "full_name" not in record.metadata


def test_longer_name_is_cut_and_kept_in_full() -> None:
    """150 characters with an ellipsis at the end; the whole name stands in the metadata."""
    record = make(found("acct1", name="x" * 151))
    assert record.name == "x" * 149 + "…"
    assert record.metadata["full_name"] == "x" * 151


def test_cut_name_has_no_blank_before_the_ellipsis() -> None:
    """A cut between words looks like one."""
    assert make(found("acct1", name="x" * 148 + " " + "y" * 9)).name == "x" * 148 + "…"


# --- the hash


def test_hash_is_the_same_for_ever() -> None:
    """Another hash for the same content would refresh every record of every site on the day of an upgrade."""
    assert content_hash("acct1", "a" * 32, "SLURM account", {"cpu": 4}) == "7072a5114806f4a8ecdd9d7db100ee8d"
    assert content_hash("Ångström", "a" * 32, "x", {}) == "a69b11a2b2244cf947860ad7ea83b2c0"


def test_hash_does_not_depend_on_the_order_of_the_components() -> None:
    """The order in a configuration file is no content."""
    assert content_hash("a", "b", "c", {"cpu": 1, "gpu": 2}) == content_hash("a", "b", "c", {"gpu": 2, "cpu": 1})


@pytest.mark.parametrize(
    "changed",
    [
        {"user_count": 9},
        {"attributes": {"organization": "other"}},
        {"problems": ("limit mem unreadable",)},
        {"parents": (Ancestor("p2", "other"),)},
        {"limits": {"GrpTRES.cpu": 4, "GrpTRES.mem": 8}},
    ],
)
def test_provenance_never_causes_a_refresh(changed: dict[str, Any]) -> None:
    """Users come and go, texts change: that alone writes nothing."""
    one = make(found("acct1", limits={"GrpTRES.cpu": 4}))
    other = make(found("acct1", **({"limits": {"GrpTRES.cpu": 4}} | changed)), why="another rule", description="new")
    assert one.content == other.content
    assert one.metadata != other.metadata


@pytest.mark.parametrize("changed", [{"name": "other"}, {"kind": "other"}, {"limits": {"GrpTRES.cpu": 5}}])
def test_content_causes_a_refresh(changed: dict[str, Any]) -> None:
    """Name, kind and limits each decide over a refresh."""
    one = make(found("acct1", limits={"GrpTRES.cpu": 4}))
    assert one.content != make(found("acct1", **({"limits": {"GrpTRES.cpu": 4}} | changed))).content


def test_project_causes_a_refresh() -> None:
    """A resource that belongs elsewhere now is reported there."""
    assert make(found("acct1")).content != make(found("acct1"), project=BETA).content


def test_parts_of_the_content_do_not_run_together() -> None:
    """A letter that moves from one part to the next is a change."""
    assert content_hash("ab", "c", "d", {}) != content_hash("a", "bc", "d", {})


# --- 8 KiB


def test_metadata_that_fits_is_whole() -> None:
    """Nothing is shortened before it must be."""
    record = make(found("acct1", attributes={"notes": "x" * 7000}))
    assert record.metadata["notes"] == "x" * 7000


def test_room_for_the_marker_is_kept() -> None:
    """640 bytes are kept free, which the largest marker does not exceed; one byte less of room shortens the texts."""
    assert size({}) <= 640
    others = make(found("acct1", attributes={"notes": "x"})).metadata
    free = EIGHT_KIB - 640 - len(json.dumps(others)) + 1
    assert make(found("acct1", attributes={"notes": "x" * free})).metadata["notes"] == "x" * free
    assert make(found("acct1", attributes={"notes": "x" * (free + 1)})).metadata["notes"] == "x" * 1999 + "…"


def test_bytes_are_counted_as_they_are_sent() -> None:
    """Metadata goes out in UTF-8: a letter beyond ASCII counts for its bytes, not for an escape and not for one."""
    assert make(found("acct1", attributes={"notes": "é" * 3600})).metadata["notes"] == "é" * 3600
    assert make(found("acct1", attributes={"notes": "é" * 3800})).metadata["notes"] == "é" * 1999 + "…"


@pytest.mark.parametrize(
    ("count", "length", "kept"), [(1, 7500, 2000), (5, 2000, 1000), (10, 2000, 500), (20, 2000, 200), (40, 2000, 100)]
)
def test_texts_are_shortened_step_by_step(count: int, length: int, kept: int) -> None:
    """All long texts are cut to the same length, the longest that fits, and end with an ellipsis."""
    record = make(found("acct1", attributes={f"a{number}": "x" * length for number in range(count)}))
    assert {record.metadata[f"a{number}"] for number in range(count)} == {"x" * (kept - 1) + "…"}
    assert record.metadata["parent"] == "hpc_alpha"


def test_text_of_exactly_the_length_is_left() -> None:
    """A text as long as the bound is not cut."""
    attributes: dict[str, Attribute] = {"long": "x" * 7000, "bound": "y" * 2000}
    record = make(found("acct1", attributes=attributes))
    assert record.metadata["bound"] == "y" * 2000
    assert record.metadata["long"] == "x" * 1999 + "…"


def test_last_attributes_go_where_short_texts_are_too_much() -> None:
    """Of very many attributes the first ones stay; what this product says of the resource stays too."""
    thing = found("acct1", parents=(), attributes={f"a{number:03}": "x" * 60 for number in range(300)}, problems=("p",))
    record = make(thing, description="d")
    names = [key for key in record.metadata if key.startswith("a")]
    assert names == [f"a{number:03}" for number in range(len(names))]
    assert 100 < len(names) < 300
    assert record.metadata["a000"] == "x" * 39 + "…"
    assert {"limits", "type", "description", "placement", "problems"} <= record.metadata.keys()


def test_no_attribute_goes_that_fits() -> None:
    """Attributes go only until the rest fits, to the byte."""

    def metadata(digits: int, others: int) -> Mapping[str, Any]:
        attributes: dict[str, Attribute] = {"number": 10**digits}
        attributes |= {f"a{number:03}": "x" * 40 for number in range(others)}
        return make(found("acct1", parents=(), attributes=attributes)).metadata

    free = EIGHT_KIB - 640 - len(json.dumps(metadata(0, 100)))
    assert metadata(free, 400) == metadata(free, 100)
    assert list(metadata(free, 400))[-1] == "placement"
    assert "a099" in metadata(free, 400)
    assert "a099" not in metadata(free + 1, 400)


def test_limits_stay_where_nothing_else_does() -> None:
    """Limits decide over what is billed: they never go, whatever else must."""
    limits = {f"limit-with-a-long-name-{number}": number for number in range(300)}
    components = {name: Component(name) for name in limits}
    record = make(found("acct1", kind="k\0" + "k" * 200, limits=limits), components=components)
    assert record.metadata == {"limits": limits, "type": "k " + "k" * 37 + "…"}
    assert make(found("acct1", kind="", limits=limits), components=components).metadata == {"limits": limits}


values = st.text(max_size=30) | st.text(max_size=9).map(lambda text: text * 900) | st.integers() | st.floats()
keys = st.text(max_size=20) | st.text(max_size=5).map(lambda text: text * 2000) | st.sampled_from(["limits", "parent"])


@settings(deadline=None, max_examples=60)
@given(
    attributes=st.dictionaries(keys, values | st.booleans(), max_size=20),
    name=st.text(max_size=400),
    many=st.integers(0, 200),
)
@example(attributes={"a\ud800": "\udfff" * 10000}, name="\ud800", many=0)
@example(attributes={"a": 10**4000, "b": 10**4200}, name="x", many=0)
def test_metadata_always_fits_and_can_be_sent(attributes: dict[str, Attribute], name: str, many: int) -> None:
    """Whatever the backend says: below 8 KiB with the marker, valid JSON in UTF-8, no NUL, all limits there."""
    attributes |= {f"more{number}": "\U0001f9ca" * 100 for number in range(many)}
    record = make(found("acct1", name=name, attributes=attributes, limits={"GrpTRES.cpu": 4}, problems=(name,)))
    assert size(record.metadata) <= EIGHT_KIB
    assert record.metadata["limits"] == {"cpu": 4}
    sent = json.dumps({**record.metadata, "name": record.name}, ensure_ascii=False, allow_nan=False)
    assert "\\u0000" not in sent
    assert 1 <= len(record.name) <= 150
