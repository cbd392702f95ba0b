"""The users, roles and credentials of the lab, and its catalog."""

import json
from dataclasses import dataclass, field
from typing import Any

from live.openstack.lab.api import Api
from live.openstack.lab.services import SERVICES, Layout

READS_ALL = "import_reader"
"""The role of docs/scanners/openstack.md: of no meaning to the services until policies name it."""
WALDUR = "waldur"
"""The cloud of clouds.yaml that the documentation starts with: an application credential with the role admin."""
HOME = "agent-home"
"""The project in which the agent's users have their roles."""


@dataclass(frozen=True)
class Account:
    """A user for the agent: the project in which it has roles, or all of the system, or a domain."""

    name: str
    roles: tuple[str, ...]
    project: str = HOME
    scope: str = "project"


ACCOUNTS = (
    Account("agent-admin", ("admin",)),
    Account("agent-reader", ("reader",)),
    Account("agent-reads-all", ("reader", READS_ALL)),
    Account("agent-system", ("reader",), scope="system"),
    Account("agent-domain", ("reader",), scope="domain"),
)


@dataclass
class Credentials:
    """What logs in: each entry of clouds.yaml by its name, and all that no output may show."""

    clouds: dict[str, dict[str, Any]] = field(default_factory=dict)
    secrets: list[str] = field(default_factory=list)

    def add_application_credential(self, name: str, entry: dict[str, Any]) -> None:
        """An entry whose `auth` is what `application_credential` gave."""
        self.clouds[name] = entry | {"auth_type": "v3applicationcredential"}
        self.secrets.append(entry["auth"]["application_credential_secret"])

    def write(self, layout: Layout) -> None:
        """Write clouds.yaml."""
        layout.clouds.write_text(json.dumps({"clouds": self.clouds}, indent=1) + "\n")  # JSON is YAML
        layout.clouds.chmod(0o600)


def entry(layout: Layout, auth: dict[str, str]) -> dict[str, Any]:
    """An entry of clouds.yaml."""
    return {
        "auth": {"auth_url": layout.url("keystone", "/v3"), **auth},
        "region_name": "RegionOne",
        "identity_api_version": 3,
    }


def application_credential(layout: Layout, account: Account, password: str, name: str) -> dict[str, str]:
    """Made by its owner, with all roles of that: what logs in with it."""
    with Api(layout, account.name, password, account.project) as owner:
        made = owner.post(
            "keystone",
            f"/users/{owner.user}/application_credentials",
            {"application_credential": {"name": name}},
        )["application_credential"]
    return {"application_credential_id": made["id"], "application_credential_secret": made["secret"]}


class Registrar:
    """Fills an empty Keystone; `passwords` has one for each of admin, service and agent."""

    def __init__(self, layout: Layout, api: Api, passwords: dict[str, str]) -> None:
        self._layout, self._api, self._passwords = layout, api, passwords
        self._roles: dict[str, str] = {role["name"]: role["id"] for role in api.get("keystone", "/roles")["roles"]}

    def fill(self) -> Credentials:
        """Make all users and the catalog; what logs in then."""
        for role in ("service", READS_ALL):
            if role not in self._roles:
                self._roles[role] = self._made("role", name=role)
        self._api.post("keystone", "/projects", {"project": {"name": HOME, "domain_id": "default"}})
        self._user("service", self._passwords["service"], Account("service", ("admin", "service"), project="service"))
        self._catalog()
        credentials = Credentials(secrets=list(self._passwords.values()))
        admin = self._password("admin", self._passwords["admin"])
        credentials.clouds["admin"] = self._entry({**admin, "project_name": "admin", "project_domain_name": "Default"})
        for account in ACCOUNTS:
            self._user(account.name, self._passwords["agent"], account)
            scope: dict[str, str] = {
                "project": {"project_name": account.project, "project_domain_name": "Default"},
                "system": {"system_scope": "all"},
                "domain": {"domain_name": "Default"},
            }[account.scope]
            login = self._password(account.name, self._passwords["agent"])
            credentials.clouds[account.name] = self._entry({**login, **scope})
            if account.scope == "project":
                login = application_credential(self._layout, account, self._passwords["agent"], "import-agent")
                credentials.add_application_credential(f"{account.name}-credential", self._entry(login))
        credentials.clouds[WALDUR] = credentials.clouds["agent-admin-credential"]
        return credentials

    def _made(self, kind: str, **values: Any) -> str:
        made: str = self._api.post("keystone", f"/{kind}s", {kind: values})[kind]["id"]
        return made

    def _project(self, name: str) -> str:
        found = self._api.get("keystone", f"/projects?domain_id=default&name={name}")["projects"]
        return str(found[0]["id"]) if found else self._made("project", name=name, domain_id="default")

    def _user(self, name: str, password: str, account: Account) -> None:
        user = self._made("user", name=name, password=password, domain_id="default")
        target = {
            "project": f"/projects/{self._project(account.project)}",
            "system": "/system",
            "domain": "/domains/default",
        }[account.scope]
        for role in account.roles:
            self._api.put("keystone", f"{target}/users/{user}/roles/{self._roles[role]}")

    def _catalog(self) -> None:
        for service in SERVICES.values():
            if service.name == "keystone":  # keystone-manage bootstrap has entered it
                continue
            made = self._made("service", type=service.catalog_type, name=service.name)
            for interface in ("public", "internal"):
                self._made(
                    "endpoint",
                    service_id=made,
                    interface=interface,
                    region_id="RegionOne",
                    url=self._layout.url(service.name, service.path),
                )

    def _password(self, user: str, password: str) -> dict[str, str]:
        return {"username": user, "password": password, "user_domain_name": "Default"}

    def _entry(self, auth: dict[str, str]) -> dict[str, Any]:
        return entry(self._layout, auth)
