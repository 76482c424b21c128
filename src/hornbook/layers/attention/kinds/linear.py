"""Linear attention: a feature map in place of the exponential function."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from hornbook.layers.attention.kinds.kernel_sums import (
    causal_kernel_attention,
    empty_sums,
    kernel_attention,
)
from hornbook.layers.attention.kinds.kind import AttentionKind
from hornbook.layers.attention.landmarks import real_or_all
from hornbook.layers.positions.rotary import rotate
from hornbook.layers.tensors import Policy, Tensor

FEATURE_MAPS = ("elu", "relu", "squared_relu", "softmax")


@keras.saving.register_keras_serializable("hornbook")
class LinearAttention(AttentionKind):
    """`f(Q) (f(K)^T V) / f(Q) (f(K)^T 1)`: the sums over keys are made once for all queries.

    Args:
        feature_map: `"elu"` (plus 1), `"relu"`, `"squared_relu"`; or `"softmax"`, over the
            features of a query and over all keys for a feature (efficient attention).

    Rotary positions turn the features of the numerator, so that weights stay positive below.

    References: https://arxiv.org/abs/2006.16236, https://arxiv.org/abs/1812.01243,
    https://kexue.fm/archives/7546
    """

    options = ("feature_map",)
    abilities = ("causal", "cross")
    turns_features = True
    summary = "a feature map in place of the exponential function; sums instead of scores"

    def __init__(self, *, feature_map: str = "elu", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if feature_map not in FEATURE_MAPS:
            expected = " or ".join(FEATURE_MAPS)
            raise ValueError(f"feature_map is {feature_map!r}, expected {expected}.")
        if feature_map == "softmax" and self.causal:
            others = " or ".join(FEATURE_MAPS[:-1])
            raise ValueError(f"The softmax over all keys is not causal.  Use feature_map {others}.")
        self.feature_map = feature_map

    def call(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        scale: float = 1.0,
        real_queries: Tensor = None,
        real_keys: Tensor = None,
        rotary: Tensor = None,
        rotary_pairs: str = "interleaved",
        state: dict[str, Tensor] | None = None,
        training: bool | None = None,
    ) -> Tensor:
        # sums over a long text do not fit half precision
        query, key, values = (ops.cast(x, "float32") for x in (query, key, value))
        real = None if real_keys is None else real_or_all(real_keys, key)[:, None, :, None]
        query, key = self._features(query, key, real)
        turned_query, turned_key = query, key
        if rotary is not None:
            turned_query, turned_key = (rotate(x, rotary, rotary_pairs) for x in (query, key))
        if not self.causal:
            attended = kernel_attention(query, key, values, turned_query, turned_key)
            return ops.cast(attended, value.dtype)
        batch, heads, _, features = ops.shape(key)
        sums = state or empty_sums(batch, heads, features, value.shape[3])
        attended, sums = causal_kernel_attention(query, key, values, turned_query, turned_key, sums)
        attended = ops.cast(attended, value.dtype)
        return attended if state is None else (attended, sums)

    def _features(self, query: Tensor, key: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        """Features of queries, and of keys, which are zero where they are not real."""
        if self.feature_map == "softmax":
            if real is not None:
                key = ops.where(real, key, -1e30)
            # of one key it is 1, of which Keras's own would warn
            key = ops.exp(key - ops.stop_gradient(ops.max(key, axis=2, keepdims=True)))
            return ops.softmax(query, axis=-1), key / ops.sum(key, axis=2, keepdims=True)
        maps = {
            "elu": lambda x: ops.elu(x) + 1,
            "relu": ops.relu,
            "squared_relu": lambda x: ops.square(ops.relu(x)),
        }
        query, key = (maps[self.feature_map](x) for x in (query, key))
        return query, key if real is None else ops.where(real, key, 0)

    def empty_state(
        self, batch: Any, heads: int, head_size: int, value_size: int, dtype: Policy
    ) -> dict[str, Tensor]:
        return empty_sums(batch, heads, head_size, value_size)
