"""Positions with bert4keras's arguments."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from hornbook.compat.building.recorded import Recorded
from hornbook.compat.building.transformer_layers import first_of, serializable
from hornbook.layers import RelativePositionBuckets, RelativePositions, RotaryPositions
from hornbook.layers.positions.distances import distances, look_up
from hornbook.layers.positions.hierarchical import hierarchical_positions
from hornbook.layers.tensors import Initializer, Shape, Tensor


@serializable
class Sinusoidal(keras.initializers.Initializer):
    """Sines and cosines: the table of NEZHA's relative positions."""

    def __call__(self, shape: Shape, dtype: Any = None) -> Tensor:
        rows, features = shape
        table = RelativePositions(features, max_distance=(rows - 1) // 2)._table()
        return ops.convert_to_tensor(table, dtype=dtype)


class Merged(Recorded):
    """Merges vectors of positions with an input; with `custom_position_ids`, of `[x, ids]`."""

    def __init__(
        self,
        output_dim: int,
        merge_mode: str = "add",
        custom_position_ids: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.output_dim = output_dim
        self.merge_mode = merge_mode
        self.custom_position_ids = custom_position_ids

    def call(self, inputs: Any) -> Tensor:
        if self.custom_position_ids:
            x, ids = inputs[0], ops.cast(inputs[1], "int32")
        else:
            x, ids = inputs, ops.arange(ops.shape(inputs)[1], dtype="int32")[None]
        vectors = ops.cast(self.vectors(ids), self.compute_dtype)
        if self.merge_mode == "zero":
            return vectors
        if self.merge_mode == "add":
            return x + vectors
        if self.merge_mode == "mul":
            return x * (vectors + 1)
        shape = (*ops.shape(x)[:2], self.output_dim)
        return ops.concatenate([x, ops.broadcast_to(vectors, shape)], axis=-1)

    def vectors(self, ids: Tensor) -> Tensor:
        """Returns the vector of each position, `(batch or 1, length, output_dim)`."""
        raise NotImplementedError

    def compute_mask(self, inputs: Any, mask: Any = None) -> Tensor:
        return first_of(mask)


@serializable
class PositionEmbedding(Merged):
    """A trained vector per position; `hierarchical`, True or alpha, has the square of them."""

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        merge_mode: str = "add",
        hierarchical: Any = None,
        embeddings_initializer: Initializer = "zeros",
        custom_position_ids: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(output_dim, merge_mode, custom_position_ids, **kwargs)
        self.input_dim = input_dim
        self.alpha = 0.4 if hierarchical is True else hierarchical
        self.embeddings_initializer = keras.initializers.get(embeddings_initializer)

    def build(self, *shapes: Any) -> None:
        self.embeddings = self.add_weight(
            name="embeddings",
            shape=(self.input_dim, self.output_dim),
            initializer=self.embeddings_initializer,
        )

    def vectors(self, ids: Tensor) -> Tensor:
        if self.alpha:
            return hierarchical_positions(ops.convert_to_tensor(self.embeddings), ids, self.alpha)
        length = ids.shape[1]
        if isinstance(length, int) and not self.custom_position_ids and length > self.input_dim:
            raise ValueError(f"{length} tokens, but {self.name} has {self.input_dim} positions.")
        return ops.take(self.embeddings, ids, axis=0)


@serializable
class SinusoidalPositionEmbedding(Merged):
    """Sines at even features and cosines at odd ones."""

    def vectors(self, ids: Tensor) -> Tensor:
        cos, sin = RotaryPositions(self.output_dim)(ids)
        waves = ops.stack([sin[:, 0], cos[:, 0]], axis=-1)
        return ops.reshape(waves, (*ops.shape(ids), self.output_dim))


@serializable
class RelativePositionEmbedding(Recorded):
    """A vector per distance from `[queries, keys]`: `(queries, keys, output_dim)`."""

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Initializer = "zeros",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.input_dim, self.output_dim = input_dim, output_dim
        if embeddings_initializer == "Sinusoidal":
            embeddings_initializer = Sinusoidal()
        self.embeddings_initializer = keras.initializers.get(embeddings_initializer)
        self.supports_masking = True

    def build(self, *shapes: Any) -> None:
        self.embeddings = self.add_weight(
            name="embeddings",
            shape=(self.input_dim, self.output_dim),
            initializer=self.embeddings_initializer,
        )

    def call(self, inputs: list[Tensor]) -> Tensor:
        queries, keys = (ops.arange(ops.shape(x)[1], dtype="int32")[None] for x in inputs)
        return look_up(distances(ops.convert_to_tensor(self.embeddings), queries, keys))[0]

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """A table of distances has no mask."""

    def compute_output_spec(self, inputs: list[Tensor]) -> Tensor:
        shape = (inputs[0].shape[1], inputs[1].shape[1], self.output_dim)
        return keras.KerasTensor(shape, self.compute_dtype)


@serializable
class RelativePositionEmbeddingT5(Recorded, RelativePositionBuckets):
    """A bias per head and range of distances from `[queries, keys]`: `(queries, keys, heads)`."""

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        max_distance: int = 128,
        bidirectional: bool = True,
        embeddings_initializer: Initializer = "zeros",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            output_dim,
            num_buckets=input_dim,
            max_distance=max_distance,
            bidirectional=bidirectional,
            embeddings_initializer=embeddings_initializer,
            **kwargs,
        )

    def call(self, inputs: list[Tensor]) -> Tensor:
        queries, keys = (ops.arange(ops.shape(x)[1], dtype="int32")[None] for x in inputs)
        return ops.transpose(super().call(queries, keys)[0], (1, 2, 0))

    def compute_output_spec(self, inputs: list[Tensor]) -> Tensor:
        shape = (inputs[0].shape[1], inputs[1].shape[1], self.num_heads)
        return keras.KerasTensor(shape, self.compute_dtype)
