"""The settings tree. Each field's description is its documentation: the example file and the reference come from it.

Values never stand in error texts, and unknown keys are errors.
"""

import re
from pathlib import Path
from string import Formatter
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from waldur_import_agent.settings.values import (
    SECONDS,
    Duration,
    HexUuid,
    ListenAddress,
    Pattern,
    ReadFile,
    RuleSource,
    ScannerBlock,
    Template,
    WaldurUrl,
)


class Model(BaseModel):
    """The base of all parts. A known key without a value counts as not given: `withdraw:` alone changes nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _empty_is_default(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        known = {field.alias or name for name, field in cls.model_fields.items()}
        return {key: value for key, value in data.items() if value is not None or key not in known}


class Retry(Model):
    """How hard to try one kind of call: both the count and the time bound it."""

    attempts: int = Field(ge=1, description="how often to send it at the most")
    within: Duration = Field(description="how long to try at the most")
    wait_min: Duration = Field(default=0.5, description="the first wait is at most this long (full jitter)")
    wait_max: Duration = Field(default=30.0, description="no wait is longer than this, unless Waldur asks for it")


class Once(Model):
    """How long one call may take that is never sent again."""

    within: Duration = Field(description="how long to wait for its answer")


class Slow(Model):
    """How hard to try a call over which Waldur may take long and which it must not carry out twice."""

    attempts: int = Field(ge=1, description="how often to send it at the most")
    within: Duration = Field(description="how long to wait for its answer")
    look_for: Duration = Field(
        description="after a lost answer: how long to look whether it took effect before it is sent again"
    )


class Effort(Model):
    """How hard to try, per kind of call to Waldur."""

    read: Retry = Field(
        default=Retry(attempts=3, within=20.0, wait_max=8.0), description="reading: lists and single objects"
    )
    claim: Once = Field(
        default=Once(within=15.0),
        description="start_processing: sent once, what became of it is looked up",
    )
    create: Retry = Field(
        default=Retry(attempts=5, within=90.0),
        description="creating and deleting a record: before one is created again it is looked up",
    )
    finish: Retry = Field(
        default=Retry(attempts=12, within=600.0, wait_min=2.0, wait_max=60.0),
        description="set_done and set_erred: losing one would leave the request in Processing",
    )
    import_resource: Slow = Field(
        default=Slow(attempts=3, within=180.0, look_for=120.0),
        description="making a resource of a record (`records import`)",
    )
    retry_after_max: Duration = Field(default=600.0, description="the longest Retry-After that is obeyed")

    @model_validator(mode="before")
    @classmethod
    def _rest_as_by_default(cls, data: Any) -> Any:
        """Keys that are not given keep the default of their own kind of call, not that of any Retry."""
        if not isinstance(data, dict):
            return data
        defaults = {name: field.default for name, field in cls.model_fields.items()}
        return {
            name: defaults[name].model_dump() | value
            if isinstance(value, dict) and isinstance(defaults.get(name), Model)
            else value
            for name, value in data.items()
        }


class Waldur(Model):
    """Where Waldur is and how to speak to it."""

    url: WaldurUrl = Field(description="address of Waldur, with or without /api at the end")
    token_file: ReadFile | None = Field(
        default=None,
        description="file with the token (or personal access token) in its first line; read again each round",
    )
    token: SecretStr | None = Field(default=None, description="the token itself; token_file is the better place")
    ca_file: ReadFile | None = Field(default=None, description="certificates (PEM) to trust instead of the system's")
    client_certificate: ReadFile | None = Field(
        default=None, description="client certificate (PEM), if the proxy asks for one"
    )
    client_key: ReadFile | None = Field(default=None, description="its key (PEM), if not in the same file")
    accept_any_certificate: bool = Field(
        default=False, description="do not verify Waldur's certificate: anybody on the way can read the token"
    )
    proxy: str | None = Field(
        default=None, description="HTTP(S) proxy; default: HTTPS_PROXY and NO_PROXY of the environment"
    )
    connect_timeout: Duration = Field(default=10.0, description="how long to wait for a connection")
    read_timeout: Duration = Field(default=10.0, description="how long to wait for an answer, or its next part")
    page_size: int = Field(default=300, ge=1, le=300, description="rows per page of a list; Waldur's maximum is 300")
    max_in_flight: int = Field(
        default=8,
        ge=1,
        le=64,
        description="how many requests may be under way at the same time, for all offerings together; after an answer "
        "429 or 503 half as many, and one more for each 50 answers",
    )
    effort: Effort = Field(default=Effort(), description="retries per kind of call")

    @model_validator(mode="after")
    def _one_token(self) -> "Waldur":
        if (self.token is None) == (self.token_file is None):
            raise ValueError("exactly one of token_file and token is needed")
        return self


class Rule(Model):
    """One placement rule: where its pattern matches, it decides."""

    source: RuleSource = Field(
        default="parent",
        alias="from",
        description="text to look at: an attribute of the resource (name, organization, ...), parent[.attribute] or "
        "ancestor[.attribute] (the nearest one that matches)",
    )
    match: Pattern = Field(description="regular expression, searched; its named groups are for `value`")
    by: Literal["slug", "backend_id", "uuid"] = Field(
        default="slug", description="what of the project `value` names: slug, backend_id or uuid"
    )
    value: Template = Field(description="pattern of the project's slug, backend_id or UUID, with {groups} of `match`")

    @model_validator(mode="after")
    def _groups_exist(self) -> "Rule":
        groups = re.compile(self.match).groupindex
        unknown = sorted({name for _, name, _, _ in Formatter().parse(self.value) if name and name not in groups})
        if unknown:
            raise ValueError(f"`value` names {', '.join(unknown)}, which is no named group of `match`")
        return self


class MappingCommand(Model):
    """A program of the site's own that knows projects: it is not run by a shell."""

    command: tuple[str, ...] = Field(
        default=(),
        description="the program (with its path) and its arguments; gets what was found as JSON lines (the record "
        'form) on stdin and answers {"backend_id": ..., "project": slug or UUID} lines for those that it knows; empty: '
        "none",
    )
    timeout: Duration = Field(default=120.0, description="how long it may take")
    output_limit: int = Field(default=64 * 1024 * 1024, gt=0, description="how many bytes it may print")


