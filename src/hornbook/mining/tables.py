"""Tables to baskets: a row per item, a row per basket with yes or no, or categories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from hornbook.errors import DataError, OptionError, did_you_mean, require
from hornbook.mining.baskets import Baskets, encode, without_repeats

_YES = {"1", "true", "t", "x"}
_NO = {"0", "false", "f", ""}


def from_frame(
    frame: Any,
    *,
    basket: str | None = None,
    item: str | None = None,
    bins: int | None = None,
    missing: str = "error",
) -> Baskets:
    """Baskets from a pandas, Polars, Arrow or DuckDB table; see `from_columns`."""
    narwhals = require("narwhals", extra="tables")
    table = narwhals.from_native(frame, eager_only=False)
    table = table.collect() if hasattr(table, "collect") else table
    columns = {str(name): table.get_column(name).to_list() for name in table.columns}
    return from_columns(columns, basket=basket, item=item, bins=bins, missing=missing)


def from_columns(
    columns: Mapping[str, Sequence[Any]],
    *,
    basket: str | None = None,
    item: str | None = None,
    bins: int | None = None,
    missing: str = "error",
    notes: Sequence[str] = (),
) -> Baskets:
    """Baskets from columns of a table.

    With `basket` and `item` there is a row for each item.  Otherwise each row is a basket:
    if all columns say yes or no (booleans, 0 and 1), the names of the columns are the
    items; else the items are `column=value`.  One column of lists is taken as it is.

    Raises:
        DataError: a column is not there or mixes numbers and text, or a value is missing.
    """
    if not columns or not len(next(iter(columns.values()))):
        raise DataError("The table has no rows: there are no baskets to mine.")
    if basket or item:
        if not (basket and item):
            raise OptionError(
                "Name both columns: the one with the basket and the one with the item."
            )
        for name in (basket, item):
            if name not in columns:
                raise DataError(f"There is no column {name!r}.  {did_you_mean(name, columns)}")
        return _from_long(columns[basket], columns[item], basket, item, missing, notes)
    if len(columns) == 1:
        only = next(iter(columns.values()))
        if all(isinstance(value, list | tuple | set | frozenset | np.ndarray) for value in only):
            return Baskets.from_lists([list(value) for value in only])
    kept = {name: _checked(name, column, missing) for name, column in columns.items()}
    if all(_is_yes_or_no(column) for column in kept.values()):
        matrix = np.array([_said_yes(column) for column in kept.values()]).T
        return from_matrix(matrix, labels=list(kept))
    return _from_categories(kept, bins, notes)


def from_matrix(matrix: np.ndarray, labels: Sequence[Any] | None = None) -> Baskets:
    """Baskets from `(baskets, items)` booleans or zeros and ones."""
    if matrix.dtype != bool:
        if matrix.dtype.kind == "f" and np.isnan(matrix).any():
            raise DataError("The matrix holds NaN.  Write 0 where an item is not in a basket.")
        if not np.isin(matrix, (0, 1)).all():
            raise DataError("The matrix must hold only 0 and 1, or booleans.")
        matrix = matrix.astype(bool)
    codes = np.flatnonzero(matrix) % matrix.shape[1]
    lengths = np.count_nonzero(matrix, axis=1)
    return Baskets(codes, lengths, np.arange(matrix.shape[1]) if labels is None else labels)


def from_sparse(matrix: Any, labels: Sequence[Any] | None = None) -> Baskets:
    """Baskets from a SciPy sparse matrix `(baskets, items)`; what is not 0 is in the basket."""
    rows = matrix.tocsr(copy=True)
    rows.sum_duplicates()
    rows.eliminate_zeros()
    lengths = np.diff(rows.indptr).astype(np.int64)
    names = np.arange(rows.shape[1]) if labels is None else labels
    return Baskets(rows.indices.astype(np.int64), lengths, names)


def _from_long(
    ids: Sequence[Any],
    items: Sequence[Any],
    basket: str,
    item: str,
    missing: str,
    notes: Sequence[str],
) -> Baskets:
    notes = list(notes)
    ids, items = _blank_to_none(ids), _blank_to_none(items)
    gaps = np.fromiter(
        (_is_missing(a) or _is_missing(b) for a, b in zip(ids, items, strict=True)), bool
    )
    if gaps.any():
        if missing == "error":
            rows = ", ".join(map(str, np.flatnonzero(gaps)[:5] + 1))
            raise DataError(
                f"{int(gaps.sum()):,} rows have no {basket!r} or no {item!r} (rows {rows}"
                f"{', ...' if gaps.sum() > 5 else ''}).\n"
                "Fill them in, or leave them out with missing='drop' (--missing drop)."
            )
        notes.append(f"{int(gaps.sum()):,} rows without {basket!r} or {item!r} dropped.")
        kept = np.flatnonzero(~gaps).tolist()
        ids, items = [ids[i] for i in kept], [items[i] for i in kept]
    _refuse_mixture(item, items)
    owner, _ = encode(ids)
    owner = np.unique(owner, return_inverse=True)[1]
    codes, labels = encode(items)
    order = np.argsort(owner, kind="stable")
    lengths = np.bincount(owner)
    before = len(codes)
    codes, lengths = without_repeats(codes.take(order), lengths)
    if len(codes) < before:
        notes.append(f"{before - len(codes):,} repetitions of an item in its basket dropped.")
    return Baskets(codes, lengths, labels, None, notes)


def _from_categories(
    columns: Mapping[str, list[Any]], bins: int | None, notes: Sequence[str]
) -> Baskets:
    """Items `column=value`; a missing value is no item."""
    parts: list[np.ndarray] = []
    labels: list[str] = []
    size = len(next(iter(columns.values())))
    for name, column in columns.items():
        numbers = _numbers(column) if bins else None
        values = column if numbers is None else _in_ranges(numbers, bins or 1)
        present = [value is not None for value in values]
        codes, names = encode([value for value in values if value is not None])
        full = np.full(size, -1)
        full[np.flatnonzero(present)] = codes + len(labels)
        parts.append(full)
        labels += [f"{name}={value}" for value in names]
    table = np.array(parts).T
    there = table >= 0
    return Baskets(table[there], np.count_nonzero(there, axis=1), labels, None, list(notes))


def _in_ranges(numbers: np.ndarray, bins: int) -> list[str | None]:
    """The range each number falls into, each with about equally many numbers."""
    edges = np.unique(np.nanquantile(numbers, np.linspace(0, 1, bins + 1)))
    if len(edges) < 2:
        return [None if np.isnan(x) else f"{x:g}" for x in numbers]
    names = [f"{low:g}..{high:g}" for low, high in pairwise(edges)]
    place = np.searchsorted(edges[1:-1], numbers, "right")
    return [None if np.isnan(x) else names[i] for x, i in zip(numbers, place, strict=True)]


def _numbers(column: Sequence[Any]) -> np.ndarray | None:
    """The column as floats with NaN for what is missing, or None if it is not of numbers."""
    try:
        return np.array([np.nan if value is None else float(value) for value in column])
    except (TypeError, ValueError):
        return None


def _checked(name: str, column: Sequence[Any], missing: str) -> list[Any]:
    """The column with None for what is missing, if that may be."""
    values = _blank_to_none(column)
    values = [None if _is_missing(value) else value for value in values]
    gaps = [i for i, value in enumerate(values, 1) if value is None]
    if gaps and missing == "error":
        rows = ", ".join(map(str, gaps[:5])) + (", ..." if len(gaps) > 5 else "")
        raise DataError(
            f"Column {name!r} has {len(gaps):,} missing values (rows {rows}).\n"
            "Fill them in, or count them as no item with missing='drop' (--missing drop)."
        )
    _refuse_mixture(name, values)
    return values


def _refuse_mixture(name: str, values: Sequence[Any]) -> None:
    """Numbers and text in one column: 1 and "1" would be two items that look the same."""
    kinds = {type(value): value for value in values if value is not None}
    text = [value for kind, value in kinds.items() if issubclass(kind, str)]
    other = [value for kind, value in kinds.items() if not issubclass(kind, str)]
    if text and other:
        raise DataError(
            f"Column {name!r} mixes text like {text[0]!r} and {type(other[0]).__name__} like "
            f"{other[0]!r}.\nMake it one kind, for example with .astype(str)."
        )


def _blank_to_none(values: Sequence[Any]) -> list[Any]:
    stripped = [value.strip() if isinstance(value, str) else value for value in values]
    return [None if isinstance(value, str) and not value else value for value in stripped]


def _is_missing(value: Any) -> bool:
    return value is None or value != value or type(value).__name__ in ("NAType", "NaTType")


def _is_yes_or_no(column: Sequence[Any]) -> bool:
    return all(
        value is None or str(value).lower() in _YES | _NO | {"0.0", "1.0"} for value in column
    )


def _said_yes(column: Sequence[Any]) -> list[bool]:
    return [value is not None and str(value).lower() in _YES | {"1.0"} for value in column]
