"""A table of values per distance from query to key, looked up for a part of the queries."""

from __future__ import annotations

from keras import ops

from hornbook.layers.tensors import Tensor

# maximum number of pairs of query and key that are looked up once for all blocks
SHORT = 1024**2


def distances(
    rows: Tensor, position_ids: Tensor, key_position_ids: Tensor = None
) -> dict[str, Tensor]:
    """Returns a dict of the rows for all distances and the positions at which to look them up.

    Args:
        rows: `(2 * max_distance + 1, features)`: row `d` is for distance `d - max_distance`, key
            minus query; longer distances are clipped.
        position_ids: Integers `(batch or 1, queries)`.
        key_position_ids: Integers `(batch or 1, keys)`.  Defaults to `position_ids`.
    """
    keys = position_ids if key_position_ids is None else key_position_ids
    return {"rows": rows, "queries": position_ids, "keys": keys}


def look_up(table: dict[str, Tensor]) -> Tensor:
    """Looks up the rows of `distances`, `(batch or 1, queries, keys, features)`."""
    max_distance = table["rows"].shape[0] // 2
    offsets = table["keys"][:, None, :] - table["queries"][:, :, None]
    return ops.take(
        table["rows"], ops.clip(offsets, -max_distance, max_distance) + max_distance, axis=0
    )


def look_up_bias(table: dict[str, Tensor]) -> Tensor:
    """Looks up rows with a number per head, `(batch or 1, heads, queries, keys)`."""
    return ops.transpose(look_up(table), (0, 3, 1, 2))


def add_bias(scores: Tensor, bias: Tensor) -> Tensor:
    """Adds a bias to scores: None, `(batch or 1, heads, queries, keys)`, or `distances`."""
    if bias is None:
        return scores
    return scores + ops.cast(look_up_bias(bias) if isinstance(bias, dict) else bias, scores.dtype)


def fits_in_table(table: dict[str, Tensor]) -> bool:
    """Whether the pairs are known to be so few that they are looked up once for all blocks."""
    sizes = (table["queries"].shape[1], table["keys"].shape[1])
    return None not in sizes and sizes[0] * sizes[1] <= SHORT
