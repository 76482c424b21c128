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
from hornbook.layers.attention.landmarks import real_or_all
from hornbook.layers.tensors import Policy, Tensor


@keras.saving.register_keras_serializable("hornbook")
class PerformerAttention(AttentionKind):
    """Softmax attention through positive, orthogonal random features (FAVOR+).

    Args:
        random_features: How many; the error falls with their root.
        redraw_features: Whether every training step draws new ones.  Else, and always outside
            of training, they are those of a fixed seed.

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
        real_queries: Tensor = None,
        real_keys: Tensor = None,
        state: dict[str, Tensor] | None = None,
        training: bool | None = None,
    ) -> Tensor:
        directions = self._directions(query.shape[3], training)
        values = ops.cast(value, "float32")
        query, key = (
            self._exponents(ops.cast(x, "float32") * scale**0.5, directions) for x in (query, key)
        )
        # a factor of a query cancels out, and so does one of all keys
        query = ops.exp(query - ops.stop_gradient(ops.max(query, axis=-1, keepdims=True)))
        real = None if real_keys is None else real_or_all(real_keys, key)[:, None, :, None]
        if not self.causal:
            if real is not None:
                key = ops.where(real, key, -1e30)
            key = ops.exp(key - ops.stop_gradient(ops.max(key, axis=(2, 3), keepdims=True)))
            return ops.cast(kernel_attention(query, key, values, query, key), value.dtype)
        # the largest of all keys would tell of those to come
        key = ops.exp(key)
        key = key if real is None else ops.where(real, key, 0)
        batch, heads, _, features = ops.shape(key)
        sums = state or empty_sums(batch, heads, features, value.shape[3])
        attended, sums = causal_kernel_attention(query, key, values, query, key, sums)
        attended = ops.cast(attended, value.dtype)
        return attended if state is None else (attended, sums)

    def _exponents(self, x: Tensor, directions: Tensor) -> Tensor:
        """`w . x - |x|^2 / 2` for each direction `w`."""
        return ops.matmul(x, directions) - ops.sum(ops.square(x), axis=-1, keepdims=True) / 2

    def _directions(self, size: int, training: bool | None) -> Tensor:
        """`(size, random_features)`, float32."""
        if self.redraw_features and training:
            draw = {"seed": self.seed_generator, "dtype": "float32"}
            blocks = -(-self.random_features // size)
            turned, _ = ops.qr(keras.random.normal((blocks, size, size), **draw))
            lengths = ops.norm(keras.random.normal((blocks, size, size), **draw), axis=1)
            turned = turned * lengths[:, None]
            turned = ops.reshape(ops.transpose(turned, (1, 0, 2)), (size, blocks * size))
            return turned[:, : self.random_features]
        return ops.convert_to_tensor(fixed_directions(size, self.random_features))

    def empty_state(
        self, batch: Any, heads: int, head_size: int, value_size: int, dtype: Policy
    ) -> dict[str, Tensor]:
        return empty_sums(batch, heads, self.random_features, value_size)


def fixed_directions(size: int, count: int) -> np.ndarray:
    """Normal directions, `(size, count)`, those of each block of `size` at right angles."""
    random = np.random.default_rng(0)
    blocks = []
    for _ in range(-(-count // size)):
        turned, _ = np.linalg.qr(random.normal(size=(size, size)))
        blocks.append(turned * np.linalg.norm(random.normal(size=(size, size)), axis=0))
    return np.concatenate(blocks, axis=1)[:, :count].astype("float32")
