"""Start and fill the lab, say how to reach it, and keep it until Ctrl-C: for trying things out by hand.

.venv/bin/python tests/live/openstack/stay_up.py [--projects 1100] [--servers 250] [--volumes 250]
"""

import argparse
import contextlib
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from live.openstack.openstack_lab import running_lab


def main() -> None:
    """Run until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, count in (("projects", 1100), ("servers", 250), ("volumes", 250)):
        parser.add_argument(f"--{name}", type=int, default=count)
    arguments = parser.parse_args()
    with running_lab() as lab:
        lab.seed(arguments.projects, arguments.servers, arguments.volumes)
        sys.stdout.write(f"export OS_CLIENT_CONFIG_FILE={lab.layout.clouds}\n")
        sys.stdout.write(f"# clouds: {', '.join(lab.credentials.clouds)}\n")
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    main()
