"""Filling the lab: awkward projects through the APIs, and very many ordinary ones straight into the databases."""

import contextlib
import json
import random
import sqlite3
import subprocess
import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from live.openstack.lab import awkward
from live.openstack.lab.api import Api
from live.openstack.lab.content import DEFAULTS, UNLIMITED, Cloud, Project, Server, Volume
from live.openstack.lab.processes import PROGRAMS, environment
from live.openstack.lab.services import Layout

FLAVORS = {"m1.tiny": (1, 512, 1), "m1.large": (4, 8192, 80), "hpc.64c-256g": (64, 262144, 0)}
IMAGE = "70a599e0-31e7-49b7-b260-868f441e862b"
SERVER_STATES = (
    *[("active", 1, None, "ACTIVE")] * 12,
    ("stopped", 4, None, "SHUTOFF"),
    ("error", 0, None, "ERROR"),
    ("building", 0, "spawning", "BUILD"),
    ("paused", 3, None, "PAUSED"),
    ("shelved_offloaded", 4, None, "SHELVED_OFFLOADED"),
)
"""vm_state, power_state and task_state in the database, and the status that Nova's API makes of them."""
VOLUME_STATES = (*["available"] * 6, *["in-use"] * 6, "error", "creating", "error_deleting")
ROWS = {
    "nova_api": ("quotas", "compute", ("created_at", "project_id", "resource", "hard_limit")),
    "cinder": ("quotas", "volume", ("created_at", "deleted", "allocated", "project_id", "resource", "hard_limit")),
    "neutron": ("quotas", "network", ("id", "project_id", "resource", '"limit"')),
}
"""Where each service keeps the quotas that were set: database, table, and its columns."""


