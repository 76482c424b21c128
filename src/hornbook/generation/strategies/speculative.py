"""Speculative writing: a small model writes ahead, the large one reads it all at once.

Each drafted token is kept with probability `min(1, p / q)`, of the large and the small model;
the first that is not kept is drawn anew from what `p` has more than `q`.  So every token has
exactly the distribution that the large model alone would draw it from, and greedy writing gives
the very same tokens.

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
from hornbook.generation.strategies.decoding_state import Writing


def write_speculatively(session: Session, draft: Session, request: Request) -> list[Result]:
    """Writes greedily or by sampling, several tokens a step.

    Args:
        session: Of the large model, fresh, with a row for each prompt.
        draft: Of the small model, with the same prompts and vocabulary.
        request: Greedy or sampling; `draft_tokens` are written ahead in a step.

    Returns:
        In the order of the prompts.  The log-probabilities are those of the large model.

    Raises:
        OptionError: the request is a search.
    """
    if request.strategy not in ("greedy", "sampling"):
        raise OptionError(f"A {request.strategy} cannot be written speculatively.")
    return _Speculation(session, draft, request).results()


class _Speculation:
    """Two sessions that have the same tokens, all but the last one of each text."""

    def __init__(self, session: Session, draft: Session, request: Request) -> None:
        self._session, self._draft = session, draft
        self._filters = request.filters
        self._ahead = request.draft_tokens
        if draft.logits.shape != session.logits.shape:
            raise ValueError(
                f"The draft session has logits of shape {draft.logits.shape}, "
                f"the other {session.logits.shape}."
            )
        self._writing = Writing(session, request, request.copies, ahead=self._ahead)
        if request.copies > 1:
            draft.reorder(self._writing.texts.prompt_numbers)
        rows = range(len(self._writing.texts))
        self._writes, self._accepts, self._drafts = (
            [
                random_numbers.stream(
                    request.seed, self._writing.prompt(row), row % request.copies, purpose
                )
                for row in rows
            ]
            for purpose in (
                random_numbers.WRITING,
                random_numbers.ACCEPTING,
                random_numbers.DRAFTING,
            )
        )
        self._last = np.zeros(len(rows), np.int32)  # written, but in neither session

    def results(self) -> list[Result]:
        """Writes everything."""
        writing = self._writing
        nothing = np.zeros((len(writing.texts), 0), np.int32)
        self._accept(self._session.logits[:, None], nothing, [])
        while writing.going_on:
            # at the end of either model's positions the large one goes on alone
            self._ahead = min(self._ahead, self._session.positions_left - 1)
            if self._draft.positions_left <= self._ahead:
                self._ahead = 0
            drafted, proposals = self._write_ahead()
            logits = self._session.advance(np.concatenate([self._last[:, None], drafted], axis=1))
            kept = self._accept(logits, drafted, proposals)
            self._rewind(kept)
        return writing.results()

    def _write_ahead(self) -> tuple[np.ndarray, list[list[Distribution]]]:
        """What the small model would write: `(rows, ahead)` tokens and each one's distributions."""
        writing, count = self._writing, self._ahead
        drafted = np.zeros((len(writing.texts), count), np.int32)
        proposals: list[list[Distribution]] = [[] for _ in drafted]
        going_on = writing.going_on
        token_ids = self._last
        for place in range(count):
            logits = writing.checked(self._draft.advance(token_ids))
            allowed = writing.constrained(logits)
            for row in going_on:
                # whatever the draft is drawn from, what is kept of it has the right distribution
                possible = allowed[row].max() > -np.inf
                proposal = distribution(allowed[row] if possible else logits[row], **self._filters)
                proposals[row].append(proposal)
                drafted[row, place] = proposal.draw(self._drafts[row].random())
                writing.texts.append(row, int(drafted[row, place]), 0.0)
            token_ids = drafted[:, place]
        if count:
            self._draft.advance(token_ids)  # so that both sessions have the same tokens
        for row in going_on:
            writing.texts.take_back(row, count)
        return drafted, proposals

    def _accept(
        self, logits: np.ndarray, drafted: np.ndarray, proposals: list[list[Distribution]]
    ) -> np.ndarray:
        """Writes what is kept of the draft, and one more token.

        Args:
            logits: `(rows, ahead + 1, vocabulary)`, before each drafted token and after the last.
            drafted: `(rows, ahead)`.
            proposals: For each row what its tokens were drawn from.

        Returns:
            How many drafted tokens each row keeps.
        """
        writing = self._writing
        kept = np.zeros(len(writing.texts), np.int64)
        accepting = writing.going_on
        for place in range(logits.shape[1]):
            allowed = writing.constrained(writing.checked(logits[:, place]))
            for row in list(accepting):
                if allowed[row].max() == -np.inf:
                    writing.reasons[row] = "constraints"
                    accepting.remove(row)
                    continue
                target = distribution(allowed[row], **self._filters)
                if place == drafted.shape[1]:
                    token_id, agreed = target.draw(self._writes[row].random()), False
                else:
                    token_id, agreed = self._decide(
                        row, target, proposals[row][place], int(drafted[row, place])
                    )
                likelihood = log_probabilities_of(logits[row, place], np.array(token_id))
                writing.append(row, token_id, float(likelihood))
                self._last[row] = token_id
                kept[row] += agreed
                if not agreed or writing.reasons[row] is not None:
                    accepting.remove(row)
        return kept

    def _decide(
        self, row: int, target: Distribution, proposal: Distribution, token_id: int
    ) -> tuple[int, bool]:
        """The drafted token and True, or another one and False."""
        chance = self._accepts[row].random() * proposal.probability(token_id)
        if chance < target.probability(token_id):
            return token_id, True
        return target.without(proposal).draw(self._writes[row].random()), False

    def _rewind(self, kept: np.ndarray) -> None:
        """Takes back what was not kept, and from ended texts everything: they get no longer."""
        ended = np.array([reason is not None for reason in self._writing.reasons])
        self._session.rewind(np.where(ended, self._ahead + 1, self._ahead - kept))
        if self._ahead:
            self._draft.rewind(np.where(ended, self._ahead + 1, self._ahead - kept))
