"""Run one service's API under gunicorn: serve.py SERVICE PORT DIRECTORY.

Each request is noted in DIRECTORY/log/access-SERVICE.jsonl. DIRECTORY/run/faults.json, where it is there, is read at
each request: a list of faults for each service. The first whose `path` is part of the request's and whose `method` is
the request's (each where given) is answered in place of the service, with `status`, `headers`, `type` and `body`, or,
without `status`, only after `delay` seconds. `every`: only each n-th such request; `after`: not the first n.
"""

import importlib
import json
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication
from sqlalchemy import event
from sqlalchemy.engine import Engine

MODULES = {
    "keystone": "keystone.wsgi.api",
    "nova": "nova.wsgi.osapi_compute",
    "cinder": "cinder.wsgi.api",
    "neutron": "neutron.wsgi.api",
}
Start = Callable[..., Any]


class Front:
    """Stands before the service: notes requests, and answers some of them itself."""

    def __init__(self, application: Any, service: str, root: Path) -> None:
        self._application = application
        self._service = service
        self._faults = root / "run" / "faults.json"
        self._log = (root / "log" / f"access-{service}.jsonl").open("a", buffering=1)
        self._seen: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
        """One request."""
        method, path, query = environ["REQUEST_METHOD"], environ.get("PATH_INFO", ""), environ.get("QUERY_STRING")
        target = f"{path}?{query}" if query else path
        begun = time.time()
        line = {"time": begun, "method": method, "path": target, "agent": environ.get("HTTP_USER_AGENT", "")}

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            line["status"] = int(status.split(maxsplit=1)[0])
            return start_response(status, headers, *rest)

        try:
            fault = self._fault(method, target)
            time.sleep(fault.get("delay", 0))
            if "status" not in fault:
                return self._application(environ, start)
            body = fault.get("body", "").encode()
            headers = {"Content-Type": fault.get("type", "text/html"), "Content-Length": str(len(body))}
            start(f"{fault['status']} Injected", list((headers | fault.get("headers", {})).items()))
            return [body]
        finally:
            line["seconds"] = round(time.time() - begun, 3)
            self._log.write(json.dumps(line) + "\n")

    def _fault(self, method: str, target: str) -> dict[str, Any]:
        if not self._faults.exists():
            return {}
        for fault in json.loads(self._faults.read_text()).get(self._service, []):
            if fault.get("path", "") not in target or fault.get("method", method) != method:
                continue
            key = f"{self._faults.stat().st_mtime_ns} {fault}"  # counted anew from when it was ordered
            with self._lock:
                self._seen[key] += 1
                number = self._seen[key]
            if number % fault.get("every", 1) == 0 and number > fault.get("after", 0):
                found: dict[str, Any] = fault
                return found
        return {}


class Server(BaseApplication):  # type: ignore[misc]  # has no types
    """gunicorn with one process for one service."""

    def __init__(self, service: str, port: int, root: Path) -> None:
        self._service, self._port, self._root = service, port, root
        super().__init__()

    def load_config(self) -> None:
        """Gunicorn's settings."""
        for name, value in {
            "bind": f"127.0.0.1:{self._port}",
            "worker_class": "gthread",
            "threads": 8,
            "timeout": 120,
            "keepalive": 30,
            "limit_request_line": 8190,  # Nova asks Neutron about very many servers at once
            "worker_tmp_dir": str(self._root / "run"),
            "control_socket_disable": True,
        }.items():
            self.cfg.set(name, value)

    def load(self) -> Front:
        """The service's own application. It looks at the command line and the environment."""
        directory = self._root / "etc" / self._service
        sys.argv = [f"{self._service}-api"]
        if self._service == "cinder":
            sys.argv += ["--config-file", str(directory / "cinder.conf")]
        else:
            os.environ[f"OS_{self._service.upper()}_CONFIG_DIR"] = str(directory)
            os.environ["OS_NEUTRON_CONFIG_FILES"] = "neutron.conf"
        return Front(importlib.import_module(MODULES[self._service]).application, self._service, self._root)


@event.listens_for(Engine, "connect")
def _without_waiting_for_the_disk(connection: Any, record: object) -> None:
    """What a crash of the machine would leave is of no interest here."""
    connection.execute("PRAGMA synchronous=OFF")


def main() -> None:
    """Serve until killed."""
    service, port, root = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    sys.argv = sys.argv[:1]
    Server(service, port, root).run()


main()
