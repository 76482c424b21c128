"""One softmax over nearby tokens and the means of distant segments."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from hornbook.layers.attention.exact import exact_attention
from hornbook.layers.attention.kinds.kind import AttentionKind
from hornbook.layers.attention.landmarks import Segments, unmasked_first
from hornbook.layers.attention.sequence_blocks import (
    join_blocks,
    merge_blocks,
    split_blocks,
    unmerge_blocks,
    with_neighbors,
)
from hornbook.layers.tensors import Tensor


@keras.saving.register_keras_serializable("hornbook")
class WindowLandmarksAttention(AttentionKind):
    """Softmax over nearby keys and over the mean keys of segments of all other tokens.

    The tokens are divided into blocks of `window`; each block attends to itself and its neighbors
    token by token.  A segment, without its nearby tokens, is weighted by its size: the logarithm
    of its number of tokens is added to its score.  With segments of one token each, this is
    exactly full attention.

    Args:
        window: Tokens per block.
        num_landmarks: Number of segments that the tokens are divided into.
    """

    options = ("window", "num_landmarks")
    summary = "one softmax over nearby tokens and the means of distant segments"

    def __init__(self, *, window: int = 64, num_landmarks: int = 64, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.window = window
        self.num_landmarks = num_landmarks

    def call(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        scale: float = 1.0,
        query_mask: Tensor = None,
        key_mask: Tensor = None,
        training: bool | None = None,
    ) -> Tensor:
        batch, _, length, _ = ops.shape(query)
        order = None
        if key_mask is not None:  # blocks and segments are of tokens, without padding between
            mask = ops.cast(key_mask, "bool")
            order = unmasked_first(mask)
            query, key, value = (_take(x, order) for x in (query, key, value))
            key_mask = ops.take_along_axis(mask, order, axis=1)
        mask = ops.ones((batch, length), "bool") if key_mask is None else key_mask
        near = with_neighbors(split_blocks(mask[:, None, :, None], self.window))
        near = ops.swapaxes(merge_blocks(near), 2, 3)  # (batch * blocks, 1, 1, keys)
        segments = Segments(key_mask, key, self.num_landmarks)
        members = ops.swapaxes(segments.members, 2, 3)  # (batch or 1, 1, length, segments)
        members = ops.swapaxes(split_blocks(members, self.window), 3, 4)
        sizes = _far(ops.sum(members, axis=4, keepdims=True))
        key, value = (self._near_and_far(x, members, sizes) for x in (key, value))
        sizes = ops.broadcast_to(sizes, (batch, *ops.shape(sizes)[1:]))
        sizes = ops.swapaxes(merge_blocks(sizes), 2, 3)
        mask = ops.concatenate([near, sizes > 0], axis=3)
        weights = ops.log(ops.maximum(sizes, 1.0))
        bias = ops.concatenate([ops.zeros_like(ops.cast(near, weights.dtype)), weights], axis=3)
        query = merge_blocks(split_blocks(query, self.window))
        outputs = exact_attention(query, key, value, mask=mask, bias=bias, scale=scale)
        outputs = join_blocks(unmerge_blocks(outputs, batch), length)
        if order is None:
            return outputs
        return _take(outputs, ops.argsort(order, axis=1))

    def _near_and_far(self, x: Tensor, members: Tensor, sizes: Tensor) -> Tensor:
        """Returns the tokens and means that each block attends to.

        They are `(batch * blocks, heads, 3 * window + segments, features)`.
        """
        blocks = split_blocks(x, self.window)
        sums = _far(ops.matmul(members, ops.cast(blocks, "float32")))
        means = ops.cast(sums / ops.maximum(sizes, 1.0), x.dtype)
        return merge_blocks(ops.concatenate([with_neighbors(blocks), means], axis=3))


def _far(sums: Tensor) -> Tensor:
    """Returns the sums over all blocks, without each block and its neighbors."""
    zeros = ops.zeros_like(sums[:, :, :1])
    before = ops.concatenate([zeros, sums[:, :, :-1]], axis=2)
    after = ops.concatenate([sums[:, :, 1:], zeros], axis=2)
    return ops.sum(sums, axis=2, keepdims=True) - (before + sums + after)


def _take(x: Tensor, order: Tensor) -> Tensor:
    return ops.take_along_axis(x, order[:, None, :, None], axis=2)