HOLDING_WARNING = (
    "waldur-site-agent takes users off an account whose Waldur project does not hold them: after the import, and "
    "before a site agent serves the offering, staff move each resource to its own project with "
    "POST /api/marketplace-resources/UUID/move_resource/"
)
"""What is said wherever a holding project is configured."""

ProjectSource = Literal["directory", "service_provider", "visible", "resources"]


class Projects(Model):
    """Which projects are known, and how a found resource gets its own: the overrides first, then the rules."""

    sources: tuple[ProjectSource, ...] | None = Field(
        default=None,
        min_length=1,
        description="where projects are looked for, in this order: directory (directory_file, no request), "
        "service_provider (those that have used the provider; 1 request and a list; needs CUSTOMER.OWNER), visible "
        "(those that the token sees; a list), resources (those of the offering's resources; no request of its own). A "
        "list of up to 300 projects is 1 request, a longer one 1 for each 300 and 1 more. Default: directory alone "
        "where directory_file is given, else the other three",
    )
    directory_file: ReadFile | None = Field(
        default=None,
        description="what `projects export` wrote with a staff token: CSV with uuid, slug, backend_id, name and "
        "customer; read again each round",
    )
    directory_max_age: Duration = Field(
        default=7 * SECONDS["d"], description="a directory_file written longer ago than this is warned of"
    )
    overrides_file: ReadFile | None = Field(
        default=None,
        description="what `plan --output csv` wrote and a person filled in: CSV with the columns backend_id and "
        "project (slug or UUID; a UUID counts although the token cannot see the project); read again each round",
    )
    mapping_command: MappingCommand = Field(
        default=MappingCommand(), description="asked for what the overrides_file does not name, before the rules"
    )
    rules: tuple[Rule, ...] = Field(default=(), description="first match decides")
    holding_project: str | None = Field(
        default=None,
        min_length=1,
        description="slug or UUID of a project for what nothing else places. Beware: waldur-site-agent takes users off "
        "an account whose Waldur project does not hold them; move each imported resource to its own project "
        "(move_resource, staff) before a site agent serves it",
    )

    @model_validator(mode="after")
    def _directory_and_its_file(self) -> "Projects":
        named = self.sources is not None and "directory" in self.sources
        if named and self.directory_file is None:
            raise ValueError("`sources` names directory, but directory_file is not given")
        if self.sources is not None and self.directory_file is not None and not named:
            raise ValueError("directory_file is given, but `sources` does not name directory")
        return self

    @property
    def sources_in_use(self) -> tuple[ProjectSource, ...]:
        """The sources that a round asks, in their order."""
        if self.sources is not None:
            return self.sources
        return ("directory",) if self.directory_file is not None else ("service_provider", "visible", "resources")


