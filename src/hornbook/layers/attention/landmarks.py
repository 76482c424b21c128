"""Landmarks: a few vectors for a long sequence, each the mean of a segment of its tokens."""

from __future__ import annotations

import functools
from typing import Any

from keras import ops

from hornbook.layers.tensors import Tensor


def mask_or_ones(mask: Tensor, x: Tensor) -> Tensor:
    """Returns `mask` as booleans `(batch, length)`; if it is None, all True for the tokens of `x`.

    Args:
        mask: `(batch, length)`, True or 1 at tokens, False or 0 at padding; or None.
        x: `(batch, heads, length, features)`.
    """
    if mask is None:
        return ops.ones((1, ops.shape(x)[2]), "bool")
    return ops.cast(mask, "bool")


def unmasked_first(mask: Tensor) -> Tensor:
    """Returns the positions of the tokens in their order, then those of padding: `(batch, length)`.

    Args:
        mask: Boolean, `(batch, length)`, True at tokens.
    """
    length = ops.shape(mask)[1]
    positions = ops.arange(length)[None]
    return ops.argsort(ops.where(mask, positions, positions + length), axis=1)


class Segments:
    """The tokens of each sequence, divided into `count` segments of nearly equal size.

    If there are at most as many tokens as segments, each token has a segment of its own, and the
    last segments are empty.  Only the order of the tokens matters: content, amount and side of
    the padding make no difference.

    Args:
        mask: `(batch, length)`, True or 1 at tokens, or None for no padding.
        x: `(batch, heads, length, features)`, the tokens.
        count: Number of segments.
    """

    def __init__(self, mask: Tensor, x: Tensor, count: int) -> None:
        self.count = count
        self.token_mask = mask_or_ones(mask, x)
        length = x.shape[2]
        self.even = mask is None and length is not None and length % count == 0
        self.may_be_short = length is None or mask is not None or length <= count

    @functools.cached_property
    def members(self) -> Tensor:
        """1 where a token is in a segment, else 0: `(batch, 1, count, length)`, float32."""
        ones = ops.cast(self.token_mask, "int32")
        ranks = ops.cumsum(ones, axis=1) - 1
        lengths = ops.sum(ones, axis=1, keepdims=True)
        evenly = ranks * self.count // ops.maximum(lengths, 1)
        segments = ops.where(lengths > self.count, evenly, ranks)
        members = segments[:, None, :] == ops.arange(self.count)[:, None]
        members = ops.logical_and(members, self.token_mask[:, None])
        return ops.cast(members, "float32")[:, None]

    @functools.cached_property
    def sizes(self) -> Tensor:
        """Number of tokens per segment, `(batch, 1, count)`, float32."""
        return ops.sum(self.members, axis=-1)

    @property
    def mask(self) -> Any:
        """Which segments have tokens, `(batch, 1, 1, count)`, or None for all."""
        return (self.sizes > 0)[:, :, None] if self.may_be_short else None

    @property
    def are_tokens(self) -> Tensor:
        """Whether no segment of a sequence has two tokens, `(batch, 1, 1, 1)`."""
        return ops.all(self.sizes <= 1, axis=-1, keepdims=True)[..., None]

    def means(self, x: Tensor) -> Tensor:
        """Averages segments: `(batch, heads, length, f)` -> `(batch, heads, count, f)`, float32."""
        if self.even:
            batch, heads, length, features = ops.shape(x)
            x = ops.reshape(x, (batch, heads, self.count, length // self.count, features))
            return ops.mean(ops.cast(x, "float32"), axis=3)
        weights = self.members / ops.maximum(self.sizes, 1.0)[..., None]
        return ops.matmul(weights, ops.cast(x, "float32"))

    def first(self, x: Tensor) -> Tensor:
        """Returns the first `count` tokens, which are the `means` if the segments `are_tokens`."""
        positions = unmasked_first(self.token_mask)[:, None, : self.count, None]
        return ops.take_along_axis(x, positions, axis=2)

    def spread(self, y: Tensor) -> Tensor:
        """Gives each token the vector of its segment: `(..., count, f)` -> `(..., length, f)`."""
        return ops.matmul(ops.cast(ops.swapaxes(self.members, 2, 3), y.dtype), y)
