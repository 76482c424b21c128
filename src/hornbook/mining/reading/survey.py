"""Surveys the columns of tables with a row per basket, part by part.

Whether a table has only yes and no, and where numbers are cut into ranges, depends on the whole
table.  A `Survey` looks at parts, can be merged with others, and then turns each part into baskets
whose items have the same names in all parts.
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
    """The contents of one column.

    Attributes:
        gaps, gap_rows: Number of missing values, and the first rows with one.
        text, other: A value that is text, and one that is not, if there are any.
        yes_or_no: Whether all values mean yes or no.
        numbers: The numbers, if they are cut into ranges.
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
        """Adds the next rows; for `meaning` see `meanings`."""
        distinct = {meaning[value] for value in set(values)}
        if None in distinct:
            gaps = [row for row, value in enumerate(values, first_row) if meaning[value] is None]
            self.gaps += len(gaps)
            self.gap_rows = (self.gap_rows + gaps)[:6]
            distinct.remove(None)
        for value in distinct:
            if isinstance(value, str):
                self.text = value if self.text is None else self.text
            else:
                self.other = value if self.other is None else self.other
        self.yes_or_no = self.yes_or_no and {str(value).lower() for value in distinct} <= _YES | _NO
        if bins:
            self.numbers = self.numbers or NumberColumn()
            self.numbers.look(meaning[value] for value in values)

    def merge(self, other: Column) -> None:
        """Adds what was found in other rows, whose numbers are unknown."""
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
    """The contents of the columns of a table.

    Args:
        bins: Number of ranges with equally many values that numeric columns are cut into.
            Defaults to no ranges.
    """

    def __init__(self, bins: int | None = None):
        self.bins = bins
        self.rows = 0
        self.columns: dict[str, Column] = {}

    def look(self, columns: Mapping[str, Sequence[Any]]) -> None:
        """Adds the next rows of the table."""
        columns = _as_lists(columns)
        common = common_meanings(columns)
        for name, values in columns.items():
            column = self.columns.setdefault(name, Column())
            try:
                column.look(values, self.rows + 1, self.bins, common or meanings(values))
            except TypeError:  # unhashable values cannot be items
                raise DataError(
                    f"Column {name!r} does not have single values.\n"
                    "If it has a list of items for each basket, pass that column alone."
                ) from None
        self.rows += len(next(iter(columns.values()), ()))

    def merge(self, other: Survey) -> Survey:
        """Adds another survey of the same table."""
        for name, column in other.columns.items():
            self.columns.setdefault(name, Column()).merge(column)
        self.rows += other.rows
        return self

    def refuse(self, missing: str) -> None:
        """Checks for missing values, unless they are to be dropped, and for mixed types.

        Raises:
            DataError: names the column and the rows.
        """
        for name, column in self.columns.items():
            if column.gaps and missing == "error":
                refuse_gaps(name, column.gaps, column.gap_rows)
            _refuse(name, column.text, column.other)
        numbers = {name: one.numbers for name, one in self.columns.items() if one.numbers}
        if not self.says_yes:
            for name, number_column in numbers.items():
                number_column.refuse_doubt(name, numbers.values())

    @property
    def says_yes(self) -> bool:
        """Whether all values of all columns mean yes or no."""
        return all(column.yes_or_no for column in self.columns.values())

    @property
    def notes(self) -> list[str]:
        """Notes on how numbers were read."""
        numbers = {name: one.numbers for name, one in self.columns.items() if one.numbers}
        notes = [column.note(name) for name, column in numbers.items()]
        return [] if self.says_yes else [note for note in notes if note]

    def baskets(self, columns: Mapping[str, Sequence[Any]], notes: Sequence[str] = ()) -> Baskets:
        """Returns the baskets of some rows.

        If all columns mean yes or no, their names are the items; else the items are
        `column=value`, and a missing value is no item.
        """
        says_yes = self.says_yes
        columns = _as_lists(columns)
        entries = Entries(len(next(iter(columns.values()), ())))
        labels: list[str] = []
        common = common_meanings(columns)
        common_codes = common and _yes_codes(common)
        for name, values in columns.items():
            meaning = common or meanings(values)
            if says_yes:
                codes = common_codes or _yes_codes(meaning)
                entries.add(map(codes.__getitem__, values), len(labels))
                labels.append(name)
                continue
            column = self.columns[name]
            items: list[Any] = [meaning[value] for value in values]
            if self.bins and column.numbers is not None and column.numbers.counts is not None:
                items = column.numbers.ranges(items, self.bins)
            code_of: dict[Any, int] = {None: -1}
            for item in items:
                code_of.setdefault(item, len(code_of) - 1)
            entries.add(map(code_of.__getitem__, items), len(labels))
            labels += [f"{name}={item}" for item in code_of if item is not None]
        return Baskets(*entries.baskets(), labels, None, list(notes))


