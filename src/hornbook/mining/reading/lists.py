"""Reads baskets from lists: in a Series, an Arrow column, an array of objects or a generator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from hornbook.errors import DataError, OptionError
from hornbook.mining.baskets import Baskets

LIST_KINDS = (list, tuple, set, frozenset, np.ndarray)
_SPLIT = "Split it first:  [line.split(',') for line in lines]"


def from_series(series: Any, missing: str = "error", **columns: Any) -> Baskets:
    """Reads baskets from a pandas or Polars Series or an Arrow array with a list in each row.

    Args:
        series: The lists; sets, tuples and arrays are accepted too.
        missing: What to do with rows without a list: `"error"` or `"drop"`.
        **columns: Options for tables, which are refused.

    Raises:
        DataError: a row has a single value, or none.
    """
    kind = f"{type(series).__module__.split('.')[0]} {type(series).__name__}"
    refuse_options(columns, f"a {kind}")
    if kind.endswith("GroupBy") or not isinstance(series, Iterable):
        raise DataError(
            f"Baskets cannot be read from a {kind}.\n"
            "Make it a Series of lists, such as frame.groupby('order')['product'].apply(list), or "
            "pass the table with basket='order', item='product'."
        )
    values = series.to_pylist() if hasattr(series, "to_pylist") else list(series)
    return from_list_column(values, f"This {kind}", missing)


def from_list_column(values: Sequence[Any], owner: str, missing: str = "error") -> Baskets:
    """Reads baskets from a column with a list in each row; `owner` names it in messages."""
    values = [_plain(value) for value in values]
    gaps = [row for row, value in enumerate(values, 1) if is_nothing(value)]
    lists = [value for value in values if not is_nothing(value)]
    other = next((value for value in lists if not isinstance(value, LIST_KINDS)), None)
    if other is not None:
        raise DataError(
            f"{owner} must have a list of items in each row; found {other!r}.\n"
            + ("Split texts first, with .str.split(',').  " if isinstance(other, str) else "")
            + "If it has one item per row, pass the table and name its columns:\n"
            "frequent_itemsets(frame, 0.01, basket='order', item='product')"
        )
    if gaps and missing == "error":
        examples = ", ".join(map(str, gaps[:5])) + (", ..." if len(gaps) > 5 else "")
        raise DataError(
            f"{owner} has {len(gaps):,} rows without a list (rows {examples}).\n"
            "Use [] for a basket without items, or drop the rows with missing='drop'."
        )
    baskets = from_lists(lists)
    if gaps:
        baskets.notes.append(f"{len(gaps):,} rows without a list dropped.")
    return baskets


def from_lists(baskets: Any) -> Baskets:
    """Reads baskets from lists of lists, a generator of them, or an array whose rows are lists.

    Raises:
        DataError: these are not baskets; says what to pass instead.
    """
    if isinstance(baskets, Mapping):
        raise DataError(
            "A dict could hold baskets or columns.  If each value is a basket, pass "
            "list(baskets.values()); if it is a column, pandas.DataFrame(columns)."
        )
    if isinstance(baskets, str | bytes | bytearray) or not isinstance(baskets, Iterable):
        raise DataError(
            "Baskets must be lists of items, a table, a matrix or a path, not "
            f"{type(baskets).__name__} ({str(baskets)[:40]})."
        )
    sized: Any = baskets if isinstance(baskets, list | tuple) else list(baskets)
    for kind, number in {type(basket): i for i, basket in enumerate(sized, 1)}.items():
        _refuse_kind(kind, sized[number - 1], number)
    if not set(map(type, sized)) <= {list, tuple, set, frozenset}:
        sized = [_plain(basket) for basket in sized]
    try:
        return Baskets.from_lists(sized)
    except TypeError:
        item = next(item for basket in sized for item in basket if not _is_hashable(item))
        raise DataError(
            f"{item!r} cannot be an item: a {type(item).__name__} is not hashable.\n"
            "Use a text, a number or a tuple of these for each item."
        ) from None


def refuse_options(options: Mapping[str, Any], of: str) -> None:
    """Raises OptionError for options that are only for tables."""
    names = [name for name, value in options.items() if value]
    if names:
        raise OptionError(f"{', '.join(names)}: for tables and files only, not for {of}.")


def is_nothing(value: Any) -> bool:
    """Whether a value is missing: None, NaN, pandas's NA or NaT."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float | np.floating) and bool(value != value)


def _refuse_kind(kind: type, example: Any, number: int) -> None:
    """Raises DataError for a basket of a type that has no items."""
    if issubclass(kind, str | bytes):
        raise DataError(f"A basket is a string, whose letters would be its items.\n{_SPLIT}")
    if issubclass(kind, Mapping):
        raise DataError(
            f"Basket {number} is a dict.  Pass its items: "
            "[[item for item, held in basket.items() if held] for basket in baskets]"
        )
    if is_nothing(example):
        raise DataError(
            f"Basket {number} is {example!r}.\nUse [] for a basket without items, or leave it out."
        )
    if not issubclass(kind, Iterable) or getattr(example, "ndim", 1) == 0:
        raise DataError(
            f"Basket {number} is {example!r}, which is not a list of items.\n"
            "Pass a list of lists, such as [['bread', 'milk'], ['milk']]."
        )


def _plain(basket: Any) -> Any:
    """Returns the items of an array, Series or iterator as a list; other baskets as they are."""
    for method in ("tolist", "to_list"):
        if hasattr(basket, method):
            return getattr(basket, method)()
    return list(basket) if isinstance(basket, Iterator) else basket


def _is_hashable(item: Any) -> bool:
    try:
        hash(item)
    except TypeError:
        return False
    return True
