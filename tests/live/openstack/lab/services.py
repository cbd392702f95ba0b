"""The services of the lab: their ports, and the configuration with which they run on loopback alone.

SQLite for databases, a message queue that goes nowhere, no agents and no hypervisor: what is real are the APIs with
their policies, tokens, catalog, quotas and databases' schemas.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

Options = Mapping[str, Mapping[str, object]]
"""Sections of a configuration file, with their options."""


@dataclass(frozen=True)
class Service:
    """One API: its name, its port after the lab's first, and how the catalog knows it."""

    name: str
    offset: int
    catalog_type: str
    path: str
    healthy: str = "/"
    """A path that answers without a token."""


SERVICES = {
    service.name: service
    for service in (
        Service("keystone", 0, "identity", "/v3", healthy="/v3"),
        Service("nova", 1, "compute", "/v2.1"),
        # with the project's id in the address, as most clouds have it
        Service("cinder", 2, "block-storage", "/v3/$(project_id)s"),
        Service("neutron", 3, "network", ""),
    )
}


@dataclass(frozen=True)
class Layout:
    """Where a lab has its things: below `root`, and on the ports from `base` on."""

    root: Path
    base: int

    @property
    def python(self) -> Path:
        """The interpreter of the services."""
        return self.root / "venv" / "bin" / "python"

    @property
    def clouds(self) -> Path:
        """The clouds.yaml with all credentials."""
        return self.root / "clouds.yaml"

    @property
    def faults(self) -> Path:
        """What inside/serve.py is to answer in place of the services."""
        return self.root / "run" / "faults.json"

    def port(self, service: str) -> int:
        """The port of a service."""
        return self.base + SERVICES[service].offset

    def url(self, service: str, path: str = "") -> str:
        """The address of a service."""
        return f"http://127.0.0.1:{self.port(service)}{path}"

    def database(self, name: str) -> Path:
        """A database: a service's name, or nova_api and nova_cell0."""
        return self.root / "db" / f"{name}.db"

    def log(self, name: str) -> Path:
        """What a process has printed."""
        return self.root / "log" / f"{name}.log"

    def access_log(self, service: str) -> Path:
        """One line for each request that a service has answered."""
        return self.root / "log" / f"access-{service}.jsonl"

    def pid_file(self, service: str) -> Path:
        """The process of a service."""
        return self.root / "run" / f"{service}.pid"

    def configuration(self, service: str) -> Path:
        """The directory of a service's configuration."""
        return self.root / "etc" / service


def write_configuration(layout: Layout, service: str, password: str, changes: Options) -> None:
    """Write what a service reads at its start; `password` is that of the services' own user.

    `changes` replaces single options.
    """
    directory = layout.configuration(service)
    directory.mkdir(parents=True, exist_ok=True)
    options = {section: dict(values) for section, values in _options(layout, service, password).items()}
    for section, values in changes.items():
        options.setdefault(section, {}).update(values)
    lines = [
        line
        for section, values in options.items()
        for line in (f"[{section}]", *(f"{key} = {value}" for key, value in values.items()))
    ]
    (directory / f"{service}.conf").write_text("\n".join(lines) + "\n")
    if not (directory / "policy.yaml").exists():
        write_policy(layout, service, {})
    shipped = layout.root / "venv" / "etc" / service
    for name in ("api-paste.ini", "resource_filters.json"):
        if (shipped / name).exists():
            (directory / name).write_text((shipped / name).read_text())


def write_policy(layout: Layout, service: str, rules: Mapping[str, str]) -> None:
    """Give a service these overrides of its policies; a service that runs follows them at once."""
    path = layout.configuration(service) / "policy.yaml"
    path.write_text(json.dumps(rules, indent=1) + "\n")  # JSON is YAML


def _options(layout: Layout, service: str, password: str) -> Options:
    state = layout.root / "state" / service
    state.mkdir(parents=True, exist_ok=True)
    directory = layout.configuration(service)
    default = {"use_stderr": "true", "host": "lab", "my_ip": "127.0.0.1", "state_path": state}
    messages = {"transport_url": "fake:///"}
    user = {
        "auth_type": "password",
        "auth_url": layout.url("keystone", "/v3"),
        "www_authenticate_uri": layout.url("keystone", "/v3"),
        "username": "service",
        "password": password,
        "user_domain_name": "Default",
        "project_domain_name": "Default",
        "project_name": "service",
        "region_name": "RegionOne",
    }
    common: Options = {
        "database": {"connection": f"sqlite:///{layout.database(service)}"},
        "oslo_policy": {"policy_file": "policy.yaml"},
        "oslo_concurrency": {"lock_path": layout.root / "lock"},
        "keystone_authtoken": user,
    }
    own: dict[str, Options] = {
        "keystone": {
            "DEFAULT": {"max_token_size": 4096},
            "fernet_tokens": {"key_repository": directory / "fernet-keys"},
            "fernet_receipts": {"key_repository": directory / "fernet-keys"},
            "credential": {"key_repository": directory / "credential-keys"},
            "identity": {"password_hash_algorithm": "bcrypt", "password_hash_rounds": 4},
            "cache": {"enabled": "true", "backend": "oslo_cache.dict"},
        },
        "nova": {
            "DEFAULT": default | messages,
            "api_database": {"connection": f"sqlite:///{layout.database('nova_api')}"},
            "placement": user,
            "service_user": user | {"send_service_user_token": "false"},
            "keystone": user,
            "neutron": user,
            "cinder": user,
        },
        "cinder": {
            "DEFAULT": default
            | messages
            | {
                "api_paste_config": directory / "api-paste.ini",
                "resource_query_filters_file": directory / "resource_filters.json",
                "enabled_backends": "",
                "default_volume_type": "__DEFAULT__",
            },
            "coordination": {"backend_url": f"file://{state}"},
            "nova": user,
        },
        "neutron": {
            "DEFAULT": default
            | messages
            | {
                "api_paste_config": directory / "api-paste.ini",
                "core_plugin": "ml2",
                "service_plugins": "router",
                "notify_nova_on_port_status_changes": "false",
                "notify_nova_on_port_data_changes": "false",
                "rpc_workers": 0,
                "rpc_state_report_workers": 0,
            },
            "ml2": {
                "type_drivers": "local,flat,vlan,vxlan",
                "tenant_network_types": "local",
                "mechanism_drivers": "",
                "extension_drivers": "",
            },
        },
    }
    return {**common, **own[service]}
