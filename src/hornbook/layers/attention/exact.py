"""Exact attention that computes long sequences in parts, without all scores at the same time."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from hornbook.layers.attention.in_parts import attention_at_once, attention_in_parts, is_fused
from hornbook.layers.attention.memory import with_heads
from hornbook.layers.tensors import Tensor

# Maximum number of scores at a time, 64 MiB of float32, in sequences of more than 1,024 tokens; for
# shorter ones a single matrix product is fastest.
MAX_SCORES = 2**24
SHORT = 1024**2


def is_worthwhile(query: Tensor, key: Tensor, *, plain: bool = True) -> bool:
    """Whether `exact_attention` is better than one matrix product for all scores.

    Args:
        query, key: See `exact_attention`.
        plain: Whether the probabilities are a plain softmax, for which PyTorch has a kernel.
    """
    sizes = (*query.shape[:3], key.shape[-2])
    if plain and keras.config.backend() == "torch":
        return True
    return None in sizes or _queries_per_part(sizes) < sizes[2]


def _queries_per_part(sizes: tuple[int, ...], extra: int = 0) -> int:
    """Returns the number of queries per part; `extra` counts other numbers per query and key."""
    batch, heads, queries, keys = sizes
    if queries * keys <= SHORT or batch * heads * queries * keys <= MAX_SCORES:
        return queries
    return max(MAX_SCORES // ((batch * heads + extra) * keys), 1)


def dropout_arguments(dropout: keras.layers.Dropout, training: bool | None) -> dict[str, Any]:
    """Returns the arguments of `exact_attention` that have the effect of the dropout layer."""
    if not training or not dropout.rate:
        return {}
    return {"dropout": dropout.rate, "seed": dropout.seed_generator.next()}


def exact_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    mask: Tensor = None,
    bias: Any = None,
    relative: Tensor = None,
    scale: float = 1.0,
    normalization: str = "softmax",
    dropout: float = 0.0,
    seed: Tensor = None,
) -> Tensor:
    """Scaled dot-product attention: means of the values, weighted by softmax of the scores.

    PyTorch has a fused kernel for it.  JAX and TensorFlow materialize the scores, and so does
    PyTorch where something happens between softmax and sum.  If a long sequence has more than
    `MAX_SCORES`, the queries are computed in parts, and in training the scores of a part are
    recomputed for the gradient, so that memory grows linearly with the length.

    Args:
        query: `(batch, heads, queries, head_size)`.
        key: `(batch, key_heads, keys, head_size)`; several heads of the query may share one.  Or
            without an axis of heads, as in the memory, see `without_heads`.
        value: `(batch, key_heads, keys, value_size)`, likewise.
        mask: Boolean, broadcasts to `(batch, heads, queries, keys)`, with all four axes; True
            is visible.  A query without a visible key gets some finite mean.
        bias: Added to the scores; same shape, or `distances` with a number per head.
        relative: `distances` with vectors of `head_size`, added to keys and values.
        scale: Factor of the scores.
        normalization: See `attention_probabilities`.
        dropout: Dropout rate of the probabilities.
        seed: With dropout: two integers, as from a `keras.random.SeedGenerator`.

    Returns:
        `(batch, heads, queries, value_size)`.
    """
    key, value = (with_heads(x, ops.shape(query)[0]) for x in (key, value))
    inputs = {"query": query, "key": key, "value": value, "mask": mask, "bias": bias}
    inputs |= {"relative": relative, "seed": seed if dropout else None}
    inputs = {
        name: keras.tree.map_structure(ops.convert_to_tensor, x)
        for name, x in inputs.items()
        if x is not None
    }
    options: dict[str, Any] = {"normalization": normalization, "dropout": dropout}
    if is_fused(inputs, **options) and not isinstance(bias, dict):
        return attention_at_once(inputs, scale=scale, **options)
    if None in (query.shape[1], key.shape[1]):
        raise ValueError("The number of heads must be known: it decides which of them share keys.")
    if key.shape[1] != query.shape[1]:
        for name in ("key", "value"):
            inputs[name] = ops.repeat(inputs[name], query.shape[1] // key.shape[1], axis=1)
    inputs["query"] = inputs["query"] * ops.cast(scale, query.dtype)
    extra = 0 if relative is None else query.shape[3]  # a vector per distance
    sizes = (*query.shape[:3], key.shape[2])
    if None not in sizes:
        part = _queries_per_part(sizes, extra)
        if sizes[2] <= part:
            return attention_at_once(inputs, **options)
        return attention_in_parts(inputs, part, **options)
    shape = ops.shape(query)  # on TensorFlow it may only be known when the graph runs
    keys = ops.shape(key)[2]
    part = ops.maximum(MAX_SCORES // ((shape[0] * shape[1] + extra) * keys), 1)
    return ops.cond(
        ops.logical_or(
            shape[2] * keys <= SHORT, shape[0] * shape[1] * shape[2] * keys <= MAX_SCORES
        ),
        lambda: attention_at_once(inputs, **options),
        lambda: attention_in_parts(inputs, part, **options),
    )
