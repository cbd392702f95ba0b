"""The fixtures of the client's tests."""

import pytest

from unit.waldur.scripted import ScriptedWaldur


@pytest.fixture
def waldur() -> ScriptedWaldur:
    """A Waldur whose answers the test scripts."""
    return ScriptedWaldur()


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's proxies are none of the tests' business."""
    names = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
    for name in names:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
