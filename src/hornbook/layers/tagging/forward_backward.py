"""Probabilities under a linear-chain CRF, in NumPy, a batch of texts at a time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from scipy.special import logsumexp


class ForwardBackward:
    """The sums over all tags before and after each token.

    Args:
        emissions: `(batch, length, tags)`.
        transitions: `(tags, tags)`, the score of each tag (row) before each tag (column), or
            `(batch, length, tags, tags)`, where `[:, t]` leads to the token at `t`.
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
            arrived = logsumexp(self.before[:, t - 1, :, None] + self._to(t), axis=1)
            self.before[:, t] = arrived + self.emissions[:, t]
        later = np.zeros((batch, emissions.shape[2])) + end
        for t in reversed(range(length)):
            self.after[:, t] = later
            left = logsumexp((later + self.emissions[:, t])[:, None, :] + self._to(t), axis=2)
            later = np.where((t < self.lengths)[:, None], left, later)
        rows, last = np.arange(batch), np.maximum(self.lengths - 1, 0)
        if length:
            self.log_partition = logsumexp(self.before[rows, last] + end, axis=1)
        else:
            self.log_partition = np.zeros(batch)

    def _to(self, t: int) -> np.ndarray:
        """Returns the scores of pairs that lead to `t`, `(batch or 1, tags, tags)`."""
        return self.transitions[:, t] if self.transitions.ndim == 4 else self.transitions[None]

    def _pair(self, text: int, t: int, before: int, tag: int) -> float:
        """Returns the score of a pair of tags in one text."""
        scores = self._to(t)
        return float(scores[text if len(scores) > 1 else 0, before, tag])

    def span_probability(self, text: int, first: int, tags: Sequence[int]) -> float:
        """Returns the probability that the tokens of a text from `first` on have these tags."""
        last = first + len(tags) - 1
        score = self.before[text, first, tags[0]] + self.after[text, last, tags[-1]]
        for t, (tag_before, tag) in enumerate(pairwise(tags), first + 1):
            score += self._pair(text, t, tag_before, tag) + self.emissions[text, t, tag]
        return float(np.exp(min(score - self.log_partition[text], 0.0)))

    def loss(self, text: int, tags: Sequence[int], *, normalized: bool = True) -> float:
        """Returns the negative log-likelihood of the tags of a whole text.

        Args:
            text: Index of the text.
            tags: The tag of each token.
            normalized: Whether to normalize over all tags; the scores of an MEMM are logarithms of
                probabilities already.
        """
        if not len(tags):
            return 0.0
        score = self.start[tags[0]] + self.end[tags[-1]]
        score += self.emissions[text, np.arange(len(tags)), tags].sum()
        score += sum(self._pair(text, t, *pair) for t, pair in enumerate(pairwise(tags), 1))
        return float(max((self.log_partition[text] if normalized else 0.0) - score, 0.0))
