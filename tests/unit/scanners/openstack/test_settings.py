"""The scanner's block: what may stand in it, and that its secret is never shown."""

from typing import Any

import pytest
from pydantic import ValidationError

from unit.scanners.openstack.fake_cloud import SECRET
from waldur_import_agent.scanners.inventory import InventorySettings
from waldur_import_agent.scanners.openstack import OpenStackScanner
from waldur_import_agent.scanners.openstack.settings import OpenStackSettings
from waldur_import_agent.scanners.registry import scanner_class

CREDENTIAL = {"auth_url": "https://keystone.example.com:5000/v3", "id": "a", "secret": SECRET}


def test_it_is_an_entry_point() -> None:
    """`type: openstack` finds it, although the SDK is an extra."""
    assert scanner_class("openstack") is OpenStackScanner


def test_the_defaults() -> None:
    """Projects of the whole cloud, all quotas, eight at a time."""
    settings = OpenStackSettings(cloud="waldur")
    assert (settings.kinds, settings.scope, settings.quotas) == (("project",), "cloud", None)
    assert (settings.in_flight, settings.requests_per_second, settings.timeout) == (8, None, 60.0)


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ({}, "exactly one of cloud and application_credential"),
        ({"cloud": "a", "application_credential": CREDENTIAL}, "exactly one of cloud and application_credential"),
        ({"application_credential": CREDENTIAL | {"secret_file": "/x"}}, "exactly one of secret_file and secret"),
        ({"application_credential": {"auth_url": "https://a", "id": "b"}}, "exactly one of secret_file and secret"),
        ({"application_credential": CREDENTIAL | {"auth_url": "keystone"}}, "should match pattern"),
        ({"application_credential": CREDENTIAL | {"auth_url": "https://me:pw@keystone"}}, "should match pattern"),
        ({"application_credential": CREDENTIAL, "clouds_file": "/x"}, "of no use without cloud"),
        ({"cloud": "a", "kinds": []}, "at least 1 item"),
        ({"cloud": "a", "kinds": ["network"]}, "'project', 'server' or 'volume'"),
        ({"cloud": "a", "quotas": ["storage"]}, "'compute', 'volume' or 'network'"),
        ({"cloud": "a", "in_flight": 11}, "less than or equal to 10"),
        ({"cloud": "a", "in_flight": 0}, "greater than or equal to 1"),
        ({"cloud": "a", "requests_per_second": 0}, "greater than 0"),
        ({"cloud": "a", "select": {"include": [{}]}}, "at least one of name, domain, parent and tag"),
        ({"cloud": "a", "select": {"include": [{"name": "("}]}}, "not a regular expression"),
        ({"cloud": "a", "select": {"enabled": True}}, "Extra inputs"),
        ({"cloud": "a", "scope": "domain"}, "needs kinds \\[project\\] and quotas \\[\\]"),
        ({"cloud": "a", "scope": "domain", "quotas": [], "kinds": ["server"]}, "needs kinds"),
        ({"cloud": "a", "scope": "domain", "quotas": [], "select": {"used": True}}, "without select.used"),
    ],
)
def test_what_is_wrong(block: dict[str, Any], words: str) -> None:
    """Said when the configuration is read."""
    with pytest.raises(ValidationError, match=words) as caught:
        OpenStackSettings.model_validate(block)
    assert SECRET not in str(caught.value)


def test_the_secret_is_not_shown() -> None:
    """Neither by the settings nor by what `config show` prints of them."""
    settings = OpenStackSettings.model_validate({"application_credential": CREDENTIAL})
    assert SECRET not in f"{settings!r} {settings.model_dump(mode='json')} {OpenStackScanner(settings)!r}"


def test_another_scanners_settings_are_refused() -> None:
    """A mistake of the program, not of its user."""
    with pytest.raises(TypeError, match="needs OpenStackSettings, not InventorySettings"):
        OpenStackScanner(InventorySettings.model_validate({"path": "x.csv"}))
