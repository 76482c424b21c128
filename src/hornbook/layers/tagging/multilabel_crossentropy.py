"""The softmax of several labels at once: positive scores above 0, negative scores below."""

from __future__ import annotations

import keras
from keras import ops

from hornbook.layers.tagging.masked_scores import MASKED, is_masked
from hornbook.layers.tensors import Tensor


@keras.saving.register_keras_serializable("hornbook")
def multilabel_crossentropy(
    labels: Tensor, scores: Tensor, mask: Tensor = None, axis: int | tuple[int, ...] = -1
) -> Tensor:
    """Returns `log(1 + sum exp(s))` over negative plus `log(1 + sum exp(-s))` over positive labels.

    Each positive score is driven above 0 and above every negative one, each negative score below
    0, with no weight for a class that is rare.

    Args:
        labels: `(..., labels)`, True or 1 where positive; between 0 and 1 for a share of each.
        scores: The same shape, without an activation.
        mask: Broadcasts to that shape, False or 0 where a cell counts in neither sum.  Cells that
            a layer has masked count in neither sum by themselves.
        axis: The axis or axes of the labels.

    Returns:
        The shape without `axis`, in float32, never below 0.

    References: https://kexue.fm/archives/7359, soft labels https://kexue.fm/archives/9064
    """
    scores = ops.cast(scores, "float32")
    labels = ops.cast(labels, "float32")
    masked = is_masked(scores)
    if mask is not None:
        masked = ops.logical_or(masked, ops.logical_not(ops.cast(mask, "bool")))
    # where the logarithm is not taken it must be finite too, or the gradient of where is NaN
    scores = ops.where(masked, 0.0, scores)
    positive = ops.where(labels > 0, ops.log(ops.maximum(labels, 1e-30)), MASKED) - scores
    negative = ops.where(labels < 1, ops.log(ops.maximum(1 - labels, 1e-30)), MASKED) + scores
    return sum(
        ops.softplus(ops.logsumexp(ops.where(masked, MASKED, each), axis=axis))
        for each in (negative, positive)
    )


@keras.saving.register_keras_serializable("hornbook")
def span_crossentropy(labels: Tensor, scores: Tensor) -> Tensor:
    """Returns `multilabel_crossentropy` over all spans of a type; `compile` takes it as loss.

    Args:
        labels: `(batch, types, length, length)`, True or 1 at `[:, type, i, j]` for a span of this
            type from token `i` to token `j`.
        scores: The same shape, from `GlobalPointer`.

    Returns:
        `(batch, types)`.
    """
    return multilabel_crossentropy(labels, scores, axis=(-2, -1))
