"""Takes the vectors of some tokens of each text."""

from __future__ import annotations

import keras
from keras import ops

from hornbook.layers.tensors import Shape, Tensor


@keras.saving.register_keras_serializable("hornbook")
class TokenSelection(keras.layers.Layer):
    """Takes the vectors of some tokens of each text, such as the first token of each word.

    Call arguments:
        x: `(batch, length, features)`.
        indices: Integers `(batch, tokens)`, indices of tokens of the same text.

    Returns:
        `(batch, tokens, features)`.
    """

    def call(self, x: Tensor, indices: Tensor) -> Tensor:
        return ops.take_along_axis(x, ops.cast(indices, "int32")[:, :, None], axis=1)

    def compute_output_shape(self, x_shape: Shape, indices_shape: Shape) -> Shape:
        return (*indices_shape, x_shape[-1])
