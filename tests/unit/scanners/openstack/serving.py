"""The fake cloud on a local port."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from unit.scanners.openstack.fake_cloud import Asked, FakeCloud, Instead


class Handler(BaseHTTPRequestHandler):
    """Answers as the cloud does, or with what the test wants instead."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def __init__(self, cloud: FakeCloud, *connection: Any) -> None:
        self.cloud = cloud
        super().__init__(*connection)

    def do_GET(self) -> None:
        """Answer."""
        self._serve()

    def do_POST(self) -> None:
        """Answer; what was sent is not looked at."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._serve()

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""

    def _serve(self) -> None:
        asked = self._asked()
        with self.cloud.lock:
            self.cloud.asked.append(asked)
            self.cloud.before(asked)
            instead = self._instead(asked)
        if instead is not None and instead.hang is not None:
            instead.hang.wait()
        if instead is not None and instead.status:
            self._send(instead.status, instead.text.encode(), instead.type, instead.headers)
            return
        with self.cloud.lock:
            status, answer = self.cloud.answer(asked)
        text = json.dumps(answer).replace("http://cloud.test", f"http://127.0.0.1:{self.cloud.port}")
        headers = {"X-Subject-Token": "a-token-0123456789"} if asked.path.endswith("/auth/tokens") else {}
        self._send(status, text.encode(), "application/json", headers)

    def _asked(self) -> Asked:
        url = urlsplit(self.path)
        _, service, *rest = url.path.split("/")
        return Asked(
            service,
            self.command,
            "/" + "/".join(rest),
            {key: values[0] for key, values in parse_qs(url.query).items()},
            self.headers.get("User-Agent", ""),
            self.headers.get("OpenStack-API-Version", ""),
        )

    def _instead(self, asked: Asked) -> Instead | None:
        for rule in self.cloud.instead:
            if rule.service == asked.service and rule.path in asked.path and rule.times > 0:
                rule.times -= 1
                return rule
        return None

    def _send(self, status: int, content: bytes, kind: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


class Server(ThreadingHTTPServer):
    """A client that has cut its connection is no error of the cloud."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing."""


@contextmanager
def serving(cloud: FakeCloud) -> Iterator[None]:
    """The cloud on a port of this host."""
    server = Server(("127.0.0.1", 0), partial(Handler, cloud))
    cloud.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        for rule in cloud.instead:
            if rule.hang is not None:
                rule.hang.set()
        server.shutdown()
        server.server_close()
        thread.join()
