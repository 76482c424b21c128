"""Allows only tokens that continue something given.

Where nothing may follow, not even a stop token, a text ends there: its finish reason is
`"constraints"`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from hornbook.generation.texts import Texts


class ForcedPrefix:
    """Writes these tokens first, whatever the model says.

    Args:
        token_ids: Of all rows alike.
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
    """Ends a text that is as long as it may get with one of these tokens, whatever the model says.

    Args:
        stop_ids: What ends a text.
        max_new_tokens: The longest a text can get.
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
    """Writes one of these token sequences, and then a stop token.

    Args:
        sequences: Token ids of each.
        stop_ids: What may follow a whole sequence; empty: nothing.
    """

    def __init__(self, sequences: Iterable[Sequence[int]], stop_ids: Iterable[int] = ()) -> None:
        self._stop_ids = [int(token_id) for token_id in stop_ids]
        self._trie: dict = {}  # token id -> trie of what follows; None: a sequence ends here
        for sequence in sequences:
            node = self._trie
            for token_id in sequence:
                node = node.setdefault(int(token_id), {})
            node[None] = {}

    def __call__(self, logits: np.ndarray, texts: Texts) -> np.ndarray:
        for row, row_logits in enumerate(logits):
            node = self._trie
            for token_id in texts.written(row).tolist():
                node = node.get(token_id, {})  # behind a stop token there is nothing
            allowed = [token_id for token_id in node if token_id is not None]
            _allow_only(row_logits, allowed + (self._stop_ids if None in node else []))
        return logits


class OnlyFrom:
    """Writes only what stands in the passages: each run of `n` tokens, or the whole text.

    Args:
        passages: Token ids of each; or, if `per_prompt`, a list of such passages per prompt.
        n: Tokens of a run; 1 makes the passages bags of words.  None: the whole text is one
            run, as an answer that is cut out of a passage.
        stop_ids: What may be written at any time.
        per_prompt: Whether each prompt has passages of its own.
    """

    def __init__(
        self,
        passages: Sequence,
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
            written = texts.written(row)
            begun = written if self._n is None else written[max(len(written) - self._n + 1, 0) :]
            allowed = [token_id for passage in group for token_id in continuations(passage, begun)]
            _allow_only(row_logits, allowed + self._stop_ids)
        return logits


def continuations(passage: np.ndarray, begun: np.ndarray) -> list[int]:
    """The tokens that follow `begun` in a passage."""
    if len(passage) <= len(begun):
        return []
    runs = np.lib.stride_tricks.sliding_window_view(passage, len(begun) + 1)
    return runs[(runs[:, :-1] == begun).all(axis=1), -1].tolist()


def _allow_only(row_logits: np.ndarray, token_ids: Sequence[int]) -> None:
    allowed = np.array(token_ids, np.int64)
    kept = row_logits[allowed]
    row_logits[:] = -np.inf
    row_logits[allowed] = kept
