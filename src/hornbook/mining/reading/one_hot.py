"""Reads one-hot tables: columns of booleans or zeros and ones, without a Python object per cell.

Columns are processed in blocks of a few megabytes, so that intermediate results stay small compared
with the table.  Tables of other values are left to `survey`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from hornbook.mining.baskets import Baskets
from hornbook.mining.reading.survey import by_basket, refuse_gaps

_CELLS = 1 << 20  # per block


@dataclass
class Block:
    """The entries of some neighboring columns.

    Attributes:
        first, number: The first column, and the number of columns.
        columns, baskets: `(entries,)`, the column of each entry, counted from `first`, and its
            basket.
        gap_columns, gap_rows: Where values are missing, column by column.
    """

    first: int
    number: int
    columns: np.ndarray
    baskets: np.ndarray
    gap_columns: np.ndarray
    gap_rows: np.ndarray


def one_hot_baskets(table: Any, names: list[str], missing: str) -> Baskets | None:
    """Reads baskets from a pandas, Polars or Arrow table of only yes and no.

    Args:
        table: The table.
        names: Names of its columns, which become the items.
        missing: What to do with missing values: `"error"` or `"drop"`.

    Returns:
        The baskets; None if a column is neither boolean nor numeric, or has a number other than 0
        and 1.

    Raises:
        DataError: a value is missing.
    """
    codes, owners = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    gaps: list[tuple[str, np.ndarray]] = []
    for block in _blocks(table):
        if block is None:
            return None
        if len(block.gap_columns):
            columns, starts = np.unique(block.gap_columns, return_index=True)
            parts = np.split(block.gap_rows, starts[1:])
            gaps += zip((names[block.first + i] for i in columns.tolist()), parts, strict=True)
        codes.append(block.columns + block.first)
        owners.append(block.baskets)
    if missing == "error":
        for name, rows in gaps:
            refuse_gaps(name, len(rows), (rows[:6] + 1).tolist())
    return Baskets(*by_basket(np.concatenate(codes), np.concatenate(owners), len(table)), names)


def _blocks(table: Any) -> Iterator[Block | None]:
    """Yields all columns of a table, some at a time; None if they are not one-hot."""
    library = type(table).__module__.split(".")[0]
    if library == "pandas":
        yield from _of_pandas(table)
    elif library == "polars":
        yield from _of_columns(map(_of_polars, table.get_columns()), len(table))
    elif library == "pyarrow":
        yield from _of_columns(map(_of_arrow, table.columns), len(table))
    else:
        yield None


def _of_pandas(frame: Any) -> Iterator[Block | None]:
    kinds = set(frame.dtypes)
    if not all(getattr(kind, "kind", "O") in "biuf" for kind in kinds):
        yield None
    elif all(getattr(kind, "fill_value", None) == 0 for kind in kinds):
        yield _of_sparse(frame)
    else:
        # a single plain dtype is viewed in place; others are copied as floats
        plain = len(kinds) == 1 and isinstance(next(iter(kinds)), np.dtype)
        options = {} if plain else {"dtype": np.float64, "na_value": np.nan}
        step = max(1, _CELLS // max(1, len(frame)))
        for first in range(0, frame.shape[1], step):
            yield _block(first, frame.iloc[:, first : first + step].to_numpy(**options).T)


def _of_sparse(frame: Any) -> Block | None:
    """Reads a pandas table of sparse columns; only the stored values are looked at."""
    arrays = [series.array for _, series in frame.items()]
    rows = np.concatenate([array.sp_index.to_int_index().indices for array in arrays])
    columns = np.repeat(np.arange(len(arrays)), [array.npoints for array in arrays])
    block = _block(0, np.concatenate([array.sp_values for array in arrays])[None])
    if block is None:
        return None
    entries, gaps = block.baskets, block.gap_rows
    return Block(
        0,
        len(arrays),
        columns.take(entries),
        rows.take(entries),
        columns.take(gaps),
        rows.take(gaps),
    )


def _of_polars(series: Any) -> np.ndarray | None:
    if not (series.dtype.is_numeric() or str(series.dtype) == "Boolean"):
        return None
    if not series.null_count():
        return np.asarray(series.to_numpy())
    values: np.ndarray = series.cast(float).to_numpy().copy()
    values[series.is_null().to_numpy()] = np.nan
    return values


def _of_arrow(column: Any) -> np.ndarray | None:
    kind = str(column.type)
    if not kind.startswith(("bool", "int", "uint", "float", "double", "half")):
        return None
    if not column.null_count:
        return np.asarray(column.to_numpy())
    return np.array([np.nan if value is None else value for value in column.to_pylist()], float)


def _of_columns(columns: Iterable[np.ndarray | None], rows: int) -> Iterator[Block | None]:
    """Groups columns that come one by one into blocks of one dtype."""
    group: list[np.ndarray] = []
    first = 0
    for column in columns:
        if column is None:
            yield None
            return
        is_new = bool(group) and column.dtype != group[0].dtype
        if is_new or len(group) * rows >= _CELLS:
            yield _block(first, np.stack(group))
            first += len(group)
            group = []
        group.append(column)
    if group:
        yield _block(first, np.stack(group))


def _block(first: int, values: np.ndarray) -> Block | None:
    """Makes a block of `(columns, rows)` values; None if there are others than yes and no."""
    nothing = np.empty(0, np.int64)
    gaps: tuple[np.ndarray, ...] = (nothing, nothing)
    is_entry = values
    if values.dtype.kind not in "biuf":
        return None
    if values.dtype != bool:
        is_entry = values == 1
        is_valid = is_entry | (values == 0)
        if not is_valid.all():
            others = np.nonzero(~is_valid)
            if values.dtype.kind != "f" or not np.isnan(values[others]).all():
                return None
            gaps = others
    width = max(1, values.shape[1])
    columns, baskets = np.divmod(np.flatnonzero(is_entry), width)
    return Block(first, len(values), columns, baskets, *gaps)
