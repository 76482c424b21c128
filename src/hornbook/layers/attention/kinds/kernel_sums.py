"""Attention whose weights are products of features: sums of keys, and of values, are enough."""

from __future__ import annotations

from keras import ops

from hornbook.layers.attention.sequence_blocks import join_blocks, split_blocks
from hornbook.layers.tensors import Tensor

BLOCK = 128  # tokens within which weights are written down, in the causal form
TINY = 1e-12  # a query that fits no key gets zeros


def kernel_attention(
    query: Tensor, key: Tensor, value: Tensor, turned_query: Tensor, turned_key: Tensor
) -> Tensor:
    """`sum_j (q_i . k_j) v_j / sum_j (q_i . k_j)` over all keys, without the weights.

    Args:
        query, key: Features, `(batch, heads, length, features)`, float32, not negative; those
            of keys that are not real are zero.
        value: `(batch, heads, length, value_size)`, float32.
        turned_query, turned_key: Those of the numerator: by rotary positions, or the same.

    Returns:
        `(batch, heads, queries, value_size)`.
    """
    summary = ops.matmul(ops.swapaxes(turned_key, 2, 3), value)
    total = ops.sum(key, axis=2)[..., None]
    weight = ops.matmul(query, total)
    return ops.matmul(turned_query, summary) / ops.maximum(weight, TINY)


def empty_sums(batch: int, heads: int, features: int, value_size: int) -> dict[str, Tensor]:
    """The sums over no keys: their size does not depend on how many there are.

    They are the bits of float32 as whole numbers, which no layer rounds to half precision.
    """
    return {
        "summary": ops.zeros((batch, heads, features, value_size), "int32"),
        "total": ops.zeros((batch, heads, features), "int32"),
    }


def causal_kernel_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    turned_query: Tensor,
    turned_key: Tensor,
    sums: Tensor,
) -> tuple[Tensor, Tensor]:
    """The same, where each query sees the keys up to its own, and those in `sums`.

    Blocks of tokens see those before through sums, and each other directly.

    Args:
        query, key, value, turned_query, turned_key: See `kernel_attention`.
        sums: Of `empty_sums` or an earlier call.

    Returns:
        `(batch, heads, queries, value_size)`, and the sums with these keys.
    """
    length = ops.shape(query)[2]
    size = min(query.shape[2] or BLOCK, BLOCK)
    sums = {name: ops.view(bits, "float32") for name, bits in sums.items()}
    same = turned_query is query
    query, key, value, turned_query, turned_key = (
        split_blocks(x, size) for x in (query, key, value, turned_query, turned_key)
    )
    lower = ops.cast(ops.tri(size), value.dtype)
    here = ops.matmul(turned_query, ops.swapaxes(turned_key, 3, 4)) * lower
    unturned = here if same else ops.matmul(query, ops.swapaxes(key, 3, 4)) * lower
    weight = ops.sum(unturned, axis=-1, keepdims=True)
    summaries, summary = _sums_before(
        ops.matmul(ops.swapaxes(turned_key, 3, 4), value), sums["summary"]
    )
    totals, total = _sums_before(ops.sum(key, axis=3), sums["total"])
    attended = ops.matmul(here, value) + ops.matmul(turned_query, summaries)
    weight = weight + ops.matmul(query, totals[..., None])
    attended = join_blocks(attended / ops.maximum(weight, TINY), length)
    sums = {"summary": summary, "total": total}
    return attended, {name: ops.view(x, "int32") for name, x in sums.items()}


def _sums_before(x: Tensor, first: Tensor) -> tuple[Tensor, Tensor]:
    """Sums of `(batch, heads, blocks, ...)` over the blocks before each, and over all."""
    sums = ops.cumsum(ops.concatenate([first[:, :, None], x], axis=2), axis=2)
    return sums[:, :, :-1], sums[:, :, -1]
