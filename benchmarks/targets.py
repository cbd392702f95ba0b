"""What is to be reached, and how much worse than the stored result a run may be. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

GROWTH = "growth"
Cases = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Target:
    """One number of one case must not be greater than `bound`, or not smaller where that is the `least`."""

    case: str
    number: str
    bound: float
    unit: str
    least: bool = False

    def __str__(self) -> str:
        return f"at {'least' if self.least else 'most'} {self.bound:,g} {self.unit}".strip()

    def met_by(self, measured: float) -> bool:
        """Whether this is enough."""
        return measured >= self.bound if self.least else measured <= self.bound


TARGETS = (
    Target("1000 new", "requests", 1020, ""),
    Target("1000 new", "process_starts", 6, ""),
    Target("1000 new", "ratio", 1.35, "x the floor"),
    Target("1000 new", "peak_mib", 70, "MiB"),
    Target("1000 new", "in_flight", 8, ""),
    Target("1000 known as records", "requests", 15, ""),
    Target("1000 known as records", "process_starts", 6, ""),
    Target("1000 known as records", "wall_seconds", 0.6, "s"),
    Target("1000 known as records", "peak_mib", 70, "MiB"),
    Target("1000 known as resources", "requests", 15, ""),
    Target("1000 known as resources", "process_starts", 6, ""),
    Target("1000 known as resources", "wall_seconds", 0.6, "s"),
    Target("1000 known as resources", "peak_mib", 70, "MiB"),
    Target("10000 new", "requests", 10_150, ""),
    Target("10000 new", "process_starts", 6, ""),
    Target("10000 new", "ratio", 1.25, "x the floor"),
    Target("10000 new", "peak_mib", 110, "MiB"),
    Target("100000 known as records", "requests", 750, ""),
    Target("100000 known as records", "process_starts", 6, ""),
    Target("100000 known as records", "growth", 1.2, "x ten times that of 10,000"),
    Target("100000 known as records", "peak_mib", 400, "MiB"),
    Target("idle", "requests_per_poll", 1, ""),
    Target("idle", "process_starts", 0, ""),
    Target("idle", "cpu_percent", 0.1, "% of a core"),
    Target("idle", "peak_mib", 55, "MiB"),
    Target("--version", "cpu_seconds", 0.15, "s"),
    Target("--help", "cpu_seconds", 0.3, "s"),
    Target("install", "mib", 40, "MiB"),
    Target("burst", "claim_intervals", 1, "poll intervals"),
    Target("burst", "second_claim_intervals", 0.1, "poll intervals"),
    Target("50 offerings", "in_flight", 8, ""),
    Target("50 offerings", "polls_per_interval", 56, ""),  # one for each, some up to a tenth early
    Target("50 offerings", "polls_per_interval", 45, "", least=True),
    Target("50 offerings", "claim_intervals", 1, "poll intervals"),
    Target("50 offerings", "longest_gap_intervals", 1.05, "poll intervals"),
    Target("50 offerings, one dead, one slow", "others_delayed", 1.3, "x that of all well"),
)


@dataclass(frozen=True, slots=True)
class Margin:
    """How much greater than the stored one a number may be: a part of it, or so much, whichever is more.

    With `both`, it may be smaller by no more than that either: where less of it is no gain.
    """

    part: float
    least: float = 0
    both: bool = False


MARGINS: Mapping[str, Margin] = {
    "requests": Margin(0.01),
    "process_starts": Margin(0),
    "ratio": Margin(0.15),
    "peak_mib": Margin(0.08, 4),
    "afterwards_mib": Margin(0.08, 4),
    "in_flight": Margin(0, both=True),
    "requests_per_poll": Margin(0),
    "claim_intervals": Margin(0.5, 0.5),
    "second_claim_intervals": Margin(0.5, 0.1),
    "longest_gap_intervals": Margin(0.5),
    "times_python": Margin(0.25),
    "others_delayed": Margin(0.3, 0.3),
    "growth": Margin(0.2),
    "cpu_percent": Margin(1, 0.05),
    "idle_cpu_percent": Margin(1, 0.05),
    "mib": Margin(0.05, 1),
}
"""What is compared: counts, memory, and seconds as a ratio to other seconds of the same run; never seconds alone.

The processor time of an agent that does nothing is the exception, with a wide margin: nothing is run beside it to
which it could be compared.
"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A target and what was measured; None where its case was not run."""

    target: Target
    measured: float | None

    @property
    def met(self) -> bool | None:
        """Whether it was reached; None where it was not measured."""
        return None if self.measured is None else self.target.met_by(self.measured)


@dataclass(frozen=True, slots=True)
class Regression:
    """A number that is worse than the stored one by more than its margin, or that is no longer measured."""

    case: str
    number: str
    stored: float
    measured: float | None
    allowed: float

    def __str__(self) -> str:
        if self.measured is None:
            return f"{self.case}: {self.number} is no longer measured, was {self.stored:.4g}"
        bound = "most" if self.measured > self.allowed else "least"
        return (
            f"{self.case}: {self.number} is {self.measured:.4g}, was {self.stored:.4g}, "
            f"and {self.allowed:.4g} is the {bound} that is let pass"
        )


def with_growth(cases: Cases) -> dict[str, dict[str, float]]:
    """The cases with `growth` added: the seconds for 100,000 over ten times those for 10,000. Linear is 1."""
    grown = {case: dict(numbers) for case, numbers in cases.items()}
    small, large = grown.get("10000 known as records"), grown.get("100000 known as records")
    if small and large:
        large[GROWTH] = large["wall_seconds"] / (10 * small["wall_seconds"])
    return grown


def judge(cases: Cases, targets: Iterable[Target] = TARGETS) -> list[Verdict]:
    """Each target with what was measured."""
    return [Verdict(target, cases.get(target.case, {}).get(target.number)) for target in targets]


def regressions(cases: Cases, stored: Cases, margins: Mapping[str, Margin] = MARGINS) -> list[Regression]:
    """What is worse than the stored result by more than its margin, or missing in a case that was run.

    Cases and numbers that the stored result does not have do not count.
    """
    found = []
    for case, numbers in cases.items():
        for number, before in stored.get(case, {}).items():
            margin, measured = margins.get(number), numbers.get(number)
            if margin is None or (number == GROWTH and measured is None):  # the case of 10,000 was left out
                continue
            most = before + max(before * margin.part, margin.least)
            least = 2 * before - most if margin.both else float("-inf")
            if measured is None or measured > most:
                found.append(Regression(case, number, before, measured, most))
            elif measured < least:
                found.append(Regression(case, number, before, measured, least))
    return found
