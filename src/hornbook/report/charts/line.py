"""Line charts, such as the loss over the steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from hornbook.report.charts.axes import HEIGHT, WIDTH, Frame, count_missing, fit_axis
from hornbook.report.charts.canvas import Canvas, empty_chart, series_class
from hornbook.report.charts.legend import draw_legend, legend_height
from hornbook.report.charts.lettering import FONT_SIZE, LINE_HEIGHT, format_number, text_width


def line_chart(
    series: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    x_label: str = "",
    y_label: str = "",
    x_scale: str = "linear",
    y_scale: str = "linear",
    include: Sequence[float] = (),
    marks: Sequence[tuple[float, float, str]] = (),
    title: str = "",
) -> str:
    """Draws a line per series, named at its end, or above if there is no room.

    Values that are not finite (or not positive on a log scale) leave a gap and are counted
    beside `x_label`.  If there are very many points, the extremes per pixel column are drawn.

    Args:
        series: Name to `(x, y)`, each `(points,)`, in the order they are drawn.
        x_label: Below the axis.
        y_label: Above the axis.
        x_scale: `"linear"` or `"log"`.
        y_scale: `"linear"` or `"log"`.
        include: Values that are always in the range of the vertical axis: `(0, 1)` for shares.
        marks: Points to name: `(x, y, "best 0.87")`.
        title: Accessible name, for screen readers.  Defaults to the labels.

    Returns:
        SVG.
    """
    lines = {name: _arrays(name, *xy) for name, xy in series.items()}
    title = title or f"{', '.join(lines)}: {y_label} / {x_label}"
    x_axis = fit_axis([x for x, _ in lines.values()], x_scale)
    y_axis = fit_axis([y for _, y in lines.values()], y_scale, include=include, round_ends=True)
    if x_axis is None or y_axis is None:
        return empty_chart(title, WIDTH, HEIGHT)
    if all(np.array_equal(x, np.round(x)) for x, _ in lines.values()):
        x_axis = replace(x_axis, least=1.0)  # there is no epoch 1.5
    names = list(lines)
    longest = max(map(text_width, names)) * 1.1  # names are bold
    direct = 1 < len(names) <= 6 and longest <= WIDTH / 4
    above = 0.0 if direct or len(names) < 2 else legend_height(names, WIDTH)
    frame = Frame(
        x_axis,
        y_axis,
        title=title,
        x_label=x_label,
        y_label=y_label,
        top=above,
        right=longest + 20 if direct else 0,
        missing=sum(count_missing(y_axis, y) for _, y in lines.values()),
    )
    ends = []
    for number, (name, (x, y)) in enumerate(lines.items()):
        left, top = frame.x.place(x), frame.y.place(y)
        shown = np.isfinite(left + top)
        _draw_line(frame.canvas, series_class(number), left, top)
        if shown.any():
            last = np.flatnonzero(shown)[-1]
            ends.append((float(top[last]), number, name))
            if shown.sum() == 1:
                frame.canvas.add("circle", series_class(number), cx=left[last], cy=top[last], r=3.5)
    if direct:
        _name_ends(frame, ends)
    elif above:
        draw_legend(frame.canvas, names, WIDTH)
    for x_value, y_value, words in marks:
        _draw_mark(frame, x_value, y_value, words)
    return frame.canvas.svg()


def _arrays(name: str, x: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"series {name!r}: x and y must be (points,), not {x.shape} and {y.shape}")
    return x, y


def _draw_line(canvas: Canvas, classes: str, x: np.ndarray, y: np.ndarray) -> None:
    keep = _extremes(x, y) if len(x) > 4 * WIDTH else np.arange(len(x))
    canvas.polyline(f"line {classes}", x[keep], y[keep])


def _extremes(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Returns the rows with the first, minimum, maximum and last value per pixel column."""
    finite = np.isfinite(x + y)
    columns = np.where(finite, np.floor(np.where(finite, x, 0)), -1)
    starts = np.flatnonzero(np.diff(columns, prepend=-2))
    rows = []
    for start, stop in zip(starts, [*starts[1:], len(x)], strict=True):
        part = y[start:stop]
        if finite[start]:
            rows += [start, start + part.argmin(), start + part.argmax(), stop - 1]
        else:
            rows.append(start)
    return np.unique(rows)


def _name_ends(frame: Frame, ends: list[tuple[float, int, str]]) -> None:
    """Draws each name at the end of its line, moved apart where they would overlap."""
    ends = sorted(ends)
    heights = spread([height for height, _, _ in ends], LINE_HEIGHT, frame.top, frame.bottom)
    for height, (end, number, name) in zip(heights, ends, strict=True):
        classes = series_class(number)
        if abs(height - end) > 3:
            frame.canvas.line(f"thin {classes}", frame.right + 1, end, frame.right + 9, height)
        frame.canvas.text(frame.right + 11, height + FONT_SIZE * 0.35, name, f"name {classes}")


def spread(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Moves sorted `places` as little as needed, to be `gap` apart and in the range."""
    result = list(places)
    for i in range(1, len(result)):
        result[i] = max(result[i], result[i - 1] + gap)
    limit = high
    for i in reversed(range(len(result))):
        result[i] = max(min(result[i], limit), low)
        limit = result[i] - gap
    return result


def _draw_mark(frame: Frame, x_value: float, y_value: float, words: str) -> None:
    x, y = float(frame.x.place(x_value)), float(frame.y.place(y_value))
    if not (frame.left - 1 <= x <= frame.right + 1 and frame.top - 1 <= y <= frame.bottom + 1):
        return
    tip = f"{words} ({format_number(x_value)}, {format_number(y_value)})"
    frame.canvas.add("circle", "mark", cx=x, cy=y, r=4, tip=tip)
    half = text_width(words) / 2
    center = min(max(x, frame.left + half + 2), frame.right - half - 2)
    above = y - 9 if y - 9 - FONT_SIZE >= frame.top else y + 9 + FONT_SIZE * 0.8
    frame.canvas.text(center, above, words, "halo", anchor="middle")
