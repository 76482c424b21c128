"""The legend above a chart: a colored dot and a name per series."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hornbook.report.charts.canvas import Canvas, series_class
from hornbook.report.charts.lettering import FONT_SIZE, LINE_HEIGHT, text_width, wrap

_DOT = 16.0  # from the left of the dot to the name
_GAP = 16.0  # between two entries


def legend_height(names: Sequence[str], width: float) -> float:
    """Returns the height that `draw_legend` needs."""
    return 8 + max(row + len(lines) for _, row, lines in _places(names, width)) * LINE_HEIGHT


def draw_legend(canvas: Canvas, names: Sequence[str], width: float, top: float = 8.0) -> None:
    """Draws the names from the upper left corner, in as many rows as needed."""
    for number, (left, row, lines) in enumerate(_places(names, width)):
        baseline = top + row * LINE_HEIGHT + FONT_SIZE * 0.75
        canvas.add("circle", series_class(number), cx=left + 5, cy=baseline - 4, r=4.5)
        canvas.lines(left + _DOT, baseline, lines, "tick")


def _places(names: Sequence[str], width: float) -> Iterator[tuple[float, int, list[str]]]:
    """Returns the position, row and lines of each name."""
    left, row, tall = 2.0, 0, 1
    for name in names:
        lines = wrap(name, width - _DOT - 8)
        needed = _DOT + max(map(text_width, lines))
        if left > 2 and left + needed > width - 4:
            left, row, tall = 2.0, row + tall, 1
        yield left, row, lines
        left += needed + _GAP
        tall = max(tall, len(lines))
