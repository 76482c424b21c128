"""Contrastive search: the likeliest token that is unlike everything written before it.

Of the `top_k` likeliest tokens it takes the one with the best
`(1 - a) * probability - a * similarity`, where the similarity is the largest cosine between the
token's hidden state and that of any token before.

Reference: https://arxiv.org/abs/2202.06417
"""

from __future__ import annotations

import numpy as np

from hornbook.generation.request import Request
from hornbook.generation.result import Result
from hornbook.generation.sampling import largest, log_probabilities
from hornbook.generation.session import HiddenSession
from hornbook.generation.strategies.decoding_state import Writing


def contrastive_search(session: HiddenSession, request: Request) -> list[Result]:
    """One text of each prompt.

    Every candidate is tried, so the session gets `top_k` rows for each prompt.

    Args:
        session: Fresh, with a row for each prompt; it shows hidden states.
        request: With `degeneration_penalty` and `top_k`.

    Returns:
        In the order of the prompts.

    Raises:
        TypeError: the session shows no hidden states.
    """
    if not isinstance(session, HiddenSession):
        raise TypeError("Contrastive search needs a session with hidden and prompt_hidden.")
    assert request.top_k is not None  # the request saw to it
    writing = Writing(session, request, copies=1)
    seen = [_directions(hidden) for hidden in session.prompt_hidden]
    chosen = np.arange(len(seen))  # in which row of the session each text goes on
    while writing.going_on:
        logits = writing.checked(session.logits[chosen])
        token_ids, probabilities = _candidates(writing.constrained(logits), request.top_k)
        session.reorder(np.repeat(chosen, request.top_k))
        session.advance(token_ids.ravel())
        hidden = _directions(session.hidden).reshape(*token_ids.shape, -1)
        likelihoods = log_probabilities(logits)
        for row in writing.going_on:
            similarity = (hidden[row] @ seen[row].T).max(axis=1)
            weight = request.degeneration_penalty
            worth = (1 - weight) * probabilities[row] - weight * similarity
            best = int(np.where(probabilities[row] > 0, worth, -np.inf).argmax())
            if probabilities[row, best] == 0:
                writing.reasons[row] = "constraints"
                continue
            token_id = int(token_ids[row, best])
            writing.append(row, token_id, float(likelihoods[row, token_id]))
            seen[row] = np.vstack([seen[row], hidden[row, best]])
            chosen[row] = row * request.top_k + best
        ended = [row for row, reason in enumerate(writing.reasons) if reason is not None]
        chosen[ended] = np.array(ended, np.int64) * request.top_k
    return writing.results()


def _candidates(logits: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The likeliest tokens and their probabilities, both `(rows, count)`.

    Where fewer are allowed, token 0 with probability 0 fills up.
    """
    token_ids = np.zeros((len(logits), count), np.int32)
    probabilities = np.zeros((len(logits), count))
    for row, row_logits in enumerate(logits):
        places = largest(row_logits, count)
        best = places[np.argsort(-row_logits[places], kind="stable")[:count]]
        if len(best):
            token_ids[row, : len(best)] = best
            probabilities[row, : len(best)] = np.exp(log_probabilities(row_logits)[best])
    return token_ids, probabilities


def _directions(hidden: np.ndarray) -> np.ndarray:
    """Each vector divided by its length."""
    lengths = np.linalg.norm(hidden, axis=-1, keepdims=True)
    return hidden / np.maximum(lengths, np.finfo(np.float32).tiny)
