"""A real PostgreSQL, started by the tests as an ordinary user from the programs of Debian's package `postgresql`."""

import getpass
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

PROGRAMS = Path("/usr/lib/postgresql")
ROLE = "waldur_import_agent"
PASSWORD = "Hunter2Hunter2"
HBA = f"""\
local all admin trust
local all {ROLE} reject
host all all 127.0.0.1/32 scram-sha-256
"""


class PostgreSQL:
    """A running server: TCP with passwords; through its socket only the superuser `admin` may come in."""

    def __init__(self, directory: Path, port: int) -> None:
        self.directory = directory
        self.port = port

    def admin(self, database: str = "postgres") -> "psycopg.Connection[Any]":
        """A session of the superuser, each statement a transaction of its own."""
        return psycopg.connect(host=str(self.directory), port=self.port, user="admin", dbname=database, autocommit=True)

    def create(self, name: str, *, comment: str | None = None, limit: int = -1) -> None:
        """Create a database."""
        database = sql.Identifier(name)
        with self.admin() as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} CONNECTION LIMIT {} STRATEGY file_copy").format(database, limit)
            )
            if comment is not None:
                connection.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(database, comment))

    def drop_all(self) -> None:
        """Drop what `create` and `list_only` made."""
        with self.admin() as connection:
            connection.execute("DELETE FROM pg_database WHERE oid > 4000000")
            rows = connection.execute(
                "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres'"
            )
            for (name,) in rows.fetchall():
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def list_only(self, names: list[str]) -> None:
        """Databases that stand in the catalog only: each real one takes 7 MiB and its time."""
        columns = (
            "datdba, encoding, datlocprovider, datistemplate, datallowconn, datconnlimit, datfrozenxid, datminmxid"
        )
        columns += ", dattablespace, datcollate, datctype"
        with self.admin() as connection, connection.cursor() as cursor:
            cursor.executemany(
                f"INSERT INTO pg_database (oid, datname, {columns}) SELECT %s, %s, {columns} FROM pg_database "
                "WHERE datname = 'postgres'",
                [(4_000_001 + number, name) for number, name in enumerate(names)],
            )


def unprivileged(*command: object) -> "subprocess.Popen[bytes]":
    """Start a program as an ordinary user: PostgreSQL refuses to run as root."""
    user = "nobody" if os.geteuid() == 0 else None
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    return subprocess.Popen([str(word) for word in command], user=user, env=environment, cwd="/")


@pytest.fixture(scope="session")
def running() -> Iterator[PostgreSQL]:
    """A server for all tests."""
    versions = sorted(
        (path for path in PROGRAMS.glob("*/bin") if (path / "initdb").exists()), key=lambda p: int(p.parent.name)
    )
    assert versions, "PostgreSQL is not installed: apt-get install postgresql"
    programs = versions[-1]
    directory = Path(tempfile.mkdtemp(prefix="pg-"))  # not below pytest's own: only its user may enter that
    data = directory / "data"
    try:
        shutil.chown(directory, "nobody" if os.geteuid() == 0 else getpass.getuser())
        made = unprivileged(
            programs / "initdb", "-D", data, "-U", "admin", "-E", "UTF8", "-A", "trust", "--no-sync", "-N"
        )
        assert made.wait() == 0
        (data / "pg_hba.conf").write_text(HBA)
        server = None
        for port in range(15432, 15532):
            settings = {
                "port": port,
                "listen_addresses": "127.0.0.1",
                "unix_socket_directories": directory,
                "fsync": "off",
                "autovacuum": "off",  # sizes stay what they are
                "allow_system_table_mods": "on",
                "max_connections": 20,
            }
            words = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
            server = unprivileged(programs / "postgres", "-D", data, *words)
            if wait_until_it_answers(server, found := PostgreSQL(directory, port)):
                break
        else:
            raise AssertionError("PostgreSQL did not start: see its log above")
        with found.admin() as connection:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(ROLE), PASSWORD))
        yield found
        server.send_signal(signal.SIGINT)
        assert server.wait() == 0
    finally:
        shutil.rmtree(directory)


def wait_until_it_answers(server: "subprocess.Popen[bytes]", found: PostgreSQL) -> bool:
    """Whether the server came up; it ends by itself where its port is taken."""
    while server.poll() is None:
        try:
            found.admin().close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return True
    return False


@pytest.fixture
def server(running: PostgreSQL) -> Iterator[PostgreSQL]:
    """The server, with no database but `postgres`."""
    running.drop_all()
    yield running
    running.drop_all()
