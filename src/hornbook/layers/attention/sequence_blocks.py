"""Divides a long sequence into blocks of equal size."""

from __future__ import annotations

from typing import Any

from keras import ops

from hornbook.layers.tensors import Tensor


def split_blocks(x: Tensor, size: int) -> Tensor:
    """Splits `(batch, heads, length, features)` into `(batch, heads, blocks, size, features)`.

    The last block is padded with zero, or False.
    """
    batch, heads, length, features = ops.shape(x)
    padding = -length % size
    if not isinstance(padding, int) or padding:
        x = ops.concatenate([x, ops.zeros((batch, heads, padding, features), x.dtype)], axis=2)
    return ops.reshape(x, (batch, heads, (length + padding) // size, size, features))


def join_blocks(x: Tensor, length: Any) -> Tensor:
    """The inverse of `split_blocks`, without the padding: `length` is that of the sequence."""
    batch, heads, blocks, size, features = ops.shape(x)
    return ops.reshape(x, (batch, heads, blocks * size, features))[:, :, :length]


def with_neighbors(blocks: Tensor, *, first: Tensor = None, after: bool = True) -> Tensor:
    """Concatenates each block with the previous and the next one; beyond the ends are zeros.

    Args:
        blocks: `(batch, heads, blocks, size, features)`.
        first: The block before the first one, `(batch, heads, size, features)`.  Defaults to zeros.
        after: Whether the next block is included.

    Returns:
        `(batch, heads, blocks, 2 or 3 times size, features)`.
    """
    zeros = ops.zeros_like(blocks[:, :, :1])
    first = zeros if first is None else first[:, :, None]
    parts = [ops.concatenate([first, blocks[:, :, :-1]], axis=2), blocks]
    if after:
        parts.append(ops.concatenate([blocks[:, :, 1:], zeros], axis=2))
    return ops.concatenate(parts, axis=3)


def merge_blocks(blocks: Tensor) -> Tensor:
    """Merges `(batch, heads, blocks, size, f)` into `(batch * blocks, heads, size, f)`."""
    batch, heads, count, size, features = ops.shape(blocks)
    return ops.reshape(
        ops.transpose(blocks, (0, 2, 1, 3, 4)), (batch * count, heads, size, features)
    )


def unmerge_blocks(x: Tensor, batch: Any) -> Tensor:
    """The inverse of `merge_blocks`."""
    rows, heads, size, features = ops.shape(x)
    x = ops.reshape(x, (batch, rows // batch, heads, size, features))
    return ops.transpose(x, (0, 2, 1, 3, 4))
