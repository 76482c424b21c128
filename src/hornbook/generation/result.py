"""A generated text, and why it ended."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hornbook.generation.stopping import Reason


@dataclass(frozen=True, eq=False)
class Result:
    """One text that continues a prompt.

    Attributes:
        prompt: Index of its prompt in the request.
        token_ids: `(length,)` int32, without the prompt, with the stop token if there is one.
        log_probabilities: `(length,)` float64, of each token.  The model's own, before
            constraints, temperature and filters; in beam search after the constraints, because
            they decide the ranking there.
        score: Ranks the texts of one prompt, higher is better: the sum of `log_probabilities`;
            in beam search divided by the length to the power of the length penalty; with
            `best_of` their mean.
        finish_reason: `"stop_id"`, `"stop_string"`, `"max_new_tokens"`, `"positions"` (the
            model has no more), or `"constraints"` (they allowed no token).
        text: The decoded tokens, cut before a stop string; None without `decode`.
    """

    prompt: int
    token_ids: np.ndarray
    log_probabilities: np.ndarray
    score: float
    finish_reason: Reason
    text: str | None = None
