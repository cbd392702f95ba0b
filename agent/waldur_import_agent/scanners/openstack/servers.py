"""The servers of a region, by pages of raw JSON: an object of the SDK's costs 1.7 ms for each.

Nova leaves out the servers of a cell that it does not reach, with status 200. From 2.69 on it gives stubs for them,
but only on a page that is asked for without `limit` or a marker and that has room left. So the first page is asked for
like that, and where it is full, or to be sure for what happened later, the list of services is looked at: in a cell
that is down their status is UNKNOWN.
"""

from dataclasses import dataclass

from waldur_import_agent.scanners.openstack.cloud import Query, Region
from waldur_import_agent.scanners.openstack.failures import RefusedError, not_its_own
from waldur_import_agent.scanners.openstack.listing import Listing, Row

MICROVERSION = "2.69"
"""Of Stein (2019): flavors stand in the server, and servers of a cell that is down are stubs."""
UNSEEN_CELLS = (
    "Nova does not show the credential its services, so it cannot be told whether all cells answered: open "
    "os_compute_api:os-services:list to its role to have this known"
)


@dataclass(frozen=True, slots=True)
class Server:
    """A server. `ram` is in MiB, `disk` in GiB; texts are empty and sizes None where Nova does not say."""

    id: str
    name: str
    project_id: str
    state: str
    flavor: str
    vcpus: int | None
    ram: int | None
    disk: int | None
    image: str
    availability_zone: str
    volumes: tuple[str, ...]
    created: str
    stub: bool = False


@dataclass(frozen=True, slots=True)
class Servers:
    """All servers of a region that Nova reaches. `unreached` are the stubs of the others; `warnings`: it is not all."""

    found: tuple[Server, ...] = ()
    unreached: tuple[Server, ...] = ()
    warnings: tuple[str, ...] = ()


async def read_servers(region: Region, *, everybody: bool) -> Servers:
    """All servers, or those of the credential's own project. Raises BackendError."""
    query: Query = {"all_tenants": 1} if everybody else {}
    what = "the list of all servers" if everybody else "the list of the project's servers"
    listing = Listing(region, "compute", "/servers/detail", what, query, MICROVERSION, is_stub=_is_stub)
    rows = await listing.whole(_server)
    found = tuple(server for server in rows.values() if not server.stub)
    unreached = tuple(server for server in rows.values() if server.stub)
    where = f" of the region {region.name}" if region.name else ""
    warnings: list[str] = []
    if unreached:
        projects = len({server.project_id for server in unreached})
        warnings.append(
            f"Nova{where} does not reach one of its cells: {len(unreached)} servers or more, of {projects} projects or "
            "more, are there and cannot be read"
        )
    elif everybody:
        warnings += await _cells(region, where)
    return Servers(found, unreached, tuple(warnings))


async def _cells(region: Region, where: str) -> list[str]:
    """A warning where a cell did not answer, or where that cannot be known."""
    what = "the list of its services"
    try:
        body = await region.get("compute", "/os-services", what, microversion=MICROVERSION)
    except RefusedError as error:
        if error.status == 403:  # noqa: PLR2004
            return [UNSEEN_CELLS]
        raise
    rows = body.get("services")
    if not isinstance(rows, list):
        raise not_its_own("compute", what, "no list of services")
    down = sum(isinstance(row, dict) and row.get("status") == "UNKNOWN" for row in rows)
    missing = f"Nova{where} does not reach one of its cells, with {down} of its services: servers there are missing"
    return [missing] if down else []


def _server(row: Row) -> Server:
    """A server from its JSON. Raises KeyError or TypeError for one that is none."""
    flavor = row.get("flavor") or {}
    image = row.get("image") or {}
    return Server(
        id=row["id"],
        name=row.get("name") or row["id"],
        project_id=row["tenant_id"],
        state=row["status"],
        flavor=flavor.get("original_name") or "",
        vcpus=_size(flavor.get("vcpus")),
        ram=_size(flavor.get("ram")),
        disk=_size(flavor.get("disk")),
        image=image.get("id") or "" if isinstance(image, dict) else "",
        availability_zone=row.get("OS-EXT-AZ:availability_zone") or "",
        volumes=tuple(sorted(volume["id"] for volume in row.get("os-extended-volumes:volumes_attached") or ())),
        created=row.get("created") or "",
        stub=_is_stub(row),
    )


def _is_stub(row: Row) -> bool:
    """Whether all that Nova knows is where the server is: a server that it reaches has a name."""
    return "name" not in row


def _size(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
