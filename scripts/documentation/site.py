"""Hooks of mkdocs: files outside docs/ that a page links to come into the site; a terminal's outputs are marked.

A page is read in two places: in the repository, where `../examples/command/directories.py` is a file beside docs/, and
on the site, which has nothing but docs/. Links are written for the first; for the second each file gets a page.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"(?<=\]\()(?P<path>[^):#\s]+)(?P<anchor>#[^)\s]*)?(?=\))")
TERMINAL = re.compile(r'(?<=<code>)(?P<prompt><span class="gp">[$#] </span>).*?(?=</code>)', re.DOTALL)
"""A terminal's text, as the console lexer gives it. It takes each line with a `#` in front for root's prompt."""
TAG = re.compile(r"<[^>]*>")
LANGUAGES = {
    ".py": "python",
    ".sh": "bash",
    ".toml": "toml",
    ".txt": "text",
    ".yaml": "yaml",
    ".service": "ini",
    ".timer": "ini",
}
"""Files that are shown as text, by their suffix; others, and files of docs/ itself, are copied as they are."""


def in_repository(source: str) -> str:
    """The path of the page with the site's path `source` from the repository's root."""
    return source if (ROOT / source).is_file() and not (ROOT / "docs" / source).is_file() else f"docs/{source}"


def named(source: str, link: str) -> str | None:
    """The path from the root of the file that `link` names in the page `source`; None where there is none."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(in_repository(source)), link))
    return None if path.startswith("../") or not (ROOT / path).is_file() else path


def site_path(path: str) -> str:
    """The path in the site's sources of a file of the repository."""
    if path == "README.md":  # the home page of those who read in the repository: the site has its own
        return "index.md"
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return f"{path}.md" if Path(path).suffix in LANGUAGES else path


def shown(path: str, config: MkDocsConfig) -> File:
    """A file outside docs/, for the site."""
    target = site_path(path)
    if target == path:
        return File.generated(config, path, abs_src_path=str(ROOT / path), inclusion=InclusionLevel.NOT_IN_NAV)
    text = (ROOT / path).read_text().rstrip()
    content = f"# {path}\n\n````{LANGUAGES[Path(path).suffix]}\n{text}\n````\n"
    return File.generated(config, target, content=content, inclusion=InclusionLevel.NOT_IN_NAV)


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the files outside docs/ that pages link to, and those that these link to."""
    pages = list(files.documentation_pages())
    for page in pages:
        for match in LINK.finditer(page.content_string):
            path = named(page.src_uri, match["path"])
            if path is not None and files.get_file_from_path(site_path(path)) is None:
                added = shown(path, config)
                files.append(added)
                if path.endswith(".md"):
                    pages.append(added)
    return files


def pointed(markdown: str, source: str) -> str:
    """The text of the page `source` with its links to files of the repository as they are in the site."""

    def target(match: re.Match[str]) -> str:
        path = named(source, match["path"])
        if path is None:
            return match[0]
        return posixpath.relpath(site_path(path), posixpath.dirname(source) or ".") + (match["anchor"] or "")

    return LINK.sub(target, markdown)


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links to the pages in the site."""
    del config, files
    return pointed(markdown, page.file.src_uri)


def outputs_marked(html: str) -> str:
    """A page on which all lines of a terminal are outputs that neither begin with its first prompt nor continue such.

    What is copied leaves them out, with their ends (docs/stylesheets/site.css).
    """

    def marked(match: re.Match[str]) -> str:
        lines, typed = [], ""
        for line in match[0].splitlines(keepends=True):
            words = TAG.sub("", line)
            typed = words if line.startswith(match["prompt"]) or typed.endswith("\\\n") else ""
            lines.append(line if typed else f'<span class="go output">{words}</span>')
        return "".join(lines)

    return TERMINAL.sub(marked, html)


def on_page_content(html: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Mark what a terminal printed."""
    del page, config, files
    return outputs_marked(html)
