"""Beam search: keeps the likeliest beginnings of a text, and every finished text that is good.

Each step looks at twice as many continuations as there are beams (more, where there are several
stop tokens), so that as many beams go on when some texts end.  A finished text never competes
with a beginning; it waits among the finished ones.  What is kept, ranked and stopped follows
transformers, so that its texts are the same.

Reference: https://arxiv.org/abs/1610.02424 (diverse beam search)
"""

from __future__ import annotations

import numpy as np

from hornbook.generation.request import Request
from hornbook.generation.result import Result
from hornbook.generation.sampling import log_probabilities
from hornbook.generation.session import Session
from hornbook.generation.stopping import Reason
from hornbook.generation.strategies.decoding_state import Writing
from hornbook.generation.strategies.hypotheses import Candidate, Hypotheses, best_candidates


def beam_search(session: Session, request: Request) -> list[Result]:
    """The `n` best texts of each prompt.

    Args:
        session: Fresh, with a row for each prompt.
        request: With `beams` above 1.

    Returns:
        In the order of the prompts, the best of each first.  Fewer than `n` of a prompt only
        if the constraints allow fewer.
    """
    writing = Writing(session, request, request.beams)
    size = request.beams // request.beam_groups
    groups = [
        _Group(writing, np.arange(first, first + size))
        for first in range(0, len(writing.texts), size)
    ]
    search = [
        groups[first : first + request.beam_groups]
        for first in range(0, len(groups), request.beam_groups)
    ]
    while any(group.searches for group in groups):
        scores = writing.constrained(log_probabilities(writing.checked(session.logits)))
        for groups_of_prompt in search:
            chosen = np.zeros(request.vocabulary_size, np.float32)
            for group in groups_of_prompt:
                group.step(scores, chosen * request.diversity_penalty)
                np.add.at(chosen, group.chosen, 1)
        if any(group.searches for group in groups):
            _continue(session, writing, groups)
    return [
        result
        for number, groups_of_prompt in enumerate(search)
        for result in _results(writing, number, groups_of_prompt)
    ]


class _Group:
    """Beams that compete with each other.

    Args:
        writing: The texts of all beams of the request.
        rows: The places of these beams among them.

    Attributes:
        searches: Whether this is not over yet.
        parents: `(beams,)`, the row that each beam continues after a step.
        token_ids: `(beams,)`, the token that it adds to it.
        added: `(beams,)`, its log-probability.
        chosen: All tokens that were chosen in a step, also those that ended a text.
    """

    def __init__(self, writing: Writing, rows: np.ndarray) -> None:
        request = writing.request
        self._writing = writing
        self._rows = rows
        # at first all beams are the same prompt: only one of them counts
        self._totals = np.where(rows == rows[0], 0.0, -np.inf)
        self._width = max(2, 1 + len(request.stop_ids)) * len(rows)
        self.hypotheses = Hypotheses(
            len(rows), request.length_penalty, request.early_stopping, writing.stopping.limit
        )
        self.searches = writing.stopping.limit > 0
        if not self.searches:
            self.hypotheses.add(np.zeros(0, np.int32), np.zeros(0), "positions")
        self._stay()

    def step(self, scores: np.ndarray, handicap: np.ndarray) -> None:
        """Chooses what goes on, and takes what is finished.

        Args:
            scores: `(all rows, vocabulary)`: log-probabilities.
            handicap: `(vocabulary,)`, what a token is less worth.
        """
        self._stay()
        if not self.searches:
            return
        own = scores[self._rows]
        self._end_what_nothing_may_follow(own)
        candidates = best_candidates(
            self._totals, own, self._width, handicap if handicap.any() else None
        )
        going_on: list[Candidate] = []
        for rank, candidate in enumerate(candidates):
            reason = self._reason(candidate)
            if reason is None:
                going_on.append(candidate)
            elif rank < len(self._rows):  # what ends behind the beams is no better than they are
                self._end(candidate, reason)
                self.chosen.append(candidate.token_id)
        self._go_on(going_on[: len(self._rows)])
        length = self._writing.texts.count(self._rows[0]) + 1
        self.searches = not self.hypotheses.are_final(float(self._totals.max()), length)

    def _stay(self) -> None:
        self.parents = self._rows.copy()
        self.token_ids = np.zeros(len(self._rows), np.int32)
        self.added = np.zeros(len(self._rows))
        self.chosen: list[int] = []

    def _go_on(self, candidates: list[Candidate]) -> None:
        self._totals = np.full(len(self._rows), -np.inf)
        for beam, candidate in enumerate(candidates):
            self.parents[beam] = self._rows[candidate.beam]
            self.token_ids[beam] = candidate.token_id
            self.added[beam] = candidate.log_probability
            self._totals[beam] = candidate.total
            self.chosen.append(candidate.token_id)

    def _reason(self, candidate: Candidate) -> Reason | None:
        written = self._writing.texts.written(self._rows[candidate.beam])
        return self._writing.stopping.reason(np.append(written, np.int32(candidate.token_id)))

    def _end(self, candidate: Candidate, reason: Reason) -> None:
        texts, row = self._writing.texts, self._rows[candidate.beam]
        self.hypotheses.add(
            np.append(texts.written(row), np.int32(candidate.token_id)),
            np.append(texts.log_probabilities(row), candidate.log_probability),
            reason,
        )

    def _end_what_nothing_may_follow(self, scores: np.ndarray) -> None:
        for beam in np.flatnonzero((scores.max(axis=1) == -np.inf) & (self._totals > -np.inf)):
            texts, row = self._writing.texts, self._rows[beam]
            self.hypotheses.add(
                texts.written(row).copy(), texts.log_probabilities(row).copy(), "constraints"
            )
            self._totals[beam] = -np.inf


def _continue(session: Session, writing: Writing, groups: list[_Group]) -> None:
    """Brings session and texts to where the beams are."""
    parents = np.concatenate([group.parents for group in groups])
    token_ids = np.concatenate([group.token_ids for group in groups])
    added = np.concatenate([group.added for group in groups])
    if (parents != np.arange(len(parents))).any():  # moving a cache costs time
        session.reorder(parents)
        writing.texts.reorder(parents)
    for row, token_id in enumerate(token_ids.tolist()):
        writing.texts.append(row, token_id, added[row])
    session.advance(token_ids)


def _results(writing: Writing, number: int, groups: list[_Group]) -> list[Result]:
    kept = [hypothesis for group in groups for hypothesis in group.hypotheses.kept]
    kept.sort(key=lambda hypothesis: -hypothesis.score)
    return [
        Result(
            prompt=writing.request.first_prompt + number,
            token_ids=hypothesis.token_ids,
            log_probabilities=hypothesis.log_probabilities,
            score=hypothesis.score,
            finish_reason=hypothesis.reason,
            text=writing.stopping.text(hypothesis.token_ids),
        )
        for hypothesis in kept[: writing.request.n]
    ]
