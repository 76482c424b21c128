"""Scatter plots, with optional color and size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from hornbook.report.charts.axes import HEIGHT, WIDTH, Frame, drawable, fit_axis
from hornbook.report.charts.canvas import HEAT_COLORS, Canvas, empty_chart, heat_class
from hornbook.report.charts.lettering import FONT_SIZE, LINE_HEIGHT, format_number, text_width


def scatter_chart(
    x: ArrayLike,
    y: ArrayLike,
    *,
    x_label: str = "",
    y_label: str = "",
    color: ArrayLike | None = None,
    color_label: str = "",
    size: ArrayLike | None = None,
    tips: Sequence[str] | None = None,
    x_scale: str = "linear",
    y_scale: str = "linear",
    title: str = "",
) -> str:
    """Draws a point per pair, with a tooltip.

    Args:
        x: `(points,)`; values that an axis cannot show are counted beside `x_label`.
        y: `(points,)`.
        x_label: Below the axis.
        y_label: Above the axis.
        color: `(points,)` numbers, pale to strong, with a scale above.
        color_label: Label of the color scale.
        size: `(points,)`; the area of a point is proportional to it.
        tips: `(points,)` texts.
        x_scale: `"linear"` or `"log"`.
        y_scale: `"linear"` or `"log"`.
        title: Accessible name, for screen readers.

    Returns:
        SVG.
    """
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    colors = None if color is None else drawable(color)
    sizes = None if size is None else drawable(size)
    for name, values in (("y", y), ("color", colors), ("size", sizes)):
        if values is not None and (values.shape != x.shape or x.ndim != 1):
            raise ValueError(f"x and {name} must be (points,), not {x.shape} and {values.shape}")
    if tips is not None and len(tips) != len(x):
        raise ValueError(f"{len(tips)} tips for {len(x)} points")
    title = title or f"{y_label} / {x_label}"
    x_axis, y_axis = (
        fit_axis([x], x_scale, round_ends=True),
        fit_axis([y], y_scale, round_ends=True),
    )
    if x_axis is None or y_axis is None:
        return empty_chart(title, WIDTH, HEIGHT)
    shown = np.isfinite(x_axis.place(x) + y_axis.place(y))
    frame = Frame(
        x_axis,
        y_axis,
        title=title,
        x_label=x_label,
        y_label=y_label,
        top=0 if colors is None else LINE_HEIGHT + 8,
        missing=int((~shown).sum()),
    )
    shares = None if colors is None else _shares(colors)
    if colors is not None and np.isfinite(colors).any():
        _draw_scale(frame.canvas, colors, color_label)
    radii = _radii(sizes, len(x))
    left, top = frame.x.place(x), frame.y.place(y)
    for i in np.argsort(-radii, kind="stable"):  # small points on top of large ones
        if shown[i]:
            classes = "point series-0" if shares is None else f"point {heat_class(shares[i])}"
            tip = f"{format_number(x[i])}, {format_number(y[i])}" if tips is None else tips[i]
            places = {"cx": float(left[i]), "cy": float(top[i]), "r": float(radii[i])}
            frame.canvas.add("circle", classes, tip=tip, **places)
    return frame.canvas.svg()


def _shares(values: np.ndarray) -> np.ndarray:
    """Scales to 0.3 to 1, so that the lightest color is visible."""
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 0.0)
    share = (values - low) / (high - low) if high > low else np.ones_like(values)
    return 0.3 + 0.7 * np.nan_to_num(share, nan=0.0)


def _radii(sizes: np.ndarray | None, count: int) -> np.ndarray:
    if sizes is None:
        return np.full(count, 4.0 if count <= 200 else 2.5)
    safe = np.maximum(np.nan_to_num(sizes, nan=0.0), 0.0)
    radii: np.ndarray = 2.5 + 8.5 * np.sqrt(
        safe / (safe.max() if len(safe) and safe.max() else 1.0)
    )
    return radii


def _draw_scale(canvas: Canvas, values: np.ndarray, label: str) -> None:
    """Draws the color scale with minimum and maximum in one row above."""
    finite = values[np.isfinite(values)]
    low, high = format_number(finite.min(), 3), format_number(finite.max(), 3)
    baseline, left = 8 + FONT_SIZE * 0.75, 2.0
    for words, classes in ((label, "label"), (low, "tick")):
        if words:
            canvas.text(left, baseline, words, classes)
            left += text_width(words) + 8
    for step in range(2, HEAT_COLORS):
        share = step / (HEAT_COLORS - 1)
        canvas.add("rect", heat_class(share), x=left, y=baseline - 10, width=12, height=11)
        left += 12
    canvas.text(left + 6, baseline, high, "tick")
