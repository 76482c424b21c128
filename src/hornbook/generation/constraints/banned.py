"""Forbids tokens that would complete something unwanted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from hornbook.generation.texts import Texts


@dataclass(frozen=True)
class NoRepeatedNgrams:
    """Lets no run of `n` tokens occur twice in prompt and text.

    Attributes:
        n: 1 or more.

    Reference: https://arxiv.org/abs/1705.04304 (section 2.5)
    """

    n: int

    def __call__(self, logits: np.ndarray, texts: Texts) -> np.ndarray:
        for row, row_logits in enumerate(logits):
            token_ids = texts.whole(row)
            if len(token_ids) < self.n:
                continue
            begun = token_ids[len(token_ids) - self.n + 1 :]
            ngrams = np.lib.stride_tricks.sliding_window_view(token_ids, self.n)
            completed = ngrams[(ngrams[:, :-1] == begun).all(axis=1), -1]
            row_logits[completed] = -np.inf
        return logits


class BannedSequences:
    """Never writes one of these token sequences; their beginnings are free.

    Args:
        sequences: Token ids of each, one at least.
    """

    def __init__(self, sequences: Iterable[Sequence[int]]) -> None:
        self._sequences = [np.array(sequence, np.int32) for sequence in sequences]

    def __call__(self, logits: np.ndarray, texts: Texts) -> np.ndarray:
        for sequence in self._sequences:
            begun = len(sequence) - 1
            for row, row_logits in enumerate(logits):
                end = texts.whole(row)[-begun:] if begun else sequence[:0]
                if np.array_equal(end, sequence[:-1]):
                    row_logits[sequence[-1]] = -np.inf
        return logits


class MinimumLength:
    """Forbids the stop tokens until a text has a length.

    Args:
        count: New tokens.
        stop_ids: What may not come before.
    """

    def __init__(self, count: int, stop_ids: Iterable[int]) -> None:
        self._count = count
        self._stop_ids = np.array(sorted(stop_ids), np.int64)

    def __call__(self, logits: np.ndarray, texts: Texts) -> np.ndarray:
        for row, row_logits in enumerate(logits):
            if texts.count(row) < self._count:
                row_logits[self._stop_ids] = -np.inf
        return logits
