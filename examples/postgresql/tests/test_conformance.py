"""The scanner keeps what the agent relies on, with a real server."""

import socket
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from conftest import PASSWORD, ROLE, PostgreSQL
from waldur_import_agent.records import Limit
from waldur_import_agent.scanners.testing import Block, ScannerConformance
from waldur_import_agent_postgresql.scanner import PostgresqlScanner

if TYPE_CHECKING:
    import psycopg

REAL = 5
"""So many databases are really created; more of them stand in the catalog only."""


class TestPostgresqlConformance(ScannerConformance):
    """Databases of one server; the second one where a part is denied is the same through its socket."""

    scanner = PostgresqlScanner
    exemptions: ClassVar = {"one-row pages": "PostgreSQL answers a query as a whole"}

    @pytest.fixture(autouse=True)
    def _server(self, server: PostgreSQL) -> Iterator[None]:
        self.server = server
        self.locker: psycopg.Connection[Any] | None = None
        yield
        self._unlock()

    def _unlock(self) -> None:
        if self.locker is not None:
            self.locker.close()
            self.locker = None

    def _block(self, **settings: Any) -> Block:
        main = {"host": "127.0.0.1", "port": self.server.port}
        return {"servers": {"main": main}, "password": PASSWORD, **settings}

    def backend(self, numbers: Sequence[int]) -> Block:
        """A database for each."""
        self._unlock()
        self.server.drop_all()
        names = [f"db{number}" for number in numbers]
        if len(names) > REAL:
            self.server.list_only(names)
        else:
            for name in names:
                self.server.create(name)
        return self._block()

    def texts(self, texts: Sequence[str]) -> Block:
        """Each is a comment."""
        self._unlock()
        self.server.drop_all()
        for number, text in enumerate(texts):
            self.server.create(f"db{number}", comment=text)
        return self._block()

    def limits(self) -> tuple[Block, Mapping[str, Mapping[str, Limit]]]:
        """CONNECTION LIMIT: -1 is unlimited, 0 blocks."""
        self._unlock()
        for name, limit in (("five", 5), ("none", 0), ("unlimited", -1)):
            self.server.create(name, limit=limit)
        expected = {"main/five": 5, "main/none": 0, "main/unlimited": None}
        return self._block(), {name: {"connections": limit} for name, limit in expected.items()}

    def denied_part(self) -> Block:
        """A second server whose pg_hba.conf rejects the role."""
        self._unlock()
        block = dict(self._block())
        second = {"host": str(self.server.directory), "port": self.server.port}
        return {**block, "servers": {**block["servers"], "second": second}}

    def unreachable(self) -> Block:
        """A port on which nobody listens."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        return self._block(servers={"main": {"host": "127.0.0.1", "port": port}})

    def hanging(self, timeout: float) -> Block:
        """The query waits for a lock."""
        self._unlock()
        self.locker = self.server.admin()
        self.locker.execute("BEGIN")
        self.locker.execute("LOCK TABLE pg_shdescription IN ACCESS EXCLUSIVE MODE")
        return self._block(timeout=timeout)

    def invalid(self) -> Mapping[str, Block]:
        """What the model sees, and what only the server knows."""
        self._unlock()
        return {
            "no server": self._block(servers={}),
            "a pattern that is none": self._block(databases={"include": ["("]}),
            "two passwords": self._block(password_file="/dev/null"),
            "another password": self._block(password="Hunter3Hunter3"),
            "an unknown role": self._block(user="nobody_knows"),
            "an unknown database": self._block(database="nowhere"),
        }

    def still_running(self) -> Sequence[str]:
        """Sessions of the role."""
        with self.server.admin() as connection:
            rows = connection.execute("SELECT state, query FROM pg_stat_activity WHERE usename = %s", [ROLE])
            return [f"{state}: {query}" for state, query in rows.fetchall()]
