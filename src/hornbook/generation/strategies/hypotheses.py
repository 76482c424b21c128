"""The beams of one prompt: which beginnings go on, and which finished texts are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from hornbook.generation.sampling import largest
from hornbook.generation.stopping import Reason


@dataclass(frozen=True, eq=False)
class Candidate:
    """A beginning and a token that may continue it.

    Attributes:
        beam: The beginning.
        token_id: The token.
        total: The log-probability of both.
        log_probability: Of the token.
    """

    beam: int
    token_id: int
    total: float
    log_probability: float


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """A finished text."""

    score: float
    token_ids: np.ndarray
    log_probabilities: np.ndarray
    reason: Reason


class Hypotheses:
    """The best finished texts of one prompt, and when there can be no better ones.

    Args:
        size: How many are kept, which is the number of beams.
        length_penalty: A text's log-probability is divided by its length to this power.
        early_stopping: As in `Request`.
        limit: The longest a text can get.
    """

    def __init__(
        self,
        size: int,
        length_penalty: float,
        early_stopping: bool | Literal["never"],
        limit: int,
    ) -> None:
        self._size = size
        self._length_penalty = length_penalty
        self._early_stopping = early_stopping
        self._limit = limit
        self.kept: list[Hypothesis] = []  # the best first

    def add(self, token_ids: np.ndarray, log_probabilities: np.ndarray, reason: Reason) -> None:
        """Takes a finished text, unless all that are kept are better."""
        score = self._score(float(log_probabilities.sum()), len(token_ids))
        self.kept.append(Hypothesis(score, token_ids, log_probabilities, reason))
        self.kept.sort(key=lambda hypothesis: -hypothesis.score)
        del self.kept[self._size :]

    def are_final(self, best_beginning: float, length: int) -> bool:
        """Whether the search can end.

        Args:
            best_beginning: The highest log-probability of a beginning that could go on.
            length: Of the beginnings.
        """
        if best_beginning == -np.inf:
            return True
        if len(self.kept) < self._size:
            return False
        if self._early_stopping is True:
            return True
        if self._early_stopping == "never" and self._length_penalty > 0:
            length = self._limit  # a sum of logarithms only falls, but its divisor grows to this
        return self._score(best_beginning, length) <= self.kept[-1].score

    def _score(self, total: float, length: int) -> float:
        return total / max(length, 1) ** self._length_penalty


def best_candidates(
    totals: np.ndarray,
    log_probabilities: np.ndarray,
    count: int,
    handicap: np.ndarray | None = None,
) -> list[Candidate]:
    """The likeliest continuations of all beginnings of one prompt.

    Args:
        totals: `(beams,)` float64, the log-probability of each beginning; `-inf`: there is none.
        log_probabilities: `(beams, vocabulary)` of the next token.
        count: How many.
        handicap: `(vocabulary,)`, what a token is less worth here; only the order changes.

    Returns:
        The best first, fewer than `count` where fewer are possible.
    """
    found: list[tuple[float, int, int]] = []
    for beam in np.flatnonzero(totals > -np.inf).tolist():
        worth = log_probabilities[beam]
        if handicap is not None:
            worth = worth - handicap
        places = largest(worth, count)
        values = totals[beam] + worth[places].astype(np.float64)
        order = np.argsort(-values, kind="stable")[:count]
        found += [
            (-value, beam, token_id)
            for value, token_id in zip(values[order].tolist(), places[order].tolist(), strict=True)
            if value > -np.inf
        ]
    found.sort()
    candidates = []
    for _, beam, token_id in found[:count]:
        log_probability = float(log_probabilities[beam, token_id])
        total = float(totals[beam]) + log_probability
        candidates.append(Candidate(beam, token_id, total, log_probability))
    return candidates
