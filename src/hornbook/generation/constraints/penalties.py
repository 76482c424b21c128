"""Makes tokens more or less likely."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hornbook.generation.texts import Texts


class LogitBias:
    """Adds a bias to the logits of some tokens; `-inf` forbids a token.

    Args:
        biases: Token id -> bias.
    """

    def __init__(self, biases: Mapping[int, float]) -> None:
        self._token_ids = np.array(list(biases), np.int64)
        self._biases = np.array(list(biases.values()), np.float32)

    def __call__(self, logits: np.ndarray, texts: Texts) -> np.ndarray:
        logits[:, self._token_ids] += self._biases
        return logits


@dataclass(frozen=True)
class RepetitionPenalty:
    """Divides the logits of all tokens of prompt and text by `penalty` (multiplies if negative).

    Attributes:
        penalty: Above 1 for less repetition, below 1 for more.

    Reference: https://arxiv.org/abs/1909.05858 (CTRL)
    """

    penalty: float

    def __call__(self, logits: np.ndarray, texts: Texts) -> np.ndarray:
        for row, row_logits in enumerate(logits):
            token_ids = texts.whole(row)
            values = row_logits[token_ids]  # repeated tokens are assigned the same value twice
            row_logits[token_ids] = np.where(
                values < 0, values * self.penalty, values / self.penalty
            )
        return logits


@dataclass(frozen=True)
class FrequencyPenalty:
    """Lowers the logits of tokens by how often they were generated; the prompt does not count.

    Attributes:
        frequency: Subtracted once per occurrence.
        presence: Subtracted once if the token has occurred at all.

    Reference: https://platform.openai.com/docs/api-reference/completions
    """

    frequency: float
    presence: float

    def __call__(self, logits: np.ndarray, texts: Texts) -> np.ndarray:
        for row, row_logits in enumerate(logits):
            token_ids, counts = np.unique(texts.new_tokens(row), return_counts=True)
            row_logits[token_ids] -= (counts * self.frequency + self.presence).astype(np.float32)
        return logits
