"""Answers one request with waldur-site-agent. Runs with the Python of the environment that it is installed in.

It takes requests over STOMP only; what its handler of that message calls is called here: the same client, the same
backend, the same processor. JSON on stdin tells what to answer; its peak memory goes to stdout, in MiB.
"""

import json
import re
import sys
from pathlib import Path

from waldur_site_agent.common import processors, structures, utils


def main() -> None:
    """Answer the request."""
    told = json.load(sys.stdin)
    offering = structures.Offering.model_validate(
        {
            "name": "SLURM cluster",
            "waldur_api_url": told["url"],
            "waldur_api_token": told["token"],
            "waldur_offering_uuid": told["offering"],
            "backend_type": "slurm",
            "order_processing_backend": "slurm",
            "resource_import_enabled": True,
            "backend_settings": {
                "default_account": "root",
                "customer_prefix": "hpc_c_",
                "project_prefix": told["project_prefix"],
                "allocation_prefix": "hpc_a_",
                "slurm_bin_path": told["slurm_bin_path"],
            },
            "backend_components": {
                name: {
                    "measured_unit": "h",
                    "unit_factor": told["unit_factor"],
                    "accounting_type": "limit",
                    "label": name,
                }
                for name in told["components"]
            },
        }
    )
    client = utils.get_client_for_offering(offering, "bench")
    backend, version = utils.get_backend_for_offering(offering, "order_processing_backend")
    processor = processors.OfferingImportableResourcesProcessor(
        offering, client, resource_backend=backend, resource_backend_version=version
    )
    processor.process_request(told["request"])
    peak = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    assert peak is not None  # noqa: S101 - Linux tells it of every process
    sys.stdout.write(f"{int(peak[1]) / 1024}\n")


main()
