"""The beams of one prompt: the best continuations, and the best finished texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from hornbook.generation.sampling import largest
from hornbook.generation.stopping import Reason


@dataclass(frozen=True, eq=False)
class Candidate:
    """A beam and a token that may continue it.

    Attributes:
        beam: Index of the beam.
        token_id: The token.
        total: Log-probability of the text including the token.
        log_probability: Log-probability of the token.
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
    """The best finished texts of one prompt, and whether better ones are possible.

    Args:
        size: How many to keep: the number of beams.
        length_penalty: A text's log-probability is divided by its length to this power.
        early_stopping: As in `Request`.
        limit: Maximum number of new tokens.

    Attributes:
        best: The texts, the best first.
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
        self.best: list[Hypothesis] = []

    def add(self, token_ids: np.ndarray, log_probabilities: np.ndarray, reason: Reason) -> None:
        """Adds a finished text, unless all others are better."""
        score = self._score(float(log_probabilities.sum()), len(token_ids))
        self.best.append(Hypothesis(score, token_ids, log_probabilities, reason))
        self.best.sort(key=lambda hypothesis: -hypothesis.score)
        del self.best[self._size :]

    def are_final(self, best_total: float, length: int) -> bool:
        """Returns whether the search can end.

        Args:
            best_total: The highest log-probability of a beam that could continue.
            length: Length of the beams in new tokens.
        """
        if best_total == -np.inf:
            return True
        if len(self.best) < self._size:
            return False
        if self._early_stopping is True:
            return True
        if self._early_stopping == "never" and self._length_penalty > 0:
            length = self._limit  # the total can only fall, but its divisor grows to this
        return self._score(best_total, length) <= self.best[-1].score

    def _score(self, total: float, length: int) -> float:
        return float(total / max(length, 1) ** self._length_penalty)


def best_candidates(
    totals: np.ndarray,
    log_probabilities: np.ndarray,
    count: int,
    handicap: np.ndarray | None = None,
) -> list[Candidate]:
    """Returns the most likely continuations of all beams of one prompt.

    Args:
        totals: `(beams,)` float64, the log-probability of each beam; `-inf` for an unused one.
        log_probabilities: `(beams, vocabulary)` of the next token.
        count: How many.
        handicap: `(vocabulary,)`, subtracted from each token for the ranking only.

    Returns:
        The best first, fewer than `count` if fewer are possible.
    """
    ranking: list[tuple[float, int, int]] = []
    for beam in np.flatnonzero(totals > -np.inf).tolist():
        scores = log_probabilities[beam]
        if handicap is not None:
            scores = scores - handicap
        tokens = largest(scores, count)
        values = totals[beam] + scores[tokens].astype(np.float64)
        order = np.argsort(-values, kind="stable")[:count]
        ranking += [
            (-value, beam, token_id)
            for value, token_id in zip(values[order].tolist(), tokens[order].tolist(), strict=True)
            if value > -np.inf
        ]
    ranking.sort()
    candidates = []
    for _, beam, token_id in ranking[:count]:
        log_probability = float(log_probabilities[beam, token_id])
        total = float(totals[beam]) + log_probability
        candidates.append(Candidate(beam, token_id, total, log_probability))
    return candidates
