"""Attention to all keys, for all queries at once or for some after one another."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from hornbook.layers.attention.probabilities import (
    HIDDEN,
    attention_probabilities,
    count_visible,
    sharpness,
)
from hornbook.layers.positions.distances import add_bias, look_up, look_up_bias
from hornbook.layers.positions.relative import relative_scores, relative_values
from hornbook.layers.tensors import Tensor

# A part is told from the next by so much in the first of the two integers of its seed; the
# second counts calls.
SEED_STEP = 1_000_003


def is_fused(given: dict[str, Any], *, normalization: str, dropout: float) -> bool:
    """Whether PyTorch's kernel computes it, without all scores.

    Args:
        given, normalization, dropout: See `attention_at_once`.
    """
    return (
        keras.config.backend() == "torch"
        and "relative" not in given
        and not dropout
        and normalization != "squared_relu"
        and given["query"].shape[3] == given["value"].shape[3]
    )


def attention_at_once(
    given: dict[str, Any], *, normalization: str, dropout: float, scale: float = 1.0
) -> Tensor:
    """See `exact_attention`.

    Args:
        given: Those of its arguments that are tensors, and are there, by name.
        normalization, dropout: See there.
        scale: See there; only of what `is_fused`.
    """
    query, value, mask = given["query"], given["value"], given.get("mask")
    bias, relative = given.get("bias"), given.get("relative")
    if is_fused(given, normalization=normalization, dropout=dropout):
        bias = look_up_bias(bias) if isinstance(bias, dict) else bias
        return _fused(query, given["key"], value, mask, bias, scale, normalization)
    scores = ops.matmul(query, ops.swapaxes(given["key"], 2, 3))
    if relative is not None:
        relative = look_up(relative)
        scores = scores + relative_scores(query, relative)
    scores = ops.cast(
        scores,
        "float64" if keras.backend.standardize_dtype(query.dtype) == "float64" else "float32",
    )
    scores = add_bias(scores, bias)
    probabilities = attention_probabilities(scores, mask, normalization)
    if dropout:
        random = keras.random.uniform(ops.shape(probabilities), seed=_Drawn(given["seed"]))
        probabilities = ops.where(random >= dropout, probabilities / (1 - dropout), 0.0)
    probabilities = ops.cast(probabilities, value.dtype)
    attended = ops.matmul(probabilities, value)
    return attended if relative is None else attended + relative_values(probabilities, relative)


class _Drawn(keras.random.SeedGenerator):
    """Gives a seed that was drawn before: the same numbers when a part is computed again."""

    def __init__(self, seed: Tensor) -> None:
        self.seed = seed

    def next(self, ordered: bool = True) -> Tensor:
        return self.seed


def attention_in_parts(
    given: dict[str, Any], at_a_time: Any, *, normalization: str, dropout: float
) -> Tensor:
    """The same for `at_a_time` queries after one another, which are computed again for gradients.

    Args:
        given: See `attention_at_once`.
        at_a_time: An integer, or a scalar tensor on TensorFlow.
        normalization, dropout: See `exact_attention`.
    """
    batch, heads, queries, _ = ops.shape(given["query"])
    parts = -(-queries // at_a_time)
    size = -(-queries // parts)  # as equal as can be

    def split(x: Tensor) -> Tensor:
        """`(batch, heads, queries, any)` -> `(parts, batch, heads, size, any)`."""
        missing = ops.zeros((*ops.shape(x)[:2], parts * size - queries, ops.shape(x)[3]), x.dtype)
        x = ops.concatenate([x, missing], axis=2)
        x = ops.reshape(x, (*ops.shape(x)[:2], parts, size, ops.shape(x)[3]))
        return ops.transpose(x, (2, 0, 1, 3, 4))

    shared, apart = dict(given), {"query": split(given["query"])}
    del shared["query"]
    for name in ("mask", "bias"):
        if name in shared and not isinstance(shared[name], dict) and shared[name].shape[2] != 1:
            apart[name] = split(shared.pop(name))
    for name in ("bias", "relative"):
        if isinstance(shared.get(name), dict):
            shared[name] = dict(shared[name])
            positions = shared[name].pop("queries")[:, None, :, None]
            apart[name] = {"queries": split(positions)[:, :, 0, :, 0]}
    if "seed" in given:
        seed = shared.pop("seed")
        numbers = ops.cast(ops.arange(parts), seed.dtype) * SEED_STEP
        apart["seed"] = seed + ops.stack([numbers, ops.zeros_like(numbers)], axis=1)

    def answer(part: Any) -> Tensor:
        tensors = keras.tree.flatten([shared, keras.tree.pack_sequence_as(apart, part)])
        real = [keras.backend.is_float_dtype(x.dtype) for x in tensors]

        # TensorFlow gives a gradient to arguments alone, and takes no others
        @keras.remat
        def again(*learned: Tensor) -> Tensor:
            found = iter(learned)
            whole = [next(found) if one else x for x, one in zip(tensors, real, strict=True)]
            part = _merged(*keras.tree.pack_sequence_as([shared, apart], whole))
            return attention_at_once(part, normalization=normalization, dropout=dropout)

        return again(*(x for x, one in zip(tensors, real, strict=True) if one))

    answers = ops.map(answer, keras.tree.flatten(apart))
    answers = ops.transpose(answers, (1, 2, 0, 3, 4))
    answers = ops.reshape(answers, (batch, heads, parts * size, ops.shape(answers)[4]))
    return answers[:, :, :queries]


def _merged(shared: dict[str, Any], apart: dict[str, Any]) -> dict[str, Any]:
    """Of what is in both, the dicts are joined."""
    both = shared | apart
    return both | {name: shared[name] | apart[name] for name in shared.keys() & apart.keys()}


def _fused(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor,
    bias: Tensor,
    scale: float,
    normalization: str,
) -> Tensor:
    """Plain attention in one kernel of PyTorch."""
    if normalization == "softmax_plus":
        factor = ops.cast(sharpness(count_visible(ops.shape(key)[2], mask)), query.dtype)
        query = query * factor
        bias = None if bias is None else bias * ops.cast(factor, bias.dtype)
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
