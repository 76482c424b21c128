"""Tables with a row per basket: what their columns hold, found out part by part.

Whether a table says yes and no, and where numbers are cut into ranges, only the whole of it
shows.  A `Survey` looks at parts, is merged with others, and then turns each part into
baskets whose items have the same names everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from hornbook.errors import DataError
from hornbook.mining.baskets import Baskets

_YES = {"1", "1.0", "true", "t", "x"}
_NO = {"0", "0.0", "false", "f", ""}


@dataclass
class Column:
    """What is in one column.

    Attributes:
        gaps, gap_rows: how many values are missing, and in which rows first.
        text, other: a value that is text, and one that is not, if there are any.
        yes_or_no: whether all values say yes or no.
        numbers, counts: the different numbers, ascending, and how often each is there.
        is_number: whether all values are numbers.
    """

    gaps: int = 0
    gap_rows: list[int] = field(default_factory=list)
    text: Any = None
    other: Any = None
    yes_or_no: bool = True
    is_number: bool = True
    numbers: np.ndarray = field(default_factory=lambda: np.empty(0))
    counts: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))

    def look(self, values: Sequence[Any], first_row: int, bins: int | None) -> None:
        """Takes in the next rows."""
        values = list(values)
        meaning = meanings(values)
        different = set(meaning.values())
        if None in different:
            gaps = [row for row, value in enumerate(values, first_row) if meaning[value] is None]
            self.gaps += len(gaps)
            self.gap_rows = (self.gap_rows + gaps)[:6]
            different.remove(None)
        for value in different:
            if isinstance(value, str):
                self.text = value if self.text is None else self.text
            else:
                self.other = value if self.other is None else self.other
        self.yes_or_no = (
            self.yes_or_no and {str(value).lower() for value in different} <= _YES | _NO
        )
        if bins and self.is_number:
            numbers = _as_numbers([meaning[value] for value in values])
            if numbers is None:
                self.is_number = False
            else:
                self._count(*np.unique(numbers[~np.isnan(numbers)], return_counts=True))

    def merge(self, other: Column) -> None:
        """Takes in what was seen of other rows, whose row numbers are not known."""
        self.gaps += other.gaps
        self.gap_rows = []
        self.text = other.text if self.text is None else self.text
        self.other = other.other if self.other is None else self.other
        self.yes_or_no &= other.yes_or_no
        self.is_number &= other.is_number
        self._count(other.numbers, other.counts)

    def _count(self, numbers: np.ndarray, counts: np.ndarray) -> None:
        both = np.concatenate([self.numbers, numbers])
        self.numbers, place = np.unique(both, return_inverse=True)
        self.counts = np.bincount(place, np.concatenate([self.counts, counts])).astype(np.int64)

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


class Survey:
    """What the columns of a table hold.

    Args:
        bins: Cut numeric columns into that many equally full ranges; None: do not.
    """

    def __init__(self, bins: int | None = None):
        self.bins = bins
        self.rows = 0
        self.columns: dict[str, Column] = {}

    def look(self, columns: Mapping[str, Sequence[Any]]) -> None:
        """Takes in the next rows of the table."""
        for name, column in columns.items():
            seen = self.columns.setdefault(name, Column())
            try:
                seen.look(column, self.rows + 1, self.bins)
            except TypeError:  # what cannot be in a set cannot be an item
                raise DataError(
                    f"Column {name!r} does not hold single values.\n"
                    "If it has the items of each basket as a list, pass that column alone."
                ) from None
        self.rows += len(next(iter(columns.values())))

    def merge(self, other: Survey) -> Survey:
        """Takes in another survey of the same table."""
        for name, column in other.columns.items():
            self.columns.setdefault(name, Column()).merge(column)
        self.rows += other.rows
        return self

    def refuse(self, missing: str) -> None:
        """Complains about missing values, unless they are to be dropped, and about mixtures.

        Raises:
            DataError: with the column and the rows.
        """
        for name, column in self.columns.items():
            if column.gaps and missing == "error":
                refuse_gaps(name, column.gaps, column.gap_rows)
            _refuse(name, column.text, column.other)

    def baskets(self, columns: Mapping[str, Sequence[Any]], notes: Sequence[str] = ()) -> Baskets:
        """The baskets of some rows.

        If all columns of the table say yes or no their names are the items; else the items
        are `column=value`, and a missing value is no item.
        """
        says_yes = all(column.yes_or_no for column in self.columns.values())
        rows = len(next(iter(columns.values()), ()))
        entries = Entries(rows)
        labels: list[str] = []
        for name, column in columns.items():
            values = list(column)
            meaning = meanings(values)
            if says_yes:
                code = len(labels)
                code_of: dict[Any, int] = {
                    raw: code if str(value).lower() in _YES else -1
                    for raw, value in meaning.items()
                }
                labels.append(name)
                entries.add(map(code_of.__getitem__, values))
                continue
            seen = self.columns[name]
            items: list[Any] = [meaning[value] for value in values]
            numbers = _as_numbers(items) if self.bins and seen.is_number else None
            if numbers is not None:
                items = _in_ranges(numbers, seen.edges(self.bins or 1))
            different = [item for item in dict.fromkeys(items) if item is not None]
            code_of = dict(
                zip(different, range(len(labels), len(labels) + len(different)), strict=True)
            )
            labels += [f"{name}={item}" for item in different]
            code_of[None] = -1
            entries.add(map(code_of.__getitem__, items))
        return Baskets(*entries.baskets(), labels, None, list(notes))


class Entries:
    """The entries of baskets while they come column by column.

    Args:
        rows: The number of baskets.
    """

    def __init__(self, rows: int):
        self.rows = rows
        self._waiting: list[np.ndarray] = []
        self._codes = [np.empty(0, np.int64)]
        self._owners = [np.empty(0, np.int64)]

    def add(self, codes: Iterable[int]) -> None:
        """Takes in the next column: for each basket the code of its item, or -1."""
        self._waiting.append(np.fromiter(codes, np.int64, self.rows))
        if len(self._waiting) * self.rows >= 1 << 20:
            self._settle()

    def baskets(self) -> tuple[np.ndarray, np.ndarray]:
        """The codes basket after basket, and how many are in each."""
        self._settle()
        return by_basket(np.concatenate(self._codes), np.concatenate(self._owners), self.rows)

    def _settle(self) -> None:
        """Forgets the places without an item."""
        if self._waiting:
            codes = np.concatenate(self._waiting)
            held = np.flatnonzero(codes >= 0)
            self._codes.append(codes.take(held))
            self._owners.append(held % max(1, self.rows))
            self._waiting = []


def by_basket(codes: np.ndarray, owners: np.ndarray, baskets: int) -> tuple[np.ndarray, np.ndarray]:
    """The codes basket after basket, and how many are in each.

    Args:
        codes, owners: `(entries,)` the item and the basket of each entry, column after column.
        baskets: How many baskets there are.
    """
    # Sixteen-bit keys are sorted by radix, ten times faster than by comparison.
    keys = owners.astype(np.uint16) if baskets <= 1 << 16 else owners
    order = np.argsort(keys, kind="stable")
    return codes.take(order), np.bincount(owners, minlength=baskets)


def meanings(values: Sequence[Any]) -> dict[Any, Any]:
    """What each different value means: itself without blanks around it, None if it is missing.

    Raises:
        TypeError: a value cannot be in a set, and so cannot be an item.
    """
    different = dict.fromkeys(values)
    return dict(zip(different, without_blanks(different), strict=True))


def without_blanks(values: Iterable[Any]) -> list[Any]:
    """The values without blanks around them, and None for what is missing."""
    stripped = [value.strip() if isinstance(value, str) else value for value in values]
    return [None if _is_missing(value) else value for value in stripped]


def refuse_gaps(name: str, number: int, rows: Sequence[int]) -> None:
    """Complains about missing values in a column.

    Args:
        name: The column.
        number: How many values are missing.
        rows: The first of them, counted from 1; empty: not known.
    """
    shown = ", ".join(map(str, rows[:5]))
    where = f" (rows {shown}{', ...' if number > 5 else ''})" if rows else ""
    raise DataError(
        f"Column {name!r} has {number:,} missing values{where}.\n"
        "Fill them in, or count them as no item with missing='drop' (--missing drop)."
    )


def refuse_mixture(name: str, values: Sequence[Any]) -> None:
    """Complains about numbers and text in one column."""
    kinds = {type(value): value for value in values if value is not None}
    text = [value for kind, value in kinds.items() if issubclass(kind, str)]
    other = [value for kind, value in kinds.items() if not issubclass(kind, str)]
    _refuse(name, *(found[0] if found else None for found in (text, other)))


def _refuse(name: str, text: Any, other: Any) -> None:
    """1 and "1" would be two items that look the same."""
    if text is not None and other is not None:
        raise DataError(
            f"Column {name!r} mixes text like {text!r} and {type(other).__name__} like "
            f"{other!r}.\nMake it one kind, for example with .astype(str)."
        )


def _is_missing(value: Any) -> bool:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    if isinstance(value, str):
        return not value or value.lower() == "nan"  # as tables of numbers write what is missing
    return value != value


def _as_numbers(values: Sequence[Any]) -> np.ndarray | None:
    """The values as floats with NaN for what is missing, or None if they are not all numbers.

    Infinity is a value, but none that a range could end with.
    """
    try:
        numbers = np.array([np.nan if value is None else float(value) for value in values])
    except (TypeError, ValueError):
        return None
    return None if np.isinf(numbers).any() else numbers


def _in_ranges(numbers: np.ndarray, edges: np.ndarray) -> list[str | None]:
    """The range each number falls into."""
    if len(edges) < 2:
        return [None if np.isnan(x) else f"{x:g}" for x in numbers]
    names = [f"{low:g}..{high:g}" for low, high in pairwise(edges)]
    place = np.searchsorted(edges[1:-1], numbers, "right")
    return [None if np.isnan(x) else names[i] for x, i in zip(numbers, place, strict=True)]