class Entries:
    """Collects the entries of baskets column by column.

    Args:
        rows: Number of baskets.
    """

    def __init__(self, rows: int):
        self.rows = rows
        self._pending: list[np.ndarray] = []
        self._firsts: list[int] = []
        self._codes = [np.empty(0, np.int64)]
        self._owners = [np.empty(0, np.int64)]

    def add(self, items: Iterable[int], first: int) -> None:
        """Adds the next column.

        Args:
            items: For each basket, which of the items of the column it holds, or -1.
            first: The code of the first of these items.
        """
        self._pending.append(np.fromiter(items, np.int32, self.rows))
        self._firsts.append(first)
        if len(self._pending) * self.rows >= 1 << 20:
            self._settle()

    def baskets(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns the codes of one basket after another, and the length of each basket."""
        self._settle()
        return by_basket(np.concatenate(self._codes), np.concatenate(self._owners), self.rows)

    def _settle(self) -> None:
        """Moves pending columns to the entries, without the cells that have no item."""
        if self._pending:
            items = np.concatenate(self._pending)
            entries = np.flatnonzero(items >= 0)
            column, owners = np.divmod(entries, max(1, self.rows))
            self._codes.append(items.take(entries) + np.array(self._firsts).take(column))
            self._owners.append(owners)
            self._pending, self._firsts = [], []


def by_basket(codes: np.ndarray, owners: np.ndarray, baskets: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the codes of one basket after another, and the length of each basket.

    Args:
        codes, owners: `(entries,)`, the item and the basket of each entry, column by column.
        baskets: Number of baskets.
    """
    # NumPy uses radix sort for 16-bit keys, ten times faster than comparisons
    keys = owners.astype(np.uint16) if baskets <= 1 << 16 else owners
    order = np.argsort(keys, kind="stable")
    return codes.take(order), np.bincount(owners, minlength=baskets)


def meanings(values: Iterable[Any]) -> dict[Any, Any]:
    """Maps each distinct value to itself without surrounding blanks, or to None if it is missing.

    Raises:
        TypeError: a value is not hashable, and so cannot be an item.
    """
    distinct = dict.fromkeys(values)
    return dict(zip(distinct, without_blanks(distinct), strict=True))


def common_meanings(columns: Mapping[str, Sequence[Any]]) -> dict[Any, Any] | None:
    """Returns the meanings of the values of all columns if all have the same type, else None.

    With mixed types each column needs its own: as keys of a dict 1, 1.0 and True are equal, but not
    in a name such as `column=1`.
    """
    kinds = set(map(type, chain.from_iterable(columns.values())))
    return meanings(set().union(*columns.values())) if kinds in ({str}, {int}, {bool}) else None


def _yes_codes(meaning: Mapping[Any, Any]) -> dict[Any, int]:
    """Maps each value that means yes to 0, and others to -1."""
    return {raw: 0 if str(value).lower() in _YES else -1 for raw, value in meaning.items()}


def _as_lists(columns: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
    """Returns the columns as lists."""
    return {
        name: values if isinstance(values, list) else list(values)
        for name, values in columns.items()
    }


def without_blanks(values: Iterable[Any]) -> list[Any]:
    """Returns the values without surrounding blanks, and None for missing ones."""
    stripped = [value.strip() if isinstance(value, str) else value for value in values]
    return [None if _is_missing(value) else value for value in stripped]


def refuse_gaps(name: str, number: int, rows: Sequence[int]) -> None:
    """Raises DataError for missing values in a column.

    Args:
        name: The column.
        number: Number of missing values.
        rows: The first rows with one, counted from 1; empty if unknown.
    """
    examples = ", ".join(map(str, rows[:5]))
    where = f" (rows {examples}{', ...' if number > 5 else ''})" if rows else ""
    raise DataError(
        f"Column {name!r} has {number:,} missing values{where}.\n"
        "Fill them in, or treat them as no item with missing='drop' (--missing drop)."
    )


def refuse_mixture(name: str, values: Sequence[Any]) -> None:
    """Raises DataError for numbers and text in one column."""
    kinds = {type(value): value for value in values if value is not None}
    text = [value for kind, value in kinds.items() if issubclass(kind, str)]
    other = [value for kind, value in kinds.items() if not issubclass(kind, str)]
    _refuse(name, *(values[0] if values else None for values in (text, other)))


def _refuse(name: str, text: Any, other: Any) -> None:
    """Raises DataError for a mixture: 1 and "1" would be two items that look the same."""
    if text is not None and other is not None:
        raise DataError(
            f"Column {name!r} mixes text like {text!r} and {type(other).__name__} like "
            f"{other!r}.\nConvert it to one type, for example with .astype(str)."
        )


def _is_missing(value: Any) -> bool:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    if isinstance(value, str):
        return not value or value.lower() == "nan"  # a missing value in a table of numbers
    return bool(value != value)
