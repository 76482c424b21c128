"""Reads baskets from tables with a row per item, or a row per basket with yes/no or categories."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from hornbook.errors import DataError, OptionError, did_you_mean
from hornbook.mining.baskets import Baskets, encode, without_repeats
from hornbook.mining.reading.lists import LIST_KINDS, from_list_column, from_lists
from hornbook.mining.reading.one_hot import one_hot_baskets
from hornbook.mining.reading.survey import Survey, refuse_mixture, without_blanks
from hornbook.tabular.frames import open_frame


def from_frame(
    frame: Any,
    *,
    basket: str | None = None,
    item: str | None = None,
    bins: int | None = None,
    missing: str = "error",
) -> Baskets:
    """Reads baskets from a pandas, Polars, Arrow or DuckDB table; see `from_columns`."""
    table, names = open_frame(frame)
    refuse_twins(names, "The table")
    native = table.to_native()
    if names and len(native) and not (basket or item):
        baskets = one_hot_baskets(native, names, missing)
        if baskets is not None:
            return baskets
    columns = dict(zip(names, _columns(table), strict=True))
    return from_columns(columns, basket=basket, item=item, bins=bins, missing=missing)


def _columns(table: Any) -> Iterator[list[Any]]:
    """Yields the values of each column from the native table, which is fast for very wide ones."""
    native = table.to_native()
    library = type(native).__module__.split(".")[0]
    if library == "pandas":
        kinds = set(native.dtypes)
        if len(kinds) == 1 and kinds <= {np.dtype(kind) for kind in ("b1", "i8", "f8", "O")}:
            return iter(native.to_numpy().T.tolist())
        return (series.to_list() for _, series in native.items())
    if library == "polars":
        return (series.to_list() for series in native.get_columns())
    if library == "pyarrow":
        return (column.to_pylist() for column in native.columns)
    return (table.get_column(name).to_list() for name in table.columns)


def refuse_twins(names: Sequence[str], owner: str) -> None:
    """Raises DataError for columns with the same name."""
    if len(set(names)) < len(names):
        twins = sorted(name for name, number in Counter(names).items() if number > 1)
        listing = ", ".join(map(repr, twins[:5])) + (", ..." if len(twins) > 5 else "")
        raise DataError(f"{owner} has more than one column named {listing}.")


def from_columns(
    columns: Mapping[str, Sequence[Any]],
    *,
    basket: str | None = None,
    item: str | None = None,
    bins: int | None = None,
    missing: str = "error",
    notes: Sequence[str] = (),
) -> Baskets:
    """Reads baskets from the columns of a table.

    With `basket` and `item` there is a row per item.  Otherwise each row is a basket: if all values
    mean yes or no (booleans, 0 and 1), the column names are the items; else the items are
    `column=value`.  A single column of lists has the items of a basket in each row.

    Raises:
        DataError: there is no such column, a column mixes numbers and text, or a value is missing.
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
        name, only = next(iter(columns.items()))
        if any(isinstance(value, LIST_KINDS) for value in only):
            return from_list_column(only, f"Column {name!r}", missing)
    survey = Survey(bins)
    survey.look(columns)
    survey.refuse(missing)
    return survey.baskets(columns, [*notes, *survey.notes])


def from_array(array: np.ndarray, labels: Sequence[Any] | None = None) -> Baskets:
    """Reads baskets from an array: a matrix of zeros and ones, or rows with the names of items.

    Raises:
        DataError: it is neither.
    """
    if np.ma.is_masked(array):
        raise DataError("The array has masked values.  Fill them in with .filled(0).")
    if array.ndim == 2 and (array.dtype.kind in "biuf" or _is_yes_or_no(array)):
        return from_matrix(np.asarray(array), labels)
    if array.ndim > 2 or array.ndim == 0 or array.dtype.kind not in "OUST":
        raise DataError(
            f"An array of shape {array.shape} and {array.dtype} is not a matrix (baskets, items) "
            "of 0 and 1.\nTo name the items of each basket, pass a list of lists."
        )
    return from_lists(array.tolist())


def _is_yes_or_no(array: np.ndarray) -> bool:
    """Whether an array of objects has only booleans, zeros and ones."""
    return array.dtype == object and all(
        isinstance(value, bool | int | float) and value in (0, 1) for value in array.flat
    )


def from_matrix(matrix: np.ndarray, labels: Sequence[Any] | None = None) -> Baskets:
    """Reads baskets from `(baskets, items)` booleans or zeros and ones."""
    if matrix.dtype != bool:
        if matrix.dtype.kind == "f" and np.isnan(matrix).any():
            raise DataError("The matrix has NaN.  Use 0 where an item is not in a basket.")
        is_entry = matrix == 1
        if not (is_entry | (matrix == 0)).all():
            raise DataError("The matrix must have only 0 and 1, or booleans.")
        matrix = is_entry
    codes = np.flatnonzero(matrix) % max(1, matrix.shape[1])
    lengths = np.count_nonzero(matrix, axis=1)
    return Baskets(codes, lengths, _checked(labels, matrix.shape[1]))


def from_sparse(matrix: Any, labels: Sequence[Any] | None = None) -> Baskets:
    """Reads baskets from a SciPy sparse matrix `(baskets, items)`, whose nonzeros are items."""
    if len(matrix.shape) != 2:
        raise DataError(f"A sparse array of shape {matrix.shape} is not a matrix (baskets, items).")
    rows = matrix.tocsr(copy=True)
    rows.sum_duplicates()
    rows.eliminate_zeros()
    if rows.dtype.kind == "f" and np.isnan(rows.data).any():
        raise DataError("The matrix has NaN.  Use 0 where an item is not in a basket.")
    lengths = np.diff(rows.indptr).astype(np.int64)
    return Baskets(rows.indices.astype(np.int64), lengths, _checked(labels, rows.shape[1]))


def _checked(labels: Sequence[Any] | None, number: int) -> Any:
    """Returns the names of the columns of a matrix, which default to their indices."""
    if labels is not None and len(labels) != number:
        raise DataError(f"{len(labels):,} labels were given for {number:,} columns.")
    return np.arange(number) if labels is None else labels


def _from_long(
    ids: Sequence[Any],
    items: Sequence[Any],
    basket: str,
    item: str,
    missing: str,
    notes: Sequence[str],
) -> Baskets:
    notes = list(notes)
    ids, items = without_blanks(ids), without_blanks(items)
    gaps = np.fromiter((a is None or b is None for a, b in zip(ids, items, strict=True)), bool)
    if gaps.any():
        notes += note_gaps((np.flatnonzero(gaps) + 1).tolist(), basket, item, missing)
        rows = np.flatnonzero(~gaps).tolist()
        ids, items = [ids[i] for i in rows], [items[i] for i in rows]
    refuse_mixture(item, items)
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


def note_gaps(rows: Sequence[int], basket: str, item: str, missing: str) -> list[str]:
    """Returns a note that rows without a basket or an item were dropped, or refuses them."""
    if rows and missing == "error":
        listing = ", ".join(map(str, rows[:5])) + (", ..." if len(rows) > 5 else "")
        raise DataError(
            f"{len(rows):,} rows have no {basket!r} or no {item!r} (rows {listing}).\n"
            "Fill them in, or drop them with missing='drop' (--missing drop)."
        )
    return [f"{len(rows):,} rows without {basket!r} or {item!r} dropped."] if rows else []
