"""Tables to baskets: a row per item, a row per basket with yes or no, or categories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hornbook.errors import DataError, OptionError, did_you_mean, require
from hornbook.mining.baskets import Baskets, encode, without_repeats
from hornbook.mining.survey import Survey, refuse_mixture, without_blanks


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
    survey = Survey(bins)
    survey.look(columns)
    survey.refuse(missing)
    return survey.baskets(columns, notes)


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
    ids, items = without_blanks(ids), without_blanks(items)
    gaps = np.fromiter((a is None or b is None for a, b in zip(ids, items, strict=True)), bool)
    if gaps.any():
        notes += note_gaps((np.flatnonzero(gaps) + 1).tolist(), basket, item, missing)
        kept = np.flatnonzero(~gaps).tolist()
        ids, items = [ids[i] for i in kept], [items[i] for i in kept]
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
    """Says that rows without a basket or an item were dropped, or refuses them."""
    if rows and missing == "error":
        shown = ", ".join(map(str, rows[:5])) + (", ..." if len(rows) > 5 else "")
        raise DataError(
            f"{len(rows):,} rows have no {basket!r} or no {item!r} (rows {shown}).\n"
            "Fill them in, or leave them out with missing='drop' (--missing drop)."
        )
    return [f"{len(rows):,} rows without {basket!r} or {item!r} dropped."] if rows else []
