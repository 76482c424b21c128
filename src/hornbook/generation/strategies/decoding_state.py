"""What every way of writing keeps of its texts: what they may say next, and where they end."""

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


class Writing:
    """The texts of a request while they are written.

    Args:
        session: Fresh, with a row for each prompt.  It gets `copies` rows for each.
        request: What is asked.
        copies: Texts of each prompt; they stand side by side.
        ahead: How many tokens may be written behind the last and taken back.

    Attributes:
        texts: The texts so far.
        stopping: When they end.
        reasons: Why each row ended; None: it goes on.

    Raises:
        ValueError: the session has other rows or another vocabulary than the request.
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
    def going_on(self) -> list[int]:
        """The rows that have not ended."""
        return [row for row, reason in enumerate(self.reasons) if reason is None]

    def constrained(self, logits: np.ndarray) -> np.ndarray:
        """`(rows, vocabulary)` logits, or log-probabilities, after the constraints."""
        return constrained(logits, self.texts, self._constraints)

    def checked(self, logits: np.ndarray) -> np.ndarray:
        """The model's `(rows, vocabulary)` logits as they are.

        Raises:
            HornbookError: the model gave something that is no number.
        """
        best = logits.max(axis=1)
        if not np.isfinite(best).all():
            row = int(np.flatnonzero(~np.isfinite(best))[0])
            raise HornbookError(
                f"The model's logits for prompt {self.prompt(row) + 1} are {best[row]} after "
                f"{self.texts.count(row)} new tokens.  Its weights are broken, or its numbers "
                "overflow: try float32."
            )
        return logits

    def append(self, row: int, token_id: int, log_probability: float) -> None:
        """Writes a token, and notes whether the row ends with it."""
        self.texts.append(row, token_id, log_probability)
        self.reasons[row] = self.stopping.reason(self.texts.written(row))

    def prompt(self, row: int) -> int:
        """The number of a row's prompt in the whole request."""
        return self.request.first_prompt + int(self.texts.prompt_numbers[row])

    def results(self) -> list[Result]:
        """What is written, the best of each prompt where the request asks for them."""
        results = [self._result(row) for row in range(len(self.texts))]
        request = self.request
        return best_of(results, request.copies, request.n) if request.best_of else results

    def _result(self, row: int) -> Result:
        reason = self.reasons[row]
        assert reason is not None
        written = self.texts.written(row).copy()
        log_probabilities = self.texts.log_probabilities(row).copy()
        return Result(
            prompt=self.prompt(row),
            token_ids=written,
            log_probabilities=log_probabilities,
            score=float(log_probabilities.sum()),
            finish_reason=reason,
            text=self.stopping.text(written),
        )