class Seeder:
    """Fills an empty lab, the same each time but for the IDs that services give."""

    def __init__(self, layout: Layout, api: Api) -> None:
        self._layout, self._api = layout, api
        self._random = random.Random(8)
        self._now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
        self.cloud = Cloud(off=awkward.OFF, heat=awkward.HEAT, flavors=dict(FLAVORS))

    def fill(self, projects: int, servers: int, volumes: int) -> Cloud:
        """Make so many projects, the awkward ones among them, and servers and volumes in them."""
        self._domains()
        self._awkward_projects()
        self._bulk(projects - len(self.cloud.projects))
        self._servers(servers)
        self._volumes(volumes)
        self._api.patch("keystone", f"/domains/{self.cloud.domains[awkward.OFF]}", {"domain": {"enabled": False}})
        return self.cloud

    def _domains(self) -> None:
        self.cloud.domains["Default"] = "default"
        for name in (awkward.ARTS, awkward.FACULTY, awkward.OFF, awkward.HEAT):
            made = self._api.post("keystone", "/domains", {"domain": {"name": name}})["domain"]
            self.cloud.domains[name] = made["id"]

    def _awkward_projects(self) -> None:
        made: dict[str, Project] = {}
        for label, domain, name, further in awkward.PROJECTS:
            attributes = {"name": name, "domain_id": self.cloud.domains[domain], **further}
            parent = made.get(attributes.pop("parent", ""))
            if parent is not None:
                attributes["parent_id"] = parent.id
            answer = self._api.post("keystone", "/projects", {"project": attributes})["project"]
            made[label] = Project(
                answer["id"],
                answer["name"],
                domain,
                label,
                (parent.id, *parent.parents) if parent is not None else (),
                answer["enabled"],
                answer["description"],
                tuple(sorted(answer["tags"])),
            )
        for name in awkward.REFUSED:
            answer = self._api.ask("keystone", "POST", "/projects", {"project": {"name": name}})
            assert answer.status_code == 400, f"Keystone takes the name {name!r}"
        for label, value in awkward.QUOTAS.items():
            made[label].quota = {service: dict.fromkeys(DEFAULTS[service], value) for service in DEFAULTS}
            for service, kind in (("nova", "compute"), ("cinder", "volume")):
                body = {"quota_set": made[label].quota[kind]}
                self._api.put(service, f"/os-quota-sets/{made[label].id}", body)
            self._api.put("neutron", f"/v2.0/quotas/{made[label].id}", {"quota": made[label].quota["network"]})
        self.cloud.projects += made.values()

    def _bulk(self, count: int) -> None:
        domains = ["Default"] * 8 + [awkward.ARTS, awkward.FACULTY]
        bulk = [
            Project(
                self._id().replace("-", ""),
                f"project-{number:05d}",
                domains[number % len(domains)],
                enabled=number % 25 != 0,
                description=f"bulk project {number}" if number % 3 else "",
                tags=(f"waldur-project=p{number % 50}",) if number % 5 == 0 else (),
                quota={
                    "compute": {
                        "cores": self._random.choice((8, 64, 200, UNLIMITED)),
                        "instances": self._random.choice((5, 50)),
                        "ram": self._random.choice((16384, 65536, 262144)),
                    },
                    "volume": {"gigabytes": self._random.choice((100, 5000)), "volumes": self._random.choice((10, 50))},
                    "network": {"floatingip": self._random.choice((1, 5, 10))} if number % 2 else {},
                },
            )
            for number in range(count)
        ]
        self.cloud.projects += bulk
        with self._database("keystone") as connection:
            _insert(
                connection,
                "project",
                ("id", "name", "extra", "description", "enabled", "domain_id", "parent_id", "is_domain"),
                (
                    (
                        project.id,
                        project.name,
                        "{}",
                        project.description,
                        project.enabled,
                        self.cloud.domains[project.domain],
                        self.cloud.domains[project.domain],
                        0,
                    )
                    for project in bulk
                ),
            )
            tags = ((project.id, tag) for project in bulk for tag in project.tags)
            _insert(connection, "project_tag", ("project_id", "name"), tags)
        for database, (table, service, columns) in ROWS.items():
            first = {"nova_api": (self._now,), "cinder": (self._now, 0, 0)}
            with self._database(database) as connection:
                _insert(
                    connection,
                    table,
                    columns,
                    (
                        (*first.get(database, (self._id(),)), project.id, name, value)
                        for project in bulk
                        for name, value in project.quota.get(service, {}).items()
                    ),
                )

    def _servers(self, count: int) -> None:
        for name, (vcpus, ram, disk) in FLAVORS.items():
            flavor = {"name": name, "vcpus": vcpus, "ram": ram, "disk": disk}
            self._api.post("nova", "/flavors", {"flavor": flavor})
        templates = self._templates("nova")
        owners = [project.id for project in self.cloud.projects if project.label != "zero"]
        orphan = self._orphan()
        over_quota = self.cloud.project("over-quota").id
        states = []
        for number in range(count):
            states.append(SERVER_STATES[number % len(SERVER_STATES)])
            self.cloud.servers.append(
                Server(
                    self._id(),
                    _name(awkward.SERVER_NAMES, number, "vm") or "",
                    over_quota if number < 3 else orphan if number % 97 == 96 else owners[number % len(owners)],
                    list(FLAVORS)[number % len(FLAVORS)],
                    states[-1][-1],
                )
            )
        with self._database("nova") as connection:
            for flavor, template in templates.items():
                changed = [
                    {
                        "uuid": server.id,
                        "instance_uuid": server.id,
                        "project_id": server.project,
                        "display_name": server.name,
                        "vm_state": state[0],
                        "power_state": state[1],
                        "task_state": state[2],
                        "hostname": f"host-{server.id[:8]}",
                        "reservation_id": f"r-{server.id[:8]}",
                    }
                    for server, state in zip(self.cloud.servers, states, strict=True)
                    if server.flavor == flavor
                ]
                for table in ("instance_extra", "instance_info_caches", "instance_system_metadata"):
                    _clone(connection, table, "instance_uuid", template, changed)
                _clone(connection, "instances", "uuid", template, changed)
        with self._database("nova_api") as connection:
            (cell,) = connection.execute("SELECT id FROM cell_mappings WHERE name = 'cell1'").fetchone()
            _insert(
                connection,
                "instance_mappings",
                ("created_at", "instance_uuid", "cell_id", "project_id", "queued_for_delete", "user_id"),
                ((self._now, server.id, cell, server.project, 0, self._api.user) for server in self.cloud.servers),
            )

    def _volumes(self, count: int) -> None:
        template = self._templates("cinder")["volume"]
        owners = [project.id for project in self.cloud.projects]
        orphan = self._orphan()
        for number in range(count):
            state = VOLUME_STATES[number % len(VOLUME_STATES)]
            volume = Volume(
                self._id(),
                _name(awkward.VOLUME_NAMES, number, "volume") or "",
                orphan if number % 97 == 96 else owners[number % len(owners)],
                self._random.choice((1, 10, 100, 2000)),
                state,
            )
            if state == "in-use" and self.cloud.servers:
                server = self.cloud.servers[number % len(self.cloud.servers)]
                volume.server = server.id
                server.volumes.append(volume.id)
            self.cloud.volumes.append(volume)
        attached = [volume for volume in self.cloud.volumes if volume.server]
        with self._database("cinder") as connection:
            changed = [
                {
                    "id": volume.id,
                    "project_id": volume.project,
                    "status": volume.state,
                    "display_name": volume.name or None,
                    "size": volume.size,
                    "attach_status": "attached" if volume.server else "detached",
                }
                for volume in self.cloud.volumes
            ]
            _clone(connection, "volumes", "id", template, changed)
            columns = ("created_at", "deleted", "id", "volume_id", "instance_uuid", "mountpoint", "attach_status")
            rows = ((self._now, 0, self._id(), it.id, it.server, "/dev/vdb", "attached") for it in attached)
            _insert(connection, "volume_attachment", columns, rows)
        with self._database("nova") as connection:
            (one,) = connection.execute("SELECT instance_uuid FROM block_device_mapping").fetchone()
            changed = [
                {"instance_uuid": it.server, "volume_id": it.id, "uuid": self._id(), "volume_size": it.size}
                for it in attached
            ]
            _clone(connection, "block_device_mapping", "instance_uuid", one, changed)

    def _id(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def _orphan(self) -> str:
        """The ID of a project that Keystone does not know."""
        return self._id().replace("-", "")

    def _templates(self, service: str) -> dict[str, str]:
        wanted = {"project": self._api.project, "user": self._api.user, "image": IMAGE}
        (self._layout.root / "run" / "templates.json").write_text(json.dumps(wanted))
        command = [self._layout.python, PROGRAMS / "templates.py", service, self._layout.root]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            cwd=self._layout.root,
            env=environment(self._layout),
        )
        assert done.returncode == 0, f"templates of {service}: {done.stderr[-3000:]}"
        made: dict[str, str] = json.loads(done.stdout)
        return made

    @contextlib.contextmanager
    def _database(self, name: str) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(sqlite3.connect(self._layout.database(name), timeout=60)) as connection, connection:
            connection.execute("PRAGMA synchronous=OFF")
            yield connection


def _name(odd: Sequence[str | None], number: int, kind: str) -> str | None:
    return odd[number] if number < len(odd) else f"{kind}-{number:05d}"


def _insert(
    connection: sqlite3.Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]
) -> None:
    places = ", ".join("?" * len(columns))
    connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", rows)


def _clone(
    connection: sqlite3.Connection, table: str, key: str, template: str, changed: Sequence[dict[str, Any]]
) -> None:
    """Put a row for each of `changed` in the place of the template's rows."""
    names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    for row in connection.execute(f"SELECT * FROM {table} WHERE {key} = ?", (template,)).fetchall():
        values = dict(zip(names, row, strict=True))
        if key != "id":  # a number that the database gives
            values.pop("id")
        rows = ([{**values, **change}[name] for name in values] for change in changed)
        _insert(connection, table, list(values), rows)
    connection.execute(f"DELETE FROM {table} WHERE {key} = ?", (template,))
