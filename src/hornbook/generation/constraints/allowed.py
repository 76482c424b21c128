"""Allows only tokens that continue one of some given sequences.

Where no token may follow, not even a stop token, the text ends: its finish reason is
`"constraints"`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from hornbook.generation.texts import Texts

Trie = dict[int | None, "Trie"]


class ForcedPrefix:
    """Forces every text to begin with these tokens.

    Args:
        token_ids: The same for all rows.
    """

    def __init__(self, token_ids: Sequence[int]) -> None:
        self._token_ids = [int(token_id) for token_id in token_ids]

    def __call__(self, logits: np.ndarray, texts: Texts) -> np.ndarray:
        for row, row_logits in enumerate(logits):
            count = texts.count(row)
            if count < len(self._token_ids):
                row_logits[:] = -np.inf
                row_logits[self._token_ids[count]] = 0.0
        return logits


class ForcedEnd:
    """Forces the last token of a text of maximum length to be one of these.

    Args:
        stop_ids: The tokens to choose from.
        max_new_tokens: Maximum length of a text.
    """

    def __init__(self, stop_ids: Iterable[int], max_new_tokens: int) -> None:
        self._stop_ids = [int(token_id) for token_id in stop_ids]
        self._last = max_new_tokens - 1

    def __call__(self, logits: np.ndarray, texts: Texts) -> np.ndarray:
        for row, row_logits in enumerate(logits):
            if texts.count(row) == self._last:
                row_logits[:] = -np.inf
                row_logits[self._stop_ids] = 0.0
        return logits


class OneOf:
    """Allows only these token sequences, each followed by a stop token.

    Args:
        sequences: Token ids of each.
        stop_ids: The tokens that may follow a complete sequence; none if empty.
    """

    def __init__(self, sequences: Iterable[Sequence[int]], stop_ids: Iterable[int] = ()) -> None:
        self._stop_ids = [int(token_id) for token_id in stop_ids]
        self._trie: Trie = {}  # token id -> trie of what follows; None: a sequence ends here
        for sequence in sequences:
            node = self._trie
            for token_id in sequence:
                node = node.setdefault(int(token_id), {})
            node[None] = {}

    def __call__(self, logits: np.ndarray, texts: Texts) -> np.ndarray:
        for row, row_logits in enumerate(logits):
            node = self._trie
            for token_id in texts.new_tokens(row).tolist():
                node = node.get(token_id, {})  # nothing follows a stop token
            allowed = [token_id for token_id in node if token_id is not None]
            _allow_only(row_logits, allowed + (self._stop_ids if None in node else []))
        return logits


class OnlyFrom:
    """Allows only text that occurs in the passages.

    Args:
        passages: Token ids of each; or, if `per_prompt`, a list of such passages per prompt.
        n: Every run of `n` tokens must occur in a passage; 1 treats passages as bags of tokens.
            None requires the whole text to be one run of a passage, such as an extracted answer.
        stop_ids: Tokens that are always allowed.
        per_prompt: Whether each prompt has its own passages.
    """

    def __init__(
        self,
        passages: Sequence[Any],
        n: int | None = None,
        stop_ids: Iterable[int] = (),
        *,
        per_prompt: bool = False,
    ) -> None:
        self._n = n
        self._stop_ids = [int(token_id) for token_id in stop_ids]
        self._per_prompt = per_prompt
        groups = passages if per_prompt else [passages]
        self._groups = [[np.array(passage, np.int32) for passage in group] for group in groups]

    def __call__(self, logits: np.ndarray, texts: Texts) -> np.ndarray:
        for row, row_logits in enumerate(logits):
            group = self._groups[texts.prompt_numbers[row] if self._per_prompt else 0]
            run = texts.new_tokens(row)
            if self._n is not None:
                run = run[max(len(run) - self._n + 1, 0) :]
            allowed = [token_id for passage in group for token_id in continuations(passage, run)]
            _allow_only(row_logits, allowed + self._stop_ids)
        return logits


def continuations(passage: np.ndarray, run: np.ndarray) -> list[int]:
    """Returns the tokens that follow `run` wherever it occurs in a passage."""
    if len(passage) <= len(run):
        return []
    windows = np.lib.stride_tricks.sliding_window_view(passage, len(run) + 1)
    token_ids: list[int] = windows[(windows[:, :-1] == run).all(axis=1), -1].tolist()
    return token_ids


def _allow_only(row_logits: np.ndarray, token_ids: Sequence[int]) -> None:
    allowed = np.array(token_ids, np.int64)
    allowed_logits = row_logits[allowed]
    row_logits[:] = -np.inf
    row_logits[allowed] = allowed_logits
