"""The softmax over all answers to a question: pairs of first and last token, and no answer."""

from __future__ import annotations

import keras
from keras import ops

from hornbook.layers.tagging.masked_scores import MASKED, is_masked
from hornbook.layers.tensors import Tensor


@keras.saving.register_keras_serializable("hornbook")
def answer_crossentropy(labels: Tensor, scores: Tensor) -> Tensor:
    """Returns `-log p` of the right answers under one softmax over all answers.

    The score of an answer is the sum of the start score of its first and the end score of its last
    token.  Position 0 stands for "no answer" and is in no other answer.  Where several answers are
    right, their probabilities are added, so the model may choose between them.

    Args:
        labels: `(batch, length, longest)`, True or 1 at `[:, i, d]` for a right answer from `i` to
            `i + d`, and at `[:, 0, 0]` for no answer.  Longer answers do not exist.
        scores: `(batch, length, 2)`, of start and end, `MASKED` where there is no token.

    Returns:
        `(batch,)`, in float32; 0 for a row without a label, which is not learned from.
    """
    cells = answer_scores(scores, labels.shape[-1])
    masked = is_masked(cells)
    right = ops.logical_and(ops.cast(labels, "bool"), ops.logical_not(masked))
    cells = ops.where(masked, MASKED, cells)
    every = ops.logsumexp(cells, axis=(1, 2))
    of_right = ops.logsumexp(ops.where(right, cells, MASKED), axis=(1, 2))
    # both sums are finite without a label too, or the gradient of where would be NaN
    return ops.where(ops.any(right, axis=(1, 2)), every - of_right, 0.0)


def answer_scores(scores: Tensor, longest: int) -> Tensor:
    """Returns the score of each answer, `(batch, length, longest)`: at `[:, i, d]` that from `i`
    to `i + d`.  What is no answer is masked.

    Args:
        scores: See `answer_crossentropy`.
        longest: Maximum number of tokens of an answer.
    """
    scores = ops.cast(scores, "float32")
    start, end = scores[:, :, 0], scores[:, :, 1]
    length = ops.shape(scores)[1]
    first, more = ops.arange(length)[:, None], ops.arange(longest)[None, :]
    ends = ops.pad(end, ((0, 0), (0, longest)), constant_values=MASKED)
    cells = start[:, :, None] + ops.take(ends, first + more, axis=1)
    # position 0 is an answer by itself only
    return ops.where(ops.logical_and(first == 0, more > 0), MASKED, cells)
