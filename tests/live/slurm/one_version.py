"""A server between the scanner and slurmrestd that lets one version of the API through, and notes what is asked."""

import contextlib
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class OneVersion(ThreadingHTTPServer):
    """Leaves the other versions out of slurmrestd's list of paths, and passes everything else on as it is."""

    daemon_threads = True

    def __init__(self, behind: str, version: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind = behind
        self.version = version
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_port}"

    def narrowed(self, document: bytes) -> bytes:
        """The list of paths with those of the one version only."""
        listed = json.loads(document)
        listed["paths"] = {path: what for path, what in listed["paths"].items() if f"/{self.version}/" in path}
        return json.dumps(listed).encode()


class _Handler(BaseHTTPRequestHandler):
    server: OneVersion

    def do_GET(self) -> None:
        """Pass the request on."""
        self.server.asked.append(self.path)
        headers = {
            name: value for name, value in self.headers.items() if name.lower().startswith(("x-slurm", "accept"))
        }
        try:
            with urllib.request.urlopen(
                urllib.request.Request(self.server.behind + self.path, headers=headers)
            ) as answer:
                status, body = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                status, body = error.code, error.read()
        if self.path == "/openapi/v3":
            body = self.server.narrowed(body)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Nothing is logged."""


@contextlib.contextmanager
def one_version(behind: str, version: str) -> Iterator[OneVersion]:
    """Such a server while the block runs."""
    with OneVersion(behind, version) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
