"""A site per test."""

from pathlib import Path

import pytest

from support.site import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """One offering with a project of slug alpha; rules take the slug from the parent account."""
    return Site(tmp_path)
