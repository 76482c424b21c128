"""How likely a model finds given texts: log-probability by token, and perplexity."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from hornbook.errors import OptionError
from hornbook.generation.sampling import log_probabilities_of

# token ids `(rows, length)` -> log-probabilities `(rows, length - 1)` of all but the first
Likelihoods = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Score:
    """How likely one text is.

    Attributes:
        log_probabilities: `(tokens - 1,)` float64, of every token but the first, before which
            there is nothing to say it from.
    """

    log_probabilities: np.ndarray

    @property
    def total(self) -> float:
        """The log-probability of the text, given its first token."""
        return float(self.log_probabilities.sum())

    @property
    def perplexity(self) -> float:
        """See `perplexity`."""
        return perplexity([self])


def perplexity(scores: Iterable[Score]) -> float:
    """The exponential of the mean negative log-probability of all tokens; NaN if there are none."""
    found = np.concatenate([score.log_probabilities for score in scores])
    return float(np.exp(-found.mean())) if len(found) else float("nan")


def likelihoods_from_logits(predict: Callable[[np.ndarray], np.ndarray]) -> Likelihoods:
    """Lets `score` use a model that gives all logits.

    Args:
        predict: From `(rows, length)` token ids to `(rows, length, vocabulary)` logits.
    """

    def likelihoods(token_ids: np.ndarray) -> np.ndarray:
        return log_probabilities_of(predict(token_ids)[:, :-1], token_ids[:, 1:])

    return likelihoods


def score(
    texts: Sequence[Sequence[int]],
    likelihoods: Likelihoods,
    *,
    window: int,
    stride: int | None = None,
    batch_size: int = 8,
) -> list[Score]:
    """Scores texts of any length.

    A long text is read in windows that overlap, and each token counts in the first window that
    has it: it has at least `window - stride` tokens before it, as far as there are any.

    Args:
        texts: Token ids of each, one token at least.
        likelihoods: Of a causal model, which does not see what follows: shorter windows of a
            batch are filled up behind with token 0.
        window: The longest the model is given.
        stride: How far a window is from the one before: fewer are more exact and slower.  None:
            half a window.
        batch_size: How many windows are given at once; the last batch may have fewer.

    Raises:
        OptionError: a window below 2, a stride outside 1 to `window - 1`, or an empty text.
    """
    stride = window // 2 if stride is None else stride
    if window < 2:
        raise OptionError(f"window is {window}; it must be at least 2.")
    if not 1 <= stride < window:
        raise OptionError(f"stride is {stride}; it must be at least 1 and below {window}.")
    for number, text in enumerate(texts, 1):
        if not len(text):
            raise OptionError(f"Text {number} is empty: give one token at least.")
    found = [np.zeros(len(text) - 1) for text in texts]
    places = [
        (number, start, end)
        for number, text in enumerate(texts)
        for start, end in _windows(len(text), window, stride)
    ]
    places.sort(key=lambda place: place[1] - place[2])  # little to fill up, and the longest first
    for first in range(0, len(places), batch_size):
        batch = places[first : first + batch_size]
        token_ids = np.zeros((len(batch), batch[0][2] - batch[0][1]), np.int32)
        for row, (number, start, end) in zip(token_ids, batch, strict=True):
            row[: end - start] = texts[number][start:end]
        for (number, start, end), values in zip(batch, likelihoods(token_ids), strict=True):
            new = 0 if start == 0 else window - stride - 1  # what the window before had
            found[number][start + new : end - 1] = values[new : end - start - 1]
    return [Score(values) for values in found]


def _windows(length: int, window: int, stride: int) -> list[tuple[int, int]]:
    """Where windows begin and end; one token alone has none."""
    if length < 2:
        return []
    starts = range(0, max(length - window, 0) + stride, stride)
    return [(start, min(start + window, length)) for start in starts if start < length - 1]
