"""A cloud on a local port that answers as the recorded services do: their rows, their pages, their refusals."""

import copy
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"
ADMIN_PROJECT = "666774d229974366a3466ad1147b09b2"
READER_PROJECT = "2caec59bbf9945789247b35a088f9510"
SECRET = "appcred-secret-0123456789"
Row = dict[str, Any]
Reply = tuple[int, Any]


@cache
def _read(name: str) -> Row:
    answer: Row = json.loads((DATA / f"{name}.json").read_text())
    return answer


def recorded(name: str) -> Row:
    """A recorded answer: status, type, and body or text."""
    return copy.deepcopy(_read(name))


def body(name: str) -> Row:
    """The JSON of a recorded answer."""
    inner: Row = recorded(name)["body"]
    return inner


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as the services log it."""

    service: str
    method: str
    path: str
    query: dict[str, str]
    agent: str
    microversion: str

    def __str__(self) -> str:
        return f"{self.method} {self.service}{self.path}"


@dataclass(slots=True)
class Instead:
    """What a service answers in place of its own: `times` times, to requests whose path contains `path`."""

    service: str
    path: str
    status: int = 200
    text: str = ""
    type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1_000_000
    hang: threading.Event | None = None


class FakeCloud:
    """The state of the cloud, and how its services are configured."""

    def __init__(self) -> None:
        self.auth = "keystone/auth-admin-appcred"
        self.scope: Row = {}
        self.projects: list[Row] = body("keystone/projects-admin")["projects"]
        self.domains: list[Row] = body("keystone/domains-admin")["domains"]
        self.servers: list[Row] = []
        self.unreached: list[Row] = []
        self.services: list[Row] = []
        self.volumes: list[Row] = []
        self.compute: Row = {}
        self.block: Row = {}
        self.network: list[Row] = body("neutron/quotas-all")["quotas"]
        self.keystone_cap = 1000
        self.keystone_truncates = False
        self.keystone_pages = True
        self.nova_cap = 1000
        self.cinder_cap = 1000
        self.regions = ("RegionOne",)
        self.missing: set[str] = set()
        self.opened: set[str] = set()
        """What policy overrides open to who is no admin: projects, domains, quotas, servers, services, network."""
        self.instead: list[Instead] = []
        self.asked: list[Asked] = []
        self.before: Callable[[Asked], None] = lambda asked: None
        self.port = 0
        self.lock = threading.Lock()

    # --- for tests

    @property
    def auth_url(self) -> str:
        """Where Keystone is."""
        return f"http://127.0.0.1:{self.port}/identity/v3"

    def block_of(self, **settings: Any) -> Row:
        """The scanner's block for this cloud."""
        credential = {"auth_url": self.auth_url, "id": "appcred", "secret": SECRET}
        return {"application_credential": credential, **settings}

    def project(self, name: str) -> Row:
        """The one project of this name."""
        (found,) = [project for project in self.projects if project["name"] == name]
        return found

    def add_project(self, number: int, **changes: Any) -> Row:
        """A project like the recorded ones, with an ID that the number gives."""
        row = copy.deepcopy(_read("keystone/projects-admin")["body"]["projects"][0])
        row |= {"id": f"{number:032x}", "name": f"project {number}", "tags": [], **changes}
        self.projects.append(row)
        return row

    def add_server(self, project: str, **changes: Any) -> Row:
        """A server like the recorded ones."""
        row = copy.deepcopy(_read("nova/servers-detail-mv296")["body"]["servers"][1])
        row |= {"id": f"5e{len(self.servers):034x}", "tenant_id": project, **changes}
        self.servers.append(row)
        return row

    def add_volume(self, project: str, **changes: Any) -> Row:
        """A volume like the recorded one that is attached."""
        row = copy.deepcopy(_read("cinder/volumes-in-use")["body"]["volumes"][0])
        row |= {"id": f"70{len(self.volumes):034x}", "os-vol-tenant-attr:tenant_id": project, **changes}
        self.volumes.append(row)
        return row

    def count(self, service: str, path: str = "") -> int:
        """How often a service was asked for a path that contains this."""
        return sum(asked.service == service and path in asked.path for asked in self.asked)

    # --- what the services are

    @property
    def token(self) -> Row:
        """What Keystone says of the credential; `scope` changes it."""
        token: Row = body(self.auth)["token"] | {"expires_at": "2999-01-01T00:00:00.000000Z"} | self.scope
        return token if "domain" not in self.scope else {key: token[key] for key in token if key != "project"}

    @property
    def own(self) -> str:
        """The project of the token, empty for one of the system or a domain."""
        return str(self.token.get("project", {}).get("id", ""))

    @property
    def is_admin(self) -> bool:
        """Whether the services take it for an admin: the role on a project."""
        return any(role["name"] == "admin" for role in self.token["roles"]) and bool(self.own)

    def may(self, what: str) -> bool:
        """Whether the credential sees this of others."""
        return self.is_admin or what in self.opened

    def _if_may(self, what: str, answer: Row, refusal: str) -> Reply:
        return (200, answer) if self.may(what) else (403, body(refusal))

    def answer(self, asked: Asked) -> Reply:
        """What the service answers of itself."""
        routes = {"identity": self._keystone, "compute": self._nova, "volume": self._cinder, "network": self._neutron}
        return routes[asked.service](asked)

    def _keystone(self, asked: Asked) -> Reply:
        parts = asked.path.strip("/").split("/")
        match parts:
            case ["v3"]:
                return 200, body("keystone/v3")
            case ["v3", "auth", "tokens"]:
                return 201, {"token": self.token | {"catalog": self._catalog()}}
            case ["v3", "projects" | "domains" as kind]:
                if self.own and not self.may(kind):
                    return 403, body(f"keystone/{kind}-403-reader")
                return self._keystone_page(kind, getattr(self, kind), asked.query)
            case ["v3", "projects", project]:
                found = [row for row in self.projects if row["id"] == project]
                return (200, {"project": found[0]}) if found else (404, body("keystone/project-404"))
        raise AssertionError(asked)

    def _catalog(self) -> list[Row]:
        own = self.own
        paths = {"identity": "/v3", "compute": "/v2.1", "volume": f"/v3/{own}", "network": ""}
        types = {"volume": "block-storage"}
        return [
            {
                "type": types.get(service, service),
                "id": service,
                "name": service,
                "endpoints": [
                    {
                        "id": region,
                        "interface": "public",
                        "region_id": region,
                        "region": region,
                        "url": self._url(service) + path,
                    }
                    for region in self.regions
                ],
            }
            for service, path in paths.items()
            if service not in self.missing
        ]

    def _url(self, service: str) -> str:
        return f"http://127.0.0.1:{self.port}/{service}"

    def _keystone_page(self, kind: str, rows: Sequence[Row], query: dict[str, str]) -> Reply:
        """As Keystone 2025.1 and later: `limit` makes pages; without it the list is cut without a word."""
        rows = sorted(rows, key=lambda row: str(row["id"]))
        if not self.keystone_pages:  # before 2025.1: limit and marker are ignored
            cut = rows[: self.keystone_cap] if self.keystone_truncates else rows
            return 200, {kind: cut, "links": {"next": None}, "truncated": len(cut) < len(rows)}
        if "marker" in query:
            ids = [row["id"] for row in rows]
            if query["marker"] not in ids:
                return 404, body("keystone/projects-marker-gone")
            rows = rows[ids.index(query["marker"]) + 1 :]
        size = min(int(query.get("limit", self.keystone_cap)), self.keystone_cap)
        flagged = len(rows) > size and ("limit" in query or self.keystone_truncates)
        answer: Row = {kind: rows[:size], "links": {"next": "elsewhere" if flagged else None}}
        return 200, answer | ({"truncated": True} if flagged else {})

    def _nova(self, asked: Asked) -> Reply:
        parts = asked.path.strip("/").split("/")
        match parts:
            case ["v2.1"]:
                return 200, body("nova/v2.1")
            case ["v2.1", "servers", "detail"]:
                return self._servers(asked)
            case ["v2.1", "os-services"]:
                return (
                    (200, {"services": self.services})
                    if self.may("services")
                    else (403, body("nova/quota-403-reader-other"))
                )
            case ["v2.1", "os-quota-sets", project, *rest]:
                default = body("nova/quota-microversion-latest")["quota_set"]
                if not self.may("quotas") and project != self.own:
                    return 403, body("nova/quota-403-reader-other")
                if project not in {row["id"] for row in self.projects}:
                    return 400, body("nova/quota-unknown-project")
                own = {} if rest else self.compute.get(project, {})
                return 200, {"quota_set": default | own | {"id": project}}
        raise AssertionError(asked)

    def _servers(self, asked: Asked) -> Reply:
        rows = self.servers
        if "all_tenants" in asked.query:
            if not self.may("servers"):
                return 403, body("nova/servers-403-all-tenants-reader")
        else:
            rows = [row for row in rows if row["tenant_id"] == self.own]
        page = _page(rows, asked.query, self.nova_cap)
        if page is None:
            return 400, body("nova/servers-detail-bad-marker")
        room = self.nova_cap - len(page)
        first = "marker" not in asked.query and "limit" not in asked.query and asked.microversion == "compute 2.69"
        return 200, {"servers": (self.unreached[:room] if first else []) + page}

    def _cinder(self, asked: Asked) -> Reply:
        parts = asked.path.strip("/").split("/")
        match parts:
            case ["v3"]:
                return 200, body("cinder/versions")
            case ["v3", _, "os-services"]:
                return self._if_may("volumes", {"services": []}, "cinder/quota-403-reader-other")
            case ["v3", _, "volumes", "detail"]:
                everybody = self.is_admin and "all_tenants" in asked.query
                rows = [row for row in self.volumes if everybody or row["os-vol-tenant-attr:tenant_id"] == self.own]
                page = _page(rows, asked.query, self.cinder_cap)
                return (404, {"itemNotFound": {"message": "marker"}}) if page is None else (200, {"volumes": page})
            case ["v3", _, "os-quota-sets", project, *rest]:
                if not self.may("quotas") and project != self.own:
                    return 403, body("cinder/quota-403-reader-other")
                default = body("cinder/quota-defaults")["quota_set"]
                own = {} if rest else self.block.get(project, {})
                return 200, {"quota_set": default | own | {"id": project}}
        raise AssertionError(asked)

    def _neutron(self, asked: Asked) -> Reply:
        parts = asked.path.strip("/").split("/")
        match parts:
            case [""]:
                return 200, body("neutron/versions")
            case ["v2.0"]:
                return 404, {}
            case ["v2.0", "quotas"]:
                return (
                    (200, {"quotas": self.network})
                    if self.may("network")
                    else (403, body("neutron/quotas-403-system-reader"))
                )
            case ["v2.0", "quotas", _, "default"]:
                return 200, body("neutron/quota-default")
            case ["v2.0", "quotas", project] if project == self.own:
                return 200, body("neutron/quota-reader-own")
        raise AssertionError(asked)


def _page(rows: Sequence[Row], query: dict[str, str], cap: int) -> list[Row] | None:
    """A page of Nova or Cinder; None where the marker is not there."""
    rows = list(rows)
    if "marker" in query:
        ids = [row["id"] for row in rows]
        if query["marker"] not in ids:
            return None
        rows = rows[ids.index(query["marker"]) + 1 :]
    return rows[:cap]
