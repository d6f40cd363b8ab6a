"""A bar chart as SVG, readable on a light page and on a dark one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, LABELS, ROW, TOP = 760, 230, 34, 44
FIGURES = 60  # at the end of a bar
STYLE = """
text { font: 14px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600 }
.part0 { fill: #0969da } .part1 { fill: #8250df } .part2 { fill: #bc4c00 } .part3 { fill: #1a7f37 }
.peer { fill: #8c959f }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .part0 { fill: #58a6ff } .part1 { fill: #bc8cff } .part2 { fill: #f0883e }
  .part3 { fill: #3fb950 } .peer { fill: #6e7681 }
}
"""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar, of one part or of several."""

    name: str
    parts: tuple[float, ...]


def draw(title: str, bars: Sequence[Bar], legend: Sequence[str]) -> str:
    """Draw the bars below each other, the longest last, and below them what their parts are."""
    ordered = sorted(bars, key=lambda bar: sum(bar.parts))
    height = TOP + ROW * len(ordered) + 24 * -(-len(legend) // 2) + 8
    scale = (WIDTH - LABELS - FIGURES) / sum(ordered[-1].parts)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
        f' aria-label="{escape(title)}">',
        f"<style>{STYLE}</style>",
        f'<text class="title" x="0" y="20">{escape(title)}</text>',
    ]
    for number, bar in enumerate(ordered):
        lines += _bar(bar, TOP + ROW * number, scale)
    for number, text in enumerate(legend):
        x, y = WIDTH // 2 * (number % 2), TOP + 8 + ROW * len(ordered) + 24 * (number // 2)
        lines.append(f'<rect class="part{number}" x="{x}" y="{y}" width="14" height="14"/>')
        lines.append(f'<text x="{x + 22}" y="{y + 12}">{escape(text)}</text>')
    return "\n".join([*lines, "</svg>", ""])


def _bar(bar: Bar, y: int, scale: float) -> Iterator[str]:
    yield f'<text x="{LABELS - 12}" y="{y + 16}" text-anchor="end">{escape(bar.name)}</text>'
    x = float(LABELS)
    for number, part in enumerate(bar.parts):
        kind = f"part{number}" if len(bar.parts) > 1 else "peer"
        width = part * scale
        yield f'<rect class="{kind}" x="{x:.1f}" y="{y}" width="{width:.1f}" height="22"/>'
        x += width
    yield f'<text x="{x + 8:.1f}" y="{y + 16}">{sum(bar.parts):.1f}</text>'
