"""Performer: random features whose products are the exponential function, on average."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from hornbook.layers.attention.kinds.kernel_sums import (
    causal_kernel_attention,
    empty_sums,
    kernel_attention,
)
from hornbook.layers.attention.kinds.kind import AttentionKind
from hornbook.layers.attention.landmarks import mask_or_ones
from hornbook.layers.tensors import Policy, Tensor


@keras.saving.register_keras_serializable("hornbook")
class PerformerAttention(AttentionKind):
    """Softmax attention through positive, orthogonal random features (FAVOR+).

    Args:
        random_features: Number of features; the error falls with its square root.
        redraw_features: Whether every training step draws new features.  Otherwise, and always
            outside of training, they come from a fixed seed.

    Reference: https://arxiv.org/abs/2009.14794, https://kexue.fm/archives/7921
    """

    options = ("random_features", "redraw_features")
    abilities = ("causal", "cross")
    summary = "random features whose products are the exponential function, on average"

    def __init__(
        self, *, random_features: int = 256, redraw_features: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.random_features = random_features
        self.redraw_features = redraw_features
        self.seed_generator = keras.random.SeedGenerator(0) if redraw_features else None

    def call(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        scale: float = 1.0,
        query_mask: Tensor = None,
        key_mask: Tensor = None,
        state: dict[str, Tensor] | None = None,
        training: bool | None = None,
    ) -> Tensor:
        directions = self._directions(query.shape[3], training)
        values = ops.cast(value, "float32")
        query, key = (
            self._exponents(ops.cast(x, "float32") * scale**0.5, directions) for x in (query, key)
        )
        # a factor of a query cancels out, and so does a common factor of all keys
        query = ops.exp(query - ops.stop_gradient(ops.max(query, axis=-1, keepdims=True)))
        mask = None if key_mask is None else mask_or_ones(key_mask, key)[:, None, :, None]
        if not self.causal:
            if mask is not None:
                key = ops.where(mask, key, -1e30)
            key = ops.exp(key - ops.stop_gradient(ops.max(key, axis=(2, 3), keepdims=True)))
            return ops.cast(kernel_attention(query, key, values, query, key), value.dtype)
        # no division by the maximum over all keys, which would depend on later keys
        key = ops.exp(key)
        key = key if mask is None else ops.where(mask, key, 0)
        batch, heads, _, features = ops.shape(key)
        sums = state or empty_sums(batch, heads, features, value.shape[3])
        outputs, sums = causal_kernel_attention(query, key, values, query, key, sums)
        outputs = ops.cast(outputs, value.dtype)
        return outputs if state is None else (outputs, sums)

    def _exponents(self, x: Tensor, directions: Tensor) -> Tensor:
        """Returns `w . x - |x|^2 / 2` for each direction `w`."""
        return ops.matmul(x, directions) - ops.sum(ops.square(x), axis=-1, keepdims=True) / 2

    def _directions(self, size: int, training: bool | None) -> Tensor:
        """Returns `(size, random_features)`, float32."""
        if self.redraw_features and training:
            options = {"seed": self.seed_generator, "dtype": "float32"}
            blocks = -(-self.random_features // size)
            matrices, _ = ops.qr(keras.random.normal((blocks, size, size), **options))
            lengths = ops.norm(keras.random.normal((blocks, size, size), **options), axis=1)
            matrices = matrices * lengths[:, None]
            matrices = ops.reshape(ops.transpose(matrices, (1, 0, 2)), (size, blocks * size))
            return matrices[:, : self.random_features]
        return ops.convert_to_tensor(fixed_directions(size, self.random_features))

    def empty_state(
        self, batch: Any, heads: int, head_size: int, value_size: int, dtype: Policy
    ) -> dict[str, Tensor]:
        return empty_sums(batch, heads, self.random_features, value_size)


def fixed_directions(size: int, count: int) -> np.ndarray:
    """Returns normal directions, `(size, count)`, orthogonal within each block of `size`."""
    random = np.random.default_rng(0)
    blocks = []
    for _ in range(-(-count // size)):
        matrix, _ = np.linalg.qr(random.normal(size=(size, size)))
        blocks.append(matrix * np.linalg.norm(random.normal(size=(size, size)), axis=0))
    return np.concatenate(blocks, axis=1)[:, :count].astype("float32")
