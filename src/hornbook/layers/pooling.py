"""From one vector a token to one vector a text."""

from __future__ import annotations

import keras
from keras import ops


@keras.saving.register_keras_serializable("hornbook")
class MaskedAveragePooling(keras.layers.Layer):
    """Averages the real tokens.

    Call arguments:
        x: `(batch, length, features)`.
        padding_mask: `(batch, length)`, True or 1 at real tokens; None when all are real.

    Returns:
        `(batch, features)`; zeros for a text without a real token.
    """

    def call(self, x, padding_mask=None):
        if padding_mask is None:
            return ops.mean(x, axis=1)
        weights = ops.cast(padding_mask, x.dtype)[:, :, None]
        # where, not a product: 0 * inf in a padded position would be NaN
        total = ops.sum(ops.where(weights > 0, x, ops.zeros_like(x)), axis=1)
        return total / ops.maximum(ops.sum(weights, axis=1), 1)

    def compute_output_shape(self, x_shape, padding_mask_shape=None):
        return (x_shape[0], x_shape[2])
