"""From a request to the way of writing that it asks for."""

from __future__ import annotations

from collections.abc import Callable

from hornbook.generation.request import Request, Strategy
from hornbook.generation.result import Result
from hornbook.generation.session import Session
from hornbook.generation.strategies.beam_search import beam_search
from hornbook.generation.strategies.contrastive_search import contrastive_search
from hornbook.generation.strategies.token_by_token import finish, stream


def _write_each(session: Session, request: Request) -> list[Result]:
    return finish(stream(session, request))


_STRATEGIES: dict[Strategy, Callable[..., list[Result]]] = {
    "greedy": _write_each,
    "sampling": _write_each,
    "beam search": beam_search,
    "contrastive search": contrastive_search,
}


def write(session: Session, request: Request) -> list[Result]:
    """Continues every prompt of a request.

    Args:
        session: Fresh, with a row for each prompt; one of `HiddenSession` for contrastive
            search.
        request: What is asked.

    Returns:
        `n` texts of each prompt side by side, in the order of the prompts.

    Raises:
        HornbookError: the model computes something that is no number.
        ValueError: the session does not belong to the request.
    """
    return _STRATEGIES[request.strategy](session, request)
