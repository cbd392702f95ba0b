"""Make the databases of a service, with its own code: create_schema.py SERVICE DIRECTORY PASSWORD URL.

The password is that of Keystone's first user, and the URL Keystone's own.
"""
# ruff: noqa: PLC0415 - each service reads its configuration while it is imported

import grp
import multiprocessing
import os
import pwd
import sqlite3
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine


@event.listens_for(Engine, "connect")
def _without_waiting_for_the_disk(connection: Any, record: object) -> None:
    """What a crash of the machine would leave is of no interest here."""
    connection.execute("PRAGMA synchronous=OFF")


def main() -> None:
    """Make them."""
    service, root, password, url = sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4]
    configuration = root / "etc" / service / f"{service}.conf"
    if service == "keystone":
        keystone(configuration, password, url)
    elif service == "nova":
        nova(configuration, root / "db")
    elif service == "cinder":
        cinder(configuration)
    else:
        neutron(root / "db")
    for path in (root / "db").glob(f"{service}*.db"):
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA journal_mode=WAL")  # one writes while others read
        connection.close()


def keystone(configuration: Path, password: str, url: str) -> None:
    """Keystone's, with its keys and its first user."""
    import keystone.cmd.manage  # noqa: F401 - once, for all that follow

    user = pwd.getpwuid(os.getuid()).pw_name
    group = grp.getgrgid(os.getgid()).gr_name
    owner = [] if os.geteuid() else ["--keystone-user", user, "--keystone-group", group]
    urls = [text for kind in ("admin", "internal", "public") for text in (f"--bootstrap-{kind}-url", url)]
    for arguments in (
        ["db_sync"],
        ["fernet_setup", *owner],
        ["credential_setup", *owner],
        ["bootstrap", "--bootstrap-password", password, "--bootstrap-region-id", "RegionOne", *urls],
    ):
        # forked, since the program ends its process, and its imports take more time than its work
        process = multiprocessing.get_context("fork").Process(
            target=keystone_manage, args=(["--config-file", str(configuration), *arguments],)
        )
        process.start()
        process.join()
        if process.exitcode:
            sys.exit(f"keystone-manage {arguments[0]} failed")


def keystone_manage(arguments: list[str]) -> None:
    """One command of keystone-manage."""
    sys.argv = ["keystone-manage", *arguments]
    from keystone.cmd import manage

    manage.main()


def nova(configuration: Path, databases: Path) -> None:
    """Nova's: that of the API, cell0 and one cell."""
    os.environ["OS_NOVA_DISABLE_EVENTLET_PATCHING"] = "true"
    from nova import monkey_patch

    monkey_patch.patch()
    import nova.conf
    from nova import config, context, objects
    from nova.cmd import manage
    from nova.db import migration

    config.parse_args(["nova-manage", "--config-file", str(configuration)])
    objects.register_all()
    migration.db_sync(database="api")
    cells = manage.CellV2Commands()
    cells.map_cell0(database_connection=f"sqlite:///{databases}/nova_cell0.db")
    nobody = context.RequestContext()
    cell0 = objects.CellMapping.get_by_uuid(nobody, objects.CellMapping.CELL0_UUID)
    with context.target_cell(nobody, cell0) as targeted:
        migration.db_sync(None, context=targeted)
    migration.db_sync()
    cells.create_cell(
        name="cell1",
        database_connection=nova.conf.CONF.database.connection,
        transport_url=nova.conf.CONF.transport_url,
    )


def cinder(configuration: Path) -> None:
    """Cinder's."""
    sys.argv = ["cinder-manage", "--config-file", str(configuration), "db", "sync"]
    from cinder.cmd import manage

    manage.main()


def neutron(databases: Path) -> None:
    """Neutron's, from its models: its migrations are not for SQLite."""
    import sqlalchemy
    from alembic.script import ScriptDirectory
    from neutron.db import migration
    from neutron.db.migration.models import head

    engine = sqlalchemy.create_engine(f"sqlite:///{databases}/neutron.db")
    head.get_metadata().create_all(engine)
    scripts = ScriptDirectory(str(Path(migration.__file__).parent / "alembic_migrations"))
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)"))
        for revision in scripts.get_heads():
            connection.execute(sqlalchemy.text("INSERT INTO alembic_version VALUES (:head)"), {"head": revision})


main()
