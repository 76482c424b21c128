"""Slot attention: one vector per character, each from the columns that its slot attends to."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from hornbook.layers.tensors import Policy, Shape, Tensor


@keras.saving.register_keras_serializable("hornbook")
class SlotAttention(keras.layers.Layer):
    """Reads a fixed number of vectors from the columns of an image, in their order.

    Each slot has scores over the columns, computed from the features in and around a column and
    from its position; the vector of the slot is the mean of the columns, weighted by their
    softmax.  The surroundings matter: a column alone does not show whether its character is the
    second or the third.

    Args:
        num_slots: Number of vectors.
        context: Number of columns that a score is computed from.

    Call arguments:
        x: `(batch, columns, features)`; the number of columns must be known.

    Returns:
        `(batch, num_slots, features)`.
    """

    def __init__(self, num_slots: int, *, context: int = 9, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.num_slots = num_slots
        self.context = context
        self.by_content = keras.layers.Conv1D(num_slots, context, padding="same", name="by_content")

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_slots": self.num_slots,
            "context": self.context,
        }

    def build(self, x_shape: Shape) -> None:
        columns = x_shape[1]
        self.by_content.build(x_shape)

        def in_order(shape: Shape, dtype: Policy = None) -> Tensor:
            """Initially, each slot attends further to the right than the previous one."""
            positions = ops.arange(columns, dtype="float32")[:, None] / max(columns - 1, 1)
            centers = (ops.arange(self.num_slots, dtype="float32")[None] + 0.5) / self.num_slots
            return ops.cast(-((positions - centers) ** 2) * (4 * self.num_slots), dtype)

        self.by_place = self.add_weight(
            shape=(columns, self.num_slots), initializer=in_order, name="by_place"
        )

    def call(self, x: Tensor) -> Tensor:
        scores = self.by_content(x) + self.by_place  # (batch, columns, slots)
        probabilities = ops.softmax(scores, axis=1)
        return ops.matmul(ops.transpose(probabilities, (0, 2, 1)), x)

    def compute_mask(self, x: Tensor, previous_mask: Tensor) -> None:
        """No slot is masked."""

    def compute_output_shape(self, x_shape: Shape) -> Shape:
        return (x_shape[0], self.num_slots, x_shape[2])
