"""Reliability diagrams: predicted probability against observed frequency."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from hornbook.report.charts.axes import WIDTH, Axis, Frame, fit_axis
from hornbook.report.charts.canvas import empty_chart
from hornbook.report.charts.lettering import format_number

_HEIGHT = 380.0
_COUNTS = 76.0  # height of the lower chart


def calibration_chart(
    predicted: ArrayLike,
    observed: ArrayLike,
    counts: ArrayLike,
    *,
    x_label: str = "predicted probability",
    y_label: str = "observed share",
    count_label: str = "samples",
    title: str = "",
) -> str:
    """Draws a reliability diagram; points below the diagonal are overconfident.

    Takes what `hornbook.metrics.calibration_curve` returns.

    Args:
        predicted: `(bins,)` mean probabilities.
        observed: `(bins,)` shares of class 1.
        counts: `(bins,)` samples in each bin, shown as columns below.
        x_label: Below the axis.
        y_label: Above the diagram.
        count_label: Above the columns.
        title: Accessible name, for screen readers.

    Returns:
        SVG.

    Raises:
        ValueError: the arrays differ in length, or a share is not between 0 and 1.
    """
    x, y = np.asarray(predicted, dtype=np.float64), np.asarray(observed, dtype=np.float64)
    n = np.asarray(counts, dtype=np.float64)
    if not x.shape == y.shape == n.shape or x.ndim != 1:
        raise ValueError(f"three arrays (bins,) are needed, not {x.shape}, {y.shape}, {n.shape}")
    if ((x < 0) | (x > 1) | (y < 0) | (y > 1)).any():
        raise ValueError("predicted and observed must be between 0 and 1")
    title = title or f"{y_label} / {x_label}"
    if not np.isfinite(x + y).any():
        return empty_chart(title, WIDTH, _HEIGHT)
    unit = Axis(0.0, 1.0)
    upper = Frame(
        unit, unit, title=title, x_label="", y_label=y_label, height=_HEIGHT, bottom=_COUNTS + 44
    )
    canvas = upper.canvas
    canvas.line("diagonal", upper.left, upper.bottom, upper.right, upper.top)
    left, top = upper.x.place(x), upper.y.place(y)
    canvas.polyline("line series-0", left, top)
    for i in np.flatnonzero(np.isfinite(left + top)):
        tip = f"{format_number(x[i])} → {format_number(y[i])} ({count_label}: {n[i]:,.0f})"
        canvas.add("circle", "series-0", cx=float(left[i]), cy=float(top[i]), r=4, tip=tip)
    count_axis = fit_axis([n], include=[0.0], round_ends=True) or unit
    _draw_counts(upper, count_axis, left, n, count_label, x_label)
    return canvas.svg()


def _draw_counts(
    upper: Frame, axis: Axis, left: np.ndarray, counts: np.ndarray, label: str, x_label: str
) -> None:
    """Draws columns below the points, on the same horizontal axis."""
    canvas = upper.canvas
    bottom = _HEIGHT - 24
    axis = Axis(axis.low, axis.high, "linear", bottom, bottom - _COUNTS)
    canvas.text(2, bottom - _COUNTS - 8, label, "label")
    for value, words in (axis.ticks(2)[0], axis.ticks(2)[-1]):
        place = float(axis.place(value))
        canvas.line("grid", upper.left, place, upper.right, place)
        canvas.text(upper.left - 6, place + 4, words, "tick", anchor="end")
    canvas.line("axis", upper.left, bottom, upper.right, bottom)
    wide = min(28.0, (upper.right - upper.left) / max(len(counts), 1) * 0.7)
    for place, count in zip(left.tolist(), counts.tolist(), strict=True):
        top = float(axis.place(count))
        if np.isfinite(place + top) and count > 0:
            start = min(max(place - wide / 2, upper.left), upper.right - wide)
            size = {"x": start, "y": top, "width": wide, "height": bottom - top}
            canvas.add("rect", "column", tip=f"{count:,.0f}", **size)
    canvas.text((upper.left + upper.right) / 2, bottom + 18, x_label, "label", anchor="middle")
