"""Surveys tables with a row per basket, part by part: what their columns hold.

Whether a table says yes and no, and where numbers are cut into ranges, only the whole of it
shows.  A `Survey` looks at parts, is merged with others, and then turns each part into
baskets whose items have the same names everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np

from hornbook.errors import DataError
from hornbook.mining.baskets import Baskets
from hornbook.mining.reading.number_columns import NumberColumn

_YES = {"1", "1.0", "true", "t", "x"}
_NO = {"0", "0.0", "false", "f", ""}


@dataclass
class Column:
    """What is in one column.

    Attributes:
        gaps, gap_rows: how many values are missing, and in which rows first.
        text, other: a value that is text, and one that is not, if there are any.
        yes_or_no: whether all values say yes or no.
        numbers: what the numbers are, if all values are some and ranges are asked for.
    """

    gaps: int = 0
    gap_rows: list[int] = field(default_factory=list)
    text: Any = None
    other: Any = None
    yes_or_no: bool = True
    numbers: NumberColumn | None = None

    def look(
        self, values: Sequence[Any], first_row: int, bins: int | None, meaning: Mapping[Any, Any]
    ) -> None:
        """Takes in the next rows; see `meanings`."""
        different = {meaning[value] for value in set(values)}
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
        if bins:
            self.numbers = self.numbers or NumberColumn()
            self.numbers.look(meaning[value] for value in values)

    def merge(self, other: Column) -> None:
        """Takes in what was seen of other rows, whose row numbers are not known."""
        self.gaps += other.gaps
        self.gap_rows = []
        self.text = other.text if self.text is None else self.text
        self.other = other.other if self.other is None else self.other
        self.yes_or_no &= other.yes_or_no
        if self.numbers is None:
            self.numbers = other.numbers
        elif other.numbers is not None:
            self.numbers.merge(other.numbers)


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
        columns = _as_lists(columns)
        shared = shared_meanings(columns)
        for name, values in columns.items():
            seen = self.columns.get(name)
            if seen is None:
                seen = self.columns[name] = Column()
            try:
                seen.look(values, self.rows + 1, self.bins, shared or meanings(values))
            except TypeError:  # what cannot be in a set cannot be an item
                raise DataError(
                    f"Column {name!r} does not hold single values.\n"
                    "If it has the items of each basket as a list, pass that column alone."
                ) from None
        self.rows += len(next(iter(columns.values()), ()))

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
        numbers = {name: one.numbers for name, one in self.columns.items() if one.numbers}
        if not self.says_yes:
            for name, of_numbers in numbers.items():
                of_numbers.refuse_doubt(name, numbers.values())

    @property
    def says_yes(self) -> bool:
        """Whether all columns say yes or no."""
        return all(column.yes_or_no for column in self.columns.values())

    @property
    def notes(self) -> list[str]:
        """What to tell about how numbers were read."""
        numbers = {name: one.numbers for name, one in self.columns.items() if one.numbers}
        notes = [column.note(name) for name, column in numbers.items()]
        return [] if self.says_yes else [note for note in notes if note]

    def baskets(self, columns: Mapping[str, Sequence[Any]], notes: Sequence[str] = ()) -> Baskets:
        """The baskets of some rows.

        If all columns of the table say yes or no their names are the items; else the items
        are `column=value`, and a missing value is no item.
        """
        says_yes = self.says_yes
        columns = _as_lists(columns)
        entries = Entries(len(next(iter(columns.values()), ())))
        labels: list[str] = []
        shared = shared_meanings(columns)
        known = shared and _yes_of(shared)
        for name, values in columns.items():
            meaning = shared or meanings(values)
            if says_yes:
                is_held = known or _yes_of(meaning)
                entries.add(map(is_held.__getitem__, values), len(labels))
                labels.append(name)
                continue
            seen = self.columns[name]
            items: list[Any] = [meaning[value] for value in values]
            if self.bins and seen.numbers is not None and seen.numbers.counts is not None:
                items = seen.numbers.ranges(items, self.bins)
            code_of: dict[Any, int] = {None: -1}
            for item in items:
                code_of.setdefault(item, len(code_of) - 1)
            entries.add(map(code_of.__getitem__, items), len(labels))
            labels += [f"{name}={item}" for item in code_of if item is not None]
        return Baskets(*entries.baskets(), labels, None, list(notes))


class Entries:
    """The entries of baskets while they come column by column.

    Args:
        rows: The number of baskets.
    """

    def __init__(self, rows: int):
        self.rows = rows
        self._waiting: list[np.ndarray] = []
        self._firsts: list[int] = []
        self._codes = [np.empty(0, np.int64)]
        self._owners = [np.empty(0, np.int64)]

    def add(self, items: Iterable[int], first: int) -> None:
        """Takes in the next column.

        Args:
            items: For each basket which of the column's items it holds, or -1.
            first: The code of the first of these items.
        """
        self._waiting.append(np.fromiter(items, np.int32, self.rows))
        self._firsts.append(first)
        if len(self._waiting) * self.rows >= 1 << 20:
            self._settle()

    def baskets(self) -> tuple[np.ndarray, np.ndarray]:
        """The codes basket after basket, and how many are in each."""
        self._settle()
        return by_basket(np.concatenate(self._codes), np.concatenate(self._owners), self.rows)

    def _settle(self) -> None:
        """Forgets the places without an item."""
        if self._waiting:
            items = np.concatenate(self._waiting)
            held = np.flatnonzero(items >= 0)
            column, owners = np.divmod(held, max(1, self.rows))
            self._codes.append(items.take(held) + np.array(self._firsts).take(column))
            self._owners.append(owners)
            self._waiting, self._firsts = [], []


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


def meanings(values: Iterable[Any]) -> dict[Any, Any]:
    """What each different value means: itself without blanks around it, None if it is missing.

    Raises:
        TypeError: a value cannot be in a set, and so cannot be an item.
    """
    different = dict.fromkeys(values)
    return dict(zip(different, without_blanks(different), strict=True))


def shared_meanings(columns: Mapping[str, Sequence[Any]]) -> dict[Any, Any] | None:
    """The meanings of the values of all columns, if all are texts, all are whole numbers ...

    Otherwise per column: to a dict 1, 1.0 and True are the same, and not in a
    name like `column=1`.
    """
    kinds = set(map(type, chain.from_iterable(columns.values())))
    return meanings(set().union(*columns.values())) if kinds in ({str}, {int}, {bool}) else None


def _yes_of(meaning: Mapping[Any, Any]) -> dict[Any, int]:
    """0 for each value that says yes, -1 for the others."""
    return {raw: 0 if str(value).lower() in _YES else -1 for raw, value in meaning.items()}


def _as_lists(columns: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
    """The same columns as lists."""
    return {
        name: values if isinstance(values, list) else list(values)
        for name, values in columns.items()
    }


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
    _refuse(name, *(values[0] if values else None for values in (text, other)))


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
    return bool(value != value)
