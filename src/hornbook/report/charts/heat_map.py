"""Heat maps: a matrix as colored cells, such as a confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, radians, sin

import numpy as np
from numpy.typing import ArrayLike

from hornbook.report.charts.axes import HEIGHT, WIDE, WIDTH, drawable
from hornbook.report.charts.canvas import Canvas, empty_chart, heat_class, ink_class
from hornbook.report.charts.lettering import FONT_SIZE, LINE_HEIGHT, format_number, text_width

_TURN = 60.0  # degrees of rotation for column names that do not fit
_SHARES = ("matrix", "row")


def heat_map(
    matrix: ArrayLike,
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    row_label: str = "",
    column_label: str = "",
    color_by: str = "matrix",
    title: str = "",
) -> str:
    """Draws a cell per value, darker for larger ones, with its number if it fits.

    Args:
        matrix: `(rows, columns)`; cells that are not finite stay empty.
        rows: Names; for a confusion matrix the labels.
        columns: Names; for a confusion matrix the predictions.
        row_label: Label of the rows.
        column_label: Label of the columns.
        color_by: The value of the strongest color: `"matrix"` for the largest value, `"row"` for
            the sum of the row, so that a rare class is as easy to read as a common one.
        title: Accessible name, for screen readers.

    Returns:
        SVG, as high as needed.
    """
    values = drawable(matrix)
    if values.shape != (len(rows), len(columns)):
        raise ValueError(f"{len(rows)} rows and {len(columns)} columns for {values.shape}")
    if color_by not in _SHARES:
        raise ValueError(f"color_by must be one of {', '.join(_SHARES)}, not {color_by!r}")
    title = title or f"{row_label} × {column_label}"
    if not values.size:
        return empty_chart(title, WIDTH, HEIGHT)
    numbers = [[format_number(value, 3) for value in line] for line in values.tolist()]
    number_width = max(text_width(number) for line in numbers for number in line)
    left = max(map(text_width, rows)) + 12
    width, cell, turned = _cell_width(columns, left)
    over = _turned_height(columns) if turned else LINE_HEIGHT
    tall = max(min(cell, 40.0), 6.0)
    top = 6 + (LINE_HEIGHT + 4 if row_label or column_label else 0) + over + 6
    canvas = Canvas(width, top + tall * len(rows) + 6, title)
    _draw_labels(canvas, row_label, column_label)
    _draw_names(canvas, rows, columns, left, top, cell, tall, turned)
    shares = _shares(values, color_by)
    with_numbers = number_width + 4 <= cell and tall >= LINE_HEIGHT
    for i, j in zip(*np.nonzero(np.isfinite(values)), strict=True):
        if not values[i, j] and values.size > 400:
            continue  # the background already has the color of 0
        x, y = left + j * cell, top + i * tall
        tip = f"{rows[i]} → {columns[j]}: {numbers[i][j]}"
        places = {"x": x, "y": y, "width": max(cell - 1, 1), "height": max(tall - 1, 1)}
        canvas.add("rect", heat_class(shares[i, j]), tip=tip, **places)
        if with_numbers:
            middle = y + (tall - 1) / 2 + FONT_SIZE * 0.36
            canvas.text(
                x + (cell - 1) / 2, middle, numbers[i][j], ink_class(shares[i, j]), anchor="middle"
            )
    return canvas.svg()


def _shares(values: np.ndarray, color_by: str) -> np.ndarray:
    size = np.abs(np.where(np.isfinite(values), values, 0.0))
    whole = size.sum(axis=1, keepdims=True) if color_by == "row" else size.max()
    return size / np.where(whole > 0, whole, 1.0)


def _cell_width(columns: Sequence[str], left: float) -> tuple[float, float, bool]:
    """Returns the widths of chart and cell, and whether column names are rotated."""
    longest = max(map(text_width, columns))
    for width in (WIDTH, WIDE):
        level = (width - left - 4) / len(columns)
        if level >= longest + 8:
            return width, min(level, max(56.0, longest + 8)), False
        # the last rotated name extends beyond its column
        beyond = longest * cos(radians(_TURN))
        cell = min(56.0, level, (width - left - 4 - beyond) / (len(columns) - 0.5))
        if cell >= 24:
            break
    return width, max(cell, 3.0), True


def _turned_height(names: Sequence[str]) -> float:
    angle = radians(_TURN)
    return max(map(text_width, names)) * sin(angle) + FONT_SIZE * cos(angle)


def _draw_labels(canvas: Canvas, row_label: str, column_label: str) -> None:
    words = " · ".join(
        f"{label} {arrow}" for label, arrow in ((row_label, "↓"), (column_label, "→")) if label
    )
    canvas.text(2, 6 + FONT_SIZE * 0.8, words, "label")


def _draw_names(
    canvas: Canvas,
    rows: Sequence[str],
    columns: Sequence[str],
    left: float,
    top: float,
    cell: float,
    tall: float,
    turned: bool,
) -> None:
    """Draws every name, or every second, third ... if cells are smaller than a letter."""
    width, height = cell * len(columns), tall * len(rows)
    canvas.add("rect", "ground", x=left, y=top, width=width, height=height)
    every = max(1, int(np.ceil(LINE_HEIGHT / tall)))
    for i in range(0, len(rows), every):
        middle = top + (i + 0.5) * tall + FONT_SIZE * 0.35
        canvas.text(left - 6, middle, rows[i], "tick", anchor="end")
    every = max(1, int(np.ceil(LINE_HEIGHT / cell))) if turned else 1
    for j in range(0, len(columns), every):
        x = left + (j + 0.5) * cell
        if turned:
            canvas.text(x + 4, top - 5, columns[j], "tick", turn=-_TURN)
        else:
            canvas.text(x, top - 7, columns[j], "tick", anchor="middle")
