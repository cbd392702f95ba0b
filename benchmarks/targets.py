"""What is to be reached, and how much worse than the stored result a run may be. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Cases = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Target:
    """One number of one case must not be greater than `most`."""

    case: str
    number: str
    most: float
    unit: str


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
    Target("50 offerings", "longest_gap_intervals", 1.05, "poll intervals"),
    Target("50 offerings, one dead, one slow", "others_delayed", 1.3, "x that of all well"),
)


@dataclass(frozen=True, slots=True)
class Margin:
    """How much greater than the stored one a number may be: a part of it, or so much, whichever is more."""

    part: float
    least: float = 0


MARGINS: Mapping[str, Margin] = {
    "requests": Margin(0.01),
    "process_starts": Margin(0),
    "ratio": Margin(0.15),
    "peak_mib": Margin(0.08, 4),
    "afterwards_mib": Margin(0.08, 4),
    "in_flight": Margin(0),
    "requests_per_poll": Margin(0),
    "second_claim_intervals": Margin(0.5, 0.1),
    "longest_gap_intervals": Margin(0.5),
    "times_python": Margin(0.25),
    "others_delayed": Margin(0.3, 0.3),
    "growth": Margin(0.2),
    "mib": Margin(0.05, 1),
}
"""What is compared: counts, memory, and seconds as a ratio to other seconds of the same run; never seconds alone."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A target and what was measured; None where its case was not run."""

    target: Target
    measured: float | None

    @property
    def met(self) -> bool | None:
        """Whether it was reached; None where it was not measured."""
        return None if self.measured is None else self.measured <= self.target.most


@dataclass(frozen=True, slots=True)
class Regression:
    """A number that is worse than the stored one by more than its margin."""

    case: str
    number: str
    stored: float
    measured: float
    allowed: float

    def __str__(self) -> str:
        return (
            f"{self.case}: {self.number} is {self.measured:.4g}, was {self.stored:.4g}, "
            f"and {self.allowed:.4g} is the most that is let pass"
        )


def with_growth(cases: Cases) -> dict[str, dict[str, float]]:
    """The cases with `growth` added: the seconds for 100,000 over ten times those for 10,000. Linear is 1."""
    grown = {case: dict(numbers) for case, numbers in cases.items()}
    small, large = grown.get("10000 known as records"), grown.get("100000 known as records")
    if small and large:
        large["growth"] = large["wall_seconds"] / (10 * small["wall_seconds"])
    return grown


def judge(cases: Cases, targets: Iterable[Target] = TARGETS) -> list[Verdict]:
    """Each target with what was measured."""
    return [Verdict(target, cases.get(target.case, {}).get(target.number)) for target in targets]


def regressions(cases: Cases, stored: Cases, margins: Mapping[str, Margin] = MARGINS) -> list[Regression]:
    """What is worse than the stored result by more than its margin. Cases that only one of the two has do not count."""
    found = []
    for case, numbers in cases.items():
        for number, measured in numbers.items():
            margin, before = margins.get(number), stored.get(case, {}).get(number)
            if margin is None or before is None:
                continue
            allowed = before + max(before * margin.part, margin.least)
            if measured > allowed:
                found.append(Regression(case, number, before, measured, allowed))
    return found
