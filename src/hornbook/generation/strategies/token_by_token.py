"""Greedy generation and sampling, token by token."""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple

import numpy as np

from hornbook.errors import OptionError
from hornbook.generation import random_numbers
from hornbook.generation.request import Request
from hornbook.generation.result import Result
from hornbook.generation.sampling import distribution, log_probabilities_of
from hornbook.generation.session import Session
from hornbook.generation.strategies.decoding_state import DecodingState


class NewToken(NamedTuple):
    """A token as it is generated.

    Attributes:
        row: Index of its text: index of the prompt times texts per prompt, plus index of the text
            among those of its prompt.
        token_id: The token.
    """

    row: int
    token_id: int


def stream(session: Session, request: Request) -> Generator[NewToken, None, list[Result]]:
    """Generates greedily or by sampling, and yields each token as soon as it is chosen.

    The session computes nothing until the next token is requested.  A generator that is closed
    or dropped leaves nothing to clean up.

    Args:
        session: New, with one row per prompt.
        request: Greedy or sampling.

    Returns:
        As the generator's value the results, in the order of the prompts.

    Raises:
        OptionError: the request is a search, whose result is known only at its end.

    Example:
        ```
        for row, token_id in stream(session, request):
            print(tokenizer.decode([token_id]))
        ```
    """
    if request.strategy not in ("greedy", "sampling"):
        strategy = request.strategy.capitalize()
        raise OptionError(f"{strategy} cannot stream: its result is known only at the end.")
    return _stream(session, request)


def finish(tokens: Generator[NewToken, None, list[Result]]) -> list[Result]:
    """Generates the remaining tokens of a stream and returns its results."""
    while True:
        try:
            next(tokens)
        except StopIteration as end:
            results: list[Result] = end.value
            return results


def _stream(session: Session, request: Request) -> Generator[NewToken, None, list[Result]]:
    state = DecodingState(session, request, request.copies)
    randoms = [
        random_numbers.stream(request.seed, state.prompt(row), row % request.copies)
        for row in range(len(state.texts))
    ]
    # rows that have ended stay in the session, whose shape is fixed: they get token 0
    token_ids = np.zeros(len(state.texts), np.int32)
    while state.active_rows:
        logits = state.constrained(state.checked(session.logits))
        for row in state.active_rows:
            if logits[row].max() == -np.inf:
                state.reasons[row] = "constraints"
            else:
                uniform = randoms[row].random()
                token_ids[row] = distribution(logits[row], **request.filters).draw(uniform)
        likelihoods = log_probabilities_of(session.logits, token_ids)
        for row in state.active_rows:
            state.append(row, int(token_ids[row]), likelihoods[row])
            yield NewToken(row, int(token_ids[row]))
        token_ids[[reason is not None for reason in state.reasons]] = 0
        if state.active_rows:
            session.advance(token_ids)
    return state.results()
