"""What models do with IDs and vectors beside their Transformer blocks."""

from __future__ import annotations

from typing import Any

from keras import ops

from hornbook.compat.building.recorded import Recorded
from hornbook.compat.building.transformer_layers import serializable
from hornbook.layers.attention.masks import causal_attention_mask
from hornbook.layers.tensors import Tensor


@serializable
class AttentionMask(Recorded):
    """The mask of a language model of token IDs, or with `segments` of UniLM of segment IDs."""

    def __init__(self, segments: bool = False, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.supports_masking = True
        self.segments = segments

    def call(self, ids: Tensor) -> Tensor:
        if self.segments:
            order = ops.cumsum(ops.cast(ids, "int32"), axis=1)
        else:
            order = ops.arange(ops.shape(ids)[1], dtype="int32")[None]
        return causal_attention_mask(order, order)

    def compute_mask(self, ids: Tensor, mask: Tensor = None) -> None:
        """A mask of attention has no mask of tokens."""


@serializable
class FirstToken(Recorded):
    """The vector of the first token."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, x: Tensor) -> Tensor:
        return x[:, 0]

    def compute_mask(self, x: Tensor, mask: Tensor = None) -> None:
        """Vectors of texts have no mask."""
