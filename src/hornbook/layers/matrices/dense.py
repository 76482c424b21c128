"""Keras's dense layer and reversible embedding, whose matrix may be frozen or rounded."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from hornbook.layers.matrices.frozen import FrozenMatrix, matrices_in
from hornbook.layers.matrices.rounded import RoundedMatrix
from hornbook.layers.matrices.rounding import LARGEST
from hornbook.layers.parts import Part
from hornbook.layers.tensors import Shape, Tensor


@keras.saving.register_keras_serializable("hornbook")
class Dense(Part, keras.layers.Dense):
    """`keras.layers.Dense`; with a `FrozenPolicy` its kernel is a `FrozenMatrix`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.matrix: Any = None

    def build(self, x_shape: Shape) -> None:
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

    def save_own_variables(self, store: Any) -> None:
        if self.matrix is None:
            super().save_own_variables(store)
        elif self.bias is not None:  # the matrix is a layer and saves itself
            store["bias"] = self.bias.numpy()

    def load_own_variables(self, store: Any) -> None:
        if self.matrix is None:
            super().load_own_variables(store)
        elif self.bias is not None:
            self.bias.assign(store["bias"])

    def call(self, x: Tensor, training: bool | None = None) -> Tensor:
        if self.matrix is None:
            return super().call(x, training=training)
        y = ops.cast(self.matrix(x), self.compute_dtype)
        if self.bias is not None:
            y = y + self.bias
        return y if self.activation is None else self.activation(y)


@keras.saving.register_keras_serializable("hornbook")
class TokenEmbedding(Part, keras.layers.ReversibleEmbedding):
    """`keras.layers.ReversibleEmbedding`; with a `FrozenPolicy` its table is a `FrozenMatrix`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.matrix: Any = None
        self.supports_masking = True

    def compute_mask(self, ids: Tensor, previous_mask: Tensor) -> None:
        """No mask: the Transformer passes its padding mask itself."""

    def build(self, ids_shape: Shape | None = None) -> None:
        kind = matrices_in(self)
        if kind is None:
            super().build(ids_shape)
            return
        self.matrix = frozen_matrix(self.input_dim, self.output_dim, kind, name="matrix")
        self.matrix.build()

    def save_own_variables(self, store: Any) -> None:
        if self.matrix is None:  # else it is a layer and saves itself
            super().save_own_variables(store)

    def load_own_variables(self, store: Any) -> None:
        if self.matrix is None:
            super().load_own_variables(store)

    def call(self, x: Tensor, reverse: bool = False) -> Tensor:
        if self.matrix is None:
            return super().call(x, reverse=reverse)
        return self.matrix(x) if reverse else ops.cast(self.matrix.take(x), self.compute_dtype)


def frozen_matrix(rows: int, columns: int, kind: str, **options: Any) -> FrozenMatrix:
    """Returns the matrix of a layer whose policy has `matrices_in=kind`."""
    return (RoundedMatrix if kind in LARGEST else FrozenMatrix)(rows, columns, kind, **options)
