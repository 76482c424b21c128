"""Scores of given texts: log-probability per token, and perplexity."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from hornbook.errors import OptionError


@dataclass(frozen=True, eq=False)
class Score:
    """The log-probabilities of one text.

    Attributes:
        token_ids: `(tokens,)` int32, the scored tokens: without a prompt all but the first, which
            has no context.
        log_probabilities: `(tokens,)` float64, of each token given the previous ones; for a
            masked language model given all others.
    """

    token_ids: np.ndarray
    log_probabilities: np.ndarray

    @property
    def total(self) -> float:
        """The log-probability of the text."""
        return float(self.log_probabilities.sum())

    @property
    def perplexity(self) -> float:
        """See `perplexity`."""
        return perplexity([self])


def perplexity(scores: Iterable[Score]) -> float:
    """Returns the exponential of the mean negative log-probability; NaN without tokens."""
    values = np.concatenate([np.zeros(0), *(score.log_probabilities for score in scores)])
    return float(np.exp(-values.mean())) if len(values) else float("nan")


class Window(NamedTuple):
    """A part of a text that is read at once.

    Attributes:
        text: Index of the text.
        start, end: The window's tokens, half open.
        first: The first token that is scored; those before it are context.
    """

    text: int
    start: int
    first: int
    end: int


def windows(lengths: Sequence[int], *, window: int, stride: int | None = None) -> list[Window]:
    """Cuts texts into overlapping windows, so that each token but the first is scored once.

    A token is scored in the first window that contains it, with at least `window - stride` tokens
    of context where the text has them.

    Args:
        lengths: Number of tokens of each text, at least one.
        window: Maximum number of tokens per window.
        stride: Tokens from one window to the next: smaller is more exact and slower.  Defaults to
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
            raise OptionError(f"Text {number} is empty: give at least one token.")
    return [
        Window(number, start, 1 if start == 0 else start + window - stride, end)
        for number, length in enumerate(lengths)
        for start, end in _windows(length, window, stride)
    ]


def _windows(length: int, window: int, stride: int) -> list[tuple[int, int]]:
    """Returns start and end of each window; a single token has none."""
    if length < 2:
        return []
    starts = range(0, max(length - window, 0) + stride, stride)
    return [(start, min(start + window, length)) for start in starts if start < length - 1]
