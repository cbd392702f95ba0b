"""What single settings accept, and the words for what they do not."""

import pytest
from pydantic import ValidationError

from waldur_import_agent.settings.models import (
    ComponentMapping,
    Effort,
    Metrics,
    OfferingSettings,
    Record,
    Retry,
    Rule,
    Settings,
    Waldur,
    Withdraw,
)

UUID = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("https://waldur.example.com", "https://waldur.example.com/api"),
        ("https://waldur.example.com/api/", "https://waldur.example.com/api"),
        (" http://localhost:8080/prefix/api ", "http://localhost:8080/prefix/api"),
        ("https://waldur.example.com/prefix/", "https://waldur.example.com/prefix/api"),
    ],
)
def test_the_address_ends_with_api(written: str, url: str) -> None:
    """However it is written."""
    assert Waldur(url=written, token="t").url == url


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("waldur.example.com", "this is not a URL that begins with https:// or http://"),
        ("ftp://waldur.example.com", "this is not a URL that begins with https:// or http://"),
        ("https://[Hunter2]/", "this is not a URL: look at its host and port"),
        ("https://x:Hunter2/", "this is not a URL: look at its host and port"),
        ("https://x:0/", "this is not a URL that begins with https:// or http://"),
        ("https://", "this is not a URL that begins with https:// or http://"),
        ("https://user:Hunter2@waldur.example.com", "must not carry a user name or a password"),
        ("https://waldur.example.com/?a=b", "the URL must end with the path"),
        ("https://waldur.example.com/#a", "the URL must end with the path"),
    ],
)
def test_what_is_no_address_is_refused(written: str, problem: str) -> None:
    """A password in it too, since addresses are logged; the text does not repeat it."""
    with pytest.raises(ValidationError, match=problem) as caught:
        Waldur(url=written, token="t")
    assert "Hunter2" not in str(caught.value)


@pytest.mark.parametrize("written", [UUID, UUID.upper(), "01234567-89ab-cdef-0123-456789abcdef"])
def test_a_uuid_is_kept_as_waldur_writes_it(written: str) -> None:
    """32 hexadecimal digits, with dashes or without."""
    assert OfferingSettings(uuid=written, scanner={"type": "slurm"}).uuid == UUID


@pytest.mark.parametrize("source", ["name", "parent", "parent.organization", "ancestor", "ancestor.name"])
def test_a_rule_looks_at_attributes_of_a_resource_or_of_what_is_above_it(source: str) -> None:
    """Written with `from`, which is no name in Python."""
    assert Rule.model_validate({"from": source, "match": "(?P<x>.)", "value": "{x}"}).source == source


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ({"from": "child.name"}, "this is no attribute, parent[.attribute] or ancestor[.attribute]"),
        ({"from": "parent.a.b"}, "this is no attribute, parent[.attribute] or ancestor[.attribute]"),
        ({"from": "name\n"}, "this is no attribute, parent[.attribute] or ancestor[.attribute]"),
        ({"match": "["}, "this is not a regular expression"),
        ({"value": "{x"}, "this is not a pattern"),
        ({"value": "{x.y}"}, "a pattern holds plain names in braces, like {name}"),
        ({"value": "{x!r}"}, "a pattern holds plain names in braces, like {name}"),
        ({"value": "{x:>9}"}, "a pattern holds plain names in braces, like {name}"),
        ({"value": "{}"}, "a pattern holds plain names in braces, like {name}"),
        ({"value": "{x}{y}"}, "`value` names y, which is no named group of `match`"),
    ],
)
def test_a_rule_that_cannot_work_is_refused(rule: dict[str, str], problem: str) -> None:
    """Before the first round, not in the middle of it."""
    with pytest.raises(ValidationError) as caught:
        Rule.model_validate({"from": "parent", "match": "(?P<x>.)", "value": "{x}", **rule})
    assert problem in str(caught.value)


def test_a_rule_without_groups_names_one_project() -> None:
    """`value` may be a plain text."""
    assert Rule.model_validate({"match": ".", "value": "all"}).by == "slug"


@pytest.mark.parametrize("number", [0, -1, float("inf"), float("nan")])
def test_numbers_are_finite(number: float) -> None:
    """An infinite factor would make every limit 0."""
    with pytest.raises(ValidationError):
        ComponentMapping.model_validate({"from": "x", "unit_factor": number})


@pytest.mark.parametrize("percent", [-1, 101, float("nan")])
def test_a_percentage_is_one(percent: float) -> None:
    """Between 0 and 100."""
    with pytest.raises(ValidationError):
        Withdraw(max_percent=percent)


def test_a_pattern_of_a_record_takes_any_plain_names() -> None:
    """Which attributes there are depends on the backend."""
    assert Record(name="{name} ({organization})").name == "{name} ({organization})"


def test_a_ready_part_is_taken_as_it_is() -> None:
    """Settings made in Python, not read from a file, pass the same checks."""
    retry = Retry(attempts=2, within=5.0)
    assert Effort(read=retry).read == retry
    assert Waldur(url="https://x", token="t", effort=Effort(read=retry)).effort.read == retry


@pytest.mark.parametrize("effort", [3, {"read": 3}])
def test_a_part_that_is_no_mapping_is_refused(effort: object) -> None:
    """With words, not with a failure of the merging of defaults."""
    with pytest.raises(ValidationError, match="valid dictionary or instance"):
        Waldur.model_validate({"url": "https://x", "token": "t", "effort": effort})


def test_settings_do_not_change_and_do_not_show_the_token() -> None:
    """They are handed around and may be printed by mistake."""
    settings = Settings(
        waldur=Waldur(url="https://x", token="Hunter2"),
        offerings=(OfferingSettings(uuid=UUID, scanner={"type": "slurm"}),),
    )
    assert "Hunter2" not in repr(settings)
    with pytest.raises(ValidationError):
        settings.instance = "other"  # type: ignore[misc]


@pytest.mark.parametrize("instance", ["", "a b", "a/b", "x" * 65])
def test_an_instance_is_a_short_plain_name(instance: str) -> None:
    """It stands in every record."""
    with pytest.raises(ValidationError):
        Settings.model_validate(
            {
                "waldur": {"url": "https://x", "token": "t"},
                "offerings": [{"uuid": UUID, "scanner": {"type": "slurm"}}],
                "instance": instance,
            }
        )


@pytest.mark.parametrize("address", ["127.0.0.1:9464", "localhost:0", "[::1]:9464", "metrics.example.com:80"])
def test_an_address_to_listen_on(address: str) -> None:
    """A host and a port, as written."""
    assert Metrics.model_validate({"listen": address}).listen == address


@pytest.mark.parametrize("address", ["9464", ":9464", "localhost", "localhost:x", "localhost:99999", "a@b:1", "h:1/x"])
def test_what_is_no_address_to_listen_on(address: str) -> None:
    """Told with an example."""
    with pytest.raises(ValidationError, match=r"HOST:PORT, like 127\.0\.0\.1:9464"):
        Metrics.model_validate({"listen": address})
