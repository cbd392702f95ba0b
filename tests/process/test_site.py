"""The site builds from the repository alone, and needs nobody else when it is read."""

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


class Loaded(HTMLParser):
    """Collects the addresses of what a browser loads with a page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an address."""
        attributes = dict(attrs)
        if tag in {"script", "img", "iframe", "source"}:
            self.addresses.append(attributes.get("src") or "")
        if tag == "link" and attributes.get("rel") not in {"canonical", "prev", "next"}:
            self.addresses.append(attributes.get("href") or "")


def build(root: Path, directory: Path) -> subprocess.CompletedProcess[str]:
    """Build the site as `make docs` does."""
    return subprocess.run(
        ["make", "--silent", f"SITE={directory}", f"BIN={Path(sys.executable).parent}", "STAMP=", "docs"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site."""
    directory = tmp_path_factory.mktemp("site")
    done = build(ROOT, directory)
    assert done.returncode == 0, done.stdout + done.stderr
    return directory


def test_site_builds_strictly_and_loads_nothing_from_elsewhere(site: Path) -> None:
    """No link is broken, each page is in the navigation, and no page loads anything from another host."""
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        loaded = Loaded()
        loaded.feed(page.read_text())
        assert not [address for address in loaded.addresses if re.match(r"(https?:)?//", address)]
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\([\"']?(https?:)?//", sheet.read_text())


def test_page_that_is_not_there_leads_back(site: Path) -> None:
    """Who follows an old link gets to the home page."""
    page = (site / "404.html").read_text()
    assert re.search(r'begin at <a href="/(index\.html|\.)?">the home page</a>', page)


def test_files_beside_the_documentation_are_pages(site: Path) -> None:
    """A program that a page links to is shown on the site, and its own links work too."""
    command = (site / "scanners/command.html").read_text()
    assert 'href="../examples/command/directories.py.html"' in command
    assert "getxattr" in (site / "examples/command/directories.py.html").read_text()
    assert (site / "examples/postgresql/waldur_import_agent_postgresql/scanner.py.html").is_file()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """All that is under version control, to be broken."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (tmp_path / "copy" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / "copy" / name)
    return tmp_path / "copy"


def test_copy_without_a_fault_is_built(copy: Path, tmp_path: Path) -> None:
    """What the next test breaks is whole before."""
    done = build(copy, tmp_path / "site")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("page", "text", "said"),
    [
        (
            "index.md",
            "[gone](gone.md)",
            "Doc file 'index.md' contains a link 'gone.md', but the target is not found",
        ),
        (
            "index.md",
            "[gone](placement.md#gone)",
            (
                "Doc file 'index.md' contains a link 'placement.md#gone', but the doc 'placement.md' does not contain "
                "an anchor '#gone'"
            ),
        ),
        (
            "forgotten.md",
            "# Forgotten",
            (
                'The following pages exist in the docs directory, but are not included in the "nav" configuration:\n'
                "  - forgotten.md\n"
            ),
        ),
    ],
)
def test_site_with_a_fault_is_not_built(page: str, text: str, said: str, copy: Path, tmp_path: Path) -> None:
    """A link to a missing page or anchor, and a page that no navigation shows, end the build with the page's name."""
    with (copy / "docs" / page).open("a") as file:
        file.write(f"\n{text}\n")
    done = build(copy, tmp_path / "site")
    assert done.returncode != 0
    assert "Aborted with 1 warnings in strict mode!" in done.stdout + done.stderr
    assert re.search(r"WARNING +-  ?" + re.escape(said), done.stderr), done.stderr
