"""The services as the lab's own administrator sees them."""

from types import TracebackType
from typing import Any, Self

import httpx

from live.openstack.lab.services import SERVICES, Layout

DOMAIN = {"id": "default"}


class Api:
    """A user of all services, in one project."""

    def __init__(self, layout: Layout, user: str, password: str, project: str) -> None:
        self._layout = layout
        self._client = httpx.Client(timeout=60, trust_env=False)
        answer = self._client.post(
            layout.url("keystone", "/v3/auth/tokens"),
            json={
                "auth": {
                    "identity": {
                        "methods": ["password"],
                        "password": {"user": {"name": user, "domain": DOMAIN, "password": password}},
                    },
                    "scope": {"project": {"name": project, "domain": DOMAIN}},
                }
            },
        )
        assert answer.status_code == 201, answer.text
        self._client.headers["X-Auth-Token"] = answer.headers["X-Subject-Token"]
        self.user: str = answer.json()["token"]["user"]["id"]
        self.project: str = answer.json()["token"]["project"]["id"]

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close its connections."""
        self._client.close()

    def ask(self, service: str, method: str, path: str, body: Any = None) -> httpx.Response:
        """One request, whatever its answer; `path` is below the address in the catalog."""
        root = SERVICES[service].path.replace("$(project_id)s", self.project)
        return self._client.request(method, self._layout.url(service, root + path), json=body)

    def get(self, service: str, path: str) -> Any:
        """What is there. Raises AssertionError where the service refuses."""
        return self._accepted(self.ask(service, "GET", path))

    def put(self, service: str, path: str, body: Any = None) -> Any:
        """Replace. Raises AssertionError where the service refuses."""
        return self._accepted(self.ask(service, "PUT", path, body))

    def patch(self, service: str, path: str, body: Any) -> Any:
        """Change. Raises AssertionError where the service refuses."""
        return self._accepted(self.ask(service, "PATCH", path, body))

    def post(self, service: str, path: str, body: Any) -> Any:
        """Create. Raises AssertionError where the service refuses."""
        return self._accepted(self.ask(service, "POST", path, body))

    def delete(self, service: str, path: str) -> None:
        """Delete. Raises AssertionError where the service refuses."""
        self._accepted(self.ask(service, "DELETE", path))

    @staticmethod
    def _accepted(answer: httpx.Response) -> Any:
        assert answer.is_success, f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None
