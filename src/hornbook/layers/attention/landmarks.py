"""Landmarks: a long text in few vectors, each the mean of a segment of real tokens."""

from __future__ import annotations

import functools
from typing import Any

from keras import ops

from hornbook.layers.tensors import Tensor


def real_or_all(real: Tensor, x: Tensor) -> Tensor:
    """`real` as booleans `(batch, length)`; all True for the tokens of `x` where it is None.

    Args:
        real: `(batch, length)`, True or 1 at real tokens, or None.
        x: `(batch, heads, length, features)`.
    """
    if real is None:
        return ops.ones((1, ops.shape(x)[2]), "bool")
    return ops.cast(real, "bool")


def real_first(real: Tensor) -> Tensor:
    """The places of the real tokens in their order, then those of the others: `(batch, length)`."""
    length = ops.shape(real)[1]
    places = ops.arange(length)[None]
    return ops.argsort(ops.where(real, places, places + length), axis=1)


class Segments:
    """The real tokens of each text, cut into `count` segments as equal as can be.

    A text of no more tokens than segments has one for each; the last segments are then empty.
    Only the order of the real tokens counts: neither content, nor amount, nor side of the
    padding makes a difference.

    Args:
        real: `(batch, length)`, True or 1 at real tokens; None: all are.
        x: `(batch, heads, length, features)`, the tokens.
        count: Segments.
    """

    def __init__(self, real: Tensor, x: Tensor, count: int) -> None:
        self.count = count
        self.real = real_or_all(real, x)
        length = x.shape[2]
        self.even = real is None and length is not None and length % count == 0
        self.may_be_short = length is None or real is not None or length <= count

    @functools.cached_property
    def belongs(self) -> Tensor:
        """1 where a token is of a segment, else 0: `(batch, 1, count, length)`, float32."""
        numbers = ops.cast(self.real, "int32")
        ranks = ops.cumsum(numbers, axis=1) - 1
        lengths = ops.sum(numbers, axis=1, keepdims=True)
        evenly = ranks * self.count // ops.maximum(lengths, 1)
        segments = ops.where(lengths > self.count, evenly, ranks)
        belongs = segments[:, None, :] == ops.arange(self.count)[:, None]
        belongs = ops.logical_and(belongs, self.real[:, None])
        return ops.cast(belongs, "float32")[:, None]

    @functools.cached_property
    def sizes(self) -> Tensor:
        """Tokens of each segment, `(batch, 1, count)`, float32."""
        return ops.sum(self.belongs, axis=-1)

    @property
    def there(self) -> Any:
        """Which segments have tokens, `(batch, 1, 1, count)`; None: all."""
        return (self.sizes > 0)[:, :, None] if self.may_be_short else None

    @property
    def single(self) -> Tensor:
        """Whether no segment of a text has two tokens, `(batch, 1, 1, 1)`."""
        return ops.all(self.sizes <= 1, axis=-1, keepdims=True)[..., None]

    def means(self, x: Tensor) -> Tensor:
        """`(batch, heads, length, features)` -> `(batch, heads, count, features)`, in float32."""
        if self.even:
            batch, heads, length, features = ops.shape(x)
            x = ops.reshape(x, (batch, heads, self.count, length // self.count, features))
            return ops.mean(ops.cast(x, "float32"), axis=3)
        weights = self.belongs / ops.maximum(self.sizes, 1.0)[..., None]
        return ops.matmul(weights, ops.cast(x, "float32"))

    def first(self, x: Tensor) -> Tensor:
        """The first `count` real tokens: what `means` gives where segments are `single`."""
        places = real_first(self.real)[:, None, : self.count, None]
        return ops.take_along_axis(x, places, axis=2)

    def spread(self, y: Tensor) -> Tensor:
        """To each token what its segment has: `(batch, heads, count, f)` -> `(..., length, f)`."""
        return ops.matmul(ops.cast(ops.swapaxes(self.belongs, 2, 3), y.dtype), y)
