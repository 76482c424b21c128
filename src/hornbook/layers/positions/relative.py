"""Relative positions: a fixed vector per distance, added to keys and values."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from hornbook.layers.positions.distances import distances, look_up
from hornbook.layers.tensors import Shape, Tensor


@keras.saving.register_keras_serializable("hornbook")
class RelativePositions(keras.layers.Layer):
    """Looks up a sinusoidal vector for the distance from every query to every key (NEZHA).

    The table is computed, not learned, and is in no checkpoint.

    Args:
        head_size: Features of a head, an even number.
        max_distance: Longer distances are clipped to it.

    Call arguments:
        position_ids: Integers `(batch or 1, queries)`.
        key_position_ids: Integers `(batch or 1, keys)`.  Defaults to `position_ids`.

    Returns:
        `(batch or 1, queries, keys, head_size)`, in the compute dtype.

    Reference: https://arxiv.org/abs/1909.00204
    """

    def __init__(self, head_size: int, *, max_distance: int = 64, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if head_size % 2:
            raise ValueError(
                f"{head_size} features of a head cannot be divided into sines and cosines."
            )
        self.supports_masking = True
        self.head_size = head_size
        self.max_distance = max_distance

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "head_size": self.head_size,
            "max_distance": self.max_distance,
        }

    def call(self, position_ids: Tensor, key_position_ids: Tensor = None) -> Tensor:
        return look_up(self.distances(position_ids, key_position_ids))

    def distances(self, position_ids: Tensor, key_position_ids: Tensor = None) -> dict[str, Tensor]:
        """Returns the table and the positions, to be looked up later: see `distances`."""
        rows = ops.cast(ops.convert_to_tensor(self._table()), self.compute_dtype)
        return distances(rows, position_ids, key_position_ids)

    def compute_mask(self, position_ids: Tensor, previous_mask: Tensor) -> None:
        """A table of distances has no mask."""

    def compute_output_shape(
        self, position_ids_shape: Shape, key_position_ids_shape: Shape | None = None
    ) -> Shape:
        batch, queries = position_ids_shape
        return (batch, queries, (key_position_ids_shape or position_ids_shape)[1], self.head_size)

    def _table(self) -> np.ndarray:
        """Row `d` is for distance `d - max_distance`; sines at even, cosines at odd features."""
        return sinusoidal_table(2 * self.max_distance + 1, self.head_size)


def sinusoidal_table(rows: int, features: int) -> np.ndarray:
    """Returns sines of the row at even features and cosines at odd ones: `(rows, features)`."""
    angles = np.arange(rows)[:, None] * 10000.0 ** (-np.arange(0, features, 2) / features)
    pairs = np.stack([np.sin(angles), np.cos(angles)], axis=-1)
    return pairs.reshape(rows, features).astype("float32")


def relative_scores(query: Tensor, relative: Tensor) -> Tensor:
    """Returns the products of queries and relative keys.

    Args:
        query: `(batch, heads, queries, head_size)`.
        relative: From `RelativePositions`.

    Returns:
        `(batch, heads, queries, keys)`, to be added to the scores.
    """
    scores = ops.matmul(ops.swapaxes(query, 1, 2), ops.swapaxes(relative, 2, 3))
    return ops.swapaxes(scores, 1, 2)


def relative_values(probabilities: Tensor, relative: Tensor) -> Tensor:
    """Returns the sums of relative values, weighted by attention.

    Args:
        probabilities: `(batch, heads, queries, keys)`.
        relative: From `RelativePositions`.

    Returns:
        `(batch, heads, queries, head_size)`, to be added to the sums of the values.
    """
    return ops.swapaxes(ops.matmul(ops.swapaxes(probabilities, 1, 2), relative), 1, 2)
