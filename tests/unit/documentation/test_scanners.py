"""The pages of the scanners have one outline, and there is one for each scanner."""

import re
from pathlib import Path

import pytest

from waldur_import_agent.scanners.registry import available

PAGES = Path(__file__).parents[3] / "docs" / "scanners"
OUTLINE = [
    "Prerequisites",
    "Permissions",
    "Configuration",
    "What is reported",
    "Examples of placement rules for common naming schemes",
    "Hierarchies and identity",
    "Offline",
    "Versions",
    "Limits of what can be recognised",
    "Troubleshooting by message",
]


def test_each_scanner_has_a_page() -> None:
    """And the site's table of contents names it."""
    known = {scanner.name for scanner in available() if scanner.distribution.startswith("waldur-import-agent ")}
    assert {page.stem for page in PAGES.glob("*.md")} == known
    site = (PAGES.parents[1] / "mkdocs.yml").read_text()
    assert [name for name in known if f"scanners/{name}.md" not in site] == []


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.stem)
def test_the_pages_have_one_outline(page: Path) -> None:
    """Whoever knows one page finds his way in the others."""
    assert re.findall(r"^## (.+)$", page.read_text(), re.MULTILINE) == OUTLINE
