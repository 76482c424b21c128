"""The state that every strategy keeps of its texts: tokens, constraints, reasons to stop."""

from __future__ import annotations

import numpy as np

from hornbook.errors import HornbookError
from hornbook.generation.constraints import constrained, constraints_of
from hornbook.generation.request import Request
from hornbook.generation.result import Result
from hornbook.generation.session import Session
from hornbook.generation.stopping import Reason, Stopping
from hornbook.generation.strategies.best_of import best_of
from hornbook.generation.texts import Texts


class DecodingState:
    """The texts of a request in generation.

    Args:
        session: New, with one row per prompt.  It gets `copies` rows per prompt.
        request: The request.
        copies: Number of texts per prompt, in adjacent rows.
        ahead: How many tokens beyond the maximum length may be appended and taken back.

    Attributes:
        texts: The texts so far.
        stopping: Decides when they end.
        reasons: Why each row ended; None while it continues.

    Raises:
        ValueError: the session and the request differ in rows or vocabulary.
    """

    def __init__(self, session: Session, request: Request, copies: int, ahead: int = 0) -> None:
        expected = (len(request.prompts), request.vocabulary_size)
        if session.logits.shape != expected:
            raise ValueError(
                f"The request needs a session with logits of shape {expected}, "
                f"not {session.logits.shape}."
            )
        self.request = request
        self.stopping = Stopping(request, session.positions_left)
        self.texts = Texts(request.prompts, self.stopping.limit + ahead)
        self._constraints = constraints_of(request)
        if copies > 1:
            rows = np.repeat(np.arange(len(request.prompts)), copies)
            session.reorder(rows)
            self.texts.reorder(rows)
        self.reasons: list[Reason | None] = [None] * len(self.texts)
        if self.stopping.limit == 0:
            self.reasons = ["positions"] * len(self.texts)

    @property
    def active_rows(self) -> list[int]:
        """Indices of the rows that have not ended."""
        return [row for row, reason in enumerate(self.reasons) if reason is None]

    def constrained(self, logits: np.ndarray) -> np.ndarray:
        """Returns `(rows, vocabulary)` logits, or log-probabilities, after the constraints."""
        return constrained(logits, self.texts, self._constraints)

    def checked(self, logits: np.ndarray) -> np.ndarray:
        """Returns the model's `(rows, vocabulary)` logits unchanged.

        Raises:
            HornbookError: a logit is NaN or infinite.
        """
        best = logits.max(axis=1)
        if not np.isfinite(best).all():
            row = int(np.flatnonzero(~np.isfinite(best))[0])
            raise HornbookError(
                f"The model's logits for prompt {self.prompt(row) + 1} are {best[row]} after "
                f"{self.texts.count(row)} new tokens.  Its weights are broken, or its activations "
                "overflow: try float32."
            )
        return logits

    def append(self, row: int, token_id: int, log_probability: float) -> None:
        """Appends a token, and records whether the row ends with it."""
        self.texts.append(row, token_id, log_probability)
        self.reasons[row] = self.stopping.reason(self.texts.new_tokens(row))

    def prompt(self, row: int) -> int:
        """Returns the index of a row's prompt in the whole request."""
        return self.request.first_prompt + int(self.texts.prompt_numbers[row])

    def results(self) -> list[Result]:
        """Returns the results, with `best_of` only the best of each prompt."""
        results = [self._result(row) for row in range(len(self.texts))]
        request = self.request
        return best_of(results, request.copies, request.n) if request.best_of else results

    def _result(self, row: int) -> Result:
        reason = self.reasons[row]
        assert reason is not None
        token_ids = self.texts.new_tokens(row).copy()
        log_probabilities = self.texts.log_probabilities(row).copy()
        return Result(
            prompt=self.prompt(row),
            token_ids=token_ids,
            log_probabilities=log_probabilities,
            score=float(log_probabilities.sum()),
            finish_reason=reason,
            text=self.stopping.text(token_ids),
        )
