"""Hierarchical positions: more positions than a table has rows."""

from __future__ import annotations

from keras import ops

from hornbook.layers.tensors import Tensor


def hierarchical_positions(table: Tensor, position_ids: Tensor, alpha: float = 0.4) -> Tensor:
    """Extends a table that was trained for `rows` positions to `rows ** 2` positions.

    Position `k` is `alpha * u[k // rows] + (1 - alpha) * u[k % rows]`, and `u` is chosen so
    that the first `rows` positions keep their vectors.

    Args:
        table: `(rows, features)`.
        position_ids: Integers of any shape, from 0 to `rows ** 2 - 1`.
        alpha: Between 0 and 1, but not 0.5, which would give two positions the same vector.

    Returns:
        `(*position_ids.shape, features)`.

    Reference: https://kexue.fm/archives/7947
    """
    rows = table.shape[0]
    base = (table - alpha * table[:1]) / (1 - alpha)
    coarse = ops.take(base, position_ids // rows, axis=0)
    fine = ops.take(base, position_ids % rows, axis=0)
    return alpha * coarse + (1 - alpha) * fine
