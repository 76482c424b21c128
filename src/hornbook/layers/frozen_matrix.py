"""A matrix that is never trained, kept as products read it fastest.

Keras keeps a kernel as `(in, out)`, and XLA multiplies it with one row or a few, as a step of
writing does, slower on a CPU than the transposed one (docs/LOG.md).
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
from keras import ops


class FrozenPolicy(keras.DTypePolicy):
    """Keras's policy of that name, for layers whose matrices are never trained.

    Args:
        name: What everything else is kept and computed in.
        matrices_in: `"float32"`, `"bfloat16"`, `"int8"` or `"int4"`.
    """

    def __init__(self, name: str, matrices_in: str):
        super().__init__(name)
        self.matrices_in = matrices_in

    def get_config(self):
        return {**super().get_config(), "matrices_in": self.matrices_in}


def matrices_in(layer: keras.layers.Layer) -> str | None:
    """What a layer with a `FrozenPolicy` keeps its matrices in; None for one that is trained."""
    return getattr(layer.dtype_policy, "matrices_in", None)


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

    def __init__(self, rows: int, columns: int, kind: str, *, transposed: bool = False, **kwargs):
        super().__init__(trainable=False, dtype="float32", autocast=False, **kwargs)
        self.rows = rows
        self.columns = columns
        self.kind = kind
        self.transposed = transposed

    @property
    def shape(self) -> tuple[int, int]:
        """Of the floats it is read from."""
        return (self.columns, self.rows) if self.transposed else (self.rows, self.columns)

    def build(self, x_shape=None):
        self.numbers = self.add_weight(
            name="numbers",
            shape=(self.rows, self.columns),
            dtype=self.kind,
            initializer="zeros",
            trainable=False,
        )

    def read(self, value: Callable[[], np.ndarray]) -> None:
        """Lets Keras make the variables of a matrix that has none yet, see `unbuilt`.

        Args:
            value: Gives the floats, of shape `shape`; it is called once.
        """
        self.numbers._initializer = lambda shape, dtype: ops.cast(self._turned(value()), dtype)

    def assign(self, value) -> None:
        """Takes other floats, of shape `shape`."""
        self.numbers.assign(self._turned(np.asarray(value)))

    def _turned(self, matrix: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(matrix.T if self.transposed else matrix)

    def call(self, x):
        return self._of_rows(x, self._product)

    def _of_rows(self, x, product):
        """What a product of `(n, columns)` makes of all rows of `x`."""
        y = product(ops.reshape(x, (-1, self.columns)))
        return ops.reshape(y[:, : self.rows], (*ops.shape(x)[:-1], self.rows))

    def _product(self, x):
        from hornbook.layers import frozen_matrix_jax

        return frozen_matrix_jax.product(x, ops.convert_to_tensor(self.numbers))

    def take(self, ids):
        """Rows of the matrix, for each number in `ids` one -> `(..., columns)`."""
        return ops.take(ops.convert_to_tensor(self.numbers), ids, axis=0)

    def compute_output_shape(self, x_shape):
        return (*x_shape[:-1], self.rows)
