"""Speculative decoding: a small model drafts tokens, the large one reads them all at once.

A drafted token is accepted with probability `min(1, p / q)`, where `p` is of the large model and
`q` of the small one; the first that is rejected is sampled again from the positive part of `p - q`.
So every token has exactly the distribution of the large model alone, and greedy generation gives
the same tokens.

Reference: https://arxiv.org/abs/2211.17192
"""

from __future__ import annotations

import numpy as np

from hornbook.errors import OptionError
from hornbook.generation import random_numbers
from hornbook.generation.request import Request
from hornbook.generation.result import Result
from hornbook.generation.sampling import Distribution, distribution, log_probabilities_of
from hornbook.generation.session import Session
from hornbook.generation.strategies.decoding_state import DecodingState


def generate_speculatively(session: Session, draft: Session, request: Request) -> list[Result]:
    """Generates greedily or by sampling, several tokens per step.

    Args:
        session: Of the large model, new, with one row per prompt.
        draft: Of the small model, with the same prompts and vocabulary.
        request: Greedy or sampling; `draft_tokens` are drafted per step.

    Returns:
        In the order of the prompts.  The log-probabilities are those of the large model.

    Raises:
        OptionError: the request is a search.
    """
    if request.strategy not in ("greedy", "sampling"):
        strategy = request.strategy.capitalize()
        raise OptionError(f"{strategy} cannot be combined with a draft model: leave out draft.")
    return _Speculation(session, draft, request).results()


class _Speculation:
    """Two sessions with the same tokens: all but the last one of each text."""

    def __init__(self, session: Session, draft: Session, request: Request) -> None:
        self._session, self._draft = session, draft
        self._filters = request.filters
        self._ahead = request.draft_tokens
        if draft.logits.shape != session.logits.shape:
            raise ValueError(
                f"The draft session has logits of shape {draft.logits.shape}, "
                f"the session {session.logits.shape}."
            )
        self._state = DecodingState(session, request, request.copies, ahead=self._ahead)
        if request.copies > 1:
            draft.reorder(self._state.texts.prompt_numbers)
        rows = range(len(self._state.texts))
        self._samples, self._accepts, self._drafts = (
            [
                random_numbers.stream(
                    request.seed, self._state.prompt(row), row % request.copies, purpose
                )
                for row in rows
            ]
            for purpose in (
                random_numbers.GENERATING,
                random_numbers.ACCEPTING,
                random_numbers.DRAFTING,
            )
        )
        self._last = np.zeros(len(rows), np.int32)  # generated, but in neither session

    def results(self) -> list[Result]:
        """Generates all texts."""
        state = self._state
        nothing = np.zeros((len(state.texts), 0), np.int32)
        self._accept(self._session.logits[:, None], nothing, [])
        while state.active_rows:
            # where either model runs out of positions, the large one continues alone
            self._ahead = min(self._ahead, self._session.positions_left - 1)
            if self._draft.positions_left <= self._ahead:
                self._ahead = 0
            draft_ids, proposals = self._draft_tokens()
            logits = self._session.advance(np.concatenate([self._last[:, None], draft_ids], axis=1))
            self._rewind(self._accept(logits, draft_ids, proposals))
        return state.results()

    def _draft_tokens(self) -> tuple[np.ndarray, list[list[Distribution]]]:
        """Returns the tokens of the small model, `(rows, ahead)`, and their distributions."""
        state, count = self._state, self._ahead
        draft_ids = np.zeros((len(state.texts), count), np.int32)
        proposals: list[list[Distribution]] = [[] for _ in draft_ids]
        active_rows = state.active_rows
        token_ids = self._last
        for step in range(count):
            logits = state.checked(self._draft.advance(token_ids))
            allowed = state.constrained(logits)
            for row in active_rows:
                # accepted tokens have the right distribution, whatever the draft is sampled from
                possible = allowed[row].max() > -np.inf
                proposal = distribution(allowed[row] if possible else logits[row], **self._filters)
                proposals[row].append(proposal)
                draft_ids[row, step] = proposal.draw(self._drafts[row].random())
                state.texts.append(row, int(draft_ids[row, step]), 0.0)
            token_ids = draft_ids[:, step]
        if count:
            self._draft.advance(token_ids)  # so that both sessions have the same tokens
        for row in active_rows:
            state.texts.take_back(row, count)
        return draft_ids, proposals

    def _accept(
        self, logits: np.ndarray, draft_ids: np.ndarray, proposals: list[list[Distribution]]
    ) -> np.ndarray:
        """Appends the accepted tokens of the draft, and one more token.

        Args:
            logits: `(rows, ahead + 1, vocabulary)`, before each drafted token and after the last.
            draft_ids: `(rows, ahead)`.
            proposals: Per row the distributions its tokens were sampled from.

        Returns:
            `(rows,)`, the number of accepted tokens.
        """
        state = self._state
        counts = np.zeros(len(state.texts), np.int64)
        accepting = state.active_rows
        for step in range(logits.shape[1]):
            allowed = state.constrained(state.checked(logits[:, step]))
            for row in list(accepting):
                if allowed[row].max() == -np.inf:
                    state.reasons[row] = "constraints"
                    accepting.remove(row)
                    continue
                target = distribution(allowed[row], **self._filters)
                if step == draft_ids.shape[1]:
                    token_id, accepted = target.draw(self._samples[row].random()), False
                else:
                    token_id, accepted = self._decide(
                        row, target, proposals[row][step], int(draft_ids[row, step])
                    )
                likelihood = log_probabilities_of(logits[row, step], np.array(token_id))
                state.append(row, token_id, float(likelihood))
                self._last[row] = token_id
                counts[row] += accepted
                if not accepted or state.reasons[row] is not None:
                    accepting.remove(row)
        return counts

    def _decide(
        self, row: int, target: Distribution, proposal: Distribution, token_id: int
    ) -> tuple[int, bool]:
        """Returns the drafted token and True, or another one and False."""
        chance = self._accepts[row].random() * proposal.probability(token_id)
        if chance < target.probability(token_id):
            return token_id, True
        return target.without(proposal).draw(self._samples[row].random()), False

    def _rewind(self, accepted: np.ndarray) -> None:
        """Removes rejected tokens from the sessions, and all new ones of texts that have ended."""
        ended = np.array([reason is not None for reason in self._state.reasons])
        counts = np.where(ended, self._ahead + 1, self._ahead - accepted)
        self._session.rewind(counts)
        if self._ahead:
            self._draft.rewind(counts)
