"""What the scanner finds on a real server, and what it says where it cannot."""

import asyncio
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from conftest import PASSWORD, ROLE, PostgreSQL
from waldur_import_agent.records import Ancestor, FoundResource, Scan
from waldur_import_agent.scanners.base import BackendMisconfiguredError, BackendUnavailableError, Check, CheckStatus
from waldur_import_agent_postgresql.scanner import PostgresqlScanner, Row, answer
from waldur_import_agent_postgresql.settings import Databases, PostgresqlSettings


def scanner(server: PostgreSQL, **settings: Any) -> PostgresqlScanner:
    """The scanner for the server."""
    main = {"host": "127.0.0.1", "port": server.port}
    return PostgresqlScanner(
        PostgresqlSettings.model_validate({"servers": {"main": main}, "password": PASSWORD, **settings})
    )


def scan(server: PostgreSQL, **settings: Any) -> Scan:
    """One scan."""
    return asyncio.run(scanner(server, **settings).scan())


def check(server: PostgreSQL, **settings: Any) -> Sequence[Check]:
    """What a check says."""
    return asyncio.run(scanner(server, **settings).check())


def test_the_scanner_is_installed() -> None:
    """Under its name."""
    (point,) = (point for point in entry_points(group="waldur_import_agent.scanners") if point.name == "postgresql")
    assert point.load() is PostgresqlScanner


def test_a_database_with_all_that_is_known_of_it(server: PostgreSQL) -> None:
    """Templates are none, and `postgres` itself is left out by default."""
    server.create("shop", comment="of the web", limit=5)
    found = scan(server)
    (database,) = found.resources
    size = database.attributes["size_bytes"]
    assert isinstance(size, int)
    assert size > 1_000_000
    assert database == FoundResource(
        "main/shop",
        "shop",
        "PostgreSQL database",
        parents=(Ancestor("main", "main"),),
        attributes={
            "server": "main",
            "owner": "admin",
            "encoding": "UTF8",
            "comment": "of the web",
            "size_bytes": size,
        },
        limits={"connections": 5},
    )
    assert found.excluded == {"main/postgres": "left out by databases.exclude"}
    assert found.complete


def test_patterns_choose(server: PostgreSQL) -> None:
    """What is left out is known with the reason; exclude is stronger."""
    for name in ("prj_a", "prj_b", "other"):
        server.create(name)
    found = scan(server, databases={"include": ["^prj_"], "exclude": ["b$"]})
    assert [resource.name for resource in found.resources] == ["prj_a"]
    assert found.excluded == {
        "main/other": "no pattern of databases.include matches",
        "main/postgres": "no pattern of databases.include matches",
        "main/prj_b": "left out by databases.exclude",
    }


def test_a_size_that_may_not_be_seen_is_a_problem_of_the_database(server: PostgreSQL) -> None:
    """The rest is reported, and pg_read_all_stats shows it."""
    server.create("shop")
    with server.admin() as connection:
        connection.execute("REVOKE CONNECT ON DATABASE shop FROM PUBLIC")
        (database,) = scan(server).resources
        assert "size_bytes" not in database.attributes
        assert database.problems == ("size unreadable: the role needs CONNECT on the database, or pg_read_all_stats",)
        connection.execute(f"GRANT pg_read_all_stats TO {ROLE}")
        try:
            (database,) = scan(server).resources
            assert not database.problems
        finally:
            connection.execute(f"REVOKE pg_read_all_stats FROM {ROLE}")


def test_a_database_whose_removal_was_interrupted_is_left_out() -> None:
    """PostgreSQL marks it by a connection limit of -2."""
    given = answer("main", [Row("shop", "admin", None, "UTF8", -2, None)], Databases())
    assert given.found == []
    assert given.excluded == {"main/shop": "its removal was interrupted: it cannot be used, only dropped"}


