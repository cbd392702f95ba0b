#!/usr/bin/env python3
"""Prints the directories below some roots as shares with their quotas, for the scanner `command`.

    scanner: {type: command, command: [/usr/local/bin/directories.py, /cephfs/projects, /cephfs/labs]}

A quota is read from an extended attribute, as CephFS has it (https://docs.ceph.com/en/latest/cephfs/quota/), in bytes;
0 there means unlimited. A root that cannot be read makes the list incomplete, so that nothing of it is withdrawn.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def quota(path: Path, attribute: str) -> dict[str, int | None]:
    """The limit of a directory; nothing where it has none."""
    try:
        size = int(os.getxattr(path, attribute))
    except OSError:  # no such attribute, or a file system that has none
        return {}
    return {"bytes": size or None}


def records(root: Path, attribute: str) -> Iterator[dict[str, Any]]:
    """A record for each directory directly below a root. Raises OSError where the root cannot be read."""
    for path in sorted(root.iterdir()):
        if path.is_dir() and not path.is_symlink():
            yield {
                "backend_id": str(path),
                "name": path.name,
                "kind": "directory",
                "parents": [{"backend_id": str(root), "name": root.name}],
                "attributes": {"uid": path.stat().st_uid},
                "limits": quota(path, attribute),
            }


def main() -> int:
    """Print all that can be read; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("roots", metavar="ROOT", nargs="+", type=Path)
    parser.add_argument(
        "--quota-attribute", metavar="NAME", default="ceph.quota.max_bytes", help="default: %(default)s"
    )
    arguments = parser.parse_args()
    warnings = []
    for root in arguments.roots:
        try:
            for record in records(root, arguments.quota_attribute):
                print(json.dumps(record))
        except OSError as error:
            warnings.append(f"{root} cannot be read: {error.strerror}")
    if len(warnings) == len(arguments.roots):
        print("; ".join(warnings), file=sys.stderr)
        return os.EX_UNAVAILABLE
    print(json.dumps({"scan": {"version": 1, "complete": not warnings, "warnings": warnings}}))
    return os.EX_OK


if __name__ == "__main__":
    sys.exit(main())
