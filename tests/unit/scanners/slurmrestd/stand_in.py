"""A server that answers like slurmrestd, from recorded or made answers, on a port or a unix socket."""

import contextlib
import json
import socketserver
import ssl
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"
FAILURES: Mapping[str, Mapping[str, Any]] = json.loads((DATA / "failures.json").read_text())
"""Recorded answers of 22.05 and 24.11 that are no lists, by release and name."""
RELEASES = {"v0.0.38": "22.05", "v0.0.40": "24.11", "v0.0.41": "24.11", "v0.0.42": "24.11"}


class Answers:
    """What the server answers, by path without its query; and what it was asked.

    It serves one version of the API with the recorded answers of its release. `tokens` are the ones it takes: another
    gets the release's own refusal.
    """

    def __init__(self, version: str) -> None:
        self.version = version
        self.release = RELEASES[version]
        self.tokens: set[str] | None = None
        self.asked: list[str] = []
        self.headers: list[Mapping[str, str]] = []
        self.hang = threading.Event()
        """Where it is set the server takes every question and answers none."""
        self.ended = threading.Event()
        self.encoding = ""
        """How the server says that its answers are packed."""
        self._answers: dict[str, tuple[int, bytes]] = {}
        listed = json.loads((DATA / f"openapi-{self.release}.json").read_text())
        listed["paths"] = {path: {} for path in listed["paths"] if f"/{version}/" in path}
        self.put("/openapi/v3", listed)
        for name in ("accounts", "associations", "qos", "clusters"):
            self.record(f"{name}/", json.loads((DATA / f"{version}-{name}.json").read_text()))

    def put(self, path: str, body: object, status: int = 200) -> None:
        """Answer this path so; a text or bytes as they are, all else as JSON."""
        if isinstance(body, str):
            body = body.encode()
        self._answers[path] = status, body if isinstance(body, bytes) else json.dumps(body).encode()

    def record(self, name: str, body: object, status: int = 200) -> None:
        """Answer a path of the accounting so."""
        self.put(f"/slurmdb/{self.version}/{name}", body, status)

    def become(self, other: "Answers") -> None:
        """Answer like another one from now on: the server was replaced."""
        self.version, self.release, self._answers = other.version, other.release, other._answers

    def fail(self, name: str, failure: str) -> None:
        """Answer a path of the accounting with a recorded failure of the release."""
        recorded = FAILURES[f"{self.release} {failure}"]
        self.record(name, recorded["body"], recorded["status"])

    def recorded(self, name: str) -> Any:
        """What is answered to a path of the accounting now, to be changed and given to `record` again."""
        return json.loads(self._answers[f"/slurmdb/{self.version}/{name}"][1])

    def answer(self, path: str, token: str) -> tuple[int, bytes]:
        """The answer to one request."""
        if self.tokens is not None and token not in self.tokens and path != "/openapi/v3":
            refused = FAILURES[f"{self.release} token-refused"]
            return refused["status"], str(refused["body"]).encode()
        unknown = FAILURES[f"{self.release} not-served"]
        return self._answers.get(path.partition("?")[0], (unknown["status"], str(unknown["body"]).encode()))


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    answers: Answers


class _UnixServer(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    answers: Answers


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = False

    def do_GET(self) -> None:
        """One request."""
        answers: Answers = self.server.answers  # type: ignore[attr-defined] # both servers have them
        answers.asked.append(self.path)
        answers.headers.append(dict(self.headers))
        if answers.hang.is_set():
            answers.ended.wait()
            self.close_connection = True
            return
        status, body = answers.answer(self.path, self.headers.get("X-SLURM-USER-TOKEN", ""))
        with contextlib.suppress(ConnectionError):  # who asked has gone
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            if answers.encoding:
                self.send_header("Content-Encoding", answers.encoding)
            self.end_headers()
            self.wfile.write(body)

    def handle(self) -> None:
        """One connection; who asked may have gone."""
        with contextlib.suppress(ConnectionError):
            super().handle()

    def log_message(self, *arguments: object) -> None:
        """Nothing is logged."""


@contextlib.contextmanager
def served(answers: Answers, socket: Path | None = None, *, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """The server while the block runs; its address, or that of a socket that it does not have."""
    server: _Server | _UnixServer
    server = _Server(("127.0.0.1", 0), _Handler) if socket is None else _UnixServer(str(socket), _Handler)
    server.answers = answers
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    with server:
        thread.start()
        try:
            scheme = "http" if tls is None else "https"
            yield "" if socket is not None else f"{scheme}://127.0.0.1:{server.server_address[1]}"
        finally:
            answers.ended.set()
            server.shutdown()
            thread.join()
