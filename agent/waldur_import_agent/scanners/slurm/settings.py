"""The slurm scanner's block in the configuration. Each field's description is its documentation."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from waldur_import_agent.scanners.base import ScannerSettings
from waldur_import_agent.settings.values import Duration, Pattern


class Condition(ScannerSettings):
    """What an account must be like: all that is given must hold. Patterns are searched, capitals matter."""

    name: Pattern | None = Field(default=None, description="regular expression, searched in the account's name")
    parent: Pattern | None = Field(
        default=None, description="regular expression, searched in the name of the account directly above (root is one)"
    )
    organization: Pattern | None = Field(
        default=None, description="regular expression, searched in the account's organization"
    )
    min_depth: int | None = Field(default=None, ge=1, description="at least this deep; a child of root has depth 1")
    max_depth: int | None = Field(default=None, ge=1, description="at most this deep; a child of root has depth 1")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_dump(exclude_none=True):
            raise ValueError("a condition needs at least one of name, parent, organization, min_depth and max_depth")
        if self.min_depth is not None and self.max_depth is not None and self.min_depth > self.max_depth:
            raise ValueError("min_depth is greater than max_depth: no account can match")
        return self


class Accounts(ScannerSettings):
    """Which accounts are offered. The others are known, and their records are kept."""

    select: Literal["leaf", "all", "site-agent"] = Field(
        default="leaf",
        description="leaf: accounts without child accounts; all: every account but root; site-agent: of the "
        "customer, project and allocation accounts that Waldur's site agent makes, the allocations (depth 3), whose "
        "parent's name tells the project",
    )
    include: tuple[Condition, ...] = Field(
        default=(),
        description="where given, an account must match one of these: {name, parent, organization: pattern, "
        "min_depth, max_depth}",
    )
    exclude: tuple[Condition, ...] = Field(
        default=(), description="an account that matches one of these is not offered; stronger than include"
    )


class Limits(ScannerSettings):
    """Where the limits of a resource are."""

    source: Literal["account", "qos"] = Field(
        default="account",
        description="account: the limits set on the account's own row; qos: those of the QOS that is its own "
        "DefaultQOS (with identity account-qos: of that QOS), which takes one more read",
    )


class ClusterSettings(ScannerSettings):
    """Which accounts of which cluster are offered as what, however they are read."""

    cluster: str | None = Field(
        default=None,
        pattern=r"^[\w.-]+$",
        description="name of the cluster; needed where the accounting database has more than one",
    )
    coordinators: bool = Field(
        default=False, description="count each account's coordinators too, which takes one more read"
    )
    user_names: bool = Field(
        default=False,
        description="give the names of each account's users as the attribute `users`; they are personal data, and "
        "without this they are only counted",
    )
    accounts: Accounts = Field(default=Accounts(), description="which accounts are offered")
    identity: Literal["account", "account-qos", "account-partition"] = Field(
        default="account",
        description="what one resource is: an account, as Waldur's site agent has it (its backend id is the account's "
        "name); or one of its QOS or partitions, whose backend id is then `account,qos` or `account,partition`",
    )
    limits: Limits = Field(default=Limits(), description="where the limits are")


class SlurmSettings(ClusterSettings):
    """How to read the accounts of one cluster with sacctmgr."""

    sacctmgr: Path = Field(default=Path("/usr/bin/sacctmgr"), description="the program, or a wrapper around it")
    timeout: Duration = Field(
        default=120.0,
        description="how long one start of sacctmgr may take; SLURM itself gives up on a hung slurmdbd after 45 s, and "
        "more than 20,000 accounts may need 300 s",
    )
    output_limit: int = Field(
        default=64 * 1024 * 1024,
        gt=0,
        description="how many bytes one start of sacctmgr may print; an account needs some 500",
    )
    from_files: Path | None = Field(
        default=None,
        description="read the answers that `scan --save` wrote into this directory, and do not run sacctmgr",
    )
    from_dump: Path | None = Field(
        default=None, description="read this file that `sacctmgr dump` wrote, and do not run sacctmgr"
    )

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        if self.from_files and self.from_dump:
            raise ValueError("from_files and from_dump exclude each other")
        if self.from_dump and self.limits.source == "qos":
            raise ValueError("a dump does not tell the limits of a QOS: limits.source must be account with from_dump")
        return self
