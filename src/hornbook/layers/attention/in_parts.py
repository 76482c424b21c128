"""Attention to all keys, for all queries at once or for one part of them after the other."""

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

# The seeds of two successive parts differ by this in the first of their two integers; the second
# counts calls.
SEED_STEP = 1_000_003


def is_fused(inputs: dict[str, Any], *, normalization: str, dropout: float) -> bool:
    """Whether PyTorch's fused kernel computes it, without all scores in memory.

    Args:
        inputs, normalization, dropout: See `attention_at_once`.
    """
    return (
        keras.config.backend() == "torch"
        and "relative" not in inputs
        and not dropout
        and normalization != "squared_relu"
        and inputs["query"].shape[3] == inputs["value"].shape[3]
    )


def attention_at_once(
    inputs: dict[str, Any], *, normalization: str, dropout: float, scale: float = 1.0
) -> Tensor:
    """Computes attention for all queries at once, see `exact_attention`.

    Args:
        inputs: The tensors among its arguments by name, without those that are None.
        normalization, dropout: See there.
        scale: See there; only used if `is_fused`, else the query is scaled already.
    """
    query, value, mask = inputs["query"], inputs["value"], inputs.get("mask")
    bias, relative = inputs.get("bias"), inputs.get("relative")
    if is_fused(inputs, normalization=normalization, dropout=dropout):
        bias = look_up_bias(bias) if isinstance(bias, dict) else bias
        return _fused(query, inputs["key"], value, mask, bias, scale, normalization)
    scores = ops.matmul(query, ops.swapaxes(inputs["key"], 2, 3))
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
        random = keras.random.uniform(ops.shape(probabilities), seed=_FixedSeed(inputs["seed"]))
        probabilities = ops.where(random >= dropout, probabilities / (1 - dropout), 0.0)
    probabilities = ops.cast(probabilities, value.dtype)
    outputs = ops.matmul(probabilities, value)
    return outputs if relative is None else outputs + relative_values(probabilities, relative)


class _FixedSeed(keras.random.SeedGenerator):
    """Returns the same seed each time: a part that is recomputed needs the same random numbers."""

    def __init__(self, seed: Tensor) -> None:
        self.seed = seed

    def next(self, ordered: bool = True) -> Tensor:
        return self.seed


def attention_in_parts(
    inputs: dict[str, Any], size: Any, *, normalization: str, dropout: float
) -> Tensor:
    """Computes attention for `size` queries after the other, and recomputes them for gradients.

    Args:
        inputs: See `attention_at_once`.
        size: Maximum number of queries per part: an integer, or a scalar tensor on TensorFlow.
        normalization, dropout: See `exact_attention`.
    """
    batch, heads, queries, _ = ops.shape(inputs["query"])
    parts = -(-queries // size)
    size = -(-queries // parts)  # parts of nearly equal size

    def split(x: Tensor) -> Tensor:
        """`(batch, heads, queries, any)` -> `(parts, batch, heads, size, any)`."""
        padding = ops.zeros((*ops.shape(x)[:2], parts * size - queries, ops.shape(x)[3]), x.dtype)
        x = ops.concatenate([x, padding], axis=2)
        x = ops.reshape(x, (*ops.shape(x)[:2], parts, size, ops.shape(x)[3]))
        return ops.transpose(x, (2, 0, 1, 3, 4))

    shared, per_part = dict(inputs), {"query": split(inputs["query"])}
    del shared["query"]
    for name in ("mask", "bias"):
        if name in shared and not isinstance(shared[name], dict) and shared[name].shape[2] != 1:
            per_part[name] = split(shared.pop(name))
    for name in ("bias", "relative"):
        if isinstance(shared.get(name), dict):
            shared[name] = dict(shared[name])
            positions = shared[name].pop("queries")[:, None, :, None]
            per_part[name] = {"queries": split(positions)[:, :, 0, :, 0]}
    if "seed" in inputs:
        seed = shared.pop("seed")
        steps = ops.cast(ops.arange(parts), seed.dtype) * SEED_STEP
        per_part["seed"] = seed + ops.stack([steps, ops.zeros_like(steps)], axis=1)

    def attend(part: Any) -> Tensor:
        tensors = keras.tree.flatten([shared, keras.tree.pack_sequence_as(per_part, part)])
        are_floats = [keras.backend.is_float_dtype(x.dtype) for x in tensors]

        # TensorFlow only has gradients of arguments, and accepts only floats as arguments
        @keras.remat
        def recomputed(*floats: Tensor) -> Tensor:
            rest = iter(floats)
            leaves = [next(rest) if f else x for x, f in zip(tensors, are_floats, strict=True)]
            part = _merged(*keras.tree.pack_sequence_as([shared, per_part], leaves))
            return attention_at_once(part, normalization=normalization, dropout=dropout)

        return recomputed(*(x for x, f in zip(tensors, are_floats, strict=True) if f))

    outputs = ops.map(attend, keras.tree.flatten(per_part))
    outputs = ops.transpose(outputs, (1, 2, 0, 3, 4))
    outputs = ops.reshape(outputs, (batch, heads, parts * size, ops.shape(outputs)[4]))
    return outputs[:, :, :queries]


def _merged(shared: dict[str, Any], per_part: dict[str, Any]) -> dict[str, Any]:
    """Returns the union; a name in both has a dict in each, and these are merged too."""
    merged = shared | per_part
    return merged | {
        name: shared[name] | per_part[name] for name in shared.keys() & per_part.keys()
    }


def _fused(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor,
    bias: Tensor,
    scale: float,
    normalization: str,
) -> Tensor:
    """Attention with PyTorch's fused kernel."""
    if normalization == "softmax_plus":
        factor = ops.cast(sharpness(count_visible(ops.shape(key)[2], mask)), query.dtype)
        query = query * factor
        bias = None if bias is None else bias * ops.cast(factor, bias.dtype)
    if bias is not None and mask is not None:
        # finite in half precision too, or a query without a visible key gets NaN
        bias = ops.where(
            mask,
            bias,
            -3e4 if keras.backend.standardize_dtype(query.dtype) == "float16" else HIDDEN,
        )
        mask = None
    query, key, value = (ops.transpose(x, (0, 2, 1, 3)) for x in (query, key, value))
    outputs = ops.dot_product_attention(query, key, value, bias=bias, mask=mask, scale=scale)
    return ops.transpose(outputs, (0, 2, 1, 3))
