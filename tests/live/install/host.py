"""A host to install on: this one, in a mount namespace in which what the commands change is a copy."""

import os
import subprocess
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

COPIED = ("/etc", "/usr/local/bin", "/run/lock")
"""Directories that the commands write files into."""
EMPTY = ("/opt/waldur-import-agent", "/var/lib/waldur-import-agent")
"""Directories that are the agent's own; made on the real host as mount points, and removed again."""


@dataclass(frozen=True)
class Host:
    """Runs commands as root; `scratch` holds the copies, and so what was installed, from one run to the next."""

    scratch: Path
    network: bool

    def run(self, commands: Sequence[str], directory: Path) -> subprocess.CompletedProcess[str]:
        """The commands one after the other in one shell, up to the first that fails."""
        script = textwrap.dedent(
            """\
            set -euo pipefail
            while read -r kind place; do
                copy=$SCRATCH$place
                if ! [ -d "$copy" ]; then
                    mkdir -p "$copy"
                    if [ "$kind" = copied ]; then cp -a "$place/." "$copy/"; fi
                fi
                mount --bind "$copy" "$place"
            done <<<"$PLACES"
            ip link set lo up
            cd "$DIRECTORY"
            """
        ) + "".join(f"{command}\n" for command in commands)
        places = [*(f"copied {place}" for place in COPIED), *(f"empty {place}" for place in EMPTY)]
        made = [Path(place) for place in (*COPIED, *EMPTY) if not Path(place).exists()]
        for place in made:
            place.mkdir(parents=True)
        try:
            return subprocess.run(
                ["unshare", "--mount", *([] if self.network else ["--net"]), "bash", "-c", script],
                env=self._environment(PLACES="\n".join(places), DIRECTORY=str(directory)),
                capture_output=True,
                text=True,
                timeout=600,
                check=False,
            )
        finally:
            for place in made:
                place.rmdir()

    def _environment(self, **more: str) -> dict[str, str]:
        """What root has after logging in; with a network, also how this machine reaches PyPI."""
        kept = {name: value for name, value in os.environ.items() if name.startswith("PIP_") or "proxy" in name.lower()}
        home = self.scratch / "home"
        home.mkdir(parents=True, exist_ok=True)
        return {
            **(kept if self.network else {"PIP_CONFIG_FILE": "/dev/null"}),
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "SCRATCH": str(self.scratch),
            **more,
        }
