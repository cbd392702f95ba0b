"""What a reader would see that is wrong with a page."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urldefrag

from playwright.sync_api import Page, Request, Response

PHONE = 390
"""Pixels: the width of a common phone."""
SMALLEST = 9.0
"""Pixels: smaller letters in a picture cannot be read on a phone."""

LOOK = """() => ({
    width: document.documentElement.scrollWidth,
    wide: [...document.querySelectorAll('body *')]
        .filter(part => part.getBoundingClientRect().right > innerWidth + 1
            && getComputedStyle(part).position != 'fixed'
            && !part.closest('pre, .md-typeset__scrollwrap, .md-sidebar, .md-header, .md-search, .highlight'))
        .map(part => part.tagName.toLowerCase() + ' ' + part.textContent.slice(0, 40).trim()),
    pictures: [...document.images].map(image => [image.src, image.alt, image.naturalWidth, image.clientWidth]),
    links: [...document.querySelectorAll('a[href]')].map(link => link.href),
    ids: [...document.querySelectorAll('[id]')].map(part => part.id),
})"""

TEXTS = """width => {
    document.documentElement.setAttribute('width', width);
    document.documentElement.removeAttribute('height');
    const all = document.documentElement.getBoundingClientRect();
    return [...document.querySelectorAll('text')].map(text => {
        const box = text.getBoundingClientRect();
        const inside = box.left >= all.left && box.top >= all.top && box.right <= all.right && box.bottom <= all.bottom;
        return [text.textContent, inside, box.left, box.top, box.right, box.bottom,
            parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().d];
    });
}"""


@dataclass
class Visit:
    """One page as the browser saw it: what is wrong by itself, and where it points to."""

    address: str
    wrong: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    pictures: dict[str, float] = field(default_factory=dict)
    """Addresses of pictures, and how wide they are shown."""


@contextmanager
def noting(page: Page, seen: Visit, site: str) -> Iterator[None]:
    """Note what the browser complains of while the block runs, and what it loads from elsewhere or in vain."""

    def answered(response: Response) -> None:
        if not response.url.startswith((f"{site}/", "data:", "blob:")):
            seen.wrong.append(f"loads from elsewhere: {response.url}")
        elif response.status >= 400 and response.url != seen.address:
            seen.wrong.append(f"{response.status}: {response.url}")

    def failed(request: Request) -> None:
        # what the page before was still loading is given up for this one; a missing file has an answer, 404
        if request.failure != "net::ERR_ABORTED":
            seen.wrong.append(f"not loaded: {request.url}: {request.failure}")

    listeners: dict[str, Any] = {
        "console": lambda message: seen.wrong.append(f"console: {message.text}") if message.type == "error" else None,
        "pageerror": lambda error: seen.wrong.append(f"script: {error}"),
        "requestfailed": failed,
        "response": answered,
    }
    for event, listener in listeners.items():
        page.on(event, listener)  # type: ignore[call-overload]  # one overload for each event
    try:
        yield
    finally:
        for event, listener in listeners.items():
            page.remove_listener(event, listener)


def visit(page: Page, address: str, site: str) -> Visit:
    """Open a page of the site, and note what is wrong with it."""
    seen = Visit(address)
    with noting(page, seen, site):
        # a quiet network alone may be that of a page which a busy machine has not read to its end
        page.goto(address, wait_until="load")
        page.wait_for_load_state("networkidle")
        found = page.evaluate(LOOK)
    if found["width"] > page.viewport_size["width"]:  # type: ignore[index]  # set for every page
        seen.wrong.append(f"wider than the screen: {found['width']} pixels ({found['wide'][:5]})")
    for picture, alternative, drawn, shown in found["pictures"]:
        if not drawn:
            seen.wrong.append(f"missing picture: {picture}")
        if not alternative:
            seen.wrong.append(f"picture without a text in its place: {picture}")
        seen.pictures[picture] = shown
    seen.links = [link for link in found["links"] if link.startswith(f"{site}/")]
    seen.ids = set(found["ids"])
    return seen


def broken_links(visits: Mapping[str, Visit], files: set[str]) -> Iterator[str]:
    """Links to pages, files or anchors that are not there. `files` are the addresses of all files of the site."""
    for seen in visits.values():
        for link in seen.links:
            target, anchor = urldefrag(link)
            target = f"{target}index.html" if target.endswith("/") else target
            if target not in files:
                yield f"{seen.address}: links to {target}, which is not there"
            elif anchor and target in visits and unquote(anchor) not in visits[target].ids:
                yield f"{seen.address}: links to {link}, which has no such anchor"


def faults_of_picture(page: Page, address: str, width: float) -> Iterator[str]:
    """What cannot be read in a picture so wide: texts that are cut off, covered by others, or small."""
    page.goto(address)
    texts = page.evaluate(TEXTS, width)
    if not texts:
        yield f"{address}: no text"
    for number, (text, inside, left, top, right, bottom, size) in enumerate(texts):
        if not inside:
            yield f"{address}: {text!r} is cut off"
        if size < SMALLEST:
            yield f"{address}: {text!r} is {size:.1f} pixels high on a phone"
        for other, _, other_left, other_top, other_right, other_bottom, _ in texts[:number]:
            if (
                min(right, other_right) - max(left, other_left) > 1
                and min(bottom, other_bottom) - max(top, other_top) > 4
            ):
                yield f"{address}: {text!r} covers {other!r}"
