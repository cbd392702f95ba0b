"""A directory with all that the other commands need to work against the example sandbox."""

import shutil
from importlib.resources import files
from pathlib import Path

from waldur_import_agent.sandbox import Offering, Sandbox

CONFIG = """\
# made for the sandbox; gone when it ends
waldur:
  url: {url}
  token_file: token
state_dir: {directory}/state
lock_dir: {directory}/lock
runtime_dir: {directory}/runtime
poll_interval: 5s
offerings:
  - uuid: {offering}
    scanner:
      type: inventory
      path: inventory.jsonl
    projects:
      rules:
        - from: parent
          match: '^hpc_(?P<slug>.+)$'
          by: slug
          value: '{{slug}}'
    components:
      cpu: {{from: GrpTRESMins.cpu, unit_factor: 60}}
      gpu: {{from: GrpTRESMins.gres/gpu, unit_factor: 60}}
"""


def write_example(directory: Path, sandbox: Sandbox, offering: Offering, url: str) -> Path:
    """Write configuration, tokens and the sample inventory into `directory`; the configuration's path."""
    for name, token in (("token", sandbox.agent_token), ("staff-token", sandbox.staff_token)):
        path = directory / name
        path.touch(mode=0o600)
        path.write_text(token + "\n")
    with (
        files("waldur_import_agent.cli").joinpath("demo_inventory.jsonl").open("rb") as sample,
        (directory / "inventory.jsonl").open("wb") as inventory,
    ):
        shutil.copyfileobj(sample, inventory)
    config = directory / "config.yaml"
    config.write_text(CONFIG.format(url=url, directory=directory, offering=offering.uuid))
    return config
