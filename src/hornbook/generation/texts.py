"""The texts of a session in generation: prompts, new tokens, log-probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


class Texts:
    """One text per row, in matrices that are reordered like the rows of a session.

    Args:
        prompts: Token ids of each.
        capacity: Maximum number of new tokens.

    Attributes:
        prompt_numbers: `(rows,)` int64, index of each row's prompt.
    """

    def __init__(self, prompts: Sequence[Sequence[int]], capacity: int) -> None:
        self.prompt_numbers = np.arange(len(prompts))
        self._prompt_lengths = np.array([len(prompt) for prompt in prompts], np.int64)
        self._lengths = self._prompt_lengths.copy()
        # all rows are aligned left, so each has its own length
        self._token_ids = np.zeros((len(prompts), self._lengths.max() + capacity), np.int32)
        for row, prompt in zip(self._token_ids, prompts, strict=True):
            row[: len(prompt)] = prompt
        self._log_probabilities = np.zeros((len(prompts), capacity), np.float64)

    def __len__(self) -> int:
        return len(self._lengths)

    def whole(self, row: int) -> np.ndarray:
        """Returns prompt and new tokens of a row, `(length,)` int32."""
        return self._token_ids[row, : self._lengths[row]]

    def new_tokens(self, row: int) -> np.ndarray:
        """Returns the new tokens of a row, `(count,)` int32."""
        return self._token_ids[row, self._prompt_lengths[row] : self._lengths[row]]

    def log_probabilities(self, row: int) -> np.ndarray:
        """Returns those of the new tokens of a row, `(count,)` float64."""
        return self._log_probabilities[row, : self.count(row)]

    def count(self, row: int) -> int:
        """Returns the number of new tokens of a row."""
        return int(self._lengths[row] - self._prompt_lengths[row])

    def append(self, row: int, token_id: int, log_probability: float) -> None:
        """Appends one token to a row."""
        self._log_probabilities[row, self.count(row)] = log_probability
        self._token_ids[row, self._lengths[row]] = token_id
        self._lengths[row] += 1

    def take_back(self, row: int, count: int) -> None:
        """Removes the last tokens of a row."""
        self._lengths[row] -= count

    def reorder(self, rows: np.ndarray) -> None:
        """Makes new row `i` a copy of old row `rows[i]`."""
        self.prompt_numbers = self.prompt_numbers[rows]
        self._prompt_lengths = self._prompt_lengths[rows]
        self._lengths = self._lengths[rows]
        self._token_ids = self._token_ids[rows]
        self._log_probabilities = self._log_probabilities[rows]
