"""The site in a real browser, at the width of a phone: what a reader would find broken."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from live.site.browser import ROOT, build, chromium, serving
from live.site.visit import PHONE, Visit, broken_links, faults_of_picture, visit

pytestmark = pytest.mark.live_site

BAD_PAGE = """<!doctype html><title>bad</title><link rel="icon" href="data:,">
<h1 id="here">Bad</h1><a href="missing.html">1</a> <a href="#there">2</a> <a href="#here">3</a>
<img src="none.png"><div style="width: 800px">wide</div><script>console.error("trouble")</script>"""
BAD_PICTURE = """<svg xmlns="http://www.w3.org/2000/svg" width="400" height="100" viewBox="0 0 400 100">
<text x="10" y="30" font-size="14">one text</text><text x="30" y="30" font-size="14">over another</text>
<text x="380" y="60" font-size="14">cut off</text><text x="10" y="90" font-size="6">tiny</text></svg>"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's chromium."""
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """The built site: its directory and its address."""
    directory = tmp_path_factory.mktemp("site")
    build(directory)
    with serving(directory) as address:
        yield directory, address


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    """A page as wide as a phone."""
    page = browser.new_page(viewport={"width": PHONE, "height": 844})
    yield page
    page.close()


@pytest.fixture(scope="module")
def visits(browser: Browser, site: tuple[Path, str]) -> dict[str, Visit]:
    """All pages of the site, seen on a phone."""
    directory, address = site
    page = browser.new_page(viewport={"width": PHONE, "height": 844})
    pages = [f"{address}/{path.relative_to(directory)}" for path in sorted(directory.rglob("*.html"))]
    return {found: visit(page, found, address) for found in pages}


def test_every_page_is_whole_on_a_phone(visits: dict[str, Visit]) -> None:
    """No page lacks a picture, has an error in the console, is wider than the screen, or asks another host."""
    assert len(visits) > 20
    assert [f"{seen.address}: {fault}" for seen in visits.values() for fault in seen.wrong] == []


def test_no_link_is_broken(visits: dict[str, Visit], site: tuple[Path, str]) -> None:
    """Every link within the site leads to a page, a file or an anchor that is there."""
    directory, address = site
    files = {f"{address}/{path.relative_to(directory)}" for path in directory.rglob("*") if path.is_file()}
    assert sum(len(seen.links) for seen in visits.values()) > 1000
    assert list(broken_links(visits, files)) == []


def test_pictures_can_be_read_on_a_phone(visits: dict[str, Visit], browser: Browser) -> None:
    """In no picture is a text cut off, covered by another, or too small at the size at which a phone shows it."""
    smallest: dict[str, float] = {}
    for seen in visits.values():
        for picture, width in seen.pictures.items():
            smallest[picture] = min(width, smallest.get(picture, width))
    assert len(smallest) >= 5
    page = browser.new_page(viewport={"width": 1000, "height": 1000})
    assert [fault for picture, width in smallest.items() for fault in faults_of_picture(page, picture, width)] == []


def test_search_finds_without_a_network(phone: Page, site: tuple[Path, str]) -> None:
    """The search of the site answers by itself."""
    _, address = site
    phone.goto(f"{address}/index.html")
    phone.locator("label[for=__search]").first.click()
    phone.locator(".md-search__input").press_sequentially("token_file")
    phone.locator(".md-search-result__link", has_text="waldur.token_file").first.wait_for(state="attached")


def terminals(page: Path) -> list[list[str]]:
    """The commands of each terminal in the source of a page: its lines with the prompt of the first one."""
    sources = [ROOT / "docs" / page.with_suffix(".md"), ROOT / page.with_suffix(".md")]
    text = next((source.read_text() for source in sources if source.is_file()), "")
    blocks = re.findall(r"^```console\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert all(block[:2] in {"$ ", "# "} for block in blocks), f"{page}: a terminal without a prompt"
    return [list(typed(block)) for block in blocks]


def typed(block: str) -> Iterator[str]:
    """The lines of the commands of a terminal, those that continue one too."""
    continued = False
    for line in block.splitlines():
        if continued or line[:2] == block[:2]:
            yield line if continued else line[2:]
            continued = line.endswith("\\")


def test_copied_from_a_terminal_are_the_commands(browser: Browser, site: tuple[Path, str]) -> None:
    """The button beside each terminal's text copies the commands, without prompts, outputs and empty lines."""
    directory, address = site
    page = browser.new_page(permissions=["clipboard-read", "clipboard-write"])
    copied = 0
    for path in sorted(path.relative_to(directory) for path in directory.rglob("*.html")):
        expected = terminals(path)
        if not expected:
            continue
        page.goto(f"{address}/{path}")
        found = []
        blocks = page.locator(".highlight:has(.gp)")
        for number in range(blocks.count()):
            blocks.nth(number).hover()
            blocks.nth(number).locator("button").first.click()
            found.append(page.evaluate("() => navigator.clipboard.readText()").splitlines())
        assert found == [[line.rstrip() for line in lines] for lines in expected], path
        copied += len(found)
    page.close()
    assert copied > 50


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_site_follows_the_readers_colours(browser: Browser, site: tuple[Path, str], scheme: str) -> None:
    """In a dark system the page is dark, in a light one light."""
    _, address = site
    page = browser.new_page(color_scheme=scheme)  # type: ignore[arg-type]  # a Literal
    page.goto(f"{address}/index.html")
    colour = page.evaluate("() => getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    page.close()
    assert (sum(colour[:3]) < 300) == (scheme == "dark")


def test_checks_find_what_is_broken(phone: Page, tmp_path: Path) -> None:
    """A page and a picture with one fault of each kind are found out."""
    (tmp_path / "bad.html").write_text(BAD_PAGE)
    (tmp_path / "bad.svg").write_text(BAD_PICTURE)
    with serving(tmp_path) as address:
        bad = f"{address}/bad.html"
        seen = visit(phone, bad, address)
        links = list(broken_links({bad: seen}, {bad}))
        faults = list(faults_of_picture(phone, f"{address}/bad.svg", 400))
    wrong = "\n".join(seen.wrong)
    for part in ("console: trouble", "404: ", "missing picture", "without a text", "wider than the screen: 8"):
        assert part in wrong
    assert [link.partition(": links to ")[2].partition(",")[0] for link in links] == [
        f"{address}/missing.html",
        f"{bad}#there",
    ]
    assert [fault.partition(".svg: ")[2] for fault in faults] == [
        "'over another' covers 'one text'",
        "'cut off' is cut off",
        "'tiny' is 6.0 pixels high on a phone",
    ]
