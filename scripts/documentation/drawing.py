"""Draws pictures from text: boxes, arrows and notes in SVG that can be read in dark and light, and on a phone."""

from collections.abc import Sequence
from html import escape

WIDTH = 480
"""Units of each picture's width: one is a pixel on a screen, three quarters of one on a phone."""
LINE = 17
"""Units from one line of text to the next."""

TIP = 'id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto-start-reverse"'
STYLE = """
    text { font-family: system-ui, sans-serif; font-size: 14px; fill: #1f2328; text-anchor: middle; }
    .note { font-size: 13px; fill: #57606a; }
    .start { text-anchor: start; }
    .name { font-weight: 600; }
    .ground { fill: #ffffff; }
    .line { fill: none; stroke: #57606a; stroke-width: 1.5; }
    .dashed { stroke-dasharray: 4 4; }
    .tip { fill: #57606a; }
    .box { stroke-width: 1.5; }
    .plain { fill: #f6f8fa; stroke: #8c959f; }
    .frame { fill: none; stroke: #8c959f; stroke-dasharray: 2 3; }
    .blue { fill: #ddf4ff; stroke: #0969da; }
    .yellow { fill: #fff8c5; stroke: #9a6700; }
    .green { fill: #dafbe1; stroke: #1a7f37; }
    .red { fill: #ffebe9; stroke: #cf222e; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3; }
      .note { fill: #a9b4c0; }
      .ground { fill: #161b22; }
      .line { stroke: #9ea7b3; }
      .tip { fill: #9ea7b3; }
      .plain { fill: #21262d; stroke: #6e7681; }
      .frame { stroke: #6e7681; }
      .blue { fill: #0c2d4d; stroke: #58a6ff; }
      .yellow { fill: #3b2e00; stroke: #d29922; }
      .green { fill: #0f2f19; stroke: #3fb950; }
      .red { fill: #3c1214; stroke: #f85149; }
    }
"""


class Drawing:
    """A picture in the making. All positions are in units, from the top left; texts are one line for each of theirs."""

    def __init__(self, height: int, title: str, about: str) -> None:
        self._height = height
        self._title = title
        self._about = about
        self._shapes: list[str] = []

    def box(self, x: float, y: float, width: float, height: float, *lines: str, kind: str = "plain") -> None:
        """A box with its name, and what else is to be said of it, in the middle. A frame has its name in a corner."""
        self._shapes.append(
            f'<rect class="box {kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="8"/>'
        )
        if kind == "frame":
            self.note(x + 14, y + 22, *lines, start=True)
            return
        first = y + height / 2 - (len(lines) - 1) * LINE / 2 + 5
        for number, line in enumerate(lines):
            self._text(x + width / 2, first + number * LINE, line, "" if number else "name")

    def arrow(self, *points: tuple[float, float], dashed: bool = False, both: bool = False) -> None:
        """A line through points, with a tip at its end, or at both ends."""
        path = "M" + " L".join(f"{x:g} {y:g}" for x, y in points)
        start = ' marker-start="url(#tip)"' if both else ""
        kind = "line dashed" if dashed else "line"
        self._shapes.append(f'<path class="{kind}" d="{path}" marker-end="url(#tip)"{start}/>')

    def note(self, x: float, y: float, *lines: str, start: bool = False) -> None:
        """Small text: centred at x, or beginning there."""
        for number, line in enumerate(lines):
            self._text(x, y + number * LINE, line, "note start" if start else "note")

    def _text(self, x: float, y: float, words: str, kind: str) -> None:
        attribute = f' class="{kind}"' if kind else ""
        self._shapes.append(f'<text{attribute} x="{x:g}" y="{y:g}">{escape(words, quote=False)}</text>')

    def svg(self) -> str:
        """The file."""
        size = f'width="{WIDTH}" height="{self._height}" viewBox="0 0 {WIDTH} {self._height}"'
        return "\n".join(_file(size, self._title, self._about, self._shapes)) + "\n"


def _file(size: str, title: str, about: str, shapes: Sequence[str]) -> Sequence[str]:
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title about">',
        f'  <title id="title">{escape(title, quote=False)}</title>',
        f'  <desc id="about">{escape(about, quote=False)}</desc>',
        f"  <style>{STYLE}  </style>",
        "  <defs>",
        f"    <marker {TIP}>",
        '      <path class="tip" d="M0 0 L10 5 L0 10 z"/>',
        "    </marker>",
        "  </defs>",
        '  <rect class="ground" width="100%" height="100%" rx="8"/>',
        *(f"  {shape}" for shape in shapes),
        "</svg>",
    ]
