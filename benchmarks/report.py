"""The result as text: the numbers of each case, the targets, what is worse than before. Pure."""

import textwrap
from collections.abc import Iterable, Sequence

from benchmarks.targets import Cases, Regression, Verdict

COLUMNS = {
    "requests": "requests",
    "process_starts": "starts",
    "wall_seconds": "wall, s",
    "ratio": "x floor",
    "peak_mib": "peak MiB",
    "afterwards_mib": "after MiB",
    "cpu_seconds": "CPU, s",
    "in_flight": "in flight",
}
"""The numbers of the table's columns; what else a case has is told below it."""
WIDTH = 110
WORDS = {True: "met", False: "NOT MET", None: "not measured"}


def table(cases: Cases, incumbent: Cases) -> str:
    """The numbers of all cases, those of waldur-site-agent below each."""
    rows = [["case", *COLUMNS.values()]]
    for case, numbers in cases.items():
        if not COLUMNS.keys() & numbers.keys():
            continue
        rows.append([case, *(figure(numbers.get(name)) for name in COLUMNS)])
        if case in incumbent:
            rows.append(["  waldur-site-agent", *(figure(incumbent[case].get(name)) for name in COLUMNS)])
    others = [
        textwrap.fill(
            f"{case}{who}: " + ", ".join(f"{name(number)} {figure(value)}" for number, value in more.items()),
            WIDTH,
            subsequent_indent="    ",
        )
        for case in cases
        for who, numbers in (("", cases[case]), (", waldur-site-agent", incumbent.get(case, {})))
        if (more := {number: value for number, value in numbers.items() if number not in COLUMNS})
    ]
    return "\n".join([*aligned(rows), "", *others])


def targets(verdicts: Iterable[Verdict]) -> str:
    """Each target: what is to be reached, what was measured, and whether that is enough."""
    rows = [["", "target", "measured", ""]]
    given = list(verdicts)
    for verdict in given:
        target = verdict.target
        rows.append(
            [f"{target.case}: {name(target.number)}", str(target), figure(verdict.measured), WORDS[verdict.met]]
        )
    if any(verdict.met is False for verdict in given):
        return "\n".join([*aligned(rows), "A target that is not met does not fail the run; a regression does."])
    return "\n".join(aligned(rows))


def comparison(found: Sequence[Regression], compared: int) -> str:
    """What is worse than the stored result."""
    if not compared:
        return "Nothing was compared: the stored result has none of these cases."
    if not found:
        return f"No regression: {compared} cases were compared with the stored result."
    return "\n".join(["REGRESSION", *(f"  {regression}" for regression in found)])


def figure(value: float | None) -> str:
    """A number for people: whole ones as they are, others with three digits."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:.3g}"  # noqa: PLR2004 - no digit after the point tells anything there


def name(number: str) -> str:
    """The name of a number, for people."""
    return " ".join({"mib": "MiB", "cpu": "CPU", "python": "Python"}.get(word, word) for word in number.split("_"))


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if position else cell.ljust(width)
            for position, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
