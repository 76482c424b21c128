"""Forbids tokens that would complete an unwanted sequence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from hornbook.generation.texts import Texts


@dataclass(frozen=True)
class NoRepeatedNgrams:
    """Forbids repeating an n-gram of prompt and text.

    Attributes:
        n: Size of the n-grams, at least 1.

    Reference: https://arxiv.org/abs/1705.04304 (section 2.5)
    """

    n: int

    def __call__(self, logits: np.ndarray, texts: Texts) -> np.ndarray:
        for row, row_logits in enumerate(logits):
            token_ids = texts.whole(row)
            if len(token_ids) < self.n:
                continue
            prefix = token_ids[len(token_ids) - self.n + 1 :]
            ngrams = np.lib.stride_tricks.sliding_window_view(token_ids, self.n)
            row_logits[ngrams[(ngrams[:, :-1] == prefix).all(axis=1), -1]] = -np.inf
        return logits


class BannedSequences:
    """Forbids these token sequences, but not their prefixes.

    Args:
        sequences: Token ids of each, at least one.
    """

    def __init__(self, sequences: Iterable[Sequence[int]]) -> None:
        self._sequences = [np.array(sequence, np.int32) for sequence in sequences]

    def __call__(self, logits: np.ndarray, texts: Texts) -> np.ndarray:
        for sequence in self._sequences:
            prefix_length = len(sequence) - 1
            for row, row_logits in enumerate(logits):
                end = texts.whole(row)[-prefix_length:] if prefix_length else sequence[:0]
                if np.array_equal(end, sequence[:-1]):
                    row_logits[sequence[-1]] = -np.inf
        return logits


class MinimumLength:
    """Forbids the stop tokens until a text has a minimum length.

    Args:
        count: Minimum number of new tokens.
        stop_ids: The stop tokens.
    """

    def __init__(self, count: int, stop_ids: Iterable[int]) -> None:
        self._count = count
        self._stop_ids = np.array(sorted(stop_ids), np.int64)

    def __call__(self, logits: np.ndarray, texts: Texts) -> np.ndarray:
        for row, row_logits in enumerate(logits):
            if texts.count(row) < self._count:
                row_logits[self._stop_ids] = -np.inf
        return logits
