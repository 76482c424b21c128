"""Contrastive search: the most likely token that is unlike all previous ones.

Of the `top_k` most likely tokens it takes the one with the best
`(1 - a) * probability - a * similarity`, where the similarity is the largest cosine between the
token's hidden state and that of any previous token.

Reference: https://arxiv.org/abs/2202.06417
"""

from __future__ import annotations

import numpy as np

from hornbook.generation.request import Request
from hornbook.generation.result import Result
from hornbook.generation.sampling import largest, log_probabilities
from hornbook.generation.session import HiddenSession
from hornbook.generation.strategies.decoding_state import DecodingState


def contrastive_search(session: HiddenSession, request: Request) -> list[Result]:
    """Returns one text per prompt.

    Every candidate is tried, so the session gets `top_k` rows per prompt.

    Args:
        session: New, with one row per prompt; it provides hidden states.
        request: With `degeneration_penalty` and `top_k`.

    Returns:
        In the order of the prompts.

    Raises:
        TypeError: the session provides no hidden states.
    """
    if not isinstance(session, HiddenSession):
        raise TypeError("Contrastive search needs a session with hidden and prompt_hidden.")
    assert request.top_k is not None  # the request checks it
    state = DecodingState(session, request, copies=1)
    previous = [_directions(hidden) for hidden in session.prompt_hidden]
    chosen = np.arange(len(previous))  # the session's row of each text
    while state.active_rows:
        logits = state.checked(session.logits[chosen])
        token_ids, probabilities = _candidates(state.constrained(logits), request.top_k)
        session.reorder(np.repeat(chosen, request.top_k))
        session.advance(token_ids.ravel())
        hidden = _directions(session.hidden).reshape(*token_ids.shape, -1)
        likelihoods = log_probabilities(logits)
        for row in state.active_rows:
            similarity = (hidden[row] @ previous[row].T).max(axis=1)
            weight = request.degeneration_penalty
            score = (1 - weight) * probabilities[row] - weight * similarity
            best = int(np.where(probabilities[row] > 0, score, -np.inf).argmax())
            if probabilities[row, best] == 0:
                state.reasons[row] = "constraints"
                continue
            token_id = int(token_ids[row, best])
            state.append(row, token_id, float(likelihoods[row, token_id]))
            previous[row] = np.vstack([previous[row], hidden[row, best]])
            chosen[row] = row * request.top_k + best
        ended = [row for row, reason in enumerate(state.reasons) if reason is not None]
        chosen[ended] = np.array(ended, np.int64) * request.top_k
    return state.results()


def _candidates(logits: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the most likely tokens and their probabilities, both `(rows, count)`.

    Where fewer are allowed, the rest is token 0 with probability 0.
    """
    token_ids = np.zeros((len(logits), count), np.int32)
    probabilities = np.zeros((len(logits), count))
    for row, row_logits in enumerate(logits):
        best = largest(row_logits, count)
        best = best[np.argsort(-row_logits[best], kind="stable")[:count]]
        if len(best):
            token_ids[row, : len(best)] = best
            probabilities[row, : len(best)] = np.exp(log_probabilities(row_logits)[best])
    return token_ids, probabilities


def _directions(hidden: np.ndarray) -> np.ndarray:
    """Returns each vector divided by its length."""
    lengths = np.linalg.norm(hidden, axis=-1, keepdims=True)
    return np.asarray(hidden / np.maximum(lengths, np.finfo(np.float32).tiny))
