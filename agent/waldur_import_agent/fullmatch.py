"""A program of its own, which says what texts a regular expression does not match as a whole.

A hostile expression, `(a+)+$` for example, takes longer than anybody waits, and Python holds its one lock meanwhile.
Therefore this runs in a process that can be killed, with limits of its own in case that nobody is left to do so. JSON
on stdin ({"pattern": ..., "texts": [...]}); on stdout a list with the positions of the texts that do not match. The
exit code is not 0 where the expression cannot be used.
"""

import contextlib
import json
import re
import resource
import sys

CPU_SECONDS = 30
MEMORY_MAX = 1 << 30
"""Bytes; the ids of a large backend take a hundredth."""


def main() -> None:
    """Answer the question on stdin."""
    for what, limit in ((resource.RLIMIT_CPU, CPU_SECONDS), (resource.RLIMIT_AS, MEMORY_MAX)):
        # there may be a lower one already, and a sandbox may refuse this: the agent's own limit of time still holds
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(what, (limit, limit))
    asked = json.load(sys.stdin)
    fullmatch = re.compile(asked["pattern"]).fullmatch
    json.dump([position for position, text in enumerate(asked["texts"]) if fullmatch(text) is None], sys.stdout)


if __name__ == "__main__":
    main()
