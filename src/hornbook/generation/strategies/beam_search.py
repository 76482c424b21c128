"""Beam search: keeps the most likely partial texts, and the best finished ones.

Each step considers twice as many continuations as there are beams (more with several stop tokens),
so that the number of beams stays the same when some texts end.  A finished text never competes
with a beam; it is kept among the finished ones.  Ranking and stopping follow transformers, so the
texts are the same.

Reference: https://arxiv.org/abs/1610.02424 (diverse beam search)
"""

from __future__ import annotations

import numpy as np

from hornbook.generation.request import Request
from hornbook.generation.result import Result
from hornbook.generation.sampling import log_probabilities
from hornbook.generation.session import Session
from hornbook.generation.stopping import Reason
from hornbook.generation.strategies.decoding_state import DecodingState
from hornbook.generation.strategies.hypotheses import Candidate, Hypotheses, best_candidates


def beam_search(session: Session, request: Request) -> list[Result]:
    """Returns the `n` best texts of each prompt.

    Args:
        session: New, with one row per prompt.
        request: With `beams` above 1.

    Returns:
        In the order of the prompts, the best of each first.  Fewer than `n` per prompt only if
        the constraints allow fewer.
    """
    state = DecodingState(session, request, request.beams)
    size = request.beams // request.beam_groups
    groups = [
        _Group(state, np.arange(first, first + size)) for first in range(0, len(state.texts), size)
    ]
    search = [
        groups[first : first + request.beam_groups]
        for first in range(0, len(groups), request.beam_groups)
    ]
    while any(group.searches for group in groups):
        scores = state.constrained(log_probabilities(state.checked(session.logits)))
        for groups_of_prompt in search:
            chosen = np.zeros(request.vocabulary_size, np.float32)
            for group in groups_of_prompt:
                group.step(scores, chosen * request.diversity_penalty)
                np.add.at(chosen, group.chosen, 1)
        if any(group.searches for group in groups):
            _advance(session, state, groups)
    return [
        result
        for number, groups_of_prompt in enumerate(search)
        for result in _results(state, number, groups_of_prompt)
    ]


class _Group:
    """Beams that compete with each other.

    Args:
        state: The texts of all beams of the request.
        rows: Indices of these beams among them.

    Attributes:
        searches: Whether the search continues.
        parents: `(beams,)`, the row that each beam continues after a step.
        token_ids: `(beams,)`, the token that each beam appends.
        added: `(beams,)`, its log-probability.
        chosen: All tokens chosen in a step, including those that ended a text.
    """

    def __init__(self, state: DecodingState, rows: np.ndarray) -> None:
        request = state.request
        self._state = state
        self._rows = rows
        # initially all beams are the same prompt: only one of them counts
        self._totals = np.where(rows == rows[0], 0.0, -np.inf)
        self._width = max(2, 1 + len(request.stop_ids)) * len(rows)
        self.hypotheses = Hypotheses(
            len(rows), request.length_penalty, request.early_stopping, state.stopping.limit
        )
        self.searches = state.stopping.limit > 0
        if not self.searches:
            self.hypotheses.add(np.zeros(0, np.int32), np.zeros(0), "positions")
        self._stay()

    def step(self, scores: np.ndarray, handicap: np.ndarray) -> None:
        """Chooses the next beams, and collects finished texts.

        Args:
            scores: `(all rows, vocabulary)`, log-probabilities.
            handicap: `(vocabulary,)`, subtracted from each token.
        """
        self._stay()
        if not self.searches:
            return
        own = scores[self._rows]
        self._end_beams_without_continuation(own)
        candidates = best_candidates(
            self._totals, own, self._width, handicap if handicap.any() else None
        )
        continuing: list[Candidate] = []
        for rank, candidate in enumerate(candidates):
            reason = self._reason(candidate)
            if reason is None:
                continuing.append(candidate)
            elif rank < len(self._rows):  # a text that ends at a lower rank is no better
                self._end(candidate, reason)
                self.chosen.append(candidate.token_id)
        self._continue(continuing[: len(self._rows)])
        length = self._state.texts.count(self._rows[0]) + 1
        self.searches = not self.hypotheses.are_final(float(self._totals.max()), length)

    def _stay(self) -> None:
        self.parents = self._rows.copy()
        self.token_ids = np.zeros(len(self._rows), np.int32)
        self.added = np.zeros(len(self._rows))
        self.chosen: list[int] = []

    def _continue(self, candidates: list[Candidate]) -> None:
        self._totals = np.full(len(self._rows), -np.inf)
        for beam, candidate in enumerate(candidates):
            self.parents[beam] = self._rows[candidate.beam]
            self.token_ids[beam] = candidate.token_id
            self.added[beam] = candidate.log_probability
            self._totals[beam] = candidate.total
            self.chosen.append(candidate.token_id)

    def _reason(self, candidate: Candidate) -> Reason | None:
        new_tokens = self._state.texts.new_tokens(self._rows[candidate.beam])
        return self._state.stopping.reason(np.append(new_tokens, np.int32(candidate.token_id)))

    def _end(self, candidate: Candidate, reason: Reason) -> None:
        texts, row = self._state.texts, self._rows[candidate.beam]
        self.hypotheses.add(
            np.append(texts.new_tokens(row), np.int32(candidate.token_id)),
            np.append(texts.log_probabilities(row), candidate.log_probability),
            reason,
        )

    def _end_beams_without_continuation(self, scores: np.ndarray) -> None:
        for beam in np.flatnonzero((scores.max(axis=1) == -np.inf) & (self._totals > -np.inf)):
            texts, row = self._state.texts, self._rows[beam]
            self.hypotheses.add(
                texts.new_tokens(row).copy(), texts.log_probabilities(row).copy(), "constraints"
            )
            self._totals[beam] = -np.inf


def _advance(session: Session, state: DecodingState, groups: list[_Group]) -> None:
    """Reorders session and texts like the beams, and appends their tokens."""
    parents = np.concatenate([group.parents for group in groups])
    token_ids = np.concatenate([group.token_ids for group in groups])
    added = np.concatenate([group.added for group in groups])
    if (parents != np.arange(len(parents))).any():  # reordering a cache takes time
        session.reorder(parents)
        state.texts.reorder(parents)
    for row, token_id in enumerate(token_ids.tolist()):
        state.texts.append(row, token_id, added[row])
    session.advance(token_ids)


def _results(state: DecodingState, number: int, groups: list[_Group]) -> list[Result]:
    hypotheses = [hypothesis for group in groups for hypothesis in group.hypotheses.best]
    hypotheses.sort(key=lambda hypothesis: -hypothesis.score)
    return [
        Result(
            prompt=state.request.first_prompt + number,
            token_ids=hypothesis.token_ids,
            log_probabilities=hypothesis.log_probabilities,
            score=hypothesis.score,
            finish_reason=hypothesis.reason,
            text=state.stopping.text(hypothesis.token_ids),
        )
        for hypothesis in hypotheses[: state.request.n]
    ]
