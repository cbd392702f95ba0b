"""The slurmrestd scanner's block in the configuration. Each field's description is its documentation."""

from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator

from waldur_import_agent.scanners.slurm.settings import ClusterSettings
from waldur_import_agent.settings.values import Duration, split_address


class SlurmrestdSettings(ClusterSettings):
    """How to read the accounts of one cluster from slurmrestd."""

    url: str | None = Field(
        default=None, description="address of slurmrestd, like https://slurm.example.com:6820; either this or socket"
    )
    socket: Path | None = Field(default=None, description="unix socket of slurmrestd on the same host")
    ca_file: Path | None = Field(
        default=None, description="certificates (PEM) to trust instead of the system's, for https"
    )
    token_file: Path | None = Field(
        default=None,
        description="file with the JWT in its first line, with or without SLURM_JWT= before it; read again in each "
        "scan, and when slurmrestd refuses it",
    )
    token_command: tuple[str, ...] = Field(
        default=(),
        description="instead of token_file: a program (with its path) and its arguments, which prints the JWT, like "
        "[/usr/bin/scontrol, token, lifespan=3600]",
    )
    user: str | None = Field(
        default=None,
        pattern=r"^[\x21-\x7e]+$",
        description="the token's user, which SLURM before 23.11 must be told; default: the one that the token names "
        "itself (sun)",
    )
    timeout: Duration = Field(
        default=120.0,
        description="how long one answer may take; slurmrestd needs some 30 s for 10,000 accounts, and gives up on a "
        "hung slurmdbd after 45 s",
    )
    answer_limit: int = Field(
        default=512 * 1024 * 1024,
        gt=0,
        description="how many bytes one answer may have; an account with its members needs some 8,000",
    )

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        """The address without a slash at its end. One with a password is refused: addresses are logged."""
        if value is None:
            return None
        split_address(value)
        return value.strip().rstrip("/")

    @model_validator(mode="after")
    def _can_be_asked(self) -> Self:
        if (self.url is None) == (self.socket is None):
            raise ValueError("give either url or socket")
        if bool(self.token_file) == bool(self.token_command):
            raise ValueError("give either token_file or token_command")
        if self.ca_file and not (self.url or "").startswith("https://"):
            raise ValueError("ca_file is for a url that begins with https://")
        return self

    @property
    def where(self) -> str:
        """Where slurmrestd is, as messages name it."""
        return f"slurmrestd at {self.url or self.socket}"
