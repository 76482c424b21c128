"""Chooses among the samples of each prompt."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from hornbook.generation.result import Result


def best_of(results: Sequence[Result], copies: int, n: int) -> list[Result]:
    """The texts that the model finds likeliest by token, so that length does not count.

    Args:
        results: `copies` of each prompt, side by side.
        copies: How many.
        n: How many are kept of each prompt.

    Returns:
        The best first; the score is the mean log-probability of a token.
    """
    kept: list[Result] = []
    for start in range(0, len(results), copies):
        scored = [_by_token(result) for result in results[start : start + copies]]
        kept += sorted(scored, key=lambda result: -result.score)[:n]
    return kept


def _by_token(result: Result) -> Result:
    length = max(len(result.token_ids), 1)  # a text may be empty
    return dataclasses.replace(result, score=result.score / length)
