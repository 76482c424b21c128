"""From a request to its strategy."""

from __future__ import annotations

from collections.abc import Callable

from hornbook.generation.request import Request, Strategy
from hornbook.generation.result import Result
from hornbook.generation.session import Session
from hornbook.generation.strategies.beam_search import beam_search
from hornbook.generation.strategies.contrastive_search import contrastive_search
from hornbook.generation.strategies.token_by_token import finish, stream


def _generate_each(session: Session, request: Request) -> list[Result]:
    return finish(stream(session, request))


_STRATEGIES: dict[Strategy, Callable[..., list[Result]]] = {
    "greedy": _generate_each,
    "sampling": _generate_each,
    "beam search": beam_search,
    "contrastive search": contrastive_search,
}


def generate(session: Session, request: Request) -> list[Result]:
    """Continues every prompt of a request.

    Args:
        session: New, with one row per prompt; a `HiddenSession` for contrastive search.
        request: The request.

    Returns:
        `n` texts per prompt side by side, in the order of the prompts.

    Raises:
        HornbookError: the model's logits are not finite.
        ValueError: the session does not match the request.
    """
    return _STRATEGIES[request.strategy](session, request)
