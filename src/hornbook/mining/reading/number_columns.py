"""Columns of numbers, to be cut into ranges: written with a point or with a comma.

Excel in most of Europe writes 1,5 and 1.234,5.  Which way a column is written only the whole of
it shows, so both are followed as long as both are possible.  Where 1,234 may be 1.234 or 1234 the
column is refused: ranges in the wrong order look like right ones.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from hornbook.errors import DataError

# points or blanks between thousands, then a comma
_COMMA = re.compile(r"[+-]?(?:\d{1,3}(?:[.\u00a0\u202f ]\d{3})+|\d+)(?:,\d+)?")
_THREE_BEHIND = re.compile(r"[+-]?[1-9]\d{0,2}[,.]\d{3}")
_BEGINS = re.compile(r"[+-]?[$€£¥]? ?\d")


@dataclass
class Counts:
    """Different numbers, ascending, and how often each is there."""

    numbers: np.ndarray = field(default_factory=lambda: np.empty(0))
    counts: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))

    def add(self, numbers: np.ndarray, counts: np.ndarray) -> None:
        """Adds more numbers, in any order."""
        if len(numbers):
            both = np.concatenate([self.numbers, numbers])
            self.numbers, place = np.unique(both, return_inverse=True)
            total = np.bincount(place, np.concatenate([self.counts, counts]))
            self.counts = total.astype(np.int64)

    def edges(self, bins: int) -> np.ndarray:
        """The quantiles that cut the numbers into `bins` equally full ranges."""
        if not len(self.numbers):
            return self.numbers
        ends = np.cumsum(self.counts)
        place = np.linspace(0, 1, bins + 1) * (ends[-1] - 1)
        low, high = (
            self.numbers.take(np.searchsorted(ends, rounded, "right"))
            for rounded in (np.floor(place), np.ceil(place))
        )
        return np.unique(low + (high - low) * (place - np.floor(place)))


@dataclass
class NumberColumn:
    """A column that may hold numbers.

    Attributes:
        with_point, with_comma: Its numbers, read one way and the other; None: it cannot be.
        comma, point: A value with that sign, if there is one.
        odd_comma, odd_point: Whether each of them has just three digits behind it.
        word: A value that begins with a number but is not one.
        words, values: The number of different such values, and of all.
    """

    with_point: Counts | None = field(default_factory=Counts)
    with_comma: Counts | None = field(default_factory=Counts)
    comma: str = ""
    point: str = ""
    odd_comma: bool = True
    odd_point: bool = True
    word: str = ""
    words: int = 0
    values: int = 0

    def look(self, values: Iterable[Any]) -> None:
        """Adds the next values; None is missing."""
        times = Counter(values)
        times.pop(None, None)
        self.values += len(times)
        points = [_with_point(value) for value in times]
        commas = points
        texts = [value for value in times if isinstance(value, str)]
        if any("," in text or "." in text or " " in text for text in texts) or None in points:
            commas = [_with_comma(value) for value in times]
        for text in texts:
            if "," in text:
                self.comma = self.comma or text
                self.odd_comma &= _THREE_BEHIND.fullmatch(text) is not None
            elif "." in text:
                self.point = self.point or text
                self.odd_point &= _THREE_BEHIND.fullmatch(text) is not None
        if None in points and None in commas:
            strange = [text for text in texts if _BEGINS.match(text)]
            self.words += len(strange)
            self.word = self.word or (strange[0] if strange else "")
        counts = np.fromiter(times.values(), np.int64, len(times))
        self.with_point = _taken(self.with_point, points, counts)
        self.with_comma = _taken(self.with_comma, commas, counts)

    def merge(self, other: NumberColumn) -> None:
        """Adds what is known of other rows."""
        for name in ("with_point", "with_comma"):
            own, its = getattr(self, name), getattr(other, name)
            if own is None or its is None:
                setattr(self, name, None)
            else:
                own.add(its.numbers, its.counts)
        self.comma, self.point = self.comma or other.comma, self.point or other.point
        self.odd_comma &= other.odd_comma
        self.odd_point &= other.odd_point
        self.word = self.word or other.word
        self.words += other.words
        self.values += other.values

    @property
    def counts(self) -> Counts | None:
        """The numbers, the way they are written; None if there are other values."""
        return self.with_comma if self.with_point is None else self.with_point

    @property
    def is_comma(self) -> bool:
        """Whether the comma is the decimal sign."""
        return self.with_point is None and self.with_comma is not None and bool(self.comma)

    def refuse_doubt(self, name: str, others: Iterable[NumberColumn]) -> None:
        """Refuses numbers that may be read in two ways.

        Args:
            name: The column.
            others: All columns of the table.
        """
        text = other = ""
        if self.is_comma and self.odd_comma:
            text, other = self.comma, self.comma.replace(",", "")
        elif self.with_point is not None and self.odd_point and any(one.is_comma for one in others):
            text, other = self.point, self.point.replace(".", "")
        if text:
            raise DataError(
                f"Column {name!r} has numbers like {text}: is that "
                f"{text.replace(',', '.')} or {other}?\n"
                "Write them without a sign between thousands, or leave --bins (bins=) out."
            )

    def note(self, name: str) -> str:
        """A note about the column: a decimal comma, or numbers taken as words."""
        if self.is_comma:
            return f"Column {name!r}: the comma in {self.comma} is read as the decimal sign."
        if self.counts is None and self.words * 2 > self.values:
            return f"Column {name!r} is not cut into ranges: {self.word!r} is not a number."
        return ""

    def ranges(self, values: Sequence[Any], bins: int) -> list[str | None]:
        """The range that each number falls into, by its name; None for what is missing."""
        read = _with_comma if self.with_point is None else _with_point
        parsed = [None if value is None else read(value) for value in values]
        numbers = np.array([np.nan if number is None else number for number in parsed])
        counts = self.counts
        return _in_ranges(numbers, np.empty(0) if counts is None else counts.edges(bins))


def _taken(held: Counts | None, numbers: list[float | None], counts: np.ndarray) -> Counts | None:
    if held is None or None in numbers:
        return None
    held.add(np.array(numbers, float), counts)
    return held


def _with_point(value: Any) -> float | None:
    """A value as Python reads it.  Infinity is a value, but none that a range could end with."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return None if np.isinf(number) else number


def _with_comma(value: Any) -> float | None:
    """A value as Excel in most of Europe writes it."""
    if not isinstance(value, str):
        return _with_point(value)
    if not _COMMA.fullmatch(value):
        return None
    return _with_point(re.sub(r"[.\u00a0\u202f ]", "", value).replace(",", "."))


def _in_ranges(numbers: np.ndarray, edges: np.ndarray) -> list[str | None]:
    """The range each number falls into."""
    if len(edges) < 2:
        return [None if np.isnan(x) else f"{x:g}" for x in numbers]
    names = [f"{low:g}..{high:g}" for low, high in pairwise(edges)]
    place = np.searchsorted(edges[1:-1], numbers, "right")
    return [None if np.isnan(x) else names[i] for x, i in zip(numbers, place, strict=True)]
