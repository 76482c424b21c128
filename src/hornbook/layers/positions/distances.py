"""What each distance from query to key is worth, looked up for as many queries as are answered."""

from __future__ import annotations

from keras import ops

from hornbook.layers.tensors import Tensor

# pairs of query and key that are looked up once for all blocks
SHORT = 1024**2


def distances(
    rows: Tensor, position_ids: Tensor, key_position_ids: Tensor = None
) -> dict[str, Tensor]:
    """Rows for distances, with the positions they are looked up at: a dict to be passed on.

    Args:
        rows: `(2 * farthest + 1, features)`: row `d` is for distance `d - farthest`, key minus
            query; what is farther counts as this far away.
        position_ids: Integers `(batch or 1, queries)`.
        key_position_ids: Integers `(batch or 1, keys)`; None: those of the queries.
    """
    keys = position_ids if key_position_ids is None else key_position_ids
    return {"rows": rows, "queries": position_ids, "keys": keys}


def look_up(at: dict[str, Tensor]) -> Tensor:
    """The row of each query and key, of `distances` -> `(batch or 1, queries, keys, features)`."""
    farthest = at["rows"].shape[0] // 2
    apart = at["keys"][:, None, :] - at["queries"][:, :, None]
    return ops.take(at["rows"], ops.clip(apart, -farthest, farthest) + farthest, axis=0)


def look_up_bias(at: dict[str, Tensor]) -> Tensor:
    """The same where a row has a number for each head -> `(batch or 1, heads, queries, keys)`."""
    return ops.transpose(look_up(at), (0, 3, 1, 2))


def add_bias(scores: Tensor, bias: Tensor) -> Tensor:
    """Scores plus the bias: None, `(batch or 1, heads, queries, keys)`, or `distances`."""
    if bias is None:
        return scores
    return scores + ops.cast(look_up_bias(bias) if isinstance(bias, dict) else bias, scores.dtype)


def fits_in_table(at: dict[str, Tensor]) -> bool:
    """Whether so few pairs are known to be there that it pays to look them up once for all."""
    sizes = (at["queries"].shape[1], at["keys"].shape[1])
    return None not in sizes and sizes[0] * sizes[1] <= SHORT
