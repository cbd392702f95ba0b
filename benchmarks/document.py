"""Puts a stored result into the documentation: the tables of its pages, and the drawing beside docs/performance.md.

.venv/bin/python -m benchmarks.document
"""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks import plot, report, targets, world

HERE = Path(__file__).parent
BASELINE = HERE / "baseline.json"
PAGE = HERE.parent / "docs" / "performance.md"
DRAWING = HERE.parent / "docs" / "performance.svg"
COMPARISON = HERE.parent / "docs" / "explanation" / "compared.md"
COMPARED = (
    ("1000 new", "requests", "1,000 new accounts: requests to Waldur"),
    ("1000 new", "process_starts", "starts of SLURM's programs"),
    ("1000 new", "wall_seconds", "seconds"),
    ("1000 new", "peak_mib", "most memory, MiB"),
    ("1000 known as records", "requests", "the same accounts once more: requests to Waldur"),
    ("1000 known as records", "wall_seconds", "seconds"),
    ("--help", "cpu_seconds", "processor time of `--help`, seconds"),
    ("install", "mib", "installed, MiB"),
)
"""The rows of the comparison: a case, its number, and what it is for people."""
SECONDS_AND_MIB = {
    "requests": "requests",
    "process_starts": "process starts",
    "wall_seconds": "seconds",
    "ratio": "x floor",
    "peak_mib": "peak MiB",
}


def page(text: str, result: Mapping[str, Any], tables: "Mapping[str, Table] | None" = None) -> str:
    """The page with the tables of this result between its marks. Raises ValueError where a mark is missing."""
    for name, table in (TABLES if tables is None else tables).items():
        begin, end = f"<!-- measured: {name} -->\n", "<!-- end -->"
        before, there, rest = text.partition(begin)
        _, ended, after = rest.partition(end)
        if not (there and ended):
            raise ValueError(f"the page has no mark {begin.strip()} with {end} after it")
        text = f"{before}{begin}{table(result)}\n{end}{after}"
    return text


def run_table(result: Mapping[str, Any]) -> str:
    """When and on what this was measured."""
    versions = [f"{name} {version}" for name, version in result["incumbent"]["versions"].items()]
    told = {
        "measured": result["measured"],
        "agent": result["version"],
        "Python": result["python"],
        "processors": result["processors"],
        "load at the beginning and at the end": " and ".join(f"{load:.1f}" for load in result["load"]),
        "beside it": ", ".join(versions) or "nothing",
    }
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in told.items())])


def targets_table(result: Mapping[str, Any]) -> str:
    """What is to be reached, and what was measured."""
    lines = ["| case | number | target | measured | |", "|---|---|---|---|---|"]
    for verdict in targets.judge(result["cases"]):
        target = verdict.target
        lines.append(
            f"| {_case(target.case)} | {report.name(target.number)} | {target} "
            f"| {report.figure(verdict.measured)} | {report.WORDS[verdict.met]} |"
        )
    return "\n".join(lines)


def cases_table(result: Mapping[str, Any]) -> str:
    """The numbers of each case that answers requests, and of waldur-site-agent beside them."""
    incumbent = result["incumbent"]["cases"]
    lines = [
        f"| case | who | {' | '.join(SECONDS_AND_MIB.values())} |",
        f"|---|---|{'---|' * len(SECONDS_AND_MIB)}",
    ]
    answered = {case: numbers for case, numbers in result["cases"].items() if "requests" in numbers}
    for case, numbers in sorted(answered.items(), key=lambda item: _order(item[0])):
        lines.append(_row(case, "agent", numbers))
        if case in incumbent:
            lines.append(_row("", "waldur-site-agent", incumbent[case]))
    return "\n".join(lines)


def others_table(result: Mapping[str, Any]) -> str:
    """Everything else: idle, many offerings, the command, the installation."""
    incumbent = result["incumbent"]["cases"]
    lines = ["| case | numbers |", "|---|---|"]
    for case, numbers in result["cases"].items():
        if "requests" not in numbers:
            lines.append(f"| {_case(case)} | {_words(numbers)} |")
            if case in incumbent:
                lines.append(f"| {_case(case)}, waldur-site-agent | {_words(incumbent[case])} |")
    return "\n".join(lines)


