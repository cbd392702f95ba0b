"""A real browser on the built site: Debian's chromium, and a server on this host."""

import functools
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).parents[3]
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
"""The browser asks nobody but the server of the test, and runs as root in a container too."""


def call(*argv: str | Path) -> None:
    """Run a program. A failure shows what it said."""
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1", "DEBIAN_FRONTEND": "noninteractive"}
    ended = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"{argv}: {ended.stdout[-3000:]}{ended.stderr[-3000:]}"


def build(directory: Path) -> None:
    """Build the site as `make docs` does."""
    call(sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", directory)


class Quiet(SimpleHTTPRequestHandler):
    """Says nothing of what it serves."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """Takes all connections of a browser at once, also on a busy machine."""

    request_queue_size = 128


@contextmanager
def serving(directory: Path) -> Iterator[str]:
    """Serve a directory on a free port; the address without a slash at its end."""
    with Server(("127.0.0.1", 0), functools.partial(Quiet, directory=directory)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser with a new profile; installed first where it is missing."""
    if shutil.which("chromium") is None:
        apt = ("apt-get", "-qq", "-y", "-o", "DPkg::Lock::Timeout=600")
        call(*apt, "update")
        call(*apt, "install", "--no-install-recommends", "chromium", "fonts-dejavu-core")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()
