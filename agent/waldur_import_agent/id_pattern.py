"""Which ids an offering's backend_id_rules would refuse at the import: `format.regex` must match the whole id.

The expression comes from Waldur and may be hostile, so it is tried in a process of its own, by the engine that Waldur
has too.
"""

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from waldur_import_agent import fullmatch
from waldur_import_agent.system import ProcessError, ProcessTimedOutError, child_environment, run_process

SECONDS = 10.0
"""What all ids may take together: 100,000 take a tenth of one."""
OUTPUT_LIMIT = 16 * 1024 * 1024
"""Bytes: a position in the list of ids takes seven."""
SHOWN = 200
"""Characters of an expression that are shown."""


@dataclass(frozen=True, slots=True)
class Misfits:
    """The ids that the expression does not match; `problem` says why it could not be tried, and then there are none."""

    ids: frozenset[str] = frozenset()
    problem: str = ""


NO_MISFITS = Misfits()


async def misfits(pattern: str, ids: Iterable[str]) -> Misfits:
    """Try the expression on each of the ids. An empty one matches everything. Raises nothing for what it is."""
    texts = list(dict.fromkeys(ids))
    if not pattern or not texts:
        return NO_MISFITS
    try:
        done = await run_process(
            # without the packages of the site: this starts in a fiftieth of a second
            [sys.executable, "-I", "-S", str(Path(fullmatch.__file__))],
            timeout=SECONDS,
            output_limit=OUTPUT_LIMIT,
            environment=child_environment(),
            stdin=json.dumps({"pattern": pattern, "texts": texts}).encode(),
        )
    except ProcessTimedOutError:
        return _not_tried(pattern, f"it takes longer than {SECONDS:g} seconds")
    except ProcessError as error:
        return _not_tried(pattern, str(error))
    if done.returncode:
        return _not_tried(pattern, "it is no regular expression, or one that takes too much memory")
    return Misfits(frozenset(texts[position] for position in json.loads(done.stdout)))


def refusal(pattern: str, hint: str) -> str:
    """Why Waldur would refuse the import of a misfit; `hint` is what the provider says of the expression."""
    return f"the offering's backend_id_rules would refuse the import: {_shown(pattern)}{f' ({hint})' if hint else ''}"


def _not_tried(pattern: str, why: str) -> Misfits:
    return Misfits(
        problem="the offering's backend_id_rules cannot be tried, so only an import will tell which ids Waldur "
        f"refuses: {why}: {_shown(pattern)}"
    )


def _shown(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
