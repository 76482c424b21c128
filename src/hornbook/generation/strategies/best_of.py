"""Chooses the best samples of each prompt."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from hornbook.generation.result import Result


def best_of(results: Sequence[Result], copies: int, n: int) -> list[Result]:
    """Returns the texts with the best mean log-probability, so that length does not count.

    Args:
        results: `copies` per prompt, side by side.
        copies: Number of samples per prompt.
        n: Number of texts to keep per prompt.

    Returns:
        The best first; the score is the mean log-probability per token.
    """
    best: list[Result] = []
    for start in range(0, len(results), copies):
        scored = [_per_token(result) for result in results[start : start + copies]]
        best += sorted(scored, key=lambda result: -result.score)[:n]
    return best


def _per_token(result: Result) -> Result:
    length = max(len(result.token_ids), 1)  # a text may be empty
    return dataclasses.replace(result, score=result.score / length)
