"""A matrix that is never trained, stored in the layout that is fastest for products.

Keras stores a kernel as `(in, out)`.  On a CPU, XLA multiplies it with one row or a few, as in a
step of generation, slower than the transposed one (docs/LOG.md).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from hornbook.layers.tensors import Policy, Shape, Tensor

MAX_COLUMNS = 3584  # per part: XLA's loop for one row is four times slower with 4,096 columns


@keras.saving.register_keras_serializable("hornbook")
class FrozenPolicy(keras.DTypePolicy):
    """Keras's policy of that name, for layers whose matrices are never trained.

    Args:
        name: Keras's policy for everything else, such as `"float32"`.
        matrices_in: Type of the matrices: `"float32"`, `"bfloat16"`, `"int8"` or `"int4"`.
    """

    def __init__(self, name: str, matrices_in: str) -> None:
        super().__init__(name)
        self.matrices_in = matrices_in

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "matrices_in": self.matrices_in}


def matrices_in(layer: keras.layers.Layer) -> str | None:
    """Returns the type of the matrices of a layer with a `FrozenPolicy`; else None."""
    return getattr(layer.dtype_policy, "matrices_in", None)


def with_policy(config: dict[str, Any]) -> dict[str, Any]:
    """Returns a layer's configuration with its policy deserialized, as Keras does not do it."""
    if isinstance(config.get("dtype"), dict):
        return {**config, "dtype": keras.dtype_policies.deserialize(config["dtype"])}
    return dict(config)


@keras.saving.register_keras_serializable("hornbook")
class FrozenMatrix(keras.layers.Layer):
    """A matrix that is converted from floats once.  Its products are written for JAX.

    Args:
        rows: Number of output features, or of tokens in the vocabulary.
        columns: Number of input features.
        kind: `"float32"` or `"bfloat16"`.
        transposed: Whether the floats are `(columns, rows)`, as Keras's kernels are.

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
        """Shape of the floats it is converted from."""
        return (self.columns, self.rows) if self.transposed else (self.rows, self.columns)

    def build(self, x_shape: Shape | None = None) -> None:
        self._add_numbers(self.rows, self.columns, self.kind, cut=True)

    def _add_numbers(self, rows: int, columns: int, kind: str, *, cut: bool) -> None:
        """Creates `numbers`, a list: a wide matrix is split along its columns."""
        parts = -(-columns // MAX_COLUMNS) if cut else 1
        edges = [columns * index // parts for index in range(parts + 1)]
        self.numbers = [
            self.add_weight(
                name=f"numbers_{index}",
                shape=(rows, end - begin),
                dtype=kind,
                initializer="zeros",
                trainable=False,
            )
            for index, (begin, end) in enumerate(itertools.pairwise(edges))
        ]

    def read(self, value: Callable[[], np.ndarray]) -> None:
        """Sets the initial values of a matrix whose variables do not exist yet, see `unbuilt`.

        Args:
            value: Returns the floats, of shape `shape`; it is called once.
        """
        pending: list[np.ndarray] = []

        def initialize(shape: Shape, dtype: Policy) -> Tensor:
            if not pending:
                pending.extend(self._values(value()))
            return ops.cast(pending.pop(0), dtype)

        for variable in self._stored():
            variable._initializer = initialize

    def assign(self, value: Tensor) -> None:
        """Converts other floats, of shape `shape`."""
        for variable, part in zip(self._stored(), self._values(np.asarray(value)), strict=True):
            variable.assign(part)

    def _stored(self) -> list[keras.Variable]:
        """Returns all variables, in the order of their creation."""
        return list(self.numbers)

    def _values(self, matrix: np.ndarray) -> list[np.ndarray]:
        """Returns the values of `_stored` for a matrix of shape `shape`."""
        return self._cut(matrix.T if self.transposed else matrix)

    def _cut(self, numbers: np.ndarray) -> list[np.ndarray]:
        edges = np.cumsum([part.shape[1] for part in self.numbers])[:-1]
        return [np.ascontiguousarray(part) for part in np.split(numbers, edges, axis=1)]

    def _parts(self) -> Sequence[Tensor]:
        return [ops.convert_to_tensor(part) for part in self.numbers]

    def call(self, x: Tensor) -> Tensor:
        return self._of_rows(x, self._product)

    def _of_rows(self, x: Tensor, product: Callable[[Tensor], Tensor]) -> Tensor:
        """Applies a product of `(n, columns)` to all rows of `x`."""
        y = product(ops.reshape(x, (-1, self.columns)))
        return ops.reshape(y[:, : self.rows], (*ops.shape(x)[:-1], self.rows))

    def _product(self, x: Tensor) -> Tensor:
        from hornbook.layers.matrices import frozen_jax

        return frozen_jax.product(x, self._parts())

    def take(self, ids: Tensor) -> Tensor:
        """Returns the rows of the matrix with these indices, `(..., columns)`."""
        return ops.concatenate([ops.take(part, ids, axis=0) for part in self._parts()], axis=-1)

    def compute_output_shape(self, x_shape: Shape) -> Shape:
        return (*x_shape[:-1], self.rows)
