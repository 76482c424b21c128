"""A long sequence in blocks of equal size."""

from __future__ import annotations

from typing import Any

from keras import ops

from hornbook.layers.tensors import Tensor


def split_blocks(x: Tensor, size: int) -> Tensor:
    """`(batch, heads, length, features)` -> `(batch, heads, blocks, size, features)`.

    What is missing in the last block is zero, or False.
    """
    batch, heads, length, features = ops.shape(x)
    missing = -length % size
    if not isinstance(missing, int) or missing:
        x = ops.concatenate([x, ops.zeros((batch, heads, missing, features), x.dtype)], axis=2)
    return ops.reshape(x, (batch, heads, (length + missing) // size, size, features))


def join_blocks(x: Tensor, length: Any) -> Tensor:
    """The inverse, less what was missing: `length` is that of the sequence."""
    batch, heads, blocks, size, features = ops.shape(x)
    return ops.reshape(x, (batch, heads, blocks * size, features))[:, :, :length]


def with_neighbours(blocks: Tensor, *, first: Tensor = None, after: bool = True) -> Tensor:
    """Each block with the one before, and the one after it; beyond the ends all is zero.

    Args:
        blocks: `(batch, heads, blocks, size, features)`.
        first: What stands before the first block, `(batch, heads, size, features)`; None: zero.
        after: Whether with the one after it too.

    Returns:
        `(batch, heads, blocks, 2 or 3 times size, features)`.
    """
    nothing = ops.zeros_like(blocks[:, :, :1])
    first = nothing if first is None else first[:, :, None]
    parts = [ops.concatenate([first, blocks[:, :, :-1]], axis=2), blocks]
    if after:
        parts.append(ops.concatenate([blocks[:, :, 1:], nothing], axis=2))
    return ops.concatenate(parts, axis=3)


def blocks_as_texts(blocks: Tensor) -> Tensor:
    """`(batch, heads, blocks, size, features)` -> `(batch * blocks, heads, size, features)`."""
    batch, heads, count, size, features = ops.shape(blocks)
    return ops.reshape(
        ops.transpose(blocks, (0, 2, 1, 3, 4)), (batch * count, heads, size, features)
    )


def texts_as_blocks(x: Tensor, batch: Any) -> Tensor:
    """The inverse."""
    together, heads, size, features = ops.shape(x)
    x = ops.reshape(x, (batch, together // batch, heads, size, features))
    return ops.transpose(x, (0, 2, 1, 3, 4))
