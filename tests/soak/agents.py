"""The agent's process: started, killed, stopped and measured."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

STOP_SECONDS = 60.0
"""A stop must take less."""
LAST_WORDS = 4000
"""Characters of a log that are shown."""
MIB = 1024 * 1024


@dataclass
class Sample:
    """What a process holds at one time."""

    rss_mib: float
    descriptors: int


@dataclass
class Agent:
    """A command that is kept running. What it logs is appended to `log`."""

    argv: Sequence[str]
    log: Path
    process: asyncio.subprocess.Process | None = field(default=None)

    async def start(self) -> None:
        """Start it."""
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.argv, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log
            )

    async def kill(self) -> None:
        """End it without a warning."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def stop(self) -> None:
        """Ask it to end, as an administrator would; kill it where it does not."""
        if self.process is not None and self.process.returncode is None:
            self.process.terminate()
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await self.process.wait()
            except TimeoutError:
                await self.kill()

    def last_words(self) -> str:
        """The end of its log, which goes with the soak's directory."""
        return self.log.read_text(errors="replace")[-LAST_WORDS:]

    @property
    def ended_by_itself(self) -> bool:
        """Whether it is gone although nobody ended it."""
        return self.process is not None and self.process.returncode is not None

    def sample(self) -> Sample:
        """What it holds now."""
        assert self.process is not None
        directory = Path("/proc") / str(self.process.pid)
        pages = int((directory / "statm").read_text().split()[1])
        return Sample(pages * os.sysconf("SC_PAGE_SIZE") / MIB, len(list((directory / "fd").iterdir())))


def growth(samples: Sequence[Sample]) -> tuple[float, int]:
    """By how much memory (MiB) and descriptors grew: the least of the last fifth over the least after a warm-up.

    The least, since both swing with what happens to be open. The warm-up is the first fifth.
    """
    fifth = max(len(samples) // 5, 1)
    early, late = samples[fifth : 2 * fifth] or samples[:1], samples[-fifth:]
    return (
        min(sample.rss_mib for sample in late) - min(sample.rss_mib for sample in early),
        min(sample.descriptors for sample in late) - min(sample.descriptors for sample in early),
    )
