"""Reads columns of numbers, to be cut into ranges, with a decimal point or a decimal comma.

Excel in most of Europe writes 1,5 and 1.234,5.  Only the whole column shows which one is used, so
both readings are kept as long as both are possible.  A column where 1,234 could be 1.234 or 1234 is
refused, because wrong ranges look like right ones.
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

# points or blanks as thousands separators, then a comma
_COMMA = re.compile(r"[+-]?(?:\d{1,3}(?:[.\u00a0\u202f ]\d{3})+|\d+)(?:,\d+)?")
_THREE_BEHIND = re.compile(r"[+-]?[1-9]\d{0,2}[,.]\d{3}")
_BEGINS = re.compile(r"[+-]?[$€£¥]? ?\d")


@dataclass
class Counts:
    """Distinct numbers, ascending, and how often each occurs."""

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
        """Returns the quantiles that cut the numbers into `bins` ranges of equally many values."""
        if not len(self.numbers):
            return self.numbers
        ends = np.cumsum(self.counts)
        place = np.linspace(0, 1, bins + 1) * (ends[-1] - 1)
        low, high = (
            self.numbers.take(np.searchsorted(ends, positions, "right"))
            for positions in (np.floor(place), np.ceil(place))
        )
        return np.unique(low + (high - low) * (place - np.floor(place)))


@dataclass
class NumberColumn:
    """A column that may hold numbers.

    Attributes:
        with_point, with_comma: Its numbers with a decimal point or comma; None if that is
            impossible.
        comma, point: A value with that character, if there is one.
        odd_comma, odd_point: Whether each of them is followed by exactly three digits.
        word: A value that begins with a digit but is not a number.
        words, values: Number of distinct such values, and of all.
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
        """Adds the next values; None for a missing one."""
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
        self.with_point = _extended(self.with_point, points, counts)
        self.with_comma = _extended(self.with_comma, commas, counts)

    def merge(self, other: NumberColumn) -> None:
        """Adds what was found in other rows."""
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
        """The numbers, as they are written; None if there are other values."""
        return self.with_comma if self.with_point is None else self.with_point

    @property
    def is_comma(self) -> bool:
        """Whether the comma is the decimal separator."""
        return self.with_point is None and self.with_comma is not None and bool(self.comma)

    def refuse_doubt(self, name: str, others: Iterable[NumberColumn]) -> None:
        """Raises DataError if the numbers can be read in two ways.

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
                "Write them without a thousands separator, or omit --bins (bins=)."
            )

    def note(self, name: str) -> str:
        """Returns a note on a decimal comma, or on numbers read as words; "" if there is none."""
        if self.is_comma:
            return f"Column {name!r}: the comma in {self.comma} is read as a decimal comma."
        if self.counts is None and self.words * 2 > self.values:
            return f"Column {name!r} is not cut into ranges: {self.word!r} is not a number."
        return ""

    def ranges(self, values: Sequence[Any], bins: int) -> list[str | None]:
        """Returns the name of the range of each value; None for a missing one."""
        parse = _with_comma if self.with_point is None else _with_point
        floats = [None if value is None else parse(value) for value in values]
        numbers = np.array([np.nan if number is None else number for number in floats])
        counts = self.counts
        return _in_ranges(numbers, np.empty(0) if counts is None else counts.edges(bins))


def _extended(
    total: Counts | None, numbers: list[float | None], counts: np.ndarray
) -> Counts | None:
    """Returns `total` with more numbers; None if one of them is not a number."""
    if total is None or None in numbers:
        return None
    total.add(np.array(numbers, float), counts)
    return total


def _with_point(value: Any) -> float | None:
    """Parses a value as Python does; None if it is not a number, or is infinite."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return None if np.isinf(number) else number


def _with_comma(value: Any) -> float | None:
    """Parses a value as Excel in most of Europe writes it; None if it is not a number."""
    if not isinstance(value, str):
        return _with_point(value)
    if not _COMMA.fullmatch(value):
        return None
    return _with_point(re.sub(r"[.\u00a0\u202f ]", "", value).replace(",", "."))


def _in_ranges(numbers: np.ndarray, edges: np.ndarray) -> list[str | None]:
    """Returns the name of the range of each number; None for NaN."""
    if len(edges) < 2:
        return [None if np.isnan(x) else f"{x:g}" for x in numbers]
    names = [f"{low:g}..{high:g}" for low, high in pairwise(edges)]
    place = np.searchsorted(edges[1:-1], numbers, "right")
    return [None if np.isnan(x) else names[i] for x, i in zip(numbers, place, strict=True)]
