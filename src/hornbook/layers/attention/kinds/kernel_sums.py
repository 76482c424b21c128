"""Attention whose weights are products of features, computed from sums over the keys."""

from __future__ import annotations

from keras import ops

from hornbook.layers.attention.sequence_blocks import join_blocks, split_blocks
from hornbook.layers.tensors import Tensor

BLOCK = 128  # tokens per block of the causal form, within which the weights are materialized
TINY = 1e-12  # a query whose weights are all zero gets zeros


def kernel_attention(
    query: Tensor, key: Tensor, value: Tensor, rotated_query: Tensor, rotated_key: Tensor
) -> Tensor:
    """Computes `sum_j (q_i . k_j) v_j / sum_j (q_i . k_j)` without materializing the weights.

    Args:
        query, key: Features, `(batch, heads, length, features)`, float32, not negative; zero for
            masked keys.
        value: `(batch, heads, length, value_size)`, float32.
        rotated_query, rotated_key: Those of the numerator, rotated if there are rotary positions.

    Returns:
        `(batch, heads, queries, value_size)`.
    """
    summary = ops.matmul(ops.swapaxes(rotated_key, 2, 3), value)
    total = ops.sum(key, axis=2)[..., None]
    weight = ops.matmul(query, total)
    return ops.matmul(rotated_query, summary) / ops.maximum(weight, TINY)


def empty_sums(batch: int, heads: int, features: int, value_size: int) -> dict[str, Tensor]:
    """Returns the sums over no keys; their size does not depend on the number of keys.

    They are the bits of float32 as int32, so that no layer casts them to half precision.
    """
    return {
        "summary": ops.zeros((batch, heads, features, value_size), "int32"),
        "total": ops.zeros((batch, heads, features), "int32"),
    }


def causal_kernel_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    rotated_query: Tensor,
    rotated_key: Tensor,
    sums: Tensor,
) -> tuple[Tensor, Tensor]:
    """The causal form: each query attends to the keys up to its own, and those in `sums`.

    Earlier blocks are attended to through sums, the own block directly.

    Args:
        query, key, value, rotated_query, rotated_key: See `kernel_attention`.
        sums: From `empty_sums` or an earlier call.

    Returns:
        `(batch, heads, queries, value_size)`, and the sums including these keys.
    """
    length = ops.shape(query)[2]
    size = min(query.shape[2] or BLOCK, BLOCK)
    sums = {name: ops.view(bits, "float32") for name, bits in sums.items()}
    is_rotated = rotated_query is not query
    query, key, value, rotated_query, rotated_key = (
        split_blocks(x, size) for x in (query, key, value, rotated_query, rotated_key)
    )
    lower = ops.cast(ops.tri(size), value.dtype)
    weights = products = ops.matmul(rotated_query, ops.swapaxes(rotated_key, 3, 4)) * lower
    if is_rotated:
        weights = ops.matmul(query, ops.swapaxes(key, 3, 4)) * lower
    weight = ops.sum(weights, axis=-1, keepdims=True)
    summaries, summary = _sums_before(
        ops.matmul(ops.swapaxes(rotated_key, 3, 4), value), sums["summary"]
    )
    totals, total = _sums_before(ops.sum(key, axis=3), sums["total"])
    outputs = ops.matmul(products, value) + ops.matmul(rotated_query, summaries)
    weight = weight + ops.matmul(query, totals[..., None])
    outputs = join_blocks(outputs / ops.maximum(weight, TINY), length)
    sums = {"summary": summary, "total": total}
    return outputs, {name: ops.view(x, "int32") for name, x in sums.items()}


def _sums_before(x: Tensor, first: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the sums of `(batch, heads, blocks, ...)` before each block, and over all blocks."""
    sums = ops.cumsum(ops.concatenate([first[:, :, None], x], axis=2), axis=2)
    return sums[:, :, :-1], sums[:, :, -1]
