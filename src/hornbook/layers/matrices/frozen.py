"""A matrix that is never trained, kept as products read it fastest.

Keras keeps a kernel as `(in, out)`, and XLA multiplies it with one row or a few, as a step of
writing does, slower on a CPU than the transposed one (docs/LOG.md).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from hornbook.layers.tensors import Policy, Shape, Tensor

WIDEST = 3584  # columns that XLA's loop for one row takes; at 4,096 it is four times as slow


@keras.saving.register_keras_serializable("hornbook")
class FrozenPolicy(keras.DTypePolicy):
    """Keras's policy of that name, for layers whose matrices are never trained.

    Args:
        name: What everything else is kept and computed in.
        matrices_in: `"float32"`, `"bfloat16"`, `"int8"` or `"int4"`.
    """

    def __init__(self, name: str, matrices_in: str) -> None:
        super().__init__(name)
        self.matrices_in = matrices_in

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "matrices_in": self.matrices_in}


def matrices_in(layer: keras.layers.Layer) -> str | None:
    """What a layer with a `FrozenPolicy` keeps its matrices in; None for one that is trained."""
    return getattr(layer.dtype_policy, "matrices_in", None)


def with_policy(config: dict[str, Any]) -> dict[str, Any]:
    """A layer's configuration with its policy rebuilt, of which Keras would keep the name only."""
    if isinstance(config.get("dtype"), dict):
        return {**config, "dtype": keras.dtype_policies.deserialize(config["dtype"])}
    return dict(config)


@keras.saving.register_keras_serializable("hornbook")
class FrozenMatrix(keras.layers.Layer):
    """A matrix that is read from floats once.  Its products are written for JAX.

    Args:
        rows: Of the matrix: what a product has as features, or the words of a vocabulary.
        columns: What is multiplied has so many features.
        kind: `"float32"` or `"bfloat16"`.
        transposed: Whether the floats come as `(columns, rows)`, as Keras has its kernels.

    Call arguments:
        x: `(..., columns)`.

    Returns:
        `(..., rows)` in float32.
    """

    def __init__(
        self, rows: int, columns: int, kind: str, *, transposed: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**{**kwargs, "trainable": False, "dtype": "float32", "autocast": False})
        self.supports_masking = True
        self.rows = rows
        self.columns = columns
        self.kind = kind
        self.transposed = transposed

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "rows": self.rows,
            "columns": self.columns,
            "kind": self.kind,
            "transposed": self.transposed,
        }

    @property
    def shape(self) -> tuple[int, int]:
        """Of the floats it is read from."""
        return (self.columns, self.rows) if self.transposed else (self.rows, self.columns)

    def build(self, x_shape: Shape | None = None) -> None:
        self._add_numbers(self.rows, self.columns, self.kind, cut=True)

    def _add_numbers(self, rows: int, columns: int, kind: str, *, cut: bool) -> None:
        """Makes `numbers`, a list: a wide matrix is cut from left to right."""
        parts = -(-columns // WIDEST) if cut else 1
        edges = [columns * number // parts for number in range(parts + 1)]
        self.numbers = [
            self.add_weight(
                name=f"numbers_{number}",
                shape=(rows, end - begin),
                dtype=kind,
                initializer="zeros",
                trainable=False,
            )
            for number, (begin, end) in enumerate(itertools.pairwise(edges))
        ]

    def read(self, value: Callable[[], np.ndarray]) -> None:
        """Lets Keras make the variables of a matrix that has none yet, see `unbuilt`.

        Args:
            value: Gives the floats, of shape `shape`; it is called once.
        """
        waiting: list[np.ndarray] = []

        def initialize(shape: Shape, dtype: Policy) -> Tensor:
            if not waiting:
                waiting.extend(self._values(value()))
            return ops.cast(waiting.pop(0), dtype)

        for variable in self._kept():
            variable._initializer = initialize

    def assign(self, value: Tensor) -> None:
        """Takes other floats, of shape `shape`."""
        for variable, part in zip(self._kept(), self._values(np.asarray(value)), strict=True):
            variable.assign(part)

    def _kept(self) -> list[keras.Variable]:
        """All variables, in the order in which they were made."""
        return list(self.numbers)

    def _values(self, matrix: np.ndarray) -> list[np.ndarray]:
        """What each of `_kept` is for a matrix of shape `shape`."""
        return self._cut(matrix.T if self.transposed else matrix)

    def _cut(self, numbers: np.ndarray) -> list[np.ndarray]:
        edges = np.cumsum([part.shape[1] for part in self.numbers])[:-1]
        return [np.ascontiguousarray(part) for part in np.split(numbers, edges, axis=1)]

    def _parts(self) -> Sequence[Tensor]:
        return [ops.convert_to_tensor(part) for part in self.numbers]

    def call(self, x: Tensor) -> Tensor:
        return self._of_rows(x, self._product)

    def _of_rows(self, x: Tensor, product: Callable[[Tensor], Tensor]) -> Tensor:
        """What a product of `(n, columns)` makes of all rows of `x`."""
        y = product(ops.reshape(x, (-1, self.columns)))
        return ops.reshape(y[:, : self.rows], (*ops.shape(x)[:-1], self.rows))

    def _product(self, x: Tensor) -> Tensor:
        from hornbook.layers.matrices import frozen_jax

        return frozen_jax.product(x, self._parts())

    def take(self, ids: Tensor) -> Tensor:
        """Rows of the matrix, for each number in `ids` one -> `(..., columns)`."""
        return ops.concatenate([ops.take(part, ids, axis=0) for part in self._parts()], axis=-1)

    def compute_output_shape(self, x_shape: Shape) -> Shape:
        return (*x_shape[:-1], self.rows)
