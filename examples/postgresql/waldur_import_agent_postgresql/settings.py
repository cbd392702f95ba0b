"""The block `scanner` of the configuration for `type: postgresql`. Each description is the documentation of its key."""

from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, StringConstraints, model_validator

from waldur_import_agent.scanners.base import ScannerSettings
from waldur_import_agent.settings.values import Duration, Pattern, ReadFile

ServerName = Annotated[str, StringConstraints(pattern=r"^[\w.-]+$")]


class Server(ScannerSettings):
    """Where one server listens."""

    host: str = Field(min_length=1, description="its host, or the directory of its Unix socket")
    port: int = Field(default=5432, ge=1, le=65535, description="its port")


class Databases(ScannerSettings):
    """Which databases are offered. The others are known, and their records are kept."""

    include: tuple[Pattern, ...] = Field(
        default=(), description="where given, a database's name must match one of these regular expressions (searched)"
    )
    exclude: tuple[Pattern, ...] = Field(
        default=("^postgres$",),
        description="a database that matches one of these is not offered; stronger than include",
    )


class PostgresqlSettings(ScannerSettings):
    """Which servers to read, and as whom."""

    servers: dict[ServerName, Server] = Field(
        min_length=1,
        examples=[{"main": {"host": "db.example.com"}}],
        description="the servers by name. The name is a part of the databases' ids: keep it when a server moves",
    )
    user: str = Field(default="waldur_import_agent", min_length=1, description="the role that logs in")
    password_file: ReadFile | None = Field(
        default=None, description="a file with the role's password in its first line; read again in each scan"
    )
    password: SecretStr | None = Field(
        default=None, description="the password itself; password_file is the better place"
    )
    database: str = Field(default="postgres", min_length=1, description="the database to connect to")
    sslmode: Literal["disable", "prefer", "require", "verify-ca", "verify-full"] = Field(
        default="prefer", description="libpq's sslmode; verify-full is the safe one across a network"
    )
    timeout: Duration = Field(default=30.0, description="how long one server may take")
    databases: Databases = Field(default=Databases(), description="which databases are offered")

    @model_validator(mode="after")
    def _one_password(self) -> Self:
        if self.password and self.password_file:
            raise ValueError("password and password_file exclude each other")
        return self
