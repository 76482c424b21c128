"""Probabilities under a linear-chain CRF, in NumPy, a batch of texts at a time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np


class ForwardBackward:
    """The sums over all tags before and after each token.

    Args:
        emissions: `(batch, length, tags)`.
        transitions: `(tags, tags)`, the score of each tag (row) before each tag (column).
        start, end: `(tags,)`, added at the first and the last token.
        lengths: `(batch,)`, number of tokens of each text, which come first; may be 0.

    Reference: Lafferty et al. 2001, https://repository.upenn.edu/cis_papers/159
    """

    def __init__(
        self,
        emissions: np.ndarray,
        transitions: np.ndarray,
        start: np.ndarray,
        end: np.ndarray,
        lengths: np.ndarray,
    ):
        self.emissions = np.asarray(emissions, np.float64)
        self.transitions, self.start, self.end = transitions, start, end
        self.lengths = np.asarray(lengths)
        batch, length, _ = self.emissions.shape
        self.before = np.empty_like(self.emissions)
        self.after = np.empty_like(self.emissions)
        for t in range(length):
            if t == 0:
                self.before[:, 0] = start + self.emissions[:, 0]
                continue
            arrived = _logsumexp(self.before[:, t - 1, :, None] + transitions, axis=1)
            self.before[:, t] = arrived + self.emissions[:, t]
        later = np.zeros((batch, emissions.shape[2])) + end
        for t in reversed(range(length)):
            self.after[:, t] = later
            left = _logsumexp((later + self.emissions[:, t])[:, None, :] + transitions, axis=2)
            later = np.where((t < self.lengths)[:, None], left, later)
        rows, last = np.arange(batch), np.maximum(self.lengths - 1, 0)
        if length:
            self.log_partition = _logsumexp(self.before[rows, last] + end, axis=1)
        else:
            self.log_partition = np.zeros(batch)

    def span_probability(self, text: int, first: int, tags: Sequence[int]) -> float:
        """Returns the probability that the tokens of a text from `first` on have these tags."""
        last = first + len(tags) - 1
        score = self.before[text, first, tags[0]] + self.after[text, last, tags[-1]]
        for t, (tag_before, tag) in enumerate(pairwise(tags), first + 1):
            score += self.transitions[tag_before, tag] + self.emissions[text, t, tag]
        return float(np.exp(min(score - self.log_partition[text], 0.0)))

    def loss(self, text: int, tags: Sequence[int]) -> float:
        """Returns the negative log-likelihood of the tags of a whole text."""
        if not len(tags):
            return 0.0
        score = self.start[tags[0]] + self.end[tags[-1]]
        score += self.emissions[text, np.arange(len(tags)), tags].sum()
        score += self.transitions[list(tags[:-1]), list(tags[1:])].sum()
        return float(max(self.log_partition[text] - score, 0.0))


def _logsumexp(x: np.ndarray, axis: int) -> np.ndarray:
    largest = x.max(axis=axis, keepdims=True)
    total = np.log(np.exp(x - largest).sum(axis=axis, keepdims=True)) + largest
    return np.asarray(total.squeeze(axis))
