"""How likely a model finds given texts: log-probability by token, and perplexity."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from hornbook.errors import OptionError


@dataclass(frozen=True, eq=False)
class Score:
    """How likely one text is.

    Attributes:
        token_ids: `(tokens,)` int32, those that count: of a text without a prompt all but the
            first, before which there is nothing to say it from.
        log_probabilities: `(tokens,)` float64, of each of them given what is before it; of a
            masked model given everything else.
    """

    token_ids: np.ndarray
    log_probabilities: np.ndarray

    @property
    def total(self) -> float:
        """The log-probability of all of them together."""
        return float(self.log_probabilities.sum())

    @property
    def perplexity(self) -> float:
        """See `perplexity`."""
        return perplexity([self])


def perplexity(scores: Iterable[Score]) -> float:
    """The exponential of the mean negative log-probability of all tokens; NaN if there are none."""
    found = np.concatenate([np.zeros(0), *(score.log_probabilities for score in scores)])
    return float(np.exp(-found.mean())) if len(found) else float("nan")


class Window(NamedTuple):
    """A part of a text that is read at once.

    Attributes:
        text: The number of the text.
        start, end: Its tokens from one to the other.
        first: The first of them that counts, those before it only lead there.
    """

    text: int
    start: int
    first: int
    end: int


def windows(lengths: Sequence[int], *, window: int, stride: int | None = None) -> list[Window]:
    """Cuts texts into parts that overlap, so that each token but the first counts once.

    A token counts in the first window that has it: it has at least `window - stride` tokens
    before it, as far as there are any.

    Args:
        lengths: Tokens of each text, one at least.
        window: The most tokens that are read at once.
        stride: How far a window is from the one before: fewer are more exact and slower.  None:
            half a window.

    Raises:
        OptionError: a window below 2, a stride outside 1 to `window - 1`, or an empty text.
    """
    stride = window // 2 if stride is None else stride
    if window < 2:
        raise OptionError(f"window is {window}; it must be at least 2.")
    if not 1 <= stride < window:
        raise OptionError(f"stride is {stride}; it must be at least 1 and below {window}.")
    for number, length in enumerate(lengths, 1):
        if not length:
            raise OptionError(f"Text {number} is empty: give one token at least.")
    return [
        Window(number, start, 1 if start == 0 else start + window - stride, end)
        for number, length in enumerate(lengths)
        for start, end in _windows(length, window, stride)
    ]


def _windows(length: int, window: int, stride: int) -> list[tuple[int, int]]:
    """Where windows begin and end; one token alone has none."""
    if length < 2:
        return []
    starts = range(0, max(length - window, 0) + stride, stride)
    return [(start, min(start + window, length)) for start in starts if start < length - 1]
