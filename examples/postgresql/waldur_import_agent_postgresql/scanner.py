"""The scanner `postgresql`: the databases of PostgreSQL servers, one query a server."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import ClassVar, NamedTuple, Self

import psycopg
from psycopg.rows import namedtuple_row

from waldur_import_agent.records import Ancestor, Attribute, FoundResource, Scan
from waldur_import_agent.scanners.base import (
    BackendError,
    BackendMisconfiguredError,
    BackendUnavailableError,
    Check,
    CheckStatus,
    ScannerSettings,
)
from waldur_import_agent_postgresql.failures import explain
from waldur_import_agent_postgresql.settings import Databases, PostgresqlSettings, Server

QUERY = """
SELECT d.datname AS name,
       pg_catalog.pg_get_userbyid(d.datdba) AS owner,
       pg_catalog.shobj_description(d.oid, 'pg_database') AS comment,
       pg_catalog.pg_encoding_to_char(d.encoding) AS encoding,
       d.datconnlimit AS connections,
       CASE WHEN pg_catalog.has_database_privilege(d.oid, 'CONNECT')
                 OR pg_catalog.pg_has_role('pg_read_all_stats', 'MEMBER')
            THEN pg_catalog.pg_database_size(d.oid) END AS size
  FROM pg_catalog.pg_database d
 WHERE NOT d.datistemplate
 ORDER BY d.datname COLLATE "C"
"""
"""https://www.postgresql.org/docs/current/catalog-pg-database.html; the size needs a right, all else none."""
UNLIMITED, INVALID = -1, -2
"""What datconnlimit says beside a number: no limit, and a database whose removal was interrupted."""


class Row(NamedTuple):
    """One row of QUERY; `connections` is a count, `size` is in bytes."""

    name: str
    owner: str
    comment: str | None
    encoding: str
    connections: int
    size: int | None


@dataclass(slots=True)
class Answer:
    """What one server gave."""

    found: list[FoundResource] = field(default_factory=list)
    excluded: dict[str, str] = field(default_factory=dict)
    error: BackendError | None = None


class PostgresqlScanner:
    """Offers each database as `SERVER/DATABASE`. A server that cannot be read makes the scan incomplete."""

    kind: ClassVar[str] = "postgresql"
    settings_model: ClassVar[type[ScannerSettings]] = PostgresqlSettings
    ids_ignore_case: ClassVar[bool] = False

    def __init__(self, settings: ScannerSettings) -> None:
        if not isinstance(settings, PostgresqlSettings):
            raise TypeError(f"the postgresql scanner needs PostgresqlSettings, not {type(settings).__name__}")
        self._settings = settings

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Nothing is held between scans."""

    async def check(self) -> Sequence[Check]:
        """Read each server, and say what is there."""
        answers = await self._answers()
        return [
            Check(name, CheckStatus.FAIL, str(answer.error.args[0]), answer.error.remedy)
            if answer.error
            else Check(name, CheckStatus.PASS, f"{len(answer.found)} databases")
            for name, answer in answers.items()
        ]

    async def scan(self) -> Scan:
        """Read all servers, at the same time.

        Raises BackendUnavailableError where none can be read, or BackendMisconfiguredError where none ever will be.
        """
        answers = await self._answers()
        errors = [answer.error for answer in answers.values() if answer.error]
        if len(errors) == len(answers):
            kind = next(
                (type(error) for error in errors if isinstance(error, BackendUnavailableError)), type(errors[0])
            )
            text = "; ".join(str(error.args[0]) for error in errors)
            raise kind(text, remedy=errors[0].remedy) from errors[0]
        return Scan(
            tuple(found for answer in answers.values() for found in answer.found),
            warnings=tuple(map(str, errors)),
            complete=not errors,
            excluded={key: why for answer in answers.values() for key, why in answer.excluded.items()},
        )

    async def _answers(self) -> dict[str, Answer]:
        """What each server gave, in the order of their names."""
        async with asyncio.TaskGroup() as group:
            tasks = {
                name: group.create_task(self._read(name, server))
                for name, server in sorted(self._settings.servers.items())
            }
        return {name: task.result() for name, task in tasks.items()}

    async def _read(self, name: str, server: Server) -> Answer:
        timeout = self._settings.timeout
        try:
            async with asyncio.timeout(timeout), self._connected(server) as connection:
                rows = [Row(*row) for row in await (await connection.execute(QUERY)).fetchall()]
        except TimeoutError:
            return Answer(error=BackendUnavailableError(f"server {name} did not answer within {timeout:g} seconds"))
        except psycopg.Error as error:
            return Answer(error=explain(name, error))
        except BackendError as error:
            return Answer(error=error)
        return answer(name, rows, self._settings.databases)

    @asynccontextmanager
    async def _connected(self, server: Server) -> AsyncIterator["psycopg.AsyncConnection[NamedTuple]"]:
        """A connection that cannot write. psycopg cancels the query on the server where the task is cancelled."""
        settings = self._settings
        async with await psycopg.AsyncConnection.connect(
            host=server.host,
            port=server.port,
            user=settings.user,
            password=self._password(),
            dbname=settings.database,
            sslmode=settings.sslmode,
            application_name="waldur-import-agent",
            client_encoding="UTF8",
            options="-c default_transaction_read_only=on",
            autocommit=True,
            row_factory=namedtuple_row,
        ) as connection:
            yield connection

    def _password(self) -> str | None:
        """The password as it is now. Raises BackendMisconfiguredError."""
        settings = self._settings
        if settings.password_file is None:
            return settings.password.get_secret_value() if settings.password else None
        try:
            return settings.password_file.read_text(encoding="utf-8").partition("\n")[0]
        except (OSError, UnicodeDecodeError) as error:
            raise BackendMisconfiguredError(
                f"password_file {settings.password_file} cannot be read",
                remedy="See to it that the agent's user can read it, and that it is text",
            ) from error


def answer(server: str, rows: Sequence[Row], databases: Databases) -> Answer:
    """The databases of one server: those that are offered, and the reasons for the others."""
    given = Answer()
    parent = Ancestor(server, server)
    for row in rows:
        key = f"{server}/{row.name}"
        why = left_out(row, databases)
        if why:
            given.excluded[key] = why
            continue
        attributes: dict[str, Attribute] = {"server": server, "owner": row.owner, "encoding": row.encoding}
        problems: tuple[str, ...] = ()
        if row.comment is not None:
            attributes["comment"] = row.comment
        if row.size is None:
            problems = ("size unreadable: the role needs CONNECT on the database, or pg_read_all_stats",)
        else:
            attributes["size_bytes"] = row.size
        limits = {"connections": None if row.connections == UNLIMITED else row.connections}
        given.found.append(
            FoundResource(key, row.name, "PostgreSQL database", (parent,), attributes, limits, problems=problems)
        )
    return given


def left_out(row: Row, databases: Databases) -> str:
    """Why a database is not offered, or nothing."""
    if row.connections == INVALID:
        return "its removal was interrupted: it cannot be used, only dropped"
    if databases.include and not any(re.search(pattern, row.name) for pattern in databases.include):
        return "no pattern of databases.include matches"
    if any(re.search(pattern, row.name) for pattern in databases.exclude):
        return "left out by databases.exclude"
    return ""