def test_one_server_that_is_away_makes_the_scan_incomplete(server: PostgreSQL) -> None:
    """With its name and its words; the others are read."""
    server.create("shop")
    servers = {
        "main": {"host": "127.0.0.1", "port": server.port},
        "away": {"host": "127.0.0.1", "port": 1},
    }
    found = scan(server, servers=servers)
    assert [resource.backend_id for resource in found.resources] == ["main/shop"]
    assert not found.complete
    (warning,) = found.warnings
    assert warning.startswith("server away: connection failed")
    assert [one.status for one in check(server, servers=servers)] == [CheckStatus.FAIL, CheckStatus.PASS]


def test_where_every_server_fails_one_that_may_come_back_counts(server: PostgreSQL) -> None:
    """The agent tries again, since that may help."""
    servers = {
        "away": {"host": "127.0.0.1", "port": 1},
        "denied": {"host": str(server.directory), "port": server.port},
    }
    with pytest.raises(BackendUnavailableError, match=r"server away: .*; server denied: .*"):
        scan(server, servers=servers)


@pytest.mark.parametrize(
    ("settings", "words", "remedy"),
    [
        ({"password": "Hunter3Hunter3"}, "password authentication failed", "mend password_file"),
        ({"password": None}, "no password supplied", "Set password_file"),
        ({"database": "nowhere"}, 'database "nowhere" does not exist', "Set `database`"),
        ({"sslmode": "require"}, "server does not support SSL", "Switch SSL on"),
    ],
)
def test_what_a_person_has_to_mend_is_told_with_the_remedy(
    server: PostgreSQL, settings: dict[str, Any], words: str, remedy: str
) -> None:
    """In the server's own words."""
    with pytest.raises(BackendMisconfiguredError) as caught:
        scan(server, **settings)
    assert words in caught.value.args[0]
    assert remedy in caught.value.remedy


def test_pg_hba_is_named(server: PostgreSQL) -> None:
    """Where it rejects the role."""
    with pytest.raises(BackendMisconfiguredError, match=r"Let pg_hba\.conf of the server allow"):
        scan(server, servers={"main": {"host": str(server.directory), "port": server.port}})


def test_rights_that_are_missing_are_a_matter_of_configuration(server: PostgreSQL) -> None:
    """A hardened server may hide its catalog."""
    with server.admin() as connection:
        connection.execute("REVOKE SELECT ON pg_database FROM PUBLIC")
        try:
            with pytest.raises(BackendMisconfiguredError, match="permission denied for table pg_database"):
                scan(server)
        finally:
            connection.execute("GRANT SELECT ON pg_database TO PUBLIC")


def test_the_password_file_is_read_in_each_scan(server: PostgreSQL, tmp_path: Path) -> None:
    """So it can be replaced at any time."""
    file = tmp_path / "password"
    file.write_text("Hunter3Hunter3\n")
    reader = scanner(server, password=None, password_file=str(file))
    with pytest.raises(BackendMisconfiguredError, match="password authentication failed"):
        asyncio.run(reader.scan())
    file.write_text(f"{PASSWORD}\n")
    assert asyncio.run(reader.scan()).complete
    file.unlink()
    with pytest.raises(BackendMisconfiguredError, match=r"password_file .* cannot be read"):
        asyncio.run(reader.scan())


def test_a_session_cannot_write(server: PostgreSQL) -> None:
    """Whatever rights the role has."""

    async def write() -> None:
        reader = scanner(server)
        (place,) = reader._settings.servers.values()
        async with reader._connected(place) as connection:
            await connection.execute("CREATE TABLE t ()")

    with pytest.raises(Exception, match="read-only transaction"):
        asyncio.run(write())


@pytest.mark.parametrize("name", ["", "a/b", "a b"])
def test_names_of_servers_are_plain(name: str) -> None:
    """They are a part of the ids."""
    with pytest.raises(ValidationError):
        PostgresqlSettings.model_validate({"servers": {name: {"host": "x"}}})
