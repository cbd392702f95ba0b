"""Run a soak. Its last line is the result; the exit code is 1 where anything was lost, stuck, doubled, or grew."""

import argparse
import asyncio
import shlex
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from soak.agents import growth
from soak.site import Site

RSS_MARGIN_MIB = 16.0
"""By how much the agent's memory may grow: the allocator's own swing."""
DESCRIPTORS_MARGIN = 4
"""By how many descriptors it may grow: connections that happen to be open."""
COMMAND = "{python} -m waldur_import_agent run --config {config}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the rounds and print what was found."""
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--rounds", type=int, default=2000, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=1, help="of all that is random; default: %(default)s")
    parser.add_argument(
        "--patience", type=float, default=60.0, help="seconds after which a request counts as stuck (default: 60)"
    )
    parser.add_argument(
        "--command", default=COMMAND, help="the agent, with {python} and {config}; default: %(default)s"
    )
    args = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="soak-") as directory:
        return asyncio.run(soak(args, Path(directory)))


async def soak(args: argparse.Namespace, directory: Path) -> int:
    """Both sites side by side, each with half of the rounds."""
    begun = time.monotonic()
    half = args.rounds // 2
    sites = [
        Site(
            directory / name,
            shlex.split(args.command),
            seed=args.seed + killed,
            total=total,
            killed=killed,
            patience=args.patience,
        )
        for name, total, killed in (("steady", args.rounds - half, False), ("killed", half, True))
    ]
    async with AsyncExitStack() as stack:
        for site in sites:
            await stack.enter_async_context(site)
        async with asyncio.TaskGroup() as group:
            for site in sites:
                group.create_task(site.run())
    steady = sites[0]
    rss, descriptors = growth(steady.samples) if steady.samples else (0.0, 0)
    for site in sites:
        sys.stderr.writelines(f"{words}\n" for words in site.tally.words)
    lost, stuck, doubled = (sum(getattr(site.tally, name) for site in sites) for name in ("lost", "stuck", "doubled"))
    sys.stderr.write(f"seed {args.seed}, {time.monotonic() - begun:.0f} seconds\n")
    print(  # noqa: T201 - the result
        f"soak: rounds={args.rounds} lost={lost} stuck={stuck} doubled={doubled} rss_growth_mib={rss:.1f} "
        f"fds_growth={descriptors}"
    )
    return 1 if lost or stuck or doubled or has_grown(rss, descriptors) else 0


def has_grown(rss_mib: float, descriptors: int) -> bool:
    """Whether a process has grown by more than its margins."""
    return rss_mib > RSS_MARGIN_MIB or descriptors > DESCRIPTORS_MARGIN


if __name__ == "__main__":
    sys.exit(main())