class ComponentMapping(Model):
    """Which limit of the backend feeds one component of the offering."""

    source: str = Field(alias="from", min_length=1, description="the backend's name of the limit, like GrpTRESMins.cpu")
    unit_factor: float = Field(default=1, gt=0, description="backend value = Waldur value x unit_factor (truncated)")


class Record(Model):
    """What a record in Waldur looks like."""

    name: Template = Field(
        default="{name}",
        description="pattern of the name, with {attributes} of the found resource; it becomes the resource's",
    )
    description: Template = Field(default="{description}", description="pattern of the description in the metadata")


class Withdraw(Model):
    """When records of what has gone from the backend may be withdrawn; more than both bounds is held back."""

    enabled: bool = Field(default=True, description="withdraw at all")
    max_percent: float = Field(default=30, ge=0, le=100, description="percent of this agent's records per round")
    min_count: int = Field(default=5, ge=0, description="as many are always allowed")


class OfferingSettings(Model):
    """One offering and the scanner that looks at its backend."""

    uuid: HexUuid = Field(description="UUID of the offering in Waldur")
    scanner: ScannerBlock = Field(description="`type` names the scanner, the other keys are its own")
    scan_timeout: Duration = Field(default=600.0, description="how long a scan may take, its retries included")
    projects: Projects = Field(default=Projects(), description="placement")
    components: dict[str, ComponentMapping] = Field(
        default={}, description="component type of the offering: which limit of the backend feeds it"
    )
    record: Record = Field(default=Record(), description="name and description of the records")
    withdraw: Withdraw = Field(default=Withdraw(), description="guard on withdrawals")
    take_over: bool = Field(
        default=False, description="treat records that this agent did not write as its own (for moving in)"
    )
    unplaced_is_error: bool = Field(
        default=False, description="end the request Erred, not Done, when only some resources could not be placed"
    )


class Metrics(Model):
    """What can be asked of a running agent over HTTP."""

    listen: ListenAddress | None = Field(
        default=None,
        description="HOST:PORT at which /metrics (for Prometheus), /healthz and /readyz are served, like "
        "127.0.0.1:9464; null: nowhere",
    )


class Settings(Model):
    """The whole configuration."""

    waldur: Waldur = Field(description="where Waldur is")
    offerings: tuple[OfferingSettings, ...] = Field(min_length=1, description="the offerings to answer for")
    instance: str = Field(
        default="default",
        max_length=64,  # in the pattern, {1,64} of Unicode's letters would cost six megabytes for ever
        pattern=r"^[\w.-]+$",
        description="whose the records are: keep it when the agent moves to another host",
    )
    poll_interval: Duration = Field(default=30.0, description="how often to ask Waldur for requests")
    grace: Duration = Field(default=60.0, description="how long a running round may go on after the first stop signal")
    state_dir: Path = Field(default=Path("/var/lib/waldur-import-agent"), description="the journal's directory")
    runtime_dir: Path = Field(
        default=Path("/run/waldur-import-agent"),
        description="where status.json tells what the agent is doing; `status --healthy` looks there, or where "
        "WALDUR_IMPORT_AGENT__RUNTIME_DIR or --runtime-dir says",
    )
    lock_dir: Path = Field(
        default=Path("/run/lock/waldur-import-agent"), description="lock files; the same for all agents of a host"
    )
    metrics: Metrics = Field(default=Metrics(), description="metrics and health over HTTP")

    @model_validator(mode="after")
    def _offerings_differ(self) -> "Settings":
        first: dict[str, int] = {}
        for position, offering in enumerate(self.offerings):
            if first.setdefault(offering.uuid, position) != position:
                raise ValueError(f"offerings[{first[offering.uuid]}] and offerings[{position}] have the same uuid")
        return self
