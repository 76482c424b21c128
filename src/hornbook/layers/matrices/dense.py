"""Keras's dense layer and its reversible embedding, whose matrix may be frozen or rounded."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from hornbook.layers.matrices.frozen import FrozenMatrix, matrices_in
from hornbook.layers.matrices.rounded import RoundedMatrix
from hornbook.layers.matrices.rounding import LARGEST


@keras.saving.register_keras_serializable("hornbook")
class Dense(keras.layers.Dense):
    """`keras.layers.Dense`; with a `FrozenPolicy` its kernel is a `FrozenMatrix`."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.matrix: Any = None

    def build(self, x_shape):
        kind = matrices_in(self)
        if kind is None:
            super().build(x_shape)
            return
        self.matrix = frozen_matrix(self.units, x_shape[-1], kind, transposed=True, name="matrix")
        self.matrix.build()
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias", shape=(self.units,), initializer=self.bias_initializer
            )

    def call(self, x, training=None):
        if self.matrix is None:
            return super().call(x, training=training)
        y = ops.cast(self.matrix(x), self.compute_dtype)
        if self.bias is not None:
            y = y + self.bias
        return y if self.activation is None else self.activation(y)


@keras.saving.register_keras_serializable("hornbook")
class TokenEmbedding(keras.layers.ReversibleEmbedding):
    """`keras.layers.ReversibleEmbedding`; with a `FrozenPolicy` its table is a `FrozenMatrix`."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.matrix: Any = None

    def build(self, ids_shape=None):
        kind = matrices_in(self)
        if kind is None:
            super().build(ids_shape)
            return
        self.matrix = frozen_matrix(self.input_dim, self.output_dim, kind, name="matrix")
        self.matrix.build()

    def call(self, x, reverse=False):
        if self.matrix is None:
            return super().call(x, reverse=reverse)
        return self.matrix(x) if reverse else ops.cast(self.matrix.take(x), self.compute_dtype)


def frozen_matrix(rows: int, columns: int, kind: str, **options) -> FrozenMatrix:
    """The matrix of a layer whose policy says `kind`."""
    return (RoundedMatrix if kind in LARGEST else FrozenMatrix)(rows, columns, kind, **options)
