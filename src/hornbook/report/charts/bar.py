"""Bar charts and histograms."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from hornbook.report.charts.axes import HEIGHT, WIDTH, Axis, Frame, drawable, fit_axis, widen
from hornbook.report.charts.canvas import Canvas, empty_chart, series_class
from hornbook.report.charts.lettering import FONT_SIZE, LINE_HEIGHT, format_number, text_width, wrap

_BAR = 18.0  # the height of a bar


def bar_chart(
    values: Mapping[str, float],
    *,
    x_label: str = "",
    intervals: Mapping[str, tuple[float, float]] | None = None,
    title: str = "",
) -> str:
    """Draws a horizontal bar for each value, with its name before and its number after it.

    Args:
        values: Name to value; those that are not finite get no bar, but their name and `NaN`.
        x_label: Label of the horizontal axis.
        intervals: Name to `(low, high)`, drawn as a whisker.
        title: Accessible name, for screen readers.

    Returns:
        SVG, as high as needed.
    """
    title = title or f"{x_label}: {', '.join(values)}"
    if not values:
        return empty_chart(title, WIDTH, HEIGHT)
    intervals = intervals or {}
    ends = [np.array([*values.values()], dtype=np.float64)]
    ends += [np.array(interval, dtype=np.float64) for interval in intervals.values()]
    axis = fit_axis(ends, include=[0.0]) or Axis(0.0, 1.0)
    numbers = {name: format_number(value) for name, value in values.items()}
    widest = max(map(text_width, values))
    beside = widest <= WIDTH * 0.4  # otherwise names are above their bars
    names = {name: wrap(name, widest if beside else WIDTH - 8) for name in values}
    rows = [_BAR + 8 if beside else _BAR + 10 + LINE_HEIGHT * len(names[name]) for name in values]
    below = wrap(x_label, WIDTH - 8) if x_label else []
    canvas = Canvas(WIDTH, 8 + sum(rows) + LINE_HEIGHT * len(below) + (6 if below else 0), title)
    number_width = max(map(text_width, numbers.values())) + 8
    left = (widest + 12 if beside else 4) + (number_width if axis.low < 0 else 0)
    axis = Axis(axis.low, axis.high, "linear", left, WIDTH - number_width - 2)
    zero = float(axis.place(0.0))
    top = 6.0
    for number, (name, value) in enumerate(values.items()):
        if not beside:
            canvas.lines(4, top + FONT_SIZE * 0.85, names[name], "tick")
        bar_top = top + rows[number] - _BAR - 6
        middle = bar_top + _BAR / 2
        if beside:
            canvas.text(widest + 4, middle + FONT_SIZE * 0.35, name, "tick", anchor="end")
        # not through a name above its bar
        canvas.line("axis", zero, top - 2 if beside else bar_top - 2, zero, bar_top + _BAR + 4)
        _draw_bar(canvas, axis, zero, bar_top, value, f"{name}: {numbers[name]}")
        reach = _draw_whisker(canvas, axis, middle, intervals.get(name), float(axis.place(value)))
        side = "start" if not value < 0 else "end"
        gap = 6 if side == "start" else -6
        canvas.text(reach + gap, middle + FONT_SIZE * 0.35, numbers[name], "number", anchor=side)
        top += rows[number]
    canvas.lines((left + axis.stop) / 2, top + LINE_HEIGHT, below, "label", anchor="middle")
    return canvas.svg()


def histogram(
    values: ArrayLike,
    *,
    x_label: str = "",
    y_label: str = "",
    bins: int | None = None,
    title: str = "",
) -> str:
    """Draws a histogram of `values` with bins of equal width.

    Args:
        values: `(samples,)`; those that are not finite are counted beside `x_label`.
        x_label: The quantity, with its unit.
        y_label: The name of the counts.
        bins: Number of bins.  Defaults to one that suits the data, without splitting whole
            numbers.
        title: Accessible name, for screen readers.

    Returns:
        SVG.
    """
    array = np.ravel(drawable(values))
    finite = array[np.isfinite(array)]
    title = title or f"{y_label} / {x_label}"
    if not len(finite):
        return empty_chart(title, WIDTH, HEIGHT)
    counts, edges = np.histogram(finite, _edges(finite, bins))
    y_axis = fit_axis([counts], include=[0.0], round_ends=True) or Axis(0.0, 1.0)
    frame = Frame(
        Axis(float(edges[0]), float(edges[-1])),
        y_axis,
        title=title,
        x_label=x_label,
        y_label=y_label,
        missing=len(array) - len(finite),
    )
    draw_columns(frame.canvas, frame.x, frame.y, counts, edges)
    return frame.canvas.svg()


def draw_columns(canvas: Canvas, x: Axis, y: Axis, counts: np.ndarray, edges: np.ndarray) -> None:
    """Draws vertical bars between `edges`, with a thin gap between them."""
    places = x.place(edges)
    gap = 1.0 if places[1] - places[0] > 4 else 0.0
    for number, count in enumerate(counts.tolist()):
        if count:
            part = f"{format_number(edges[number])} – {format_number(edges[number + 1])}"
            top = float(y.place(count))
            canvas.add(
                "rect",
                "column",
                x=float(places[number]) + gap / 2,
                y=top,
                width=float(places[number + 1] - places[number]) - gap,
                height=float(y.place(y.low)) - top,
                tip=f"{part}: {count:,}",
            )


def _edges(values: np.ndarray, bins: int | None) -> np.ndarray:
    low, high = float(values.min()), float(values.max())
    if bins is None and (values == np.round(values)).all() and max(-low, high) < 1e9:
        width = max(1, int(np.ceil((high - low + 1) / 40)))
        return np.arange(low, high + width + 0.5, width) - 0.5
    if widen(low, high) != (low, high):
        return np.linspace(*widen(low, high), 4)
    return np.linspace(low, high, (bins or min(40, max(5, round(2 * len(values) ** (1 / 3))))) + 1)


def _draw_bar(canvas: Canvas, axis: Axis, zero: float, top: float, value: float, tip: str) -> None:
    end = float(axis.place(value))
    if not np.isfinite(end):
        return
    canvas.add(
        "rect",
        series_class(0),
        x=min(zero, end),
        y=top,
        width=max(abs(end - zero), 0.5),
        height=_BAR,
        rx=2,
        tip=tip,
    )


def _draw_whisker(
    canvas: Canvas, axis: Axis, middle: float, interval: tuple[float, float] | None, end: float
) -> float:
    """Draws the interval; returns where the number may start."""
    if not np.isfinite(end):
        return float(axis.place(0.0))
    if interval is None or not np.isfinite(interval).all():
        return end
    low, high = (float(place) for place in axis.place(np.array(interval)))
    canvas.line("whisker", low, middle, high, middle)
    for place in (low, high):
        canvas.line("whisker", place, middle - 4, place, middle + 4)
    return max(end, high) if end >= axis.place(0.0) else min(end, low)
