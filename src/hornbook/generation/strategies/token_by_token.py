"""Writes token by token: the best one each time, or one that is drawn."""

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
from hornbook.generation.strategies.decoding_state import Writing


class NewToken(NamedTuple):
    """A token as it is written.

    Attributes:
        row: Of which text: the prompt times the texts of each, plus the text among those.
        token_id: The token.
    """

    row: int
    token_id: int


def stream(session: Session, request: Request) -> Generator[NewToken, None, list[Result]]:
    """Writes greedily or by sampling, and gives each token when it is chosen.

    The session computes nothing until the next token is asked for.  A generator that is closed
    or forgotten leaves nothing to clean up.

    Args:
        session: Fresh, with a row for each prompt.
        request: Greedy or sampling.

    Returns:
        As the generator's value the results, in the order of the prompts.

    Raises:
        OptionError: the request is a search, which knows its text only at the end.

    Example:
        ```
        for row, token_id in stream(session, request):
            print(tokenizer.decode([token_id]))
        ```
    """
    if request.strategy not in ("greedy", "sampling"):
        raise OptionError(f"A {request.strategy} knows its text only at the end: it has no stream.")
    return _stream(session, request)


def finish(tokens: Generator[NewToken, None, list[Result]]) -> list[Result]:
    """The results of a stream, whose remaining tokens are written."""
    while True:
        try:
            next(tokens)
        except StopIteration as end:
            return end.value


def _stream(session: Session, request: Request) -> Generator[NewToken, None, list[Result]]:
    writing = Writing(session, request, request.copies)
    randoms = [
        random_numbers.stream(request.seed, writing.prompt(row), row % request.copies)
        for row in range(len(writing.texts))
    ]
    # rows that have ended stay in the session, whose shape is compiled: they get token 0
    token_ids = np.zeros(len(writing.texts), np.int32)
    while writing.going_on:
        logits = writing.constrained(writing.checked(session.logits))
        for row in writing.going_on:
            if logits[row].max() == -np.inf:
                writing.reasons[row] = "constraints"
            else:
                uniform = randoms[row].random()
                token_ids[row] = distribution(logits[row], **request.filters).draw(uniform)
        likelihoods = log_probabilities_of(session.logits, token_ids)
        for row in writing.going_on:
            writing.append(row, int(token_ids[row]), likelihoods[row])
            yield NewToken(row, int(token_ids[row]))
        token_ids[[reason is not None for reason in writing.reasons]] = 0
        if writing.going_on:
            session.advance(token_ids)
    return writing.results()
