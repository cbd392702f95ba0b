"""A site per test."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from support.site import Site
from waldur_import_agent.fulfilment import claims, work
from waldur_import_agent.fulfilment import round as fulfilment_round
from waldur_import_agent.system import now


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """One offering with a project of slug alpha; rules take the slug from the parent account."""
    return Site(tmp_path)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Moves the clock by which the agent judges the age of claims and records: so much later than it really is."""

    def move(by: timedelta) -> None:
        for module in (claims, fulfilment_round, work):
            monkeypatch.setattr(module, "now", lambda: now() + by)

    return move
