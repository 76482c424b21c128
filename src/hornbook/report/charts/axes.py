"""Axes: map values to positions, with round ticks, and the frame around a chart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from hornbook.report.charts.canvas import Canvas
from hornbook.report.charts.lettering import (
    FONT_SIZE,
    LINE_HEIGHT,
    format_number,
    minus,
    superscript,
    text_width,
    wrap,
)

WIDTH, HEIGHT = 440.0, 280.0  # two fit side by side, one fits a phone
WIDE = 900.0  # a chart of full page width
SCALES = ("linear", "log")
LARGEST, SMALLEST = 1e290, 1e-290  # values between them never overflow in a chart


@dataclass(frozen=True)
class Axis:
    """A range of values, with the positions of its ends in chart units."""

    low: float
    high: float
    scale: str = "linear"
    start: float = 0.0
    stop: float = 1.0
    least: float = 0.0  # minimum distance of ticks: 1 for counts

    def place(self, values: np.ndarray | float) -> np.ndarray:
        """Returns the positions of `values`; NaN for values this axis cannot show."""
        values = drawable(values)
        if self.scale == "log":
            values = np.where(values > SMALLEST, values, np.nan)
        low, high = self._bend(np.array([self.low, self.high]))
        share = (self._bend(values) - low) / (high - low)
        places: np.ndarray = self.start + share * (self.stop - self.start)
        return places

    def ticks(self, count: int = 5) -> list[tuple[float, str]]:
        """Returns about `count` round values in the range, with their labels."""
        if self.scale == "log":
            return _log_ticks(self.low, self.high, count)
        return _linear_ticks(self.low, self.high, count, self.least)

    def _bend(self, values: np.ndarray) -> np.ndarray:
        return np.log10(values) if self.scale == "log" else values


def drawable(values: ArrayLike) -> np.ndarray:
    """Returns `values` as float64, with NaN for infinite or huge values."""
    values = np.asarray(values, dtype=np.float64)
    return np.where(np.abs(values) < LARGEST, values, np.nan)


def fit_axis(
    arrays: Iterable[np.ndarray],
    scale: str = "linear",
    *,
    include: Iterable[float] = (),
    round_ends: bool = False,
) -> Axis | None:
    """Returns an axis over all finite values (positive on a log scale); None if there are none.

    Args:
        arrays: The values to show.
        scale: `"linear"` or `"log"`.
        include: Values that must be in the range, such as 0.
        round_ends: Whether the range ends at ticks.
    """
    if scale not in SCALES:
        raise ValueError(f"scale must be one of {', '.join(SCALES)}, not {scale!r}")
    shown = np.concatenate([np.zeros(0), *(np.ravel(drawable(array)) for array in arrays)])
    shown = shown[np.isfinite(shown)]
    shown = shown[shown > SMALLEST] if scale == "log" else shown
    if not len(shown):
        return None
    shown = np.append(shown, list(include))
    low, high = float(shown.min()), float(shown.max())
    if scale == "log":
        if high / low < 1.5:
            low, high = low / 2, high * 2
        return Axis(low / 1.08, high * 1.08, scale)
    low, high = widen(low, high)
    if round_ends:
        step = _step(low, high, 5)
        low, high = np.floor(low / step + 1e-9) * step, np.ceil(high / step - 1e-9) * step
    return Axis(float(low), float(high))


def widen(low: float, high: float) -> tuple[float, float]:
    """Returns the same range, or some margin around a constant."""
    if high - low > max(1e-9 * max(abs(low), abs(high)), SMALLEST):
        return low, high
    margin = abs(low) * 0.1 if abs(low) > SMALLEST else 0.5
    return low - margin, high + margin


class Frame:
    """A canvas with a grid, two labeled axes, and optional margins.

    The label of the vertical axis is above it, so that it is horizontal, and Chinese is upright.
    """

    def __init__(
        self,
        x: Axis,
        y: Axis,
        *,
        title: str,
        x_label: str,
        y_label: str,
        width: float = WIDTH,
        height: float = HEIGHT,
        top: float = 0.0,
        right: float = 0.0,
        bottom: float = 0.0,
        missing: int = 0,
    ):
        self.canvas = Canvas(width, height, title)
        above = wrap(y_label, width - 8) if y_label else []
        below = wrap(_with_missing(x_label, missing), width - 8)
        self.top = 8 + top + LINE_HEIGHT * len(above) + (4 if above else 0)
        self.bottom = height - bottom - 22 - LINE_HEIGHT * len(below)
        y = replace(y, start=self.bottom, stop=self.top)
        y_ticks = y.ticks(max(2, min(6, int((self.bottom - self.top) / 32))))
        self.left = 10 + max([text_width(label) for _, label in y_ticks], default=0)
        self.right = width - max(right, 12)
        x = replace(x, start=self.left, stop=self.right)
        self.x, self.y = x, y
        for value, label in y_ticks:
            place = float(y.place(value))
            self.canvas.line("grid", self.left, place, self.right, place)
            self.canvas.text(self.left - 6, place + FONT_SIZE * 0.35, label, "tick", anchor="end")
        self._draw_x(self._x_ticks())
        self.canvas.lines(2, 8 + top + FONT_SIZE * 0.6, above, "label")
        middle = (self.left + self.right) / 2
        lowest = self.bottom + 20 + LINE_HEIGHT * 0.85
        self.canvas.lines(middle, lowest, below, "label", anchor="middle")

    def _draw_x(self, ticks: list[tuple[float, str]]) -> None:
        self.canvas.line("axis", self.left, self.bottom, self.right, self.bottom)
        for value, label in ticks:
            place = float(self.x.place(value))
            self.canvas.line("axis", place, self.bottom, place, self.bottom + 4)
            half = text_width(label) / 2
            inside = min(max(place, half), self.canvas.width - half)
            self.canvas.text(inside, self.bottom + 17, label, "tick", anchor="middle")

    def _x_ticks(self) -> list[tuple[float, str]]:
        """Returns as many ticks as fit side by side."""
        ticks: list[tuple[float, str]] = []
        for count in range(8, 1, -1):
            ticks = self.x.ticks(count)
            places = [float(self.x.place(value)) for value, _ in ticks]
            widths = [text_width(label) for _, label in ticks]
            if all(
                right - left > (a + b) / 2 + 10
                for (left, right), (a, b) in zip(pairwise(places), pairwise(widths), strict=True)
            ):
                return ticks
        return ticks[:1]


def count_missing(axis: Axis, values: np.ndarray) -> int:
    """Counts the values that the axis cannot show."""
    return int(np.sum(~np.isfinite(axis.place(values))))


def _with_missing(label: str, missing: int) -> str:
    """Returns the label, noting missing points: a diverged loss must not look fine."""
    return f"{label}  ({missing:,} × NaN/∞)" if missing else label


def _step(low: float, high: float, count: int) -> float:
    """Returns a round step (1, 2, 2.5 or 5 times a power of ten) for about `count` ticks."""
    rough = (high - low) / max(count, 1)
    power = 10.0 ** np.floor(np.log10(rough))
    return float(next(power * k for k in (1, 2, 2.5, 5, 10) if rough <= power * k * 1.0001))


def _linear_ticks(
    low: float, high: float, count: int, least: float = 0.0
) -> list[tuple[float, str]]:
    step = max(_step(low, high, count), least)
    first, last = np.ceil(low / step - 1e-6), np.floor(high / step + 1e-6)
    values = (np.arange(first, last + 1) * step).tolist()
    largest = max(map(abs, values), default=0.0)
    if largest >= 1e6 or (largest and largest < 1e-3):
        power = int(np.floor(np.log10(largest)))
        if step < largest * 1e-3:  # a small difference of large numbers needs all digits
            return [(value, minus(f"{value:.12g}")) for value in values]
        return [(value, _in_powers(value, power, step)) for value in values]
    decimals = max(0, -int(np.floor(np.log10(step) + 1e-9)))
    if abs(step * 10**decimals - round(step * 10**decimals)) > 1e-6:
        decimals += 1  # 0.25 needs two
    return [(value, minus(f"{value + 0.0:,.{decimals}f}")) for value in values]


def _in_powers(value: float, power: int, step: float) -> str:
    if not value:
        return "0"
    decimals = max(0, power - int(np.floor(np.log10(step) + 1e-9)))
    mantissa = f"{value / 10.0**power:.{decimals}f}"
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    front = "" if mantissa == "1" else f"{mantissa}·"
    return minus(f"{front}10{superscript(power)}")


def _log_ticks(low: float, high: float, count: int) -> list[tuple[float, str]]:
    first, last = int(np.ceil(np.log10(low))), int(np.floor(np.log10(high)))
    every = max(1, -(-(last - first + 1) // count))
    values = [10.0**power for power in range(first, last + 1, every)]
    for factors in ((1, 3), (1, 2, 5)):
        if len(values) < min(3, count):
            decades = range(first - 1, last + 1)
            values = [k * 10.0**power for power in decades for k in factors]
            values = [value for value in values if low <= value <= high]
    if len(values) < 2:
        return _linear_ticks(low, high, count)
    if values[0] >= 1e-3 and values[-1] < 1e5:
        return [(value, format_number(value, 3)) for value in values]
    powers = [int(np.floor(np.log10(value) + 1e-9)) for value in values]
    return [(v, _in_powers(v, power, v)) for v, power in zip(values, powers, strict=True)]
