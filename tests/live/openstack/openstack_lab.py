"""A private OpenStack for tests: real Keystone, Nova, Cinder and Neutron on loopback, without root or a hypervisor."""

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import signal
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from live.openstack.lab import processes
from live.openstack.lab.accounts import ACCOUNTS, HOME, Credentials, Registrar, application_credential, entry
from live.openstack.lab.api import Api
from live.openstack.lab.content import Cloud
from live.openstack.lab.installation import install
from live.openstack.lab.seed import Seeder
from live.openstack.lab.services import SERVICES, Layout, Options, write_configuration, write_policy

LAB = Path(__file__).parents[3] / ".lab"
BASE = int(os.environ.get("OPENSTACK_LAB_BASE", "25000"))
"""The first of as many consecutive ports as there are services."""
KEPT = {"venv"}
"""What stays when a lab is wiped."""


@dataclass(frozen=True)
class Request:
    """A request that a service has answered, as its access log has it."""

    service: str
    method: str
    path: str
    status: int


class OpenstackLab:
    """A running lab."""

    def __init__(self, directory: Path, base: int = BASE) -> None:
        self.layout = Layout(directory.resolve(), base)
        self.credentials = Credentials()
        self._passwords = {name: f"secret-{name}-{secrets.token_hex(8)}" for name in ("admin", "service", "agent")}

    def start(self) -> None:
        """Install, make databases and users, and start all services."""
        for name in ("db", "etc", "lock", "log", "run", "state", "tmp"):
            (self.layout.root / name).mkdir(parents=True, exist_ok=True)
        install(self.layout)
        for service in SERVICES:
            write_configuration(self.layout, service, self._passwords["service"], {})
        processes.make_databases(self.layout, self._passwords["admin"])
        processes.start(self.layout, SERVICES)
        with self.api() as api:
            self.credentials = Registrar(self.layout, api, self._passwords).fill()
        self.credentials.write(self.layout)

    def seed(self, projects: int, servers: int, volumes: int) -> Cloud:
        """Fill the lab, which has been empty; what it then has."""
        with self.api() as api:
            return Seeder(self.layout, api).fill(projects, servers, volumes)

    def wipe(self) -> None:
        """Stop all, and remove all but what is installed."""
        processes.stop(self.layout, SERVICES)
        for path in self.layout.root.glob("*"):
            if path.name not in KEPT:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def api(self) -> Api:
        """The services as an administrator sees them."""
        return Api(self.layout, "admin", self._passwords["admin"], "admin")

    @contextlib.contextmanager
    def configured(self, changes: Mapping[str, Options]) -> Iterator[None]:
        """These services with other options; they are started anew."""
        try:
            self._restart(changes)
            yield
        finally:
            self._restart({service: {} for service in changes})

    def _restart(self, changes: Mapping[str, Options]) -> None:
        processes.stop(self.layout, changes)
        for service, options in changes.items():
            write_configuration(self.layout, service, self._passwords["service"], options)
        processes.start(self.layout, changes)

    @contextlib.contextmanager
    def policies(self, rules: Mapping[str, Mapping[str, str]]) -> Iterator[None]:
        """The services with these overrides of their policies, by service."""
        try:
            for service, overrides in rules.items():
                self.set_policy(service, overrides)
            yield
        finally:
            for service in rules:
                self.set_policy(service, {})

    def set_policy(self, service: str, overrides: Mapping[str, str]) -> None:
        """Give a service these overrides of its policies from now on."""
        write_policy(self.layout, service, overrides)

    @contextlib.contextmanager
    def without(self, service: str) -> Iterator[None]:
        """The lab with that service down."""
        processes.stop(self.layout, [service])
        try:
            yield
        finally:
            processes.start(self.layout, [service])

    @contextlib.contextmanager
    def hung(self, service: str) -> Iterator[None]:
        """The lab with a service that takes connections and answers nothing."""
        number = processes.pid(self.layout, service)
        assert number is not None
        os.killpg(number, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(number, signal.SIGCONT)

    @contextlib.contextmanager
    def without_cell(self) -> Iterator[None]:
        """The lab with Nova's one cell unreachable."""
        where = "UPDATE cell_mappings SET database_connection = ? WHERE name = 'cell1'"
        good = f"sqlite:///{self.layout.database('nova')}"
        processes.stop(self.layout, ["nova"])
        self.sql("nova_api", where, "sqlite:////nonexistent/cell1.db")
        processes.start(self.layout, ["nova"])
        try:
            yield
        finally:
            processes.stop(self.layout, ["nova"])
            self.sql("nova_api", where, good)
            processes.start(self.layout, ["nova"])

    @contextlib.contextmanager
    def faults(self, faults: Mapping[str, list[dict[str, Any]]]) -> Iterator[None]:
        """Services that answer so, by service; what a fault is stands in lab/inside/serve.py."""
        self.layout.faults.with_suffix(".new").write_text(json.dumps(faults))
        self.layout.faults.with_suffix(".new").rename(self.layout.faults)
        try:
            yield
        finally:
            self.layout.faults.unlink()

    def sql(self, database: str, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Change a database behind its service's back, or look into it."""
        with contextlib.closing(sqlite3.connect(self.layout.database(database), timeout=30)) as connection, connection:
            return connection.execute(statement, values).fetchall()

    def credential(self, account: str) -> str:
        """A further application credential of this account: its name in clouds.yaml."""
        (owner,) = [it for it in ACCOUNTS if it.name == account]
        name = f"{account}-{secrets.token_hex(4)}"
        login = application_credential(self.layout, owner, self._passwords["agent"], name)
        self.credentials.add_application_credential(name, entry(self.layout, login))
        self.credentials.write(self.layout)
        return name

    def own_projects(self) -> set[str]:
        """The IDs of the projects that are offered and no seed has made: the administrator's, and the agent's."""
        with self.api() as api:
            lists = [api.get("keystone", f"/projects?domain_id=default&name={name}") for name in ("admin", HOME)]
        return {project["id"] for answer in lists for project in answer["projects"]}

    def reader_of(self, project: str) -> str:
        """A login of agent-reader's, as a reader of the project with this ID: its name in clouds.yaml."""
        with self.api() as api:
            (role,) = api.get("keystone", "/roles?name=reader")["roles"]
            (user,) = api.get("keystone", "/users?name=agent-reader&domain_id=default")["users"]
            api.put("keystone", f"/projects/{project}/users/{user['id']}/roles/{role['id']}")
        login = {"username": "agent-reader", "password": self._passwords["agent"], "user_domain_name": "Default"}
        self.credentials.clouds[project] = entry(self.layout, {**login, "project_id": project})
        self.credentials.write(self.layout)
        return project

    @contextlib.contextmanager
    def domain(self, name: str) -> Iterator[tuple[str, str]]:
        """An empty domain: its ID, and the name in clouds.yaml of a login that may read it. Deleted at the end."""
        login = {"username": "agent-reader", "password": self._passwords["agent"], "user_domain_name": "Default"}
        with self.api() as api:
            made: str = api.post("keystone", "/domains", {"domain": {"name": name}})["domain"]["id"]
            (role,) = api.get("keystone", "/roles?name=reader")["roles"]
            (user,) = api.get("keystone", "/users?name=agent-reader&domain_id=default")["users"]
            api.put("keystone", f"/domains/{made}/users/{user['id']}/roles/{role['id']}")
            self.credentials.clouds[name] = entry(self.layout, {**login, "domain_id": made})
            self.credentials.write(self.layout)
            try:
                yield made, name
            finally:
                api.patch("keystone", f"/domains/{made}", {"domain": {"enabled": False}})
                api.delete("keystone", f"/domains/{made}")

    @contextlib.contextmanager
    def second_region(self) -> Iterator[None]:
        """The catalog has a region RegionTwo, which leads to the same services."""
        with self.api() as api:
            api.post("keystone", "/regions", {"region": {"id": "RegionTwo"}})
            found = api.get("keystone", "/endpoints?interface=public&region_id=RegionOne")["endpoints"]
            made = [
                api.post(
                    "keystone",
                    "/endpoints",
                    {
                        "endpoint": {
                            "service_id": endpoint["service_id"],
                            "interface": "public",
                            "region_id": "RegionTwo",
                            "url": endpoint["url"],
                        }
                    },
                )["endpoint"]["id"]
                for endpoint in found
            ]
            try:
                yield
            finally:
                for endpoint in made:
                    api.delete("keystone", f"/endpoints/{endpoint}")
                api.delete("keystone", "/regions/RegionTwo")

    def has_projects(self, domain: str, projects: Iterable[tuple[str, str, str]]) -> None:
        """Give a domain exactly these projects, whatever they are called: their IDs, names and descriptions."""
        with (
            contextlib.closing(sqlite3.connect(self.layout.database("keystone"), timeout=30)) as connection,
            connection,
        ):
            connection.execute("DELETE FROM project WHERE domain_id = ?", (domain,))
            columns = "id, name, description, extra, enabled, domain_id, parent_id, is_domain"
            rows = [(*project, "{}", True, domain, domain, False) for project in projects]
            connection.executemany(f"INSERT INTO project ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def expire(self, cloud: str) -> None:
        """Let an application credential of clouds.yaml have been good until 2020."""
        credential = self.credentials.clouds[cloud]["auth"]["application_credential_id"]
        microseconds = 1_577_836_800_000_000
        self.sql("keystone", "UPDATE application_credential SET expires_at = ? WHERE id = ?", microseconds, credential)

    def now(self) -> dict[str, int]:
        """Where the access logs end at this moment, for `requests`."""
        return {service: self.layout.access_log(service).stat().st_size for service in SERVICES}

    def requests(self, since: dict[str, int], agent: str = "") -> list[Request]:
        """The requests that have come since then, by service, whose User-Agent begins like this."""
        found: list[Request] = []
        for service, end in since.items():
            with self.layout.access_log(service).open() as log:
                log.seek(end)
                lines = [line for line in map(json.loads, log) if line["agent"].startswith(agent)]
            found += [Request(service, line["method"], line["path"], line["status"]) for line in lines]
        return found


@contextlib.contextmanager
def running_lab() -> Iterator[OpenstackLab]:
    """A lab of its own for a test run, stopped at the end; another run in this checkout waits for its turn."""
    LAB.mkdir(exist_ok=True)
    with (LAB / "openstack.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lab = OpenstackLab(LAB / "openstack")
        try:
            lab.wipe()  # what a session that was killed has left
            lab.start()
            yield lab
        finally:
            lab.wipe()
