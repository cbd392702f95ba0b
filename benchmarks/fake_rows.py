"""Rows as Waldur sends them, made fast: each from a text with gaps, with the asked fields where there is `field`."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import count
from typing import Any

from benchmarks import world

BASE = "http://waldur.example.com/api/"
"""What the addresses in rows begin with; nobody follows them."""
_FIRST = datetime(2026, 11, 1, tzinfo=UTC)
_OFFERING = "0ff0" + "0" * 28
_numbers = count(1)

RECORD: Mapping[str, Any] = {
    "url": f"{BASE}backend-resources/%(uuid)s/",
    "uuid": "%(uuid)s",
    "name": "%(name)s",
    "created": "%(created)s",
    "modified": "%(created)s",
    "project": "%(project)s",
    "project_name": "Project %(project)s",
    "project_url": f"{BASE}projects/%(project)s/",
    "offering": "%(offering)s",
    "offering_name": "SLURM cluster",
    "offering_url": f"{BASE}marketplace-public-offerings/%(offering)s/",
    "backend_id": "%(backend_id)s",
}
"""All but `backend_metadata`, which is whatever was sent."""
RESOURCE: Mapping[str, Any] = {
    "offering": f"{BASE}marketplace-public-offerings/%(offering)s/",
    "offering_name": "SLURM cluster",
    "offering_uuid": "%(offering)s",
    "offering_type": "Marketplace.Slurm",
    "provider_name": "University",
    "provider_uuid": world.CUSTOMER_UUID,
    "category_title": "HPC",
    "plan_uuid": None,
    "plan_name": None,
    "project": f"{BASE}projects/%(project)s/",
    "project_uuid": "%(project)s",
    "project_name": "Project %(project)s",
    "customer_uuid": world.CUSTOMER_UUID,
    "customer_name": "University",
    "attributes": {},
    "limits": {"cpu": 1, "gpu": 0},
    "uuid": "%(uuid)s",
    "created": "%(created)s",
    "modified": "%(created)s",
    "url": f"{BASE}marketplace-resources/%(uuid)s/",
    "state": "OK",
    "backend_id": "%(backend_id)s",
    "backend_metadata": {},
    "name": "%(name)s",
    "slug": "%(name)s",
    "error_message": "",
    "error_traceback": "",
    "options": {},
    "end_date": None,
}
PROJECT: Mapping[str, Any] = {
    "url": f"{BASE}projects/%(uuid)s/",
    "uuid": "%(uuid)s",
    "name": "Project %(uuid)s",
    "slug": "%(slug)s",
    "customer": f"{BASE}customers/{world.CUSTOMER_UUID}/",
    "customer_uuid": world.CUSTOMER_UUID,
    "customer_name": "University",
    "description": "",
    "created": "2026-11-01T00:00:00Z",
    "backend_id": "",
    "is_industry": False,
    "resources_count": 0,
}
REQUEST: Mapping[str, Any] = {
    "url": f"{BASE}backend-resource-requests/%(uuid)s/",
    "uuid": "%(uuid)s",
    "created": "%(created)s",
    "modified": "%(created)s",
    "started": None,
    "finished": None,
    "state": "%(state)s",
    "offering": "%(offering)s",
    "offering_name": "SLURM cluster",
    "offering_url": f"{BASE}marketplace-public-offerings/%(offering)s/",
    "error_message": "",
    "error_traceback": "",
}
USER: Mapping[str, Any] = {
    "uuid": "ae" + "0" * 30,
    "username": "agent",
    "full_name": "Service account",
    "token_lifetime": None,
    "permissions": [],
}
PROVIDER: Mapping[str, Any] = {"uuid": world.PROVIDER_UUID, "customer_uuid": world.CUSTOMER_UUID}


def offering_row(uuid: str) -> dict[str, Any]:
    """The answer of /marketplace-provider-offerings/{uuid}/."""
    return {
        "url": f"{BASE}marketplace-provider-offerings/{uuid}/",
        "uuid": uuid,
        "name": "SLURM cluster",
        "slug": "slurm",
        "state": "Active",
        "type": "Marketplace.Slurm",
        "customer_uuid": world.CUSTOMER_UUID,
        "customer_name": "University",
        "category_uuid": "b1" + "0" * 30,
        "backend_id_rules": {},
        "components": [{"type": name, "name": name, "measured_unit": ""} for name in world.COMPONENTS],
        "plans": [],
        "partitions": [],
        "plugin_options": {},
    }


@lru_cache(maxsize=64)
def _gaps(kind: str, fields: tuple[str, ...]) -> str:
    whole = {"record": RECORD, "resource": RESOURCE, "project": PROJECT, "request": REQUEST}[kind]
    return json.dumps({name: value for name, value in whole.items() if not fields or name in fields})


def row(kind: str, values: Mapping[str, str], fields: tuple[str, ...] = ()) -> bytes:
    """One row as JSON. The values hold nothing that JSON would escape: all are made by `world` or are UUIDs."""
    return (_gaps(kind, fields) % values).encode()


def record_row(values: Mapping[str, str], metadata: Any) -> bytes:
    """A record as JSON, with its metadata."""
    return row("record", values)[:-1] + b', "backend_metadata": ' + json.dumps(metadata).encode() + b"}"


def new_identity(kind: str) -> dict[str, str]:
    """A UUID and a time of creation: later ones are greater. `kind` is two hexadecimal digits."""
    number = next(_numbers)
    created = (_FIRST + timedelta(microseconds=number)).isoformat().replace("+00:00", "Z")
    return {"uuid": f"{kind}{number:030x}", "created": created}
