"""One softmax over the tokens nearby and the means of all others."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from hornbook.layers.attention.exact import exact_attention
from hornbook.layers.attention.kinds.kind import AttentionKind
from hornbook.layers.attention.landmarks import Segments, real_first
from hornbook.layers.attention.sequence_blocks import (
    blocks_as_texts,
    join_blocks,
    split_blocks,
    texts_as_blocks,
    with_neighbours,
)
from hornbook.layers.tensors import Tensor


@keras.saving.register_keras_serializable("hornbook")
class WindowLandmarksAttention(AttentionKind):
    """Softmax over the keys nearby, and over the mean keys of segments of those that are not.

    The real tokens are cut into blocks of `window`; each block sees itself and its neighbours
    token by token.  A segment, less what is nearby, counts as often as it has tokens: the
    logarithm of their number is added to its score.  With segments of one token each, this is
    exactly full attention.

    Args:
        window: Tokens of a block.
        num_landmarks: Segments into which the real tokens are cut.
    """

    options = ("window", "num_landmarks")
    summary = "one softmax over the tokens nearby and the means of far segments"

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
        real_queries: Tensor = None,
        real_keys: Tensor = None,
        training: bool | None = None,
    ) -> Tensor:
        batch, _, length, _ = ops.shape(query)
        order = None
        if real_keys is not None:  # blocks and segments are of real tokens, wherever they stand
            real = ops.cast(real_keys, "bool")
            order = real_first(real)
            query, key, value = (_take(x, order) for x in (query, key, value))
            real_keys = ops.take_along_axis(real, order, axis=1)
        real = ops.ones((batch, length), "bool") if real_keys is None else real_keys
        near = with_neighbours(split_blocks(real[:, None, :, None], self.window))
        near = ops.swapaxes(blocks_as_texts(near), 2, 3)  # (texts, 1, 1, keys)
        segments = Segments(real_keys, key, self.num_landmarks)
        belongs = ops.swapaxes(segments.belongs, 2, 3)  # (batch or 1, 1, length, segments)
        belongs = ops.swapaxes(split_blocks(belongs, self.window), 3, 4)
        sizes = _far(ops.sum(belongs, axis=4, keepdims=True))
        key, value = (self._near_and_far(x, belongs, sizes) for x in (key, value))
        sizes = ops.broadcast_to(sizes, (batch, *ops.shape(sizes)[1:]))
        sizes = ops.swapaxes(blocks_as_texts(sizes), 2, 3)
        mask = ops.concatenate([near, sizes > 0], axis=3)
        weights = ops.log(ops.maximum(sizes, 1.0))
        bias = ops.concatenate([ops.zeros_like(ops.cast(near, weights.dtype)), weights], axis=3)
        query = blocks_as_texts(split_blocks(query, self.window))
        attended = exact_attention(query, key, value, mask=mask, bias=bias, scale=scale)
        attended = join_blocks(texts_as_blocks(attended, batch), length)
        if order is None:
            return attended
        return _take(attended, ops.argsort(order, axis=1))

    def _near_and_far(self, x: Tensor, belongs: Tensor, sizes: Tensor) -> Tensor:
        """What each block looks at: `(texts, heads, 3 * window + segments, features)`."""
        blocks = split_blocks(x, self.window)
        sums = _far(ops.matmul(belongs, ops.cast(blocks, "float32")))
        means = ops.cast(sums / ops.maximum(sizes, 1.0), x.dtype)
        return blocks_as_texts(ops.concatenate([with_neighbours(blocks), means], axis=3))


def _far(sums: Tensor) -> Tensor:
    """What all blocks have, less what each and its neighbours have."""
    nothing = ops.zeros_like(sums[:, :, :1])
    before = ops.concatenate([nothing, sums[:, :, :-1]], axis=2)
    after = ops.concatenate([sums[:, :, 1:], nothing], axis=2)
    return ops.sum(sums, axis=2, keepdims=True) - (before + sums + after)


def _take(x: Tensor, order: Tensor) -> Tensor:
    return ops.take_along_axis(x, order[:, None, :, None], axis=2)
