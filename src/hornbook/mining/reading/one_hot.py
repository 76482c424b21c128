"""One-hot tables to baskets: columns of booleans or zeros and ones, with no Python object a cell.

Columns are taken in blocks of a few megabytes, so that what is made on the way stays small
beside the table.  Whatever else a table may hold is left to `survey`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from hornbook.mining.baskets import Baskets
from hornbook.mining.reading.survey import by_basket, refuse_gaps

# Cells of a block.
_CELLS = 1 << 20


@dataclass
class Held:
    """Which baskets hold the items of some neighboring columns.

    Attributes:
        first, number: the first column, and how many there are.
        columns, baskets: `(entries,)` the column of each entry, counted from `first`, and its
            basket.
        gap_columns, gap_rows: where values are missing, column by column.
    """

    first: int
    number: int
    columns: np.ndarray
    baskets: np.ndarray
    gap_columns: np.ndarray
    gap_rows: np.ndarray


def one_hot_baskets(table: Any, names: list[str], missing: str) -> Baskets | None:
    """Baskets from a pandas, Polars or Arrow table whose columns all say yes or no.

    Args:
        table: The table.
        names: Its columns, which become the items.
        missing: What to do with missing values: `"error"` or `"drop"`.

    Returns:
        None if a column is not boolean or numeric, or holds a number other than 0 and 1.

    Raises:
        DataError: a value is missing.
    """
    codes, owners = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    gaps: list[tuple[str, np.ndarray]] = []
    for block in _blocks(table):
        if block is None:
            return None
        if len(block.gap_columns):
            which, starts = np.unique(block.gap_columns, return_index=True)
            parts = np.split(block.gap_rows, starts[1:])
            gaps += zip((names[block.first + i] for i in which.tolist()), parts, strict=True)
        codes.append(block.columns + block.first)
        owners.append(block.baskets)
    if missing == "error":
        for name, rows in gaps:
            refuse_gaps(name, len(rows), (rows[:6] + 1).tolist())
    return Baskets(*by_basket(np.concatenate(codes), np.concatenate(owners), len(table)), names)


def _blocks(table: Any) -> Iterator[Held | None]:
    """All columns of a table, some at a time; None for those that are neither yes nor no."""
    library = type(table).__module__.split(".")[0]
    if library == "pandas":
        yield from _of_pandas(table)
    elif library == "polars":
        yield from _of_columns(map(_of_polars, table.get_columns()), len(table))
    elif library == "pyarrow":
        yield from _of_columns(map(_of_arrow, table.columns), len(table))
    else:
        yield None


def _of_pandas(frame: Any) -> Iterator[Held | None]:
    kinds = set(frame.dtypes)
    if not all(getattr(kind, "kind", "O") in "biuf" for kind in kinds):
        yield None
    elif all(getattr(kind, "fill_value", None) == 0 for kind in kinds):
        yield _of_sparse(frame)
    else:
        # One plain dtype is looked at where it lies; of others a copy of floats is made.
        plain = len(kinds) == 1 and isinstance(next(iter(kinds)), np.dtype)
        options = {} if plain else {"dtype": np.float64, "na_value": np.nan}
        step = max(1, _CELLS // max(1, len(frame)))
        for first in range(0, frame.shape[1], step):
            yield _held(first, frame.iloc[:, first : first + step].to_numpy(**options).T)


def _of_sparse(frame: Any) -> Held | None:
    """A pandas table of sparse columns, of which only what is stored is looked at."""
    arrays = [series.array for _, series in frame.items()]
    rows = np.concatenate([array.sp_index.to_int_index().indices for array in arrays])
    columns = np.repeat(np.arange(len(arrays)), [array.npoints for array in arrays])
    held = _held(0, np.concatenate([array.sp_values for array in arrays])[None])
    if held is None:
        return None
    inside, gaps = held.baskets, held.gap_rows
    return Held(
        0,
        len(arrays),
        columns.take(inside),
        rows.take(inside),
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


def _of_columns(columns: Iterable[np.ndarray | None], rows: int) -> Iterator[Held | None]:
    """Blocks of columns of one dtype, from columns that come one by one."""
    waiting: list[np.ndarray] = []
    first = 0
    for column in columns:
        if column is None:
            yield None
            return
        is_new = bool(waiting) and column.dtype != waiting[0].dtype
        if is_new or len(waiting) * rows >= _CELLS:
            yield _held(first, np.stack(waiting))
            first += len(waiting)
            waiting = []
        waiting.append(column)
    if waiting:
        yield _held(first, np.stack(waiting))


def _held(first: int, values: np.ndarray) -> Held | None:
    """What `(columns, rows)` values say; None if there is more than yes and no."""
    nothing = np.empty(0, np.int64)
    gaps: tuple[np.ndarray, ...] = (nothing, nothing)
    is_held = values
    if values.dtype.kind not in "biuf":
        return None
    if values.dtype != bool:
        is_held = values == 1
        is_known = is_held | (values == 0)
        if not is_known.all():
            wrong = np.nonzero(~is_known)
            if values.dtype.kind != "f" or not np.isnan(values[wrong]).all():
                return None
            gaps = wrong
    width = max(1, values.shape[1])
    columns, baskets = np.divmod(np.flatnonzero(is_held), width)
    return Held(first, len(values), columns, baskets, *gaps)
