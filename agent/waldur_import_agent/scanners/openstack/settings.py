"""The openstack scanner's block in the configuration. Each field's description is its documentation."""

from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from waldur_import_agent.scanners.base import ScannerSettings
from waldur_import_agent.settings.values import Duration, Pattern, ReadFile

Kind = Literal["project", "server", "volume"]
QuotaService = Literal["compute", "volume", "network"]


class ApplicationCredential(ScannerSettings):
    """A credential that Keystone made for the agent: it holds one project and some roles, and can be taken away."""

    auth_url: str = Field(pattern=r"^https?://[^\s@]+$", description="address of Keystone, like https://HOST:5000/v3")
    id: str = Field(min_length=1, description="the credential's ID")
    secret_file: ReadFile | None = Field(
        default=None, description="file with its secret in the first line; read again in each scan"
    )
    secret: SecretStr | None = Field(default=None, description="the secret itself; secret_file is the better place")
    ca_file: ReadFile | None = Field(default=None, description="certificates (PEM) to trust instead of the system's")
    interface: Literal["public", "internal"] = Field(
        default="public", description="which of a service's addresses in the catalog to use"
    )

    @model_validator(mode="after")
    def _one_secret(self) -> Self:
        if (self.secret is None) == (self.secret_file is None):
            raise ValueError("exactly one of secret_file and secret is needed")
        return self


class Condition(ScannerSettings):
    """What a project must be like: all that is given must hold. Patterns are searched, capitals matter."""

    name: Pattern | None = Field(default=None, description="regular expression, searched in the project's name")
    domain: Pattern | None = Field(
        default=None, description="regular expression, searched in the name and in the ID of its domain"
    )
    parent: Pattern | None = Field(
        default=None, description="regular expression, searched in the name and in the ID of each project above it"
    )
    tag: Pattern | None = Field(default=None, description="regular expression, searched in each of its tags")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_dump(exclude_none=True):
            raise ValueError("a condition needs at least one of name, domain, parent and tag")
        return self


class Select(ScannerSettings):
    """Which projects are offered, and those whose servers and volumes are. The records of others are kept."""

    include: tuple[Condition, ...] = Field(
        default=(),
        description="where given, a project must match one of these: {name, domain, parent, tag: pattern}",
    )
    exclude: tuple[Condition, ...] = Field(
        default=(), description="a project that matches one of these is not offered; stronger than include"
    )
    disabled: bool = Field(default=False, description="offer disabled projects too, and those in a disabled domain")
    service: bool = Field(
        default=False,
        description="offer the projects of OpenStack's own services too (`service`, `services`, and all in a domain "
        "of Heat's: `heat`, `heat_stack`, `heat_user_domain`)",
    )
    used: bool = Field(
        default=False,
        description="offer only projects that have a server, or a quota of their own in the services whose quotas are "
        "read; this reads the list of all servers and the default quotas too",
    )


class OpenStackSettings(ScannerSettings):
    """How to read one cloud."""

    cloud: str | None = Field(
        default=None,
        min_length=1,
        examples=["waldur"],
        description="name of a cloud in clouds.yaml, which is looked for as OpenStack's own clients do "
        "(OS_CLIENT_CONFIG_FILE, else ~/.config/openstack, /etc/openstack), secure.yaml beside it",
    )
    clouds_file: ReadFile | None = Field(
        default=None, description="read this clouds.yaml instead, and the secure.yaml beside it"
    )
    application_credential: ApplicationCredential | None = Field(
        default=None, description="instead of `cloud`: the credential itself"
    )
    scope: Literal["cloud", "domain", "project"] = Field(
        default="cloud",
        description="what the offering stands for: the whole cloud, the domain that the credential is scoped to, or "
        "the one project that it is scoped to",
    )
    regions: tuple[str, ...] = Field(
        default=(),
        description="the regions to read; default: the one of clouds.yaml, or the only one that there is",
    )
    kinds: tuple[Kind, ...] = Field(
        default=("project",), min_length=1, description="what is offered: project, server, volume"
    )
    quotas: tuple[QuotaService, ...] | None = Field(
        default=None,
        description="the services whose quotas are read as a project's limits: compute, volume, network; default: "
        "those that the offering's components name, or all where it has no components",
    )
    select: Select = Field(default=Select(), description="which projects are offered")
    timeout: Duration = Field(
        default=60.0, description="how long to wait for a connection, and for each part of an answer"
    )
    in_flight: int = Field(
        default=8,
        ge=1,
        le=10,  # as many connections as the SDK keeps
        description="how many quotas are read at the same time; Nova asks Keystone for each",
    )
    requests_per_second: float | None = Field(
        default=None, gt=0, description="not more requests than this, for a small control plane; default: no bound"
    )

    @model_validator(mode="after")
    def _one_credential(self) -> Self:
        if (self.cloud is None) == (self.application_credential is None):
            raise ValueError("exactly one of cloud and application_credential is needed")
        if self.clouds_file is not None and self.cloud is None:
            raise ValueError("clouds_file is of no use without cloud")
        return self

    @model_validator(mode="after")
    def _domain_has_projects_only(self) -> Self:
        if self.scope == "domain" and (self.kinds != ("project",) or self.quotas != () or self.select.used):
            raise ValueError(
                "a domain's credential is shown projects and nothing else: scope domain needs kinds [project] and "
                "quotas [], without select.used"
            )
        return self
