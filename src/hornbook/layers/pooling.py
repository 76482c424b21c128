"""Pooling: from one vector per token to one vector per text."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from hornbook.layers.attention.masks import first_mask
from hornbook.layers.tensors import Shape, Tensor


@keras.saving.register_keras_serializable("hornbook")
class MaskedAveragePooling(keras.layers.Layer):
    """Averages the vectors of all tokens but padding.

    Call arguments:
        x: `(batch, length, features)`.
        padding_mask: `(batch, length)`, True or 1 at tokens.  Defaults to the mask that Keras
            carries with `x`, and without one to all tokens.
        mask: Filled in by Keras.

    Returns:
        `(batch, features)`; zeros for a text of padding only.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def get_config(self) -> dict[str, Any]:
        return (
            super().get_config()
        )  # defined, because Keras's automatic config has no `dtype` that is a policy

    def call(self, x: Tensor, padding_mask: Tensor = None, mask: Tensor = None) -> Tensor:
        padding_mask = first_mask(padding_mask, mask)
        if padding_mask is None:
            return ops.mean(x, axis=1)
        weights = ops.cast(padding_mask, x.dtype)[:, :, None]
        # not a product: 0 * inf at a padded position would be NaN
        total = ops.sum(ops.where(weights > 0, x, ops.zeros_like(x)), axis=1)
        return total / ops.maximum(ops.sum(weights, axis=1), 1)

    def compute_mask(self, x: Tensor, previous_mask: Tensor) -> None:
        """Vectors of texts have no mask."""

    def compute_output_shape(
        self, x_shape: Shape, padding_mask_shape: Shape | None = None
    ) -> Shape:
        return (x_shape[0], x_shape[2])
