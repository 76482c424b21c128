"""Extractive answers: from one table of probabilities to a run of tokens of a passage.

A masked language model that reads a row of `[MASK]` beside a question and a passage predicts every
position of the answer at once.
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
        token_ids: Without the stop token; empty if there is no answer.
        score: Mean probability of its tokens, including the stop token.
    """

    token_ids: tuple[int, ...]
    score: float


def extract(probabilities: np.ndarray, passage: Sequence[int], stop_id: int) -> Extract:
    """Returns the answer: greedily the most likely token that keeps it a run of the passage.

    Args:
        probabilities: `(length, vocabulary)`, of each position of the answer.
        passage: Token ids.
        stop_id: The token that ends an answer, allowed at any position.
    """
    passage_ids = np.array(passage, np.int32)
    answer: list[int] = []
    total, count = 0.0, 0
    for row in probabilities:
        allowed = np.unique([*continuations(passage_ids, np.array(answer, np.int32)), stop_id])
        best = int(allowed[row[allowed].argmax()])
        total, count = total + float(row[best]), count + 1
        if best == stop_id:
            break
        answer.append(best)
    return Extract(tuple(answer), total / max(count, 1))


def vote(answers: Iterable[tuple[Answer, float]]) -> Answer | None:
    """Returns the answer that is best over several passages; None if there are no answers.

    An answer with scores `s` is ranked by `sum(s^2) / (sum(s) + 1)`: occurring often helps, but
    not with low scores.

    Args:
        answers: An answer and its score, per passage.
    """
    scores: dict[Answer, list[float]] = {}
    for answer, score in answers:
        scores.setdefault(answer, []).append(score)

    def rank(answer: Answer) -> float:
        values = np.array(scores[answer])
        return float((values**2).sum() / (values.sum() + 1))

    return max(scores, key=rank, default=None)
