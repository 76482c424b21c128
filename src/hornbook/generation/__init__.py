"""From logits to texts: NumPy only, the same for every model and backend."""

from hornbook.generation.request import Request
from hornbook.generation.result import Result
from hornbook.generation.scoring import Score, perplexity
from hornbook.generation.session import HiddenSession, Session
from hornbook.generation.stopping import TextBeforeStop
from hornbook.generation.strategies.dispatch import generate
from hornbook.generation.strategies.speculative import generate_speculatively
from hornbook.generation.strategies.token_by_token import NewToken, finish, stream

__all__ = [
    "HiddenSession",
    "NewToken",
    "Request",
    "Result",
    "Score",
    "Session",
    "TextBeforeStop",
    "finish",
    "generate",
    "generate_speculatively",
    "perplexity",
    "stream",
]
