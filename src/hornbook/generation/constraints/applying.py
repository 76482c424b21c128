"""The constraints of a request, and their application."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from hornbook.generation.constraints.allowed import ForcedPrefix, OneOf, OnlyFrom
from hornbook.generation.constraints.banned import (
    BannedSequences,
    MinimumLength,
    NoRepeatedNgrams,
)
from hornbook.generation.constraints.penalties import (
    FrequencyPenalty,
    LogitBias,
    RepetitionPenalty,
)
from hornbook.generation.request import Request
from hornbook.generation.texts import Texts

Constraint = Callable[[np.ndarray, Texts], np.ndarray]


def constraints_of(request: Request) -> list[Constraint]:
    """Returns the constraints of a request in the order in which they apply."""
    constraints: list[Constraint] = []
    if request.logit_bias:
        constraints.append(LogitBias(request.logit_bias))
    if request.repetition_penalty != 1:
        constraints.append(RepetitionPenalty(request.repetition_penalty))
    if request.frequency_penalty or request.presence_penalty:
        constraints.append(FrequencyPenalty(request.frequency_penalty, request.presence_penalty))
    if request.no_repeat_ngram:
        constraints.append(NoRepeatedNgrams(request.no_repeat_ngram))
    if request.bad_words:
        constraints.append(BannedSequences(request.bad_words))
    if request.min_new_tokens and request.stop_ids:
        constraints.append(MinimumLength(request.min_new_tokens, request.stop_ids))
    if len(request.forced_prefix):
        constraints.append(ForcedPrefix(request.forced_prefix))
    if request.one_of:
        constraints.append(OneOf(request.one_of, request.stop_ids))
    if request.only_from:
        n, stop_ids = request.only_from_ngram, request.stop_ids
        constraints.append(OnlyFrom(request.only_from, n, stop_ids, per_prompt=True))
    return [*constraints, *request.constraints]


def constrained(logits: np.ndarray, texts: Texts, constraints: Sequence[Constraint]) -> np.ndarray:
    """Applies constraints in order to a copy of the logits.

    Raises:
        TypeError: a constraint returned None, or an array of another shape.
    """
    if not constraints:
        return logits
    changed = logits.copy()
    for constraint in constraints:
        changed = constraint(changed, texts)
        if np.shape(changed) != logits.shape:
            raise TypeError(
                f"The constraint {constraint!r} must return logits of shape {logits.shape}, "
                f"not {'nothing' if changed is None else np.shape(changed)}."
            )
    return changed
