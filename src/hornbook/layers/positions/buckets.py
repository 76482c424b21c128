"""T5's relative positions: a bias per head and range of distances."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from hornbook.layers.positions.distances import distances, look_up_bias
from hornbook.layers.tensors import Initializer, Shape, Tensor


@keras.saving.register_keras_serializable("hornbook")
class RelativePositionBuckets(keras.layers.Layer):
    """Looks up an attention bias for the distance from query to key (T5).

    Short distances have a bucket each; longer ones share buckets that are equally wide in the
    logarithm of the distance.  All distances from `max_distance` on share the last bucket.

    Args:
        num_heads: Number of attention heads; each has its own biases.
        num_buckets: Number of rows of the table.
        max_distance: Distance from which on all distances share a bucket.
        bidirectional: Whether half of the buckets are for later keys; otherwise those have
            distance 0.
        embeddings_initializer: Initializer of the table.

    Call arguments:
        position_ids: Integers `(batch or 1, queries)`.
        key_position_ids: Integers `(batch or 1, keys)`.  Defaults to `position_ids`.

    Returns:
        `(batch or 1, num_heads, queries, keys)`, an `attention_bias`.

    Reference: https://arxiv.org/abs/1910.10683
    """

    def __init__(
        self,
        num_heads: int,
        *,
        num_buckets: int = 32,
        max_distance: int = 128,
        bidirectional: bool = True,
        embeddings_initializer: Initializer = "uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.num_heads = num_heads
        self.num_buckets = num_buckets
        self.max_distance = max_distance
        self.bidirectional = bidirectional
        self.embeddings_initializer = keras.initializers.get(embeddings_initializer)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "num_buckets": self.num_buckets,
            "max_distance": self.max_distance,
            "bidirectional": self.bidirectional,
            "embeddings_initializer": keras.initializers.serialize(self.embeddings_initializer),
        }

    def build(self, position_ids_shape: Shape | None = None) -> None:
        self.embeddings = self.add_weight(
            name="embeddings",
            shape=(self.num_buckets, self.num_heads),
            initializer=self.embeddings_initializer,
        )

    def call(self, position_ids: Tensor, key_position_ids: Tensor = None) -> Tensor:
        return look_up_bias(self.distances(position_ids, key_position_ids))

    def distances(self, position_ids: Tensor, key_position_ids: Tensor = None) -> dict[str, Tensor]:
        """Returns the table and the positions, to be looked up later: see `distances`."""
        all_distances = ops.arange(-self.max_distance, self.max_distance + 1)
        rows = ops.take(self.embeddings, self.buckets(all_distances), axis=0)
        return distances(rows, position_ids, key_position_ids)

    def compute_mask(self, position_ids: Tensor, previous_mask: Tensor) -> None:
        """A table of distances has no mask."""

    def compute_output_shape(
        self, position_ids_shape: Shape, key_position_ids_shape: Shape | None = None
    ) -> Shape:
        batch, queries = position_ids_shape
        return (batch, self.num_heads, queries, (key_position_ids_shape or position_ids_shape)[1])

    def buckets(self, distances: Tensor) -> Tensor:
        """Returns the row of each distance, key minus query: integers of the same shape."""
        rows, first = self.num_buckets, 0
        if self.bidirectional:
            rows //= 2
            first = ops.cast(distances > 0, "int32") * rows
            distances = ops.abs(distances)
        else:
            distances = ops.maximum(-distances, 0)
        table = ops.convert_to_tensor(_rows_of_distances(rows, self.max_distance))
        return first + ops.take(table, ops.minimum(distances, self.max_distance), axis=0)


def _rows_of_distances(rows: int, max_distance: int) -> np.ndarray:
    """Returns the row of each distance from 0 to `max_distance`.

    In float32 and in this order, as in the original: otherwise a distance on the edge of two
    buckets could get the other one.
    """
    near = rows // 2  # distances with a row of their own
    distances = np.arange(max_distance + 1)
    logarithms = np.log(np.maximum(distances, 1).astype("float32") / np.float32(near))
    far = logarithms / np.float32(math.log(max_distance / near)) * np.float32(rows - near)
    far = np.minimum(near + far.astype("int32"), rows - 1)
    return np.where(distances < near, distances, far).astype("int32")
