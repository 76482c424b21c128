"""The most probable tags of a batch of texts, in NumPy: prediction needs no backend for it."""

from __future__ import annotations

import numpy as np


def viterbi(
    emissions: np.ndarray,
    transitions: np.ndarray,
    start: np.ndarray | None = None,
    end: np.ndarray | None = None,
    padding_mask: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the tags with the highest score, and that score.

    Args:
        emissions: `(batch, length, tags)`; unchanged.
        transitions: `(tags, tags)`, the score of each tag (row) before each tag (column), or
            `(batch, length, tags, tags)`, where `[:, t]` leads to the token at `t`.
        start: `(tags,)`, added at the first real token.  Defaults to zeros.
        end: `(tags,)`, added at the last real token.  Defaults to zeros.
        padding_mask: `(batch, length)`, True or 1 at real tokens, which may be anywhere.  Defaults
            to all tokens.

    Returns:
        Tags `(batch, length)`, integers, 0 at masked positions; scores `(batch,)`, 0 for a text
        without a real token.  Among equal scores the lowest tag wins.
    """
    batch, length, tags = emissions.shape
    if padding_mask is None:
        real = np.ones((batch, length), bool)
    else:
        real = np.asarray(padding_mask).astype(bool)
    nothing = np.zeros(tags, emissions.dtype)
    start = nothing if start is None else start
    end = nothing if end is None else end
    first = real & (np.cumsum(real, axis=1) == 1)
    by_position = transitions.ndim == 4

    score = np.zeros((batch, tags), emissions.dtype)
    pointers = np.empty((length, batch, tags), np.int32)
    itself = np.arange(tags)
    for t in range(length):
        # (batch, tags, tags): the last axis is the tag before
        matrix = transitions[:, t].swapaxes(1, 2) if by_position else transitions.T
        candidates = score[:, None, :] + matrix
        best = candidates.argmax(axis=2)
        arrived = np.take_along_axis(candidates, best[:, :, None], axis=2)[:, :, 0]
        arrived = np.where(first[:, t, None], start, arrived) + emissions[:, t]
        # a masked position points to itself, so that the path goes through it unchanged
        pointers[t] = np.where(real[:, t, None], best, itself)
        score = np.where(real[:, t, None], arrived, score)

    score = score + end
    tag = score.argmax(axis=1)
    best_tags = np.empty((batch, length), np.int32)
    for t in reversed(range(length)):
        best_tags[:, t] = tag
        tag = pointers[t, np.arange(batch), tag]
    return np.where(real, best_tags, 0), np.where(real.any(axis=1), score.max(axis=1), 0)
