"""Generation with a masked language model, which sees the text on both sides of a mask.

`predict` is any function from token ids `(rows, length)` and the row and column indices of some
positions to logits `(positions, vocabulary)`.  Shorter rows are padded with -1 at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np

from hornbook.errors import OptionError, did_you_mean
from hornbook.generation import random_numbers
from hornbook.generation.sampling import distribution, largest, log_probabilities

Predict = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
Order = Literal["at once", "confident first", "left to right"]


class Filled(NamedTuple):
    """A text whose masks are filled.

    Attributes:
        token_ids: `(length,)` int32.
        log_probabilities: `(length,)` float64, of each filled token when it was chosen; 0
            elsewhere.
        text: The decoded text; None without a tokenizer.
    """

    token_ids: np.ndarray
    log_probabilities: np.ndarray
    text: str | None = None

    @property
    def score(self) -> float:
        """The total log-probability, by which texts are ranked."""
        return float(self.log_probabilities.sum())


def fill_masks(
    predict: Predict,
    token_ids: np.ndarray,
    mask_id: int,
    order: Order = "confident first",
    n: int = 1,
) -> list[list[Filled]]:
    """Fills every mask with the most likely tokens.

    Args:
        predict: The model.
        token_ids: `(rows, length)`, with `mask_id` where a token is to be filled in.
        mask_id: The mask token, which is never filled in itself.
        order: `"at once"` fills each mask independently, in one call of the model.  The others
            fill one mask of each text per call: the most confident one, or the first; with `n`
            above 1 they keep the `n` best partial texts.
        n: Number of texts per row.

    Returns:
        `n` different texts per row, the most likely first; fewer if there are no more.

    Raises:
        OptionError: the order is unknown, or `n` is below 1.
    """
    if order not in get_args(Order):
        raise OptionError(f"Unknown order {order!r}.  {did_you_mean(order, get_args(Order))}")
    if n < 1:
        raise OptionError(f"n is {n}; it must be at least 1.")
    rows = np.array(token_ids, np.int32)
    results = [[Filled(row, np.zeros(len(row)))] for row in rows]
    while unfinished := [texts for texts in results if mask_id in texts[0].token_ids]:
        likelihoods = _likelihoods(
            predict, [text for texts in unfinished for text in texts], mask_id
        )
        for texts in unfinished:
            candidates = [
                candidate
                for text in texts
                for candidate in _continuations(text, next(likelihoods), order, n)
            ]
            # the same text may be reached in several ways: the most likely one counts
            best = {text.token_ids.tobytes(): text for text in sorted(candidates, key=_score)}
            texts[:] = sorted(best.values(), key=_score, reverse=True)[:n]
    return results


def _score(text: Filled) -> float:
    return text.score


def _likelihoods(
    predict: Predict, texts: Sequence[Filled], mask_id: int
) -> Iterator[dict[int, np.ndarray]]:
    """Yields for each text: position of a mask -> log-probabilities `(vocabulary,)`."""
    token_ids = np.stack([text.token_ids for text in texts])
    rows, positions = np.nonzero(token_ids == mask_id)
    logits = predict(token_ids, rows, positions).astype(np.float32)
    logits[:, mask_id] = -np.inf
    likelihoods = log_probabilities(logits)
    for row in range(len(texts)):
        yield dict(zip(positions[rows == row].tolist(), likelihoods[rows == row], strict=True))


def _continuations(
    text: Filled, likelihoods: dict[int, np.ndarray], order: Order, n: int
) -> Iterator[Filled]:
    """Yields the `n` best ways to fill the masks that are next in order."""
    positions = list(likelihoods)
    if order == "left to right":
        positions = positions[:1]
    elif order == "confident first":
        positions = [max(positions, key=lambda position: likelihoods[position].max())]
    best: list[tuple[float, list[int]]] = [(0.0, [])]  # total, one token per position
    for position in positions:
        top = largest(likelihoods[position], n)
        top = top[np.argsort(-likelihoods[position][top], kind="stable")[:n]]
        best = [
            (total + float(likelihoods[position][token]), [*tokens, token])
            for total, tokens in best
            for token in top.tolist()
        ]
        best = sorted(best, key=lambda candidate: -candidate[0])[:n]
    for _, tokens in best:
        token_ids, log_probabilities = text.token_ids.copy(), text.log_probabilities.copy()
        token_ids[positions] = tokens
        log_probabilities[positions] = [
            likelihoods[position][token] for position, token in zip(positions, tokens, strict=True)
        ]
        yield Filled(token_ids, log_probabilities)


def gibbs_samples(
    predict: Predict,
    token_ids: np.ndarray,
    positions: np.ndarray,
    mask_id: int,
    *,
    burn_in: int = 0,
    every: int = 1,
    temperature: float = 1.0,
    seed: int = 0,
) -> Iterator[np.ndarray]:
    """Samples texts from a masked language model, endlessly.

    In each sweep every row masks its positions one after the other, in a new random order, and
    samples that token again.

    Args:
        predict: The model.
        token_ids: `(rows, length)`, the initial texts; each row is an independent chain.
        positions: `(positions,)`, the indices that may change.
        mask_id: The mask token, which is never sampled.
        burn_in: Sweeps before the first sample.
        every: Sweeps per sample.
        temperature: Divisor of the logits.
        seed: The same seed yields the same texts of a row, regardless of the other rows.

    Yields:
        `(rows, length)` int32.

    Raises:
        OptionError: an argument is out of range.

    Reference: https://arxiv.org/abs/1902.04094
    """
    if burn_in < 0 or every < 1:
        raise OptionError(f"burn_in is {burn_in} and every {every}; at least 0 and 1 are possible.")
    if not temperature > 0:
        raise OptionError(f"temperature is {temperature}; it must be above 0.")
    if not 0 <= seed < 2**64:
        raise OptionError(f"seed is {seed}; it must be at least 0 and below 2^64.")
    state = np.array(token_ids, np.int32)
    rows = np.arange(len(state))
    randoms = [random_numbers.stream(seed, 0, row) for row in rows.tolist()]
    sweep = 0
    while True:
        for columns in np.stack([random.permutation(positions) for random in randoms], axis=1):
            state[rows, columns] = mask_id
            logits = predict(state, rows, columns).astype(np.float32)
            logits[:, mask_id] = -np.inf
            state[rows, columns] = [
                distribution(logits[row], temperature=temperature).draw(randoms[row].random())
                for row in rows
            ]
        sweep += 1
        if sweep > burn_in and (sweep - burn_in) % every == 0:
            yield state.copy()
