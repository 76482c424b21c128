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
from hornbook.layers.attention.landmarks import mask_or_ones
from hornbook.layers.positions.rotary import rotate
from hornbook.layers.tensors import Policy, Tensor

FEATURE_MAPS = ("elu", "relu", "squared_relu", "softmax")


@keras.saving.register_keras_serializable("hornbook")
class LinearAttention(AttentionKind):
    """`f(Q) (f(K)^T V) / f(Q) (f(K)^T 1)`: the sums over keys are computed once for all queries.

    Args:
        feature_map: `"elu"` (plus 1), `"relu"`, `"squared_relu"`; or `"softmax"`, over the
            features of a query and over the keys of a feature (efficient attention).

    Rotary positions rotate only the features of the numerator, so that the denominator stays
    positive.

    References: https://arxiv.org/abs/2006.16236, https://arxiv.org/abs/1812.01243,
    https://kexue.fm/archives/7546
    """

    options = ("feature_map",)
    abilities = ("causal", "cross")
    rotates_features = True
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
        query_mask: Tensor = None,
        key_mask: Tensor = None,
        rotary: Tensor = None,
        rotary_pairs: str = "interleaved",
        state: dict[str, Tensor] | None = None,
        training: bool | None = None,
    ) -> Tensor:
        # sums over a long sequence overflow half precision
        query, key, values = (ops.cast(x, "float32") for x in (query, key, value))
        mask = None if key_mask is None else mask_or_ones(key_mask, key)[:, None, :, None]
        query, key = self._features(query, key, mask)
        rotated_query, rotated_key = query, key
        if rotary is not None:
            rotated_query, rotated_key = (rotate(x, rotary, rotary_pairs) for x in (query, key))
        if not self.causal:
            outputs = kernel_attention(query, key, values, rotated_query, rotated_key)
            return ops.cast(outputs, value.dtype)
        batch, heads, _, features = ops.shape(key)
        sums = state or empty_sums(batch, heads, features, value.shape[3])
        outputs, sums = causal_kernel_attention(
            query, key, values, rotated_query, rotated_key, sums
        )
        outputs = ops.cast(outputs, value.dtype)
        return outputs if state is None else (outputs, sums)

    def _features(self, query: Tensor, key: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the features of queries and of keys; those of masked keys are zero."""
        if self.feature_map == "softmax":
            if mask is not None:
                key = ops.where(mask, key, -1e30)
            # with one key it is 1, about which Keras's own softmax would warn
            key = ops.exp(key - ops.stop_gradient(ops.max(key, axis=2, keepdims=True)))
            return ops.softmax(query, axis=-1), key / ops.sum(key, axis=2, keepdims=True)
        maps = {
            "elu": lambda x: ops.elu(x) + 1,
            "relu": ops.relu,
            "squared_relu": lambda x: ops.square(ops.relu(x)),
        }
        query, key = (maps[self.feature_map](x) for x in (query, key))
        return query, key if mask is None else ops.where(mask, key, 0)

    def empty_state(
        self, batch: Any, heads: int, head_size: int, value_size: int, dtype: Policy
    ) -> dict[str, Tensor]:
        return empty_sums(batch, heads, head_size, value_size)
