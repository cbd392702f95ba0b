"""Make one server for each flavor, or one volume, with the service's own code: templates.py SERVICE DIRECTORY.

What the project and the user of them are stands in DIRECTORY/run/templates.json. Prints what was made, as JSON.
Only the service can make its rows: parts of them are serialised objects.
"""
# ruff: noqa: PLC0415 - each service reads its configuration while it is imported

import json
import os
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    """Make them."""
    service, root = sys.argv[1], Path(sys.argv[2])
    wanted = json.loads((root / "run" / "templates.json").read_text())
    configuration = str(root / "etc" / service / f"{service}.conf")
    made = nova(configuration, wanted) if service == "nova" else cinder(configuration, wanted)
    sys.stdout.write(json.dumps(made))


def nova(configuration: str, wanted: dict[str, str]) -> dict[str, Any]:
    """The ID of a server for each flavor's name, in the one cell that is not cell0; and the cell has its services."""
    os.environ["OS_NOVA_DISABLE_EVENTLET_PATCHING"] = "true"
    from nova import monkey_patch

    monkey_patch.patch()
    from nova import config, context, objects
    from nova.network import model
    from oslo_utils import uuidutils

    config.parse_args(["templates", "--config-file", configuration])
    objects.register_all()
    admin = context.get_admin_context()
    cell = next(cell for cell in objects.CellMappingList.get_all(admin) if not cell.is_cell0())
    subnet = model.Subnet(
        cidr="10.0.0.0/24",
        gateway=model.IP(address="10.0.0.1", type="gateway"),
        dns=[],
        routes=[],
        version=4,
        ips=[model.FixedIP(address="10.0.0.5", version=4, floating_ips=[])],
    )
    network = model.Network(id=uuidutils.generate_uuid(), label="network", subnets=[subnet])
    port = model.VIF(id=uuidutils.generate_uuid(), address="fa:16:3e:00:00:01", type="ovs", network=network)
    made = {}
    with context.target_cell(admin, cell) as targeted:
        for binary, topic in (("nova-compute", "compute"), ("nova-conductor", "conductor")):
            objects.Service(targeted, host="compute-01", binary=binary, topic=topic).create()
        for flavor in objects.FlavorList.get_all(admin):
            server = objects.Instance(
                targeted,
                uuid=uuidutils.generate_uuid(),
                project_id=wanted["project"],
                user_id=wanted["user"],
                flavor=flavor,
                old_flavor=None,
                new_flavor=None,
                image_ref=wanted["image"],
                system_metadata={"image_base_image_ref": wanted["image"]},
                metadata={},
                display_name="template",
                hostname="template",
                vm_state="active",
                power_state=1,
                task_state=None,
                memory_mb=flavor.memory_mb,
                vcpus=flavor.vcpus,
                root_gb=flavor.root_gb,
                ephemeral_gb=flavor.ephemeral_gb,
                instance_type_id=flavor.id,
                host="compute-01",
                launched_on="compute-01",
                availability_zone="nova",
                root_device_name="/dev/vda",
                config_drive="",
                locked=False,
                key_name=None,
                reservation_id="r-template",
                info_cache=objects.InstanceInfoCache(network_info=model.NetworkInfo([port])),
                access_ip_v4=None,
                access_ip_v6=None,
            )
            server.create()
            made[flavor.name] = server.uuid
        objects.BlockDeviceMapping(
            targeted,
            instance_uuid=server.uuid,
            source_type="volume",
            destination_type="volume",
            device_name="/dev/vdb",
            volume_id=uuidutils.generate_uuid(),
            delete_on_termination=False,
            no_device=False,
        ).create()
    return made


def cinder(configuration: str, wanted: dict[str, str]) -> dict[str, Any]:
    """The ID of a volume, under `volume`."""
    sys.argv = ["templates"]
    from cinder import context, objects
    from cinder.common import config
    from oslo_config import cfg

    assert config
    cfg.CONF(["--config-file", configuration], project="cinder")
    objects.register_all()
    admin = context.RequestContext(user_id=wanted["user"], project_id=wanted["project"], is_admin=True)
    default = next(kind for kind in objects.VolumeTypeList.get_all(admin) if kind.name == "__DEFAULT__")
    volume = objects.Volume(
        admin,
        size=1,
        status="available",
        attach_status="detached",
        display_name="template",
        availability_zone="nova",
        volume_type_id=default.id,
        bootable=False,
        host="lab@lvm#lvm",
        user_id=wanted["user"],
        project_id=wanted["project"],
        metadata={},
        multiattach=False,
    )
    volume.create()
    return {"volume": volume.id}


main()
