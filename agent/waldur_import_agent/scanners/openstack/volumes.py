"""The volumes of a region, by pages of raw JSON.

Cinder drops `all_tenants` from who is not its admin, and answers 200 with the volumes of his own project; no policy
override changes that, since the code itself asks for the admin.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from waldur_import_agent.scanners.base import BackendMisconfiguredError
from waldur_import_agent.scanners.openstack.cloud import Access, Query, Region
from waldur_import_agent.scanners.openstack.failures import RefusedError
from waldur_import_agent.scanners.openstack.listing import Listing, Row

TENANT = "os-vol-tenant-attr:tenant_id"
OWN_ONLY = "Cinder shows the credential the volumes of its own project only: it is not Cinder's admin"


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume. `size` is in GiB; texts are empty where Cinder does not say. `servers` are those it is attached to."""

    id: str
    name: str
    project_id: str
    size: int
    type: str
    state: str
    bootable: bool
    availability_zone: str
    servers: tuple[str, ...]
    created: str


async def read_volumes(region: Region, access: Access, *, everybody: bool) -> tuple[Volume, ...]:
    """All volumes, or those of the credential's own project. Raises BackendError where it would be shown a part."""
    query: Query = {"all_tenants": 1} if everybody else {}
    what = "the list of all volumes" if everybody else "the list of the project's volumes"

    def volume(row: Row) -> Volume:
        made = _volume(row, access.project_id)
        if everybody and not row.get(TENANT):
            raise BackendMisconfiguredError(
                "Cinder does not say whose a volume is",
                remedy="Open volume_extension:volume_tenant_attribute in its policy to the credential's role",
            )
        return made

    rows = tuple((await Listing(region, "volume", "/volumes/detail", what, query).whole(volume)).values())
    if everybody:
        await refuse_own_rows(region, access, rows)
    return rows


async def refuse_own_rows(region: Region, access: Access, volumes: Iterable[Volume]) -> None:
    """Raise BackendMisconfiguredError where Cinder shows the own project's volumes only.

    Another project's volume is proof enough; without one, who may list Cinder's services is its admin.
    """
    if any(volume.project_id != access.project_id for volume in volumes):
        return
    try:
        await region.get("volume", "/os-services", "the list of its services")
    except RefusedError as error:
        raise BackendMisconfiguredError(
            OWN_ONLY,
            remedy="Give it the role admin on its project, or take volume out of `kinds`; no policy override helps",
        ) from error


def _volume(row: Row, own: str) -> Volume:
    """A volume from its JSON. Raises KeyError or TypeError for one that is none."""
    if not isinstance(row["size"], int):
        raise TypeError("a size that is no number")
    return Volume(
        id=row["id"],
        name=row.get("name") or row["id"],
        project_id=row.get(TENANT) or own,
        size=row["size"],
        type=row.get("volume_type") or "",
        state=row["status"],
        bootable=row.get("bootable") == "true",
        availability_zone=row.get("availability_zone") or "",
        # attached to a host instead, as Glance does it with an image's volume, there is no server
        servers=tuple(
            sorted(attached["server_id"] for attached in row.get("attachments") or () if attached["server_id"])
        ),
        created=row.get("created_at") or "",
    )
