"""From attention scores to attention weights: softmax and its replacements."""

from __future__ import annotations

import math

from keras import ops

from hornbook.layers.tensors import Tensor

# far below any score, yet finite: a row without a visible key has no NaN
HIDDEN = -1e30
KINDS = ("softmax", "softmax_plus", "squared_relu")


def attention_probabilities(
    scores: Tensor, attention_mask: Tensor = None, kind: str = "softmax"
) -> Tensor:
    """Returns the weight of each key for each query.

    Args:
        scores: `(..., queries, keys)`.
        attention_mask: Boolean, broadcasts to `scores`; False gets a weight of exactly 0.
        kind: `"softmax"`; `"softmax_plus"`, which sharpens the scores by log(n) / log(512) where
            a query sees n keys, so that long texts stay as focused as short ones; or
            `"squared_relu"`: the squares of the positive scores over n, which need not sum to 1.

    Returns:
        The shape and type of `scores`.

    References: https://kexue.fm/archives/8823, https://arxiv.org/abs/2202.10447
    """
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}, expected {' or '.join(KINDS)}.")
    scores = ops.convert_to_tensor(scores)
    if kind == "squared_relu":
        squares = ops.square(ops.relu(scores))
        if attention_mask is not None:
            squares = ops.where(attention_mask, squares, 0.0)
        return squares / ops.maximum(_visible(scores, attention_mask), 1)
    if kind == "softmax_plus":
        scores = scores * sharpness(_visible(scores, attention_mask))
    if attention_mask is not None:
        scores = ops.where(attention_mask, scores, ops.cast(HIDDEN, scores.dtype))
    if scores.shape[-1] == 1:
        return ops.ones_like(scores)  # Keras would warn about a softmax over a single key
    return ops.softmax(scores, axis=-1)


def sharpness(visible: Tensor) -> Tensor:
    """Returns the factor of `softmax_plus` for the scores of a query with `visible` keys."""
    # the attention of very short texts would only get blurred
    return ops.log(ops.maximum(ops.cast(visible, "float32"), 16)) / math.log(512)


def count_visible(keys: Tensor, attention_mask: Tensor) -> Tensor:
    """Returns the number of keys that each query sees, broadcasting to the scores: integers."""
    if attention_mask is None:
        return ops.convert_to_tensor(keys)
    return ops.sum(ops.cast(attention_mask, "int32"), axis=-1, keepdims=True)


def _visible(scores: Tensor, attention_mask: Tensor) -> Tensor:
    return ops.cast(count_visible(ops.shape(scores)[-1], attention_mask), scores.dtype)
