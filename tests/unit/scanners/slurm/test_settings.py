"""The slurm scanner's block in the configuration."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from waldur_import_agent.scanners.slurm.settings import SlurmSettings


def test_defaults_need_nothing() -> None:
    """An empty block reads the only cluster's leaf accounts with Debian's and Red Hat's sacctmgr."""
    settings = SlurmSettings()
    assert settings.cluster is None
    assert settings.sacctmgr == Path("/usr/bin/sacctmgr")
    assert (settings.timeout, settings.output_limit) == (120, 64 * 1024**2)
    assert settings.accounts.select == "leaf"
    assert not settings.coordinators
    assert not settings.user_names
    assert (settings.identity, settings.limits.source) == ("account", "account")


def test_durations_may_have_units() -> None:
    """The timeout is written as everywhere in the configuration."""
    assert SlurmSettings.model_validate({"timeout": "2m"}).timeout == 120


@pytest.mark.parametrize(
    ("block", "text"),
    [
        ({"accounts": {"include": [{}]}}, "at least one of name, parent, organization"),
        ({"accounts": {"exclude": [{"name": "("}]}}, "not a regular expression"),
        ({"accounts": {"exclude": [{"min_depth": 3, "max_depth": 2}]}}, "min_depth is greater than max_depth"),
        ({"accounts": {"exclude": [{"min_depth": 0}]}}, "greater than or equal to 1"),
        ({"accounts": {"select": "some"}}, "'leaf', 'all' or 'site-agent'"),
        ({"cluster": "a,b"}, "should match pattern"),
        ({"output_limit": 0}, "greater than 0"),
        ({"from_files": "a", "from_dump": "b"}, "exclude each other"),
        ({"from_dump": "b", "limits": {"source": "qos"}}, "does not tell the limits of a QOS"),
        ({"clusters": "a"}, "Extra inputs are not permitted"),
    ],
)
def test_what_cannot_be_meant_is_refused(block: dict[str, Any], text: str) -> None:
    """The error says what is wrong."""
    with pytest.raises(ValidationError, match=text):
        SlurmSettings.model_validate(block)


def test_every_field_is_described() -> None:
    """The reference of the configuration is made of these descriptions."""
    pending: list[Any] = [SlurmSettings.model_json_schema()]
    for schema in pending:
        pending += schema.get("$defs", {}).values()
        for name, field in schema.get("properties", {}).items():
            assert field.get("description"), name
