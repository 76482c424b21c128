"""Converts a model's variables to the tensors of a checkpoint, using a weight table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from hornbook.checkpoints.dtypes import numpy_dtype
from hornbook.checkpoints.weight_table import Foreign, Row, Table, found_in, rows_for
from hornbook.errors import CheckpointError


class LazyTensor:
    """A tensor whose values are computed when `numpy.asarray` is called.

    Attributes:
        shape: The shape of the values.
        dtype: Their NumPy type.
    """

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype, values: Callable[[], np.ndarray]):
        self.shape = shape
        self.dtype = dtype
        self._values = values

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self._values().astype(self.dtype if dtype is None else dtype, copy=False)


def write_weights(
    table: Table,
    variables: Mapping[str, Any],
    *,
    dtype: str | None = None,
    allowed_missing: Iterable[str] = (),
) -> dict[str, LazyTensor]:
    """Returns the tensors of a checkpoint with these variables, under the table's names.

    Args:
        table: Our paths and the checkpoint's names, see `weight_table`.
        variables: Our path to variable or array: anything with `shape` and `dtype` that
            `numpy.asarray` accepts.
        dtype: The type to write, such as `"float32"`.  Defaults to each variable's own.
        allowed_missing: Regular expressions, searched for in our paths: variables that match
            are left out if the table has no row for them.

    Returns:
        Name to tensor.  Values are computed on demand, so that writing them one by one needs the
        memory of one.

    Raises:
        CheckpointError: the layout has no place for a variable, or the same place for several
            that differ.
        ValueError: the table itself is wrong.
    """
    rows = rows_for(table, variables)
    named = {path for row in rows for path in row.ours}
    allowed = list(allowed_missing)
    unnamed = [path for path in variables if path not in named and not found_in(path, allowed)]
    if unnamed:
        raise CheckpointError(
            f"This layout has no place for {len(unnamed)} of the model's weights:\n"
            + "\n".join(f"  {path}" for path in unnamed)
            + "\nSave the model in hornbook's own layout, which keeps everything."
        )
    tensors: dict[str, LazyTensor] = {}
    writers: dict[str, Row] = {}
    for row in rows:
        foreign = row.foreign[0]
        first = variables[row.ours[0]]
        tensor = LazyTensor(
            foreign.exchanged_shape(row.shape(variables)),
            numpy_dtype(dtype or str(first.dtype)),
            lambda row=row, foreign=foreign: _values(row, foreign, variables),  # type: ignore[misc]
        )
        if foreign.name in tensors and not _equal(tensors[foreign.name], tensor):
            raise CheckpointError(
                f"{foreign.name!r} stands for several weights in this layout, and "
                f"{writers[foreign.name].ours[0]!r} and {row.ours[0]!r} differ.\n"
                "Save the model in a layout that keeps each of them."
            )
        tensors.setdefault(foreign.name, tensor)
        writers.setdefault(foreign.name, row)
    return tensors


def _values(row: Row, foreign: Foreign, variables: Mapping[str, Any]) -> np.ndarray:
    arrays = [np.asarray(variables[path]) for path in row.ours]
    value = arrays[0] if len(arrays) == 1 else np.concatenate(arrays, axis=-1)
    return foreign.exchange(value)


def _equal(one: LazyTensor, other: LazyTensor) -> bool:
    return one.shape == other.shape and np.array_equal(np.asarray(one), np.asarray(other))
