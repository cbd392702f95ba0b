"""Moving in: a configuration of waldur-site-agent as one of ours.

The keys are those of waldur-site-agent 1.0.7 and of its SLURM plug-in. Whatever is not carried over is named, a key
that is not known too; no value of one is ever shown, since it may be a secret.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from waldur_import_agent.errors import ConfigurationError

NOT_OURS = "orders, usage, members and events are not this agent's: they stay with waldur-site-agent"
REASONS = {
    "name": "Waldur knows the offering's name",
    "resource_import_enabled": "set it to false there: else both agents answer each request",
    "oidc_token_url": "this agent needs a token: make a service account one",
    "customer_prefix": "not needed: the parent account tells the project",
    "allocation_prefix": "not needed: what stands below a project's account is offered",
    "api_version": "found out by asking slurmrestd",
    "token_env": "put the JWT into the file that token_file now names",
    "verify_ssl": "set ca_file of the scanner where slurmrestd's certificate is not the system's to verify",
    "limit": "a fixed limit is Waldur's: each resource has its own",
}
"""Why a key is left behind; for the others NOT_OURS holds."""
ACCOUNTS = (
    "every account without children is offered; where only those that waldur-site-agent made are to be, write "
    "accounts: {select: site-agent} into its scanner"
)
TOKEN_FILE = "token"  # noqa: S105 - a file's name
SLURM = "slurm"


@dataclass
class MovedIn:
    """Our settings, the token (None where there was none), and what a person should know."""

    settings: dict[str, Any]
    token: str | None
    notes: list[str] = field(default_factory=list)


class Block:
    """A mapping of the file that notices which of its keys were used."""

    def __init__(self, data: object, place: str) -> None:
        if data is not None and not isinstance(data, Mapping):
            raise ConfigurationError(f"{place or 'the file'} is not a block of keys: this is no waldur-site-agent's")
        self.place = place
        self._data: Mapping[str, Any] = data or {}
        self._used: set[str] = set()

    def take(self, key: str) -> Any:
        """The value of a key that is carried over, or None."""
        self._used.add(key)
        return self._data.get(key)

    def block(self, key: str) -> "Block":
        """The block under a key."""
        return Block(self.take(key), self.at(key))

    def names(self) -> tuple[str, ...]:
        """The keys."""
        return tuple(self._data)

    def at(self, key: str) -> str:
        """The key with those that lead to it."""
        return f"{self.place}.{key}" if self.place else key

    def left(self) -> Iterator[str]:
        """What is said of each key that was not used."""
        for key in self._data:
            if key not in self._used:
                yield f"{self.at(key)}: not carried over: {REASONS.get(key, NOT_OURS)}"


def move_in(data: object) -> MovedIn:
    """Our settings for what a waldur-site-agent is configured for. Raises ConfigurationError where nothing is left."""
    root = Block(data, "")
    offerings = root.take("offerings")
    if not isinstance(offerings, list) or not offerings:
        raise ConfigurationError("the file has no `offerings`: this is no waldur-site-agent's configuration")
    moved = MovedIn({"waldur": {}, "offerings": []}, None)
    proxy = root.take("global_proxy")
    for position, entry in enumerate(offerings):
        _offering(moved, Block(entry, f"offerings[{position}]"))
    if not moved.settings["offerings"]:
        raise ConfigurationError("no offering could be carried over:\n  " + "\n  ".join(moved.notes))
    if proxy and str(proxy).startswith("socks"):
        moved.notes.append("global_proxy: not carried over: this agent speaks to HTTP proxies; see waldur.proxy")
    elif proxy:
        moved.settings["waldur"]["proxy"] = str(proxy)
    moved.notes += root.left()
    return moved


def _offering(moved: MovedIn, block: Block) -> None:
    """Add one offering, or say why not."""
    url = str(block.take("waldur_api_url") or "")
    token = block.take("waldur_api_token")
    uuid = str(block.take("waldur_offering_uuid") or "")
    kind = str(block.take("order_processing_backend") or block.take("backend_type") or "").lower()
    block.take("backend_type")
    settings = block.block("backend_settings")
    components = block.block("backend_components")
    waldur = moved.settings["waldur"]
    if kind != SLURM:
        moved.notes.append(
            f"{block.place}: left out: for its backend ({kind or 'none'}) there is no counterpart to carry over; see "
            "`waldur-import-agent scanners`, or write a program for the scanner `command`"
        )
        return
    if waldur and _address(waldur["url"]) != _address(url):
        moved.notes.append(f"{block.place}: left out: it is at another Waldur, which needs an agent of its own")
        return
    if not waldur:
        waldur |= {"url": url, "token_file": TOKEN_FILE}
    if token and moved.token is None:
        moved.token = str(token)
    elif token and str(token) != moved.token:
        moved.notes.append(
            f"{block.at('waldur_api_token')}: another token than the first one, which is used for all: give its user "
            "the role OFFERING.MANAGER on this offering too"
        )
    if block.take("verify_ssl") is False:
        waldur["accept_any_certificate"] = True
        moved.notes.append(
            f"{block.at('verify_ssl')}: carried over as accept_any_certificate; better name the authority's "
            "certificate as waldur.ca_file"
        )
    block.take("resource_import_enabled")
    moved.notes.append(f"{block.at('resource_import_enabled')}: {REASONS['resource_import_enabled']}")
    scanner = _scanner(moved, settings)
    moved.notes.append(f"{block.place}: {ACCOUNTS}")
    prefix = str(settings.take("project_prefix") or "")
    rule = {"from": "parent", "match": f"^{re.escape(prefix)}(?P<slug>.+)$", "by": "slug", "value": "{slug}"}
    moved.settings["offerings"].append(
        {
            "uuid": uuid,
            "scanner": scanner,
            "projects": {"rules": [rule]},
            "components": dict(_components(moved, components)),
        }
    )
    moved.notes += [*settings.left(), *block.left()]


def _address(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.netloc, parts.path.rstrip("/").removesuffix("/api")


def _scanner(moved: MovedIn, settings: Block) -> dict[str, Any]:
    """sacctmgr, or slurmrestd where the execution mode is rest."""
    scanner: dict[str, Any] = {"type": SLURM}
    directory = settings.take("slurm_bin_path")
    rest = settings.block("rest_api")
    if str(settings.take("execution_mode") or "cli").lower() == "rest":
        address = str(rest.take("url") or "")
        where = {"socket": address.removeprefix("unix://")} if address.startswith("unix://") else {"url": address}
        user = rest.take("username")
        token_file = rest.take("token_file") or "slurm-token"
        timeout = rest.take("timeout")
        scanner = {"type": "slurmrestd", **where, "token_file": str(token_file)}
        scanner |= {"user": str(user)} if user else {}
        scanner |= {"timeout": f"{timeout}s"} if timeout else {}
    elif directory:
        scanner["sacctmgr"] = f"{str(directory).rstrip('/')}/sacctmgr"
    cluster = settings.take("cluster_name")
    if cluster:
        scanner["cluster"] = str(cluster)
    qos = settings.block("qos_management")
    if qos.take("apply_limits_to_qos") is True:
        scanner["limits"] = {"source": "qos"}
    moved.notes += [*rest.left(), *qos.left()]
    return scanner


def _components(moved: MovedIn, components: Block) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each is the TRES of that name, and the site agent keeps its limit as GrpTRESMins."""
    for name in components.names():
        component = components.block(name)
        factor = component.take("unit_factor")
        yield name, {"from": f"GrpTRESMins.{name}", "unit_factor": 1 if factor is None else factor}
        moved.notes += component.left()
