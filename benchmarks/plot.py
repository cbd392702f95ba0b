"""Cost against the number of accounts, as an SVG. Pure."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT = 480, 810
"""Panels stand under each other: side by side, nobody could read them on a phone."""
LEFT, TOP, PANEL, TALL, BETWEEN = 52, 108, 404, 160, 78
STYLE = """
    text { fill: #1f2328; }
    .quiet { fill: #57606a; }
    .ground { fill: #ffffff; }
    .grid { stroke: #d0d7de; }
    .blue { stroke: #0969da; }
    .red { stroke: #cf222e; }
    .green { stroke: #1a7f37; }
    circle.blue { fill: #0969da; }
    circle.red { fill: #cf222e; }
    circle.green { fill: #1a7f37; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3; }
      .quiet { fill: #a9b4c0; }
      .ground { fill: #161b22; }
      .grid { stroke: #30363d; }
      .blue { stroke: #58a6ff; }
      .red { stroke: #f85149; }
      .green { stroke: #3fb950; }
      circle.blue { fill: #58a6ff; }
      circle.red { fill: #f85149; }
      circle.green { fill: #3fb950; }
    }
"""
"""The colours of the other pictures (scripts/documentation/drawing.py), which follow the reader's."""
Points = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of all panels: whose numbers, of which cases, and how it is drawn."""

    words: str
    source: str
    case: str
    colour: str
    dashes: str = ""


LINES = (
    Line("agent, new", "cases", "new", "blue"),
    Line("agent, known", "cases", "known as records", "blue", "6 4"),
    Line("waldur-site-agent, new", "incumbent", "new", "red"),
    Line("waldur-site-agent, known", "incumbent", "known as records", "red", "6 4"),
    Line("floor of bare sockets", "floor", "new", "green", "2 3"),
)
PANELS = (("requests to Waldur", "requests"), ("seconds", "wall_seconds"), ("peak memory, MiB", "peak_mib"))


def drawing(result: Mapping[str, Any]) -> str:
    """The three panels, both axes logarithmic."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"',
        '     role="img" aria-labelledby="title" font-family="system-ui, sans-serif" font-size="13">',
        '  <title id="title">What answering a request costs against the number of accounts</title>',
        f"  <style>{STYLE}  </style>",
        f'  <rect class="ground" width="{WIDTH}" height="{HEIGHT}" rx="8"/>',
        *_legend(),
    ]
    for position, (words, number) in enumerate(PANELS):
        curves = [(line, points(result, line, number)) for line in LINES]
        parts += _panel(TOP + position * (TALL + BETWEEN), words, [(line, curve) for line, curve in curves if curve])
    return "\n".join([*parts, "</svg>"]) + "\n"


def points(result: Mapping[str, Any], line: Line, number: str) -> Points:
    """The accounts and the number of each case of a line, in order."""
    cases = result["incumbent"]["cases"] if line.source == "incumbent" else result["cases"]
    if line.source == "floor":
        if number != "wall_seconds":
            return []
        number = "floor_seconds"
    found = []
    for case, numbers in cases.items():
        accounts, _, kind = case.partition(" ")
        if kind == line.case and number in numbers:
            found.append((float(accounts), float(numbers[number])))
    return sorted(found)


def _legend() -> Iterator[str]:
    for number, line in enumerate(LINES):
        x, y = LEFT + number % 2 * 190, 22 + number // 2 * 20
        yield f'  <path class="{line.colour}" d="M{x} {y} h26" stroke-width="2" stroke-dasharray="{line.dashes}"/>'
        yield f'  <text x="{x + 32}" y="{y + 4}">{line.words}</text>'


def _panel(top: float, words: str, curves: Sequence[tuple[Line, Points]]) -> Iterator[str]:
    every = [point for _, curve in curves for point in curve]
    if not every:
        return
    (least, most), (low, high) = _decades(x for x, _ in every), _decades(y for _, y in every)

    def across(accounts: float) -> float:
        return LEFT + PANEL * (math.log10(accounts) - least) / (most - least)

    def up(value: float) -> float:
        return top + TALL * (high - math.log10(value)) / (high - low)

    yield f'  <text x="{LEFT}" y="{top - 10}" font-weight="600">{words}</text>'
    for power in range(low, high + 1):
        y = up(10.0**power)
        yield f'  <path class="grid" d="M{LEFT} {y:.1f} h{PANEL}"/>'
        yield f'  <text class="quiet" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_short(10.0**power)}</text>'
    for power in range(least, most + 1):
        x = across(10.0**power)
        yield f'  <path class="grid" d="M{x:.1f} {top} v{TALL}"/>'
        yield _middle(x, top + TALL + 18, _short(10.0**power))
    yield _middle(LEFT + PANEL / 2, top + TALL + 36, "accounts")
    for line, curve in curves:
        corners = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in curve)
        yield (
            f'  <polyline class="{line.colour}" points="{corners}" fill="none" stroke-width="2" '
            f'stroke-dasharray="{line.dashes}"/>'
        )
        for x, y in curve:
            yield f'  <circle class="{line.colour}" cx="{across(x):.1f}" cy="{up(y):.1f}" r="2.5"/>'


def _middle(x: float, y: float, words: str) -> str:
    """A text with its middle at x."""
    return f'  <text class="quiet" x="{x:.1f}" y="{y:g}" text-anchor="middle">{words}</text>'


def _decades(values: Iterator[float]) -> tuple[int, int]:
    """The powers of ten around all values."""
    there = sorted(values)
    low, high = math.floor(math.log10(there[0])), math.ceil(math.log10(there[-1]))
    return low, max(high, low + 1)


def _short(value: float) -> str:
    """100, 1k, 10k, 1M."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
