"""Attention by its definition, without an array of all queries by all keys where they are many."""

from __future__ import annotations

import keras
from keras import ops

from hornbook.layers.attention_memory import with_heads
from hornbook.layers.attention_probabilities import HIDDEN, attention_probabilities

# Scores that may exist at a time, 64 MiB of float32, in texts of more than 1,024 tokens: below,
# one matrix product is fastest.
MOST_SCORES = 2**24
SHORT = 1024**2


def is_worthwhile(query, key) -> bool:
    """Whether `exact_attention` gains anything over a matrix product for the scores."""
    sizes = (*query.shape[:3], key.shape[-2])
    return (
        keras.config.backend() == "torch" or None in sizes or _queries_at_a_time(*sizes) < sizes[2]
    )


def _queries_at_a_time(batch: int, heads: int, queries: int, keys: int) -> int:
    return queries if queries * keys <= SHORT else max(MOST_SCORES // (batch * heads * keys), 1)


def exact_attention(query, key, value, *, mask=None, bias=None, scale: float = 1.0):
    """The mean of the values, weighted by the softmax of how well query and key match.

    PyTorch has a fused kernel for it.  JAX and TensorFlow write scores down; when there are more
    than `MOST_SCORES` in a long text, some queries are answered at a time, and in training
    their scores are computed again for the gradient, so that memory grows with the length and
    not its square.

    Args:
        query: `(batch, heads, queries, head_size)`.
        key: `(batch, heads, keys, head_size)`; with fewer heads, each shared by several of the
            query.  Or without heads, as they are remembered.
        value: `(batch, heads, keys, value_size)`, likewise.
        mask: Boolean, broadcasts to `(batch, heads, queries, keys)`, with all four axes; True
            may be seen.  A query that sees nothing gets some finite mean.
        bias: Added to the scores; same shape.
        scale: Factor of the scores.

    Returns:
        `(batch, heads, queries, value_size)`.
    """
    key, value = (with_heads(x, ops.shape(query)[0]) for x in (key, value))
    if keras.config.backend() == "torch":
        return _fused(query, key, value, mask, bias, scale)
    if None in (query.shape[1], key.shape[1]):
        raise ValueError("The number of heads must be known: it says which of them share keys.")
    if key.shape[1] != query.shape[1]:
        key, value = (ops.repeat(x, query.shape[1] // x.shape[1], axis=1) for x in (key, value))
    if scale != 1.0:
        query = query * ops.cast(scale, query.dtype)
    mask, bias = (None if x is None else ops.convert_to_tensor(x) for x in (mask, bias))
    sizes = (*query.shape[:3], key.shape[2])
    if None not in sizes:
        at_a_time = _queries_at_a_time(*sizes)
        if sizes[2] <= at_a_time:
            return _at_once(query, key, value, mask, bias)
        return _in_parts(query, key, value, mask, bias, at_a_time)
    shape = ops.shape(query)  # TensorFlow may learn it only when it runs
    keys = ops.shape(key)[2]
    at_a_time = ops.maximum(MOST_SCORES // (shape[0] * shape[1] * keys), 1)
    return ops.cond(
        ops.logical_or(shape[2] <= at_a_time, shape[2] * keys <= SHORT),
        lambda: _at_once(query, key, value, mask, bias),
        lambda: _in_parts(query, key, value, mask, bias, at_a_time),
    )


def _at_once(query, key, value, mask, bias):
    scores = ops.matmul(query, ops.swapaxes(key, 2, 3))
    scores = ops.cast(
        scores,
        "float64" if keras.backend.standardize_dtype(query.dtype) == "float64" else "float32",
    )
    if bias is not None:
        scores = scores + ops.cast(bias, scores.dtype)
    return ops.matmul(ops.cast(attention_probabilities(scores, mask), value.dtype), value)


def _in_parts(query, key, value, mask, bias, at_a_time):
    """The same for `at_a_time` queries after one another."""
    batch, heads, queries, _ = ops.shape(query)
    parts = -(-queries // at_a_time)
    size = -(-queries // parts)  # as equal as can be

    def split(x):
        """`(batch, heads, queries, any)` -> `(parts, batch, heads, size, any)`."""
        missing = ops.zeros((*ops.shape(x)[:2], parts * size - queries, ops.shape(x)[3]), x.dtype)
        x = ops.concatenate([x, missing], axis=2)
        x = ops.reshape(x, (*ops.shape(x)[:2], parts, size, ops.shape(x)[3]))
        return ops.transpose(x, (2, 0, 1, 3, 4))

    if mask is not None:
        mask = ops.cast(mask, "uint8")  # TensorFlow's recomputation takes no booleans
    there = {name: x for name, x in (("mask", mask), ("bias", bias)) if x is not None}
    shared = {name: x for name, x in there.items() if x.shape[2] == 1}
    apart = {"query": query} | {name: x for name, x in there.items() if name not in shared}
    apart = {name: split(x) for name, x in sorted(apart.items())}  # `map` sorts names too

    # all tensors are arguments: TensorFlow gives what a function merely sees no gradient
    @keras.remat
    def answer(key, value, *tensors):
        part = dict(zip([*apart, *shared], tensors, strict=True))
        mask = ops.cast(part["mask"], "bool") if "mask" in part else None
        return _at_once(part["query"], key, value, mask, part.get("bias"))

    answers = ops.map(
        lambda part: answer(key, value, *part.values(), *shared.values()),
        apart,
    )
    answers = ops.transpose(answers, (1, 2, 0, 3, 4))
    answers = ops.reshape(answers, (batch, heads, parts * size, value.shape[3]))
    return answers[:, :, :queries]


def _fused(query, key, value, mask, bias, scale):
    """The same in one kernel of PyTorch."""
    if bias is not None and mask is not None:
        # finite in half precision too, or a query that sees nothing gets NaN
        bias = ops.where(
            mask,
            bias,
            -3e4 if keras.backend.standardize_dtype(query.dtype) == "float16" else HIDDEN,
        )
        mask = None
    query, key, value = (ops.transpose(x, (0, 2, 1, 3)) for x in (query, key, value))
    attended = ops.dot_product_attention(query, key, value, bias=bias, mask=mask, scale=scale)
    return ops.transpose(attended, (0, 2, 1, 3))