def costs_table(result: Mapping[str, Any]) -> str:
    """What one more of something costs, worked out from the numbers of the cases; "-" where one is missing."""
    cases: Mapping[str, Mapping[str, float]] = result["cases"]

    def memory(small: str, large: str, more: int, scale: float) -> float | None:
        """The memory of each of so many more, `scale` times MiB."""
        both = [cases.get(case, {}).get("peak_mib") for case in (small, large)]
        return None if None in both else (both[1] - both[0]) / more * scale  # type: ignore[operator]

    create = _quotient(cases.get("10000 new", {}), "cpu_seconds", "requests")
    answer = _quotient(cases.get("10000 new", {}), "waldur_cpu_seconds", "requests")
    idle = cases.get("50 offerings", {}).get("idle_cpu_percent")
    asked = world.IN_FLIGHT / world.LATENCY
    rows = {
        "a known account (1,000 to 10,000)": (
            memory("1000 known as records", "10000 known as records", 9000, 1024),
            "KiB of memory",
        ),
        "a new account (1,000 to 10,000)": (memory("1000 new", "10000 new", 9000, 1024), "KiB of memory"),
        "a create": (create and create * 1000, "ms of the agent's processor time"),
        "creates that one processor can send": (create and 1 / create, "in a second"),
        "a thousand offerings that poll every 30 seconds": (idle and idle * 20, "% of a processor"),
        "a thousand offerings beside one": (memory("idle", "50 offerings", 49, 1000), "MiB of memory"),
        "requests that the fake Waldur can answer": (answer and 1 / answer, "in a second"),
        "that many times what eight connections can ask of it": (answer and 1 / answer / asked, "times"),
    }
    lines = [f"| {what} | {report.figure(value)} {unit} |" for what, (value, unit) in rows.items()]
    return "\n".join(["| | |", "|---|---|", *lines])


def _quotient(numbers: Mapping[str, float], above: str, below: str) -> float | None:
    return numbers[above] / numbers[below] if numbers.keys() >= {above, below} else None


def compared_table(result: Mapping[str, Any]) -> str:
    """Both agents side by side, in a few numbers."""
    lines = ["| | waldur-site-agent | this agent |", "|---|---|---|"]
    for case, number, words in COMPARED:
        both = (cases.get(case, {}).get(number) for cases in (result["incumbent"]["cases"], result["cases"]))
        lines.append(f"| {words} | {' | '.join(map(report.figure, both))} |")
    return "\n".join(lines)


Table = Callable[[Mapping[str, Any]], str]
TABLES: Mapping[str, Table] = {
    "run": run_table,
    "targets": targets_table,
    "cases": cases_table,
    "others": others_table,
    "costs": costs_table,
}
"""Those of docs/performance.md, by the name of their mark."""
COMPARISON_TABLES: Mapping[str, Table] = {"compared": compared_table}


def _row(case: str, who: str, numbers: Mapping[str, float]) -> str:
    cells = (report.figure(numbers.get(name)) for name in SECONDS_AND_MIB)
    return f"| {_case(case)} | {who} | {' | '.join(cells)} |"


def _words(numbers: Mapping[str, float]) -> str:
    return ", ".join(f"{report.name(name)} {report.figure(value)}" for name, value in numbers.items())


def _order(case: str) -> tuple[str, int]:
    """New ones first, then known ones, each from the smallest."""
    accounts, _, kind = case.partition(" ")
    return {"new": "0", "new without latency": "1"}.get(kind, kind), int(accounts)


def _case(case: str) -> str:
    """The case's name; an option as code, and thousands apart."""
    accounts, blank, kind = case.partition(" ")
    if accounts.isdecimal() and blank:
        return f"{int(accounts):,} {kind}"
    return f"`{case}`" if case.startswith("--") else case


def main() -> None:
    """Write them all."""
    result = json.loads(BASELINE.read_text())
    PAGE.write_text(page(PAGE.read_text(), result))
    COMPARISON.write_text(page(COMPARISON.read_text(), result, COMPARISON_TABLES))
    DRAWING.write_text(plot.drawing(result))
    sys.stderr.write(f"{PAGE}, {COMPARISON} and {DRAWING} show what {BASELINE} holds\n")


if __name__ == "__main__":
    main()
