"""Attention by its definition, without an array of all queries by all keys where they are many."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from hornbook.layers.attention.in_parts import attention_at_once, attention_in_parts, is_fused
from hornbook.layers.attention.memory import with_heads
from hornbook.layers.tensors import Tensor

# Scores that may exist at a time, 64 MiB of float32, in texts of more than 1,024 tokens: below,
# one matrix product is fastest.
MOST_SCORES = 2**24
SHORT = 1024**2


def is_worthwhile(query: Tensor, key: Tensor, *, plain: bool = True) -> bool:
    """Whether `exact_attention` gains anything over a matrix product for the scores.

    Args:
        query, key: See `exact_attention`.
        plain: Whether nothing but softmax happens between scores and sum, which PyTorch has a
            kernel for.
    """
    sizes = (*query.shape[:3], key.shape[-2])
    if plain and keras.config.backend() == "torch":
        return True
    return None in sizes or _queries_at_a_time(sizes) < sizes[2]


def _queries_at_a_time(sizes: tuple[int, ...], more: int = 0) -> int:
    """How many queries are answered at a time; `more`: other numbers for each query and key."""
    batch, heads, queries, keys = sizes
    if queries * keys <= SHORT or batch * heads * queries * keys <= MOST_SCORES:
        return queries
    return max(MOST_SCORES // ((batch * heads + more) * keys), 1)


def dropping(dropout: keras.layers.Dropout, training: bool | None) -> dict[str, Any]:
    """What `exact_attention` is called with to do as the layer would with probabilities."""
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
    """The mean of the values, weighted by the softmax of how well query and key match.

    PyTorch has a fused kernel for it.  JAX and TensorFlow write scores down, and so does PyTorch
    where something happens between softmax and sum; when there are more than `MOST_SCORES` in a
    long text, some queries are answered at a time, and in training their scores are computed
    again for the gradient, so that memory grows with the length and not its square.

    Args:
        query: `(batch, heads, queries, head_size)`.
        key: `(batch, heads, keys, head_size)`; with fewer heads, each shared by several of the
            query.  Or without heads, as they are remembered.
        value: `(batch, heads, keys, value_size)`, likewise.
        mask: Boolean, broadcasts to `(batch, heads, queries, keys)`, with all four axes; True
            may be seen.  A query that sees nothing gets some finite mean.
        bias: Added to the scores; same shape, or `distances` with a number for each head.
        relative: `distances` with a vector of `head_size`, added to keys and values.
        scale: Factor of the scores.
        normalization: See `attention_probabilities`.
        dropout: Share of the probabilities that become zero.
        seed: With dropout: two integers, as a `keras.random.SeedGenerator` gives them.

    Returns:
        `(batch, heads, queries, value_size)`.
    """
    key, value = (with_heads(x, ops.shape(query)[0]) for x in (key, value))
    given = {"query": query, "key": key, "value": value, "mask": mask, "bias": bias}
    given |= {"relative": relative, "seed": seed if dropout else None}
    given = {
        name: keras.tree.map_structure(ops.convert_to_tensor, x)
        for name, x in given.items()
        if x is not None
    }
    how: dict[str, Any] = {"normalization": normalization, "dropout": dropout}
    if is_fused(given, **how) and not isinstance(bias, dict):
        return attention_at_once(given, scale=scale, **how)
    if None in (query.shape[1], key.shape[1]):
        raise ValueError("The number of heads must be known: it says which of them share keys.")
    if key.shape[1] != query.shape[1]:
        for name in ("key", "value"):
            given[name] = ops.repeat(given[name], query.shape[1] // key.shape[1], axis=1)
    given["query"] = given["query"] * ops.cast(scale, query.dtype)
    more = 0 if relative is None else query.shape[3]  # of each distance there is a vector
    sizes = (*query.shape[:3], key.shape[2])
    if None not in sizes:
        at_a_time = _queries_at_a_time(sizes, more)
        if sizes[2] <= at_a_time:
            return attention_at_once(given, **how)
        return attention_in_parts(given, at_a_time, **how)
    shape = ops.shape(query)  # TensorFlow may learn it only when it runs
    keys = ops.shape(key)[2]
    at_a_time = ops.maximum(MOST_SCORES // ((shape[0] * shape[1] + more) * keys), 1)
    return ops.cond(
        ops.logical_or(
            shape[2] * keys <= SHORT, shape[0] * shape[1] * shape[2] * keys <= MOST_SCORES
        ),
        lambda: attention_at_once(given, **how),
        lambda: attention_in_parts(given, at_a_time, **how),
    )
