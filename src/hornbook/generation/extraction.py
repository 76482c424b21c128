"""Answers that are cut out of passages: from one table of probabilities to a run of tokens.

A masked language model that saw a question and a passage before a row of `[MASK]` says for each
place of the answer how likely each token is, all at once.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from hornbook.generation.constraints.allowed import continuations

Answer = TypeVar("Answer", bound=Hashable)


class Extract(NamedTuple):
    """A run of tokens of a passage.

    Attributes:
        token_ids: Without the stop token; empty: there is no answer.
        score: The mean probability of its tokens, the stop token's too.
    """

    token_ids: tuple[int, ...]
    score: float


def extract(probabilities: np.ndarray, passage: Sequence[int], stop_id: int) -> Extract:
    """The answer, token by token the likeliest that keeps it a part of the passage.

    Args:
        probabilities: `(length, vocabulary)`, of each place of the answer.
        passage: Token ids.
        stop_id: What ends an answer; it may come at any place.
    """
    whole = np.array(passage, np.int32)
    answer: list[int] = []
    total, count = 0.0, 0
    for place in probabilities:
        allowed = np.unique([*continuations(whole, np.array(answer, np.int32)), stop_id])
        best = int(allowed[place[allowed].argmax()])
        total, count = total + float(place[best]), count + 1
        if best == stop_id:
            break
        answer.append(best)
    return Extract(tuple(answer), total / max(count, 1))


def vote(answers: Iterable[tuple[Answer, float]]) -> Answer | None:
    """The answer that several passages together find best; None without any.

    An answer with scores `s` counts `sum(s^2) / (sum(s) + 1)`: being found often helps, but not
    with low scores.

    Args:
        answers: An answer and its score, for each passage.
    """
    scores: dict[Answer, list[float]] = {}
    for answer, score in answers:
        scores.setdefault(answer, []).append(score)

    def worth(answer: Answer) -> float:
        found = np.array(scores[answer])
        return float((found**2).sum() / (found.sum() + 1))

    return max(scores, key=worth, default=None)
