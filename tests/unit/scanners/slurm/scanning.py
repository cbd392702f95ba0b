"""Scans of the cluster that was recorded."""

from typing import Any

from unit.scanners.slurm.fake_sacctmgr import FakeSacctmgr
from waldur_import_agent.records import FoundResource, Scan
from waldur_import_agent.scanners.slurm import SlurmScanner
from waldur_import_agent.scanners.slurm.settings import SlurmSettings


async def scan(sacctmgr: FakeSacctmgr, **settings: Any) -> Scan:
    """One scan of the cluster that was recorded."""
    block = {"cluster": "testcluster", "sacctmgr": sacctmgr.program, **settings}
    async with SlurmScanner(SlurmSettings.model_validate(block)) as scanner:
        return await scanner.scan()


async def found(sacctmgr: FakeSacctmgr, **settings: Any) -> dict[str, FoundResource]:
    """What a scan of all accounts finds, by name."""
    result = await scan(sacctmgr, **{"accounts": {"select": "all"}, **settings})
    return {resource.backend_id: resource for resource in result.resources}
